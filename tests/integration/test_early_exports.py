"""An export that was requested before its window ended never gets past a task, whatever the job record says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chargebee_operators import ChargebeeExportOperator, ExportReadySensor
from chargebee_operators._compat import AirflowFailException
from chargebee_operators.chargebee.windows import iso
from support.tasks import context, run
from support.uploads import keys, upload

REFUSED = "by Chargebee's clock it was requested at .*, before its window .* ended.*Clear the start task"


@pytest.fixture
def early(connected) -> dict[str, Any]:
    """The record of an export whose window ends a minute after its request."""
    job = run(ChargebeeExportOperator(task_id="start", resource="customers"))
    end = datetime.fromisoformat(job["requested_at"]) + timedelta(minutes=1)
    return {**job, "window_end": iso(end)}


@pytest.mark.parametrize("arguments", [{}, {"deferrable": False}], ids=["deferrable", "poke"])
def test_the_sensor_refuses_it(early, arguments):
    with pytest.raises(AirflowFailException, match=REFUSED):
        run(ExportReadySensor(task_id="ready", job=early, **arguments))


def test_the_sensor_refuses_it_after_a_wait(connected, early):
    connected.control.fault("status", status=503, method="GET")
    deferrals: list[str] = []
    with pytest.raises(AirflowFailException, match=REFUSED):
        run(ExportReadySensor(task_id="ready", job=early), deferrals=deferrals)
    assert deferrals == ["ExportReadyTrigger"]


def test_the_upload_refuses_it_and_nothing_is_sent(early, aws, bucket):
    with pytest.raises(AirflowFailException, match=REFUSED):
        run(upload(early, bucket))
    assert not keys(aws, bucket)


def test_a_record_that_has_another_time_of_the_request_changes_nothing(early, aws, bucket):
    forged = {**early, "requested_at": iso(datetime.now(UTC) + timedelta(days=900))}
    with pytest.raises(AirflowFailException, match=REFUSED):
        run(upload(forged, bucket))


def test_a_snapshot_has_no_end_that_it_could_be_too_early_for(connected, aws, bucket):
    interval = {
        "data_interval_start": datetime(2026, 11, 24, tzinfo=UTC),
        "data_interval_end": datetime(2030, 1, 1, tzinfo=UTC),
    }
    job = run(ChargebeeExportOperator(task_id="start", resource="customers", snapshot=True), context(**interval))
    assert job["window_end"] == "2030-01-01T00:00:00Z"
    assert run(ExportReadySensor(task_id="ready", job=job)) == job
    assert run(upload(job, bucket))["files"] > 0
