"""The trigger that wakes a task at a time."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from chargebee_operators.triggers import WakeTrigger
from support.waiting import CARRY, HOUR, end_of


def wake_trigger(**changes: Any) -> WakeTrigger:
    arguments = {"chargebee_conn_id": "chargebee_default", "what": "It", "why": "waiting", "carry": CARRY}
    return WakeTrigger(
        **{**arguments, "wake_at": time.time() + 600, "deadline": time.time() + HOUR, "since": time.time(), **changes}
    )


def test_wake_at_the_time_and_not_before(clock, calls):
    begun = time.time()
    assert end_of(clock, wake_trigger())["outcome"] == "awake"
    assert time.time() - begun == pytest.approx(600, abs=0.1) and not calls


def test_wake_not_after_the_deadline(clock):
    begun = time.time()
    event = end_of(clock, wake_trigger(deadline=time.time() + 60))
    assert event == {"outcome": "timed_out", "message": "It: gave up after 60 s"}
    assert time.time() - begun == pytest.approx(60, abs=0.1)


def test_wake_is_rebuilt_from_what_airflow_stores(connected):
    trigger = wake_trigger(wake_at=time.time())
    path, kwargs = trigger.serialize()
    assert path == "chargebee_operators.triggers.WakeTrigger"
    assert WakeTrigger(**json.loads(json.dumps(kwargs)), retired=1).serialize() == (path, kwargs)
    assert kwargs["carry"] == CARRY
