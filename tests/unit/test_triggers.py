"""The triggers against the simulator, through hours of waiting that pass in a moment."""

from __future__ import annotations

import asyncio
import importlib
import json
import time
from itertools import pairwise
from typing import Any

import pytest

from chargebee_operators.chargebee.trigger_events import Outcome, read_event
from support.waiting import HOUR, end_of, events_of, ready_trigger, slot_trigger

KEY = "test_key_0123456789abcdef"

# --- how the waiting for a slot ends ---


def test_slot_created_once_there_is_one(connected, clock, calls):
    connected.control.fault("status", status=429, times=5)
    event = end_of(clock, slot_trigger())
    (export,) = connected.control.exports()
    assert event == {
        "outcome": "created",
        "export_id": export["id"],
        "created_at": pytest.approx(export["created_at"], abs=1),
        "answered_at": pytest.approx(export["created_at"], abs=60),
    }
    assert len(calls) == 6
    assert not export["ignored"]


@pytest.mark.parametrize("fault", ["drop_before", "drop_after"])
def test_slot_created_once_whatever_happens_to_the_connection(connected, clock, fault):
    connected.control.fault(fault, times=3)
    event = end_of(clock, slot_trigger())
    assert [event["export_id"]] == [export["id"] for export in connected.control.exports()]


@pytest.mark.parametrize("status", [400, 401, 403, 422])
def test_slot_rejected_at_once(connected, clock, calls, status):
    connected.control.fault("status", status=status, times=None)
    event = end_of(clock, slot_trigger())
    assert event["outcome"] == "rejected"
    assert str(status) in event["message"] and "acme-test" in event["message"]
    assert len(calls) == 1


@pytest.mark.parametrize("fault", [{"status": 429}, {"status": 503, "text": True}], ids=str)
def test_slot_timed_out_at_its_deadline(connected, clock, calls, fault):
    connected.control.fault("status", times=None, **fault)
    begun = time.time()
    event = end_of(clock, slot_trigger())
    assert event == {"outcome": "timed_out", "message": "Export of customers: gave up after 3600 s"}
    assert time.time() - begun == pytest.approx(HOUR, abs=0.1)
    assert HOUR / 75 <= len(calls) <= HOUR / 7.5


@pytest.mark.parametrize("make", [slot_trigger, ready_trigger])
def test_error_when_there_is_no_connection(clock, make):
    event = end_of(clock, make(chargebee_conn_id="nowhere"))
    assert event["outcome"] == "error"
    assert "unexpected AirflowNotFoundException in the trigger" in event["message"]


@pytest.mark.parametrize("make", [slot_trigger, ready_trigger])
def test_rejected_when_the_connection_is_wrong(connected, connect, clock, calls, make):
    connect(connected, login="")
    event = end_of(clock, make())
    assert (event["outcome"], "has no login" in event["message"]) == ("rejected", True)
    assert not calls


def test_slot_waits_before_its_first_try_and_as_long_as_it_was_told(clock, calls):
    for told, least in ((None, 7.5), (200, 200)):
        begun = time.time()
        end_of(clock, slot_trigger(retry_after=told, idempotency_key=f"told-{told}"))
        assert calls.pop() - begun >= least - 0.001
        assert not calls


@pytest.mark.parametrize("settle", [0, 3, 600, 5 * HOUR])
def test_slot_is_not_requested_before_its_window_has_settled(clock, calls, settle):
    begun = time.time()
    end_of(clock, slot_trigger(not_before=begun + settle, deadline=begun + 6 * HOUR))
    (at,) = calls
    assert at - begun >= max(settle, 7.5) - 0.001, "a trigger that fires within seconds loses a race in Airflow 3"
    assert at - begun <= max(settle, 12.5) + 0.001, "and it does not wait for both"


def test_slot_another_triggerer_goes_on_with_the_same_end_of_the_wait(clock, calls):
    not_before = time.time() + 600
    trigger = slot_trigger(not_before=not_before)

    async def moved() -> None:
        first = asyncio.create_task(anext(trigger.run()))
        await asyncio.sleep(590)
        first.cancel()
        await asyncio.wait([first])
        _, kwargs = trigger.serialize()
        await anext(type(trigger)(**json.loads(json.dumps(kwargs))).run())

    clock.run(moved())
    (at,) = calls
    assert not_before <= at <= not_before + 12.5


# --- how the waiting for an export ends ---


def test_ready_completed(clock, new_export):
    begun = time.time()
    event = end_of(clock, ready_trigger(export_id=(export_id := new_export(HOUR))))
    assert event == {
        "outcome": "completed",
        "export_id": export_id,
        "took": pytest.approx(HOUR, abs=120),
        "created_at": pytest.approx(begun, abs=60),
        "answered_at": pytest.approx(begun + HOUR, abs=120),
    }


def test_ready_failed(connected, clock, new_export):
    connected.control.fault("fail_job")
    event = end_of(clock, ready_trigger(export_id=(export_id := new_export(100))))
    assert (event["outcome"], event["export_id"]) == ("failed", export_id)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_ready_rejected_at_once(connected, clock, calls, new_export, status):
    export_id = new_export(HOUR)
    connected.control.fault("status", status=status, method="GET", times=None)
    event = end_of(clock, ready_trigger(export_id=export_id))
    assert (event["outcome"], str(status) in event["message"]) == ("rejected", True)
    assert len(calls) == 1


def test_ready_timed_out_with_a_last_look_at_the_deadline(clock, calls, new_export):
    begun, export_id = time.time(), new_export(5 * HOUR)
    event = end_of(clock, ready_trigger(export_id=export_id, deadline=time.time() + HOUR))
    assert event == {"outcome": "timed_out", "message": f"Export {export_id}: gave up after 3600 s"}
    assert calls[-1] - begun == pytest.approx(HOUR, abs=0.1)


def test_ready_completed_when_it_is_ready_at_the_deadline_itself(clock, new_export):
    export_id = new_export(HOUR - 1)
    event = end_of(clock, ready_trigger(export_id=export_id, deadline=time.time() + HOUR, max_poll_interval=600))
    assert event["outcome"] == "completed"


def test_ready_unavailable_after_an_outage(connected, clock, new_export):
    export_id = new_export(5 * HOUR)
    connected.control.fault("status", status=503, method="GET", times=None)
    begun = time.time()
    event = end_of(clock, ready_trigger(export_id=export_id))
    assert event["outcome"] == "unavailable"
    assert all(part in event["message"] for part in [export_id, "no usable answer for", "acme-test", "503"])
    assert 1799.9 <= time.time() - begun <= 1800 + 75


def test_ready_is_not_unavailable_while_it_is_only_throttled(connected, clock, new_export):
    export_id = new_export(2 * HOUR)
    connected.control.fault("status", status=429, method="GET", times=100)
    assert end_of(clock, ready_trigger(export_id=export_id))["outcome"] == "completed"


def test_ready_one_answer_ends_an_outage(connected, clock, new_export):
    export_id = new_export(2 * HOUR)
    for skip in range(0, 100, 20):
        connected.control.fault("status", status=500, method="GET", times=15, skip=skip)
    assert end_of(clock, ready_trigger(export_id=export_id))["outcome"] == "completed"


def test_ready_looks_after_one_poll_interval_and_never_more_often(clock, calls, new_export):
    export_id, begun = new_export(2 * HOUR), time.time()
    end_of(clock, ready_trigger(export_id=export_id))
    looks = [begun, *calls]
    gaps = [later - earlier for earlier, later in pairwise(looks)]
    assert min(gaps) >= 10 and max(gaps) <= 66 + 1
    assert gaps[0] <= 11.5
    assert len(looks) < 150


# --- what both have in common ---

BOTH = pytest.mark.parametrize("make", [slot_trigger, ready_trigger])


@BOTH
def test_a_deadline_that_has_passed_ends_the_waiting(clock, new_export, make):
    export_id = {"export_id": new_export(HOUR)} if make is ready_trigger else {}
    assert end_of(clock, make(deadline=time.time() - 5, **export_id))["outcome"] == "timed_out"


@BOTH
def test_cancelling_ends_the_waiting_without_an_event(connected, clock, new_export, make):
    arguments = {"export_id": new_export(10 * HOUR)} if make is ready_trigger else {}
    connected.control.fault("status", status=429, method="POST", times=None)

    async def run() -> tuple[bool, list[Any], int]:
        events: list[Any] = []

        async def collect(trigger: Any) -> None:
            async for event in trigger.run():
                events.append(event)

        task = asyncio.create_task(collect(make(**arguments)))
        await asyncio.sleep(100)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled(), events, len(asyncio.all_tasks())

    assert clock.run(run()) == (True, [], 1)


def test_a_cancelled_start_gives_its_place_to_the_next(connected, clock):
    connected.control.fault("status", status=429, method="POST", times=3)

    async def run() -> Any:
        first = asyncio.create_task(anext(slot_trigger(since=time.time() - 99).run()))
        second = asyncio.create_task(anext(slot_trigger(idempotency_key="second").run()))
        await asyncio.sleep(15)
        first.cancel()
        return (await second).payload["outcome"]

    assert clock.run(run()) == "created"
    assert [each["idempotency_key"] for each in connected.control.exports()] == ["second"]


@pytest.mark.parametrize(
    ("make", "path", "names"),
    [
        (
            slot_trigger,
            "chargebee_operators.triggers.ExportSlotTrigger",
            "business_entity_id carry chargebee_conn_id deadline idempotency_key not_before resource retry_after "
            "retry_interval since wire_fields",
        ),
        (
            ready_trigger,
            "chargebee_operators.triggers.ExportReadyTrigger",
            "business_entity_id carry chargebee_conn_id deadline export_id max_poll_interval outage_timeout poll_interval "
            "since",
        ),
    ],
)
def test_what_airflow_stores_is_for_good(make, path, names):
    # Pinned word by word: triggers that were stored before an upgrade are rebuilt from these after it.
    stored_path, kwargs = make(business_entity_id="entity").serialize()
    assert (stored_path, " ".join(sorted(kwargs))) == (path, names)
    stored = json.loads(json.dumps(kwargs, allow_nan=False))
    assert stored == kwargs
    module, _, name = path.rpartition(".")
    kind = getattr(importlib.import_module(module), name)
    assert kind(**stored).serialize() == (path, kwargs)
    assert kind(**stored, retired_in_another_version={"x": 1}).serialize() == (path, kwargs)


@BOTH
def test_what_is_optional_may_be_missing(make):
    _, kwargs = make().serialize()
    for name in ("business_entity_id", "since", "carry", "retry_after", "not_before"):
        kwargs.pop(name, None)
    _, rebuilt = type(make())(**kwargs).serialize()
    assert rebuilt["since"] == pytest.approx(time.time(), abs=60)
    assert (rebuilt["carry"], rebuilt["business_entity_id"]) == ({}, None)


@BOTH
@pytest.mark.parametrize("fault", [None, {"status": 401}, {"status": 503}], ids=str)
def test_no_secret_is_stored_or_said(connected, clock, new_export, lines, make, fault):
    export_id = {"export_id": new_export(200)} if make is ready_trigger else {}
    if fault:
        connected.control.fault("status", times=None, **fault)
    trigger = make(**export_id)
    left = json.dumps([trigger.serialize(), events_of(clock, trigger), lines.said, repr(vars(trigger))])
    assert KEY not in left
    assert connected.download_url not in left and "signature" not in left.lower()


# --- reading events ---


@pytest.mark.parametrize("outcome", list(Outcome))
def test_an_event_is_read_back(outcome):
    assert read_event({"outcome": str(outcome), "took": 3}) == (outcome, {"outcome": str(outcome), "took": 3})


@pytest.mark.parametrize(
    "event", [None, "completed", [], {}, {"outcome": "new"}, {"outcome": None}, {"outcome": ["x"]}]
)
def test_an_event_of_another_version_is_an_error_that_says_so(event):
    outcome, details = read_event(event)
    assert outcome is Outcome.ERROR
    assert "an event that can't be read" in details["message"]
