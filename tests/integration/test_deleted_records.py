"""The table of deleted records: against the simulator's events over real HTTP, and a real S3 server."""

from __future__ import annotations

import csv
import io
import logging
import tracemalloc
from datetime import UTC, datetime
from typing import Any

import pytest

from chargebee_operators import ChargebeeDeletedRecordsOperator
from chargebee_operators._compat import AirflowFailException
from chargebee_operators.chargebee.deletions import COLUMNS, DELETION_EVENTS, deletion_kinds
from support.deleted_records import FOLDER, MANIFEST, NOON, rows_in
from support.tasks import TaskInstance, context, run
from support.uploads import body, keys, manifest, upload


@pytest.fixture
def task_log(caplog) -> pytest.LogCaptureFixture:
    """What reaches the task log."""
    logging.getLogger("airflow.task").propagate = True
    caplog.set_level(logging.INFO)
    return caplog


@pytest.fixture
def land(connected, aws, bucket) -> Any:
    """Run the operator to its end, in the bucket of the test."""

    def landed(task_context: Any = None, **arguments: Any) -> dict[str, Any]:
        return run(ChargebeeDeletedRecordsOperator(task_id="deleted", s3_bucket=bucket, **arguments), task_context)

    return landed


@pytest.mark.parametrize(("catalog", "version"), [("v1", "1.0"), ("v2", "2.0")])
def test_what_was_deleted_in_the_window_is_a_row_of_the_table(connected, s3, bucket, land, catalog, version):
    connected.control.settings(catalog=catalog)
    names = [DELETION_EVENTS[kind] for kind in deletion_kinds(version)]
    gone = {(name, connected.control.remove(name, count=1, at=NOON)[0]) for name in names}
    connected.control.remove("customers", count=1, at="2026-11-24T00:00:00Z")
    landed = land()
    found = rows_in(s3, bucket)
    assert {(each["resource"], each["id"]) for each in found} == gone
    assert {each["occurred_at"] for each in found} == {NOON}
    assert all(each["resource_version"].isdigit() for each in found)
    # Plans and addons have a status in the place of "deleted".
    assert {each["resource"] for each in found if each["deleted"] != "true"} == {"plans", "addons"} & set(names)
    (subscription,) = (each for each in found if each["resource"] == "subscriptions")
    assert subscription["customer_id"] and subscription["event_type"] == "subscription_deleted"
    assert landed["tables"]["deleted_records"]["rows"] == len(gone) == len(names)
    assert landed["tables"]["deleted_records"]["prefix"] == FOLDER


def test_the_manifest_is_like_that_of_an_export(connected, s3, bucket, land):
    connected.control.remove("invoices", count=2, at=NOON)
    landed = land()
    told = manifest(s3, bucket, MANIFEST)
    assert landed["manifest_key"] == MANIFEST
    job = told["job"]
    assert (job["resource"], job["window_field"], job["window_start"]) == (
        "deleted_records",
        "occurred_at",
        "2026-11-23T00:00:00Z",
    )
    assert job["filters"].keys() == {"event_type[in]", "occurred_at[between]"}
    assert told["window_proof"] == {
        "by": "column",
        "confirmed": True,
        "says": "occurred_at was compared in 2 rows.",
    }
    assert told["warnings"] == [] and told["events_from"] < "2026-11-23"
    (file,) = told["files"]
    assert (file["table"], file["rows"], file["columns"]) == ("deleted_records", 2, list(COLUMNS))
    assert keys(s3, bucket) == sorted([MANIFEST, file["key"]])


def test_a_window_without_deletions_is_committed_and_gives_no_object(s3, bucket, land):
    landed = land()
    told = manifest(s3, bucket, MANIFEST)
    assert (told["files"], told["window_proof"]["by"], told["warnings"]) == ([], "empty", [])
    assert told["left_out"][0]["columns"] == list(COLUMNS)
    assert landed["tables"]["deleted_records"]["rows"] == 0


def test_a_rerun_replaces_the_partition_and_finds_what_chargebee_listed_late(connected, s3, bucket, land):
    connected.control.remove("customers", count=1, at=NOON)
    land()
    connected.control.remove("customers", count=2, at=NOON)
    land(context(ti=TaskInstance(max_tries=5)))
    assert len(rows_in(s3, bucket)) == 3 and len(keys(s3, bucket)) == 2


def test_a_longer_window_replaces_a_shorter_one_and_not_the_reverse(connected, s3, bucket, land):
    connected.control.remove("customers", count=1, at=NOON)
    land(window_start="2026-11-23", window_end="2026-11-23T06:00:00Z")
    land()
    assert len(rows_in(s3, bucket)) == 1
    with pytest.raises(AirflowFailException, match="would replace it"):
        land(window_start="2026-11-23", window_end="2026-11-23T06:00:00Z")


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_the_formats_of_exports(connected, s3, bucket, land, file_format):
    (gone,) = connected.control.remove("subscriptions", count=1, at=NOON)
    land(file_format=file_format)
    (file,) = manifest(s3, bucket, MANIFEST)["files"]
    data = body(s3, bucket, file["key"])
    if file_format == "csv":
        (row,) = csv.DictReader(io.StringIO(data.decode()))
        assert (row["id"], row["occurred_at"]) == (gone, NOON)
        return
    import pyarrow.parquet

    (row,) = pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist()
    assert (row["id"], row["occurred_at"], row["deleted"]) == (gone, datetime(2026, 11, 23, 12, tzinfo=UTC), True)
    assert type(row["resource_version"]) is int and "@" in row["deleted_by"]
    assert file["column_types"]["occurred_at"] == "timestamp[s, UTC]"


@pytest.mark.parametrize("file_format", ["csv.gz", "parquet"])
def test_the_view_of_the_latest_rows_leaves_them_out_until_their_id_is_used_again(
    connected, aws, s3, bucket, land, tmp_path, file_format
):
    import duckdb

    from chargebee_operators import ChargebeeExportOperator
    from chargebee_operators.sql.dialect import Place
    from chargebee_operators.sql.statements import statements

    def copy() -> list[dict[str, Any]]:
        for key in keys(s3, bucket):
            (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / key).write_bytes(body(s3, bucket, key))
        return [manifest(s3, bucket, key) for key in keys(s3, bucket) if key.endswith(".json")]

    def export(day: str, end: str) -> None:
        job = run(
            ChargebeeExportOperator(task_id="start", resource="customers", window_start=day, window_end=end, settle=0)
        )
        run(upload(job, bucket, file_format=file_format))

    def latest() -> set[str]:
        database = duckdb.connect()
        for each in statements(copy(), "duckdb", Place(f"{tmp_path}/")):
            if not each.startswith("--"):
                database.execute(each)
        names = [each[0] for each in database.execute("SELECT column_name FROM (DESCRIBE customers_latest)").fetchall()]
        (own,) = (each for each in names if each.lower().replace(" ", "_") in ("id", "customer_id", "customer[id]"))
        return {each[0] for each in database.execute(f'SELECT "{own}" FROM customers_latest').fetchall()}

    gone, kept, again = connected.control.touch("customers", count=3, at="2026-11-22T12:00:00Z")
    export("2026-11-22", "2026-11-23")
    assert {gone, kept, again} <= latest()
    connected.control.remove("customers", [gone, again], at=NOON)
    land(file_format=file_format)
    assert kept in latest() and not {gone, again} & latest()
    connected.control.create("customers", [again], at="2026-11-24T01:00:00Z")
    export("2026-11-24", "2026-11-24T06:00:00Z")
    assert {kept, again} <= latest() and gone not in latest()


@pytest.mark.parametrize("ignored", [True, False])
def test_an_ignored_filter_fails_the_task_and_publishes_nothing(connected, s3, bucket, land, ignored):
    connected.control.remove("customers", count=1, at=NOON)
    connected.control.settings(ignore_event_filters=ignored)
    if not ignored:
        assert land()
        return
    with pytest.raises(AirflowFailException, match="Chargebee ignored the filter"):
        land()
    assert keys(s3, bucket) == []


def test_a_refusal_is_not_waited_for(connected, connect, land):
    connect(connected, password="another_key")
    with pytest.raises(AirflowFailException, match="Chargebee refused the API key"):
        land()


def test_a_window_older_than_chargebees_events_is_reported(connected, s3, bucket, land, task_log):
    connected.control.remove("customers", count=1, at=NOON)
    connected.control.settings(event_days=0.3)
    land()
    told = manifest(s3, bucket, MANIFEST)
    assert told["files"] == []
    (warning,) = told["warnings"]
    assert warning in task_log.text
    assert "not in the table" in warning or "no events at all" in warning


def test_a_site_says_from_when_on_it_has_events(connected, land, task_log):
    land()
    assert "Chargebee has events from 2026-" in task_log.text


def test_deletions_of_a_large_window_need_little_memory(make_simulator, connect, aws, s3, bucket):
    simulator = make_simulator(customers=3_100)
    connect(simulator)
    simulator.control.remove("customers", count=3_000, at=NOON)
    quiet = {"window_start": "2026-11-01", "window_end": "2026-11-02"}
    run(ChargebeeDeletedRecordsOperator(task_id="warm", s3_bucket=bucket, **quiet))
    tracemalloc.start()
    run(ChargebeeDeletedRecordsOperator(task_id="deleted", s3_bucket=bucket))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(rows_in(s3, bucket)) == 3_000
    # The events are 9 MB of JSON in all. Parts of an upload have 8 MB.
    assert peak < 16 << 20


def test_no_secret_and_no_personal_data_of_records_is_logged(connected, land, task_log):
    task_log.set_level(logging.DEBUG)
    connected.control.remove("customers", count=3, at=NOON)
    land()
    text = "\n".join(each.getMessage() for each in task_log.records)
    assert "test_key" not in text and "@" not in text


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"file_format": "zip"}, "file_format 'zip' keeps a download as it is"),
        ({"file_format": "xml"}, "file_format 'xml' is not known"),
        ({"s3_bucket": ""}, "s3_bucket"),
        ({"settle": -1}, "settle is -1"),
        ({"wait_timeout": 0}, "wait_timeout is 0"),
        ({"window_start": "2026-11-23"}, "window_end is empty"),
        ({"object_name": "{x}"}, "can't be filled in"),
        ({"verify": "no"}, "verify is 'no'"),
    ],
)
def test_a_wrong_argument_is_refused_when_the_file_is_parsed(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        ChargebeeDeletedRecordsOperator(task_id="t", **{"s3_bucket": "bucket", **arguments})


def test_a_run_without_an_interval_says_what_to_give(land):
    with pytest.raises(AirflowFailException, match="give window_start and window_end"):
        land(context(data_interval_start=None, data_interval_end=None))
