"""What docs/semantics.md promises, paragraph by paragraph."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from chargebee_operators import ChargebeeExportOperator, ChargebeeExportToS3Operator, ExportReadySensor
from chargebee_operators._compat import AirflowFailException
from chargebee_operators.chargebee.windows import compact
from chargebee_operators.dag.planning import Run, plan_run
from chargebee_operators.dag.settings import ResourceSettings
from support.tasks import TaskInstance, context, run
from support.uploads import rows_of

DAY = ("2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z")
MIDDAY = "2026-11-20T12:00:00Z"
LATER = "2026-11-22T12:00:00Z"


def start(resource: str = "customers", **arguments: Any) -> ChargebeeExportOperator:
    return ChargebeeExportOperator(task_id="start", resource=resource, **arguments)


def day(**arguments: Any) -> ChargebeeExportOperator:
    """A start for one past day, as a backfill has it."""
    return start(window_start=DAY[0], window_end=DAY[1], **arguments)


def exported(simulator: Any, job: dict[str, Any]) -> set[str]:
    """Return the ids of the records in an export."""
    (export,) = [each for each in simulator.control.exports(ids=True) if each["id"] == job["export_id"]]
    return set(export["ids"])


def cleared() -> dict[str, Any]:
    """A task's context after a person has cleared it, which raises ``max_tries`` unless it was running."""
    return context(ti=TaskInstance(try_number=2, max_tries=3))


def test_a_retry_of_start_within_half_an_hour_gets_the_same_export(connected):
    first = run(start())
    connected.control.advance(29 * 60)
    again = run(start(), context(ti=TaskInstance(try_number=2)))
    assert again["export_id"] == first["export_id"]


def test_a_retry_of_start_after_half_an_hour_gets_another_export(connected):
    first = run(start())
    connected.control.advance(31 * 60)
    again = run(start(), context(ti=TaskInstance(try_number=2)))
    assert again["export_id"] != first["export_id"]


def test_clearing_start_gets_another_export(connected):
    assert run(start(), cleared())["export_id"] != run(start())["export_id"]


def test_clearing_ready_looks_at_the_same_export(connected):
    job = run(start())
    assert run(ExportReadySensor(task_id="ready", job=job), cleared()) == job
    assert len(connected.control.exports()) == 1


def test_clearing_ready_asks_again_for_a_failed_export_and_half_an_hour_later_gets_another(connected):
    connected.control.fault("fail_job", times=2)
    failed = run(start())

    def ready() -> dict[str, Any]:
        return run(ExportReadySensor(task_id="ready", job=failed), cleared())

    for _ in range(2):
        with pytest.raises(AirflowFailException, match="2 of 2 tries"):
            ready()
    made = {each["id"] for each in connected.control.exports()}
    assert len(made) == 2, "the one of start, and one that was asked for twice"
    connected.control.advance(31 * 60)
    assert ready()["export_id"] not in made


def test_clearing_upload_takes_the_same_export_through_a_fresh_url(connected, aws, bucket):
    job = run(start(snapshot=True))
    first = run(ChargebeeExportToS3Operator(task_id="upload", job=job, s3_bucket=bucket))
    again = run(ChargebeeExportToS3Operator(task_id="upload", job=job, s3_bucket=bucket), cleared())
    assert (again["export_id"], again["tables"]) == (first["export_id"], first["tables"])
    assert len(connected.control.exports()) == 1


def test_an_export_older_than_its_url_can_still_be_uploaded(connected, aws, bucket):
    job = run(start(snapshot=True))
    run(ExportReadySensor(task_id="ready", job=job))  # has seen a URL, which is good for four hours
    connected.control.advance(26 * 60 * 60)
    assert rows_of(run(ChargebeeExportToS3Operator(task_id="upload", job=job, s3_bucket=bucket))) > 0


def test_an_export_that_chargebee_has_forgotten_says_what_to_clear(connected, aws, bucket):
    job = {**run(start(snapshot=True)), "export_id": "forgotten"}
    with pytest.raises(AirflowFailException, match="clear the start task"):
        run(ChargebeeExportToS3Operator(task_id="upload", job=job, s3_bucket=bucket))


def test_the_business_entity_is_the_one_that_the_export_was_asked_for(simulator, connect, aws, bucket):
    connect(simulator, extra={"business_entity_id": "then"})
    simulator.control.fault("fail_job")
    job = run(start())
    connect(simulator, extra={"business_entity_id": "now"})
    again = run(ExportReadySensor(task_id="ready", job=job))
    assert again["restarts"] == 1
    run(ChargebeeExportToS3Operator(task_id="upload", job=again, s3_bucket=bucket))
    asked = simulator.control.requests(listener="api")
    assert {each["headers"].get("chargebee-business-entity-id") for each in asked} == {"then"}


def test_by_updated_at_a_row_is_in_the_window_of_its_latest_change_only(connected):
    (moved,) = connected.control.touch("customers", at=MIDDAY)
    assert moved in exported(connected, run(day()))
    connected.control.touch("customers", ids=[moved], at=LATER)
    assert moved not in exported(connected, run(day(), cleared()))
    later = start(window_start="2026-11-22", window_end="2026-11-23")
    assert moved in exported(connected, run(later))


def test_by_updated_at_a_row_without_one_is_in_no_window(connected):
    everything = {"window_start": "2003-01-01", "window_end": "2026-11-24"}
    without = {each["id"] for each in connected.control.records("transactions") if each["updated_at"] is None}
    assert without
    by_change = exported(connected, run(start("transactions", **everything)))
    assert not without & by_change
    assert without <= exported(connected, run(start("transactions", window_field="date", **everything)))
    assert without <= exported(connected, run(start("transactions", snapshot=True)))


@pytest.mark.parametrize(
    ("resource", "clock"),
    [("customers", "created_at"), ("invoices", "date"), ("orders", "order_date"), ("subscriptions", "created_at")],
)
def test_by_the_immutable_clock_a_past_window_stays_as_it_was(connected, resource, clock):
    connected.control.settings(job_seconds=0)
    window = {"window_start": "2026-01-01", "window_end": "2026-07-01", "window_field": clock}
    before = exported(connected, run(start(resource, **window)))
    assert before
    connected.control.touch(resource, ids=list(before), at=LATER)
    assert exported(connected, run(start(resource, **window), cleared())) == before


def test_a_snapshot_is_skipped_on_all_runs_but_the_one_of_the_latest_interval():
    days = [datetime(2026, 11, day, tzinfo=UTC) for day in range(20, 25)]
    runs = list(pairwise(days))
    whole = ResourceSettings("customers", snapshot=True)
    plans = [plan_run(Run(interval=interval), runs[-1], [whole], days[-1]) for interval in runs]
    assert [plan.resources for plan in plans] == [(), (), (), ("customers",)]
    assert all("only the latest run" in plan.skipped["customers"] for plan in plans[:-1])


def test_a_deleted_row_is_in_no_later_export_and_no_window_tells(connected):
    (gone,) = connected.control.touch("customers", at=MIDDAY)
    assert gone in exported(connected, run(start(snapshot=True)))
    connected.control.remove("customers", [gone])
    since = start(window_start=MIDDAY, window_end="2026-11-24T11:00:00Z")
    assert gone not in exported(connected, run(since))
    # Which it was, two snapshots tell.
    assert gone not in exported(connected, run(start(snapshot=True), cleared()))


def test_a_snapshot_is_named_after_the_time_of_its_request_so_that_two_can_be_compared(connected, aws, bucket):
    first = run(start(snapshot=True))
    connected.control.advance(3 * 60 * 60)
    second = run(start(snapshot=True), cleared())
    landed = [
        run(ChargebeeExportToS3Operator(task_id="upload", job=job, s3_bucket=bucket))["partition"]
        for job in (first, first, second)  # the first one twice, as by a retry
    ]
    one, again, other = landed
    assert one == again == f"taken_at={compact(datetime.fromisoformat(first['requested_at']))}"
    assert other == f"taken_at={compact(datetime.fromisoformat(second['requested_at']))}" != one


def test_a_snapshot_needs_no_interval(connected):
    midnight = datetime(2026, 11, 24, tzinfo=UTC)
    of_no_length = context(data_interval_start=midnight, data_interval_end=midnight)
    assert exported(connected, run(start(snapshot=True), of_no_length))
    assert exported(connected, run(start(snapshot=True), {"ti": TaskInstance(max_tries=5)}))
