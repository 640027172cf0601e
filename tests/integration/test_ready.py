"""ExportReadySensor against the simulator: deferred, poked and rescheduled."""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from typing import Any

import pytest

from chargebee_operators import ChargebeeExportOperator, ExportReadySensor
from chargebee_operators._compat import AirflowException, AirflowFailException, AirflowSensorTimeout
from support.tasks import TaskInstance, context, run

try:
    from airflow.sdk.exceptions import AirflowRescheduleException
except ImportError:  # Airflow 2 and 3.0
    from airflow.exceptions import AirflowRescheduleException


def ready(job: Any, **arguments: Any) -> ExportReadySensor:
    return ExportReadySensor(task_id="ready", job=job, **arguments)


@pytest.fixture
def job(connected) -> dict[str, Any]:
    """A job that ends when the simulator's clock is moved."""
    connected.control.settings(job_seconds=3600)
    return run(ChargebeeExportOperator(task_id="start", resource="customers"))


def test_a_completed_export_is_not_deferred(connected, job):
    connected.control.advance(3600)
    deferrals: list[str] = []
    assert run(ready(job), deferrals=deferrals) == job
    assert not deferrals


def test_an_export_in_process_is_waited_for_in_the_triggerer(connected, job):
    connected.control.fault("status", status=503, text=True, method="GET", times=1)
    connected.control.settings(job_seconds=0)
    fresh = run(ChargebeeExportOperator(task_id="another", resource="invoices"))
    deferrals: list[str] = []
    assert run(ready(fresh), deferrals=deferrals) == fresh
    assert deferrals == ["ExportReadyTrigger"]


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("text", [True, False], ids=["text", "json"])
def test_trouble_while_polling_costs_no_task_retry(connected, job, status, text):
    connected.control.advance(3600)
    connected.control.fault("status", status=status, text=text, method="GET", times=4)
    assert run(ready(job)) == job
    assert len(connected.control.requests(method="GET", listener="api")) == 5


def test_a_dropped_connection_while_polling_costs_no_task_retry(connected, job):
    connected.control.advance(3600)
    connected.control.fault("drop_before", method="GET", times=3)
    assert run(ready(job)) == job


def test_a_failed_export_is_asked_for_again_once(connected):
    connected.control.fault("fail_job")
    failed = run(ChargebeeExportOperator(task_id="start", resource="customers"))
    job = run(ready(failed))
    assert job["export_id"] != failed["export_id"]
    assert job["restarts"] == 1
    assert job["filters"] == failed["filters"]
    assert len(connected.control.exports()) == 2


def test_a_retry_after_a_restart_finds_the_restarted_job(connected):
    connected.control.fault("fail_job")
    failed = run(ChargebeeExportOperator(task_id="start", resource="customers"))
    first, again = run(ready(failed)), run(ready(failed))
    assert again["export_id"] == first["export_id"]
    assert len(connected.control.exports()) == 2


def test_a_restart_waits_for_a_slot_in_the_triggerer(connected):
    connected.control.fault("fail_job")
    failed = run(ChargebeeExportOperator(task_id="start", resource="customers"))
    connected.control.fault("status", status=429, method="POST", times=2, retry_after=0)
    deferrals: list[str] = []
    job = run(ready(failed), deferrals=deferrals)
    assert deferrals == ["ExportSlotTrigger", "ExportReadyTrigger"]
    assert job["restarts"] == 1


@pytest.mark.parametrize("deferrable", [True, False])
def test_an_export_that_fails_again_says_to_narrow_the_window(connected, deferrable):
    connected.control.fault("fail_job", times=2)
    failed = run(ChargebeeExportOperator(task_id="start", resource="customers"))
    with pytest.raises(AirflowFailException, match="narrower window"):
        run(ready(failed, deferrable=deferrable, poke_interval=0.01))


def test_max_restarts_zero_asks_only_once(connected):
    connected.control.fault("fail_job")
    failed = run(ChargebeeExportOperator(task_id="start", resource="customers"))
    with pytest.raises(AirflowFailException, match="1 of 1 try"):
        run(ready(failed, max_restarts=0))
    assert len(connected.control.exports()) == 1


def test_the_deadline_ends_in_a_sensor_timeout_that_names_the_job(connected, job):
    with pytest.raises(AirflowSensorTimeout, match=job["export_id"]):
        run(ready(job, timeout=0.3))


def test_a_long_outage_ends_in_an_error_that_is_retried(connected, job):
    connected.control.fault("status", status=503, method="GET", times=None)
    with pytest.raises(AirflowException, match="no usable answer") as caught:
        run(ready(job, outage_timeout=0.2))
    assert not isinstance(caught.value, AirflowFailException | AirflowSensorTimeout)


def test_an_event_of_an_earlier_try_is_not_taken_for_one_of_this(connected, job):
    connected.control.advance(3600)
    stale = {"outcome": "unavailable", "message": "no usable answer", "carry": {"try_number": 1}}
    retry = context(ti=TaskInstance(try_number=2))
    assert ready(job).execute_complete(retry, stale) == job
    assert ready(job).restart_complete(retry, {**stale, "outcome": "created"}) == job


@pytest.mark.parametrize(
    ("status", "message"), [(401, "refused the API key"), (403, "may not"), (404, "has no export")]
)
def test_a_refusal_while_polling_fails_at_once(connected, job, status, message):
    connected.control.fault("status", status=429, method="GET", times=1)  # into the triggerer
    connected.control.fault("status", status=status, method="GET", times=None)
    with pytest.raises(AirflowFailException, match=message):
        run(ready(job))


def test_an_unknown_export_fails_at_once(connected, job):
    with pytest.raises(AirflowFailException, match="has no export no-such-export"):
        run(ready({**job, "export_id": "no-such-export"}))


def test_poke_mode_holds_on_until_the_export_is_ready(connected, job):
    connected.control.fault("status", status=503, method="GET", times=2)
    connected.control.advance(3600)
    assert run(ready(job, deferrable=False, poke_interval=0.01)) == job


def test_poke_mode_asks_again_for_a_failed_export(connected):
    connected.control.fault("fail_job")
    failed = run(ChargebeeExportOperator(task_id="start", resource="customers"))
    job = run(ready(failed, deferrable=False, poke_interval=0.01))
    assert job["restarts"] == 1


ENTITIES = pytest.mark.parametrize(
    ("started", "own", "sent"),
    [({"business_entity_id": "job"}, "own", "own"), ({"business_entity_id": "job"}, None, "job"), ({}, "", "start")],
    ids=["own", "job", "connection"],
)


def entities(simulator: Any, method: str) -> list[str | None]:
    """Return the business entity of each request."""
    sent = simulator.control.requests(method=method, listener="api")
    return [each["headers"].get("chargebee-business-entity-id") for each in sent]


@ENTITIES
@pytest.mark.parametrize("arguments", [{}, {"deferrable": False, "poke_interval": 0.01}], ids=["deferred", "poke"])
def test_an_export_is_looked_at_with_the_business_entity_that_it_was_asked_for(
    simulator, connect, started, own, sent, arguments
):
    connect(simulator, extra={"business_entity_id": "start"})
    job = run(ChargebeeExportOperator(task_id="start", resource="customers", **started))
    connect(simulator, extra={"business_entity_id": "since changed"})
    simulator.control.fault("status", status=503, method="GET", times=1)
    assert run(ready(job, business_entity_id=own, **arguments)) == job
    assert entities(simulator, "GET") == [sent, sent]


@ENTITIES
@pytest.mark.parametrize("deferred", [False, True], ids=["at once", "deferred"])
def test_a_failed_export_is_asked_for_again_with_the_same_business_entity(
    simulator, connect, started, own, sent, deferred
):
    connect(simulator, extra={"business_entity_id": "start"})
    simulator.control.fault("fail_job")
    failed = run(ChargebeeExportOperator(task_id="start", resource="customers", **started))
    connect(simulator, extra={"business_entity_id": "since changed"})
    if deferred:
        simulator.control.fault("status", status=429, method="POST", times=1, retry_after=0)
    job = run(ready(failed, business_entity_id=own))
    assert set(entities(simulator, "GET")) == {sent}
    assert set(entities(simulator, "POST")[1:]) == {sent}
    assert job["business_entity_id"] == sent


def test_a_record_without_a_business_entity_leaves_it_to_the_connection(simulator, connect):
    connect(simulator)
    simulator.control.fault("fail_job")
    failed = run(ChargebeeExportOperator(task_id="start", resource="customers"))
    connect(simulator, extra={"business_entity_id": "since set"})
    job = run(ready(failed))
    assert set(entities(simulator, "GET")) == {"since set"}
    assert job["business_entity_id"] == "since set"  # which the new job was asked for with


@pytest.fixture
def rescheduling(airflow_db) -> dict[str, Any]:
    """A context in which Airflow knows of no earlier reschedule."""
    task_context = context()
    task_context["ti"].get_first_reschedule_date = lambda *_: None
    task_context["ti"].is_premature = False
    return task_context


def test_reschedule_mode_gives_its_worker_back(connected, job, rescheduling):
    sensor = ready(job, deferrable=False, mode="reschedule", poke_interval=60)
    with pytest.raises(AirflowRescheduleException):
        sensor.execute(rescheduling)
    connected.control.advance(3600)
    assert ready(job, deferrable=False, mode="reschedule", poke_interval=60).execute(rescheduling) == job


def test_reschedule_mode_keeps_its_worker_once_it_has_asked_again(connected, rescheduling):
    connected.control.fault("fail_job")
    failed = run(ChargebeeExportOperator(task_id="start", resource="customers"))
    connected.control.settings(job_seconds=0.3)
    job = ready(failed, deferrable=False, mode="reschedule", poke_interval=0.02).execute(rescheduling)
    assert job["restarts"] == 1


@pytest.mark.parametrize(
    "arguments",
    [{}, {"deferrable": False}, {"deferrable": False, "mode": "reschedule"}],
    ids=["deferrable", "poke", "reschedule"],
)
@pytest.mark.parametrize("deferred", [False, True], ids=["first look", "later look"])
def test_the_log_says_how_long_chargebee_took(connected, rescheduling, caplog, capsys, arguments, deferred):
    job = run(ChargebeeExportOperator(task_id="start", resource="customers"))
    connected.control.advance(500)
    if deferred and arguments.get("mode") != "reschedule":
        connected.control.fault("status", status=503, method="GET", times=1)
    with caplog.at_level(logging.INFO):
        assert run(ready(job, **arguments), rescheduling) == job
    told = caplog.text + capsys.readouterr().out  # the one or the other, or both, by Airflow's version
    (seconds,) = set(re.findall(r"completed, within (\d+) s after it was requested", told))
    assert 500 <= int(seconds) < 1000


@pytest.mark.parametrize("mode", ["poke", "reschedule"])
@pytest.mark.parametrize(
    ("endpoint", "arguments", "interval"),
    [
        (None, {"poll_interval": 2}, 10),
        (None, {"poke_interval": 2}, 10),
        (None, {}, 20),
        (None, {"poke_interval": timedelta(seconds=30)}, 30),
        ("simulator", {"poll_interval": 2}, 2),
        ("simulator", {}, 20),
    ],
)
def test_chargebee_itself_is_looked_at_every_ten_seconds_at_most_in_every_mode(
    simulator, connect, rescheduling, mode, endpoint, arguments, interval
):
    connect(simulator, extra={"poll_interval": 20}, **({} if endpoint else {"host": ""}))
    sensor = ready({}, deferrable=False, mode=mode, **arguments)
    # Nothing is sent to Chargebee: what is no job record ends the first poke.
    with pytest.raises(AirflowFailException, match="job"):
        sensor.execute(rescheduling)
    assert sensor.poke_interval == interval


@pytest.mark.parametrize("value", ["not a record", {"export_id": "x"}, None, 3])
def test_something_else_than_a_job_record_is_named(connected, value):
    with pytest.raises(AirflowFailException, match="job"):
        run(ready(value))


@pytest.mark.parametrize(
    "arguments", [{"poll_interval": 0}, {"max_restarts": -1}, {"outage_timeout": "soon"}, {"max_poll_interval": -1}]
)
def test_wrong_arguments_are_named_at_parse_time(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        ready({}, **arguments)
