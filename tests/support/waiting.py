"""Triggers that wait for what their tests say, the events they end in, and the lines they log."""

from __future__ import annotations

import json
import logging
import time
from typing import Any

from virtual_time import VirtualTime

from chargebee_operators.chargebee.trigger_events import Outcome
from chargebee_operators.triggers import ExportReadyTrigger, ExportSlotTrigger

HOUR = 3600.0
CARRY = {"job": {"export_id": "x"}, "window": ["a", None]}


def slot_trigger(**changes: Any) -> ExportSlotTrigger:
    arguments = {
        "chargebee_conn_id": "chargebee_default",
        "resource": "customers",
        "wire_fields": {"customer[updated_at][between]": "[1795392000,1795478399]"},
        "idempotency_key": "one-key",
        "retry_interval": 10,
        "deadline": time.time() + HOUR,
        "since": time.time(),
        "carry": CARRY,
    }
    return ExportSlotTrigger(**{**arguments, **changes})


def ready_trigger(**changes: Any) -> ExportReadyTrigger:
    arguments = {
        "chargebee_conn_id": "chargebee_default",
        "export_id": "no-such-export",
        "poll_interval": 10,
        "max_poll_interval": 60,
        "outage_timeout": 1800,
        "deadline": time.time() + 12 * HOUR,
        "since": time.time(),
        "carry": CARRY,
    }
    return ExportReadyTrigger(**{**arguments, **changes})


class Lines(logging.Handler):
    """What a trigger says in its task's log, and when."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[tuple[float, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append((time.time(), record.getMessage()))


def events_of(clock: VirtualTime, trigger: Any) -> list[dict[str, Any]]:
    """Run a trigger to its end and return all its events, as Airflow stores them."""

    async def run() -> list[Any]:
        return [event.payload async for event in trigger.run()]

    return json.loads(json.dumps(clock.run(run()), allow_nan=False))


def end_of(clock: VirtualTime, trigger: Any) -> dict[str, Any]:
    """Run a trigger to its end and return its one event, less what it hands back."""
    (event,) = events_of(clock, trigger)
    assert event.pop("carry") == CARRY
    assert Outcome(event["outcome"])
    return event
