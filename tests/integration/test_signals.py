"""What others learn of a commit: the event of the asset has what the XCom has, and the partition where it is asked for."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from chargebee_operators import (
    ChargebeeExportOperator,
    ChargebeeExportToS3Operator,
    signals,
)
from chargebee_operators._compat import Asset, has_asset_partitions
from chargebee_operators.common.exceptions import SettingsError
from support.odd_exports import task_log_lines
from support.tasks import context, run
from support.uploads import manifest, upload

CUSTOMERS = Asset("chargebee_export/customers")


@pytest.fixture
def job(connected, aws) -> dict[str, Any]:
    """An export of one day."""
    connected.control.touch("customers", count=4, at="2026-11-23T12:00:00Z")
    return run(ChargebeeExportOperator(task_id="start", resource="customers"))


def test_the_event_has_window_rows_bytes_manifest_and_warnings(aws, bucket, job):
    task_context = context()
    landed = run(upload(job, bucket, outlets=[CUSTOMERS], window_check="off"), task_context)
    extra = task_context["outlet_events"][CUSTOMERS].extra
    assert extra == {name: value for name, value in landed.items() if name != "console_url"}
    told = manifest(aws, bucket, extra["manifest_key"])
    assert (extra["window_start"], extra["window_end"]) == ("2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z")
    assert (extra["tables"], extra["bytes"], extra["warnings"]) == (told["tables"], told["bytes"], told["warnings"])
    assert extra["tables"]["customers"]["rows"] == 4
    assert extra["seconds"] >= 0
    json.dumps(extra)


def test_warnings_are_in_the_event(aws, bucket, job):
    task_context = context()
    asked = {"column_types": {"creation": "date"}, "file_format": "parquet"}
    run(upload(job, bucket, **asked))
    run(upload(job, bucket, outlets=[CUSTOMERS], **asked), task_context)
    (warning,) = task_context["outlet_events"][CUSTOMERS].extra["warnings"]
    assert warning.startswith("column_types names creation")


def keys_of(event: Any) -> set[str]:
    return set(getattr(event, "partition_keys", ()))


def test_no_partition_is_named_by_default_for_a_plain_schedule_would_not_start(aws, bucket, job):
    task_context = context()
    run(upload(job, bucket, outlets=[CUSTOMERS]), task_context)
    assert keys_of(task_context["outlet_events"][CUSTOMERS]) == set()


def test_the_partition_is_named_where_airflow_has_them_and_refused_elsewhere(connected, aws, bucket, job):
    if not has_asset_partitions():
        with pytest.raises(
            SettingsError, match=r"asset_partitions is True, but partitions of assets need Airflow 3\.3"
        ):
            upload(job, bucket, asset_partitions=True)
        return
    named = {"outlets": [CUSTOMERS], "asset_partitions": True}
    task_context = context()
    run(upload(job, bucket, **named), task_context)
    assert keys_of(task_context["outlet_events"][CUSTOMERS]) == {"2026-11-23T00:00:00"}
    task_context = context()
    whole = run(ChargebeeExportOperator(task_id="start", resource="customers", snapshot=True))
    run(upload(whole, bucket, **named), task_context)
    (key,) = keys_of(task_context["outlet_events"][CUSTOMERS])
    assert f"{datetime.fromisoformat(key):%Y-%m-%dT%H:%M:%SZ}" == whole["requested_at"]


@pytest.mark.parametrize("value", ["yes", 1, None])
def test_asset_partitions_is_a_flag(value):
    with pytest.raises(SettingsError, match="asset_partitions is .*: give True or False"):
        ChargebeeExportToS3Operator(task_id="upload", job={}, s3_bucket="bucket", asset_partitions=value)


def test_a_metric_that_cannot_be_sent_stops_no_upload(aws, bucket, job, monkeypatch):
    def broken() -> Any:
        raise OSError("so the test wants it")

    monkeypatch.setattr(signals, "task_stats", broken)
    with task_log_lines() as lines:
        assert run(upload(job, bucket))["files"] > 0
    assert any("the metrics could not be sent (OSError)" in line for line in lines)
