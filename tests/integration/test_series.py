"""Windows that do not meet: what the log and the manifest say, and that the command there fills exactly the gap."""

from __future__ import annotations

import json
import logging
import shlex
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from chargebee_operators import ChargebeeExportOperator, ExportDagSettings, chargebee_export_dag
from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.chargebee.windows import Window, as_utc, iso, parse_instant
from chargebee_operators.partition.commit import S3Partition
from chargebee_operators.partition.key_templates import KeyTemplates
from chargebee_operators.partition.keys import PartitionKeys
from chargebee_operators.partition.series import findings_of, series_of
from support.landing import FLAT, Store, hook_of, job_of
from support.tasks import TaskInstance, context, run
from support.uploads import manifest, upload

DAY = timedelta(days=1)
OWN = ("2026-11-25", "2026-11-26")


def window(start: str, end: str) -> Window:
    return Window(parse_instant(start, "start"), parse_instant(end, "end"))


def job(start: str, end: str, **changes: Any) -> JobRecord:
    span = window(start, end)
    return job_of("e", window_start=iso(span.start), window_end=iso(span.end), **changes)


def keys_of(store: Store, record: JobRecord, templates: dict[str, str] | None = None) -> PartitionKeys:
    return PartitionKeys(KeyTemplates(store.root, **(templates or {})), record, ".csv")


def put(store: Store, record: JobRecord, of_schedule: bool = True, templates: dict[str, str] | None = None) -> None:
    """Put a manifest into the bucket, as a run of the schedule or one with a typed window leaves it."""
    body = json.dumps({"job": record.to_dict(), "run": {"of_schedule": of_schedule}, "files": []})
    store.client.put_object(Bucket=store.bucket, Key=keys_of(store, record, templates).manifest_key, Body=body.encode())


def look(store: Store, templates: dict[str, str] | None = None) -> tuple[Window | None, list[Window]]:
    """Return the gap before the window of the 25th, and what it has in common with others."""
    record = job(*OWN)
    partition = S3Partition(hook_of(0, "{}"), store.bucket, keys_of(store, record, templates), record)
    found = series_of(record, partition)
    return found.gap, [each.window for each in found.overlaps]


@pytest.fixture
def store(proxy, store) -> Store:
    """A prefix that is reached through the proxy, as the hooks that tests share are."""
    return store


MEETS = (None, [])


@pytest.mark.parametrize(
    ("others", "found"),
    [
        pytest.param([], MEETS, id="first"),
        pytest.param([("2026-11-24", "2026-11-25", True)], MEETS, id="meets"),
        pytest.param([("2026-11-26", "2026-11-27", True)], MEETS, id="later run"),
        pytest.param([("2026-11-18", "2026-11-19", True)], (window("2026-11-19", "2026-11-25"), []), id="gap"),
        pytest.param([("2026-11-25T05", "2026-11-25T06", False)], MEETS, id="typed inside"),
        pytest.param([("2026-01-01", "2026-02-01", False)], MEETS, id="only typed ones before"),
        pytest.param(
            [("2026-11-18", "2026-11-19", True), ("2026-11-19", "2026-11-25", False)], MEETS, id="gap filled by hand"
        ),
        pytest.param(
            [
                ("2026-11-24", "2026-11-25", True),
                *((f"2026-11-24T{hour:02}", f"2026-11-24T{hour:02}:30", False) for hour in range(1, 15)),
            ],
            MEETS,
            id="many typed ones inside the one before",
        ),
        pytest.param([("2026-11-20", "2026-11-27", False)], MEETS, id="a longer typed one"),
        pytest.param(
            [("2026-11-24T06", "2026-11-25T06", True)],
            (None, [window("2026-11-25", "2026-11-25T06")]),
            id="the one before ends later",
        ),
        pytest.param(
            [(f"2026-11-25T{hour:02}", f"2026-11-25T{hour + 1:02}", True) for hour in (0, 1, 2)],
            (None, [window(f"2026-11-25T{hour:02}", f"2026-11-25T{hour + 1:02}") for hour in (1, 2)]),
            id="shorter ones inside",
        ),
        pytest.param(
            [("2026-11-25T23", "2026-11-26T05", True)], (None, [window("2026-11-25T23", "2026-11-26")]), id="ends later"
        ),
    ],
)
def test_what_is_beside_a_window(store, others, found):
    for start, end, of_schedule in others:
        put(store, job(start, end), of_schedule)
    assert look(store) == found


def test_partitions_of_other_data_are_no_neighbours(store):
    templates = {"object_name": "{partition}/{member}{suffix}", "manifest_name": "{partition}/{resource}.json"}
    put(store, job("2026-11-18", "2026-11-19", resource="invoices"), templates=templates)
    put(store, job("2026-11-17", "2026-11-18", window_field="created_at"), templates=templates)
    put(store, job("2026-11-16", "2026-11-17", site="other"), templates=templates)
    assert look(store, templates) == MEETS
    put(store, job("2026-11-15", "2026-11-16"), templates=templates)
    assert look(store, templates) == (window("2026-11-16", "2026-11-25"), [])


def test_one_manifest_for_all_windows_has_no_neighbours(store):
    put(store, job("2026-11-18", "2026-11-19"), templates=FLAT)
    assert look(store, FLAT) == MEETS


def test_without_the_right_to_list_it_is_said_once_and_nothing_is_missing(proxy, store, caplog):
    logging.getLogger("airflow.task").propagate = True
    put(store, job("2026-11-18", "2026-11-19"))
    proxy.rule("ListObjects", times=None, status=403)
    assert look(store) == MEETS
    assert len([each for each in caplog.records if "can't be looked for" in each.getMessage()]) == 1


def test_an_overlap_says_what_to_do(store):
    for hour in (1, 2):
        put(store, job(f"2026-11-25T{hour:02}", f"2026-11-25T{hour + 1:02}"))
    record = job(*OWN)
    partition = S3Partition(hook_of(0, "{}"), store.bucket, keys_of(store, record), record)
    found = findings_of(series_of(record, partition), "customers", None)
    (sentence,) = found.warnings
    assert "time in common with 2 other partitions: [2026-11-25T01:00:00Z, 2026-11-25T02:00:00Z)" in sentence
    assert "read the latest version of each row" in sentence
    assert [each["from"] for each in found.overlaps] == ["2026-11-25T01:00:00Z", "2026-11-25T02:00:00Z"]


# A whole run of each: start and upload, with the context that Airflow gives them.


@pytest.fixture
def dag() -> Any:
    settings = ExportDagSettings(s3_bucket="bucket", dag_id="my_dag", resources=["customers"], schedule="0 6 * * *")
    return chargebee_export_dag(settings)


@pytest.fixture
def warnings(caplog) -> Any:
    """Return what was warned of since the last call."""
    logging.getLogger("airflow.task").propagate = True

    def since() -> list[str]:
        told = [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]
        caplog.clear()
        return [each for each in told if "time" in each and "window" in each]

    return since


class Instance(TaskInstance):
    """A task instance that knows of other runs, as one of Airflow 3. The test of a whole run asks Airflow itself."""

    under_way = 0  # how many runs of the two days before the 21st are queued or running

    def get_dr_count(self, dag_id: str, logical_dates: list[datetime], states: list[str]) -> int:
        assert states == ["queued", "running"]
        return len({day(19)[0], day(20)[0]} & set(logical_dates)) if self.under_way == 2 else self.under_way


def export(bucket: str, dag: Any, interval: tuple[datetime, datetime], kind: str, typed: Window | None = None) -> Any:
    """Run start and upload as a run of some kind does, and return what the upload returned."""
    around = context(
        ti=Instance(dag_id=dag.dag_id),
        dag=dag,
        dag_run=SimpleNamespace(run_type=kind, conf={}),
        params={"window_start": None},
        data_interval_start=interval[0],
        data_interval_end=interval[1],
    )
    ends = {"window_start": typed.start, "window_end": typed.end} if typed else {}
    requested = run(ChargebeeExportOperator(task_id="start", resource="customers", **ends), around)
    return run(upload(requested, bucket), around)


def day(number: int) -> tuple[datetime, datetime]:
    start = datetime(2026, 11, number, 6, tzinfo=UTC)
    return start, start + DAY


def arguments_of(command: str) -> Any:
    """Return what Airflow's own command line reads in a command."""
    from airflow.cli.cli_parser import get_parser

    program, *rest = shlex.split(command)
    assert program == "airflow"
    return get_parser().parse_args(rest)


def intervals_of_backfill(dag: Any, command: str) -> list[tuple[datetime, datetime]]:
    """Return the intervals of the runs that Airflow makes for the command."""
    try:
        from airflow.serialization.serialized_objects import DagSerialization as Stored  # 3.2 and later
    except ImportError:
        from airflow.serialization.serialized_objects import SerializedDAG as Stored
    given = vars(arguments_of(command))
    assert given["dag_id"] == dag.dag_id
    first, last = (
        given.get(f"{name}_date") or given[f"{other}_date"] for name, other in (("from", "start"), ("to", "end"))
    )
    infos = Stored.from_dict(Stored.to_dict(dag)).iter_dagrun_infos_between(first, last)
    return [(as_utc(each.data_interval.start), as_utc(each.data_interval.end)) for each in infos]


def test_after_a_pause_the_gap_is_told_and_the_command_fills_it_exactly(connected, aws, bucket, dag, warnings):
    export(bucket, dag, day(18), "scheduled")
    assert warnings() == []
    resumed = export(bucket, dag, day(22), "scheduled")
    gap = manifest(aws, bucket, resumed["manifest_key"])["gap_before"]
    (told,) = warnings()
    assert "No partition of customers has the time [2026-11-19T06:00:00Z, 2026-11-22T06:00:00Z)" in told
    assert gap["command"] in told
    assert (gap["from"], gap["to"]) == ("2026-11-19T06:00:00Z", "2026-11-22T06:00:00Z")
    assert resumed["gap_before"] == gap
    assert any(gap["command"] in each for each in resumed["warnings"])

    runs = intervals_of_backfill(dag, gap["command"])
    assert runs == [day(19), day(20), day(21)]
    assert all(one[1] == other[0] for one, other in pairwise([day(18), *runs, day(22)]))
    for interval in runs:
        assert export(bucket, dag, interval, "backfill")["gap_before"] is None
    assert warnings() == []
    assert export(bucket, dag, day(22), "scheduled")["gap_before"] is None
    assert export(bucket, dag, day(23), "scheduled")["gap_before"] is None
    assert warnings() == []


def test_what_no_interval_fills_is_one_run_with_a_window(connected, aws, bucket, dag, warnings):
    """As after a change of the schedule: the day began at midnight, and begins at six now."""
    midnight = datetime(2026, 11, 18, tzinfo=UTC)
    export(bucket, dag, (midnight - DAY, midnight), "scheduled")
    gap = export(bucket, dag, day(20), "scheduled")["gap_before"]
    given = arguments_of(gap["command"])
    assert given.dag_id == "my_dag"
    typed = window(json.loads(given.conf)["window_start"], json.loads(given.conf)["window_end"])
    assert typed == window("2026-11-18", "2026-11-20T06:00:00")
    assert len(warnings()) == 1
    export(bucket, dag, day(20), "manual", typed)
    assert export(bucket, dag, day(20), "scheduled")["gap_before"] is None
    assert warnings() == []


@pytest.mark.parametrize(
    ("kind", "typed"),
    [("backfill", None), ("manual", window("2026-11-22", "2026-11-23")), ("asset_triggered", None)],
)
def test_runs_that_follow_no_other_report_no_gap(connected, aws, bucket, dag, warnings, kind, typed):
    export(bucket, dag, day(18), "scheduled")
    assert export(bucket, dag, day(22), kind, typed)["gap_before"] is None
    assert warnings() == []


def test_an_interval_that_a_person_has_given_a_manual_run_is_no_gap_either(connected, aws, bucket, dag, warnings):
    """The trigger form of Airflow 3.3 takes any interval; a manual run without one has that of the schedule."""
    export(bucket, dag, day(18), "scheduled")
    start = datetime(2026, 11, 20, 9, tzinfo=UTC)
    by_hand = export(bucket, dag, (start, start + timedelta(hours=1)), "manual")
    assert by_hand["gap_before"] is None
    assert manifest(aws, bucket, by_hand["manifest_key"])["run"]["of_schedule"] is False
    assert warnings() == []
    told = export(bucket, dag, day(20), "manual")
    assert told["gap_before"]["from"] == "2026-11-19T06:00:00Z"
    assert manifest(aws, bucket, told["manifest_key"])["run"]["of_schedule"] is True


@pytest.mark.parametrize(("under_way", "is_gap"), [(0, True), (1, True), (2, False)])
def test_a_gap_is_none_when_all_its_runs_are_under_way(connected, aws, bucket, dag, warnings, under_way, is_gap):
    export(bucket, dag, day(18), "scheduled")
    Instance.under_way = under_way
    try:
        told = export(bucket, dag, day(21), "scheduled")
    finally:
        Instance.under_way = 0
    assert bool(told["gap_before"]) is is_gap
    assert len(warnings()) == is_gap
