"""What an upload may take the place of: another run of the same export, and nothing else unless it is told to."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chargebee_operators import ChargebeeExportOperator
from chargebee_operators._compat import AirflowFailException
from chargebee_operators.common.exceptions import SettingsError
from support.landing import attempt_of
from support.s3_proxy import PATIENCE
from support.tasks import TaskInstance, context, run
from support.uploads import body, keys, manifest, rows_of, upload

START, HOUR, DAY = "2026-11-19T00:00:00Z", "2026-11-19T01:00:00Z", "2026-11-20T00:00:00Z"


def export(end: str, **arguments: Any) -> dict[str, Any]:
    """The job of a window that begins at START, as after a clear, so that it is a new one."""
    return job_of(START, end, **arguments)


def job_of(start: str | None = None, end: str | None = None, **arguments: Any) -> dict[str, Any]:
    """A new job of a window, or of a snapshot."""
    given = {"resource": "customers", "window_start": start, "window_end": end, **arguments}
    task = ChargebeeExportOperator(task_id="start", **given)
    return run(task, context(ti=TaskInstance(max_tries=next(_clears))))


UNIQUE = "{member}-{export_id}-{attempt}{suffix}"
_clears = itertools.count(10)


@pytest.fixture
def day(connected, aws, bucket) -> dict[str, Any]:
    """A landed day with rows."""
    connected.control.touch("customers", count=10, at="2026-11-19T12:00:00Z")
    landed = run(upload(export(DAY), bucket))
    assert rows_of(landed) >= 10
    return landed


@pytest.mark.parametrize(
    "other",
    [
        {"end": HOUR},
        {"end": DAY, "window_field": "created_at"},
        {"end": DAY, "filters": {"customer[auto_collection][is]": "on"}},
        {"end": DAY, "export_type": "import_friendly_data"},
    ],
    ids=["end", "time field", "filter", "export type"],
)
def test_another_export_leaves_what_stands_and_is_not_even_fetched(connected, aws, bucket, day, other):
    before, fetched = sorted(keys(aws, bucket)), len(connected.control.requests(listener="download"))
    job = export(**other)
    with pytest.raises(AirflowFailException, match="would replace it. Give this export another s3_prefix"):
        run(upload(job, bucket))
    assert sorted(keys(aws, bucket)) == before
    assert len(connected.control.requests(listener="download")) == fetched
    landed = run(upload(job, bucket, replace_other_window=True))
    assert manifest(aws, bucket, day["manifest_key"])["job"]["export_id"] == landed["export_id"]


def test_without_its_manifest_a_partition_is_replaced_whole(aws, bucket, day):
    aws.client().delete_object(Bucket=bucket, Key=day["manifest_key"])
    run(upload(export(HOUR), bucket))
    told = manifest(aws, bucket, day["manifest_key"])
    assert sorted(keys(aws, bucket)) == sorted([day["manifest_key"], *(each["key"] for each in told["files"])])


# Layouts in which the key of the manifest does not name the window.
ONE_MANIFEST = {
    "prefix": {"s3_prefix": "x/{resource}", "object_name": UNIQUE, "manifest_name": "_manifest.json"},
    "month": {"s3_prefix": "x/month={window_start:.7}", "object_name": UNIQUE, "manifest_name": "_manifest.json"},
    "dated objects": {
        "s3_prefix": "x",
        "object_name": "{resource}/dt={window_start:.10}/{member}-{export_id}-{attempt}{suffix}",
        "manifest_name": "_manifests/{resource}.json",
    },
    "flat": {"s3_prefix": "exports", "object_name": "{member}{suffix}", "manifest_name": "_manifests/{resource}.json"},
}
one_manifest = pytest.mark.parametrize("layout", ONE_MANIFEST.values(), ids=ONE_MANIFEST)


@one_manifest
@pytest.mark.parametrize("window", [(DAY, "2026-11-21T00:00:00Z"), ("2026-11-18T00:00:00Z", START), None])
def test_a_run_removes_no_object_of_another_window(connected, aws, bucket, layout, window):
    day = export(DAY)
    run(upload(day, bucket, **layout))
    before = {key: body(aws, bucket, key) for key in keys(aws, bucket)}
    fetched = len(connected.control.requests(listener="download"))
    other = job_of(*window) if window else job_of(snapshot=True)
    with pytest.raises(AirflowFailException, match=r"Put \{partition\} into manifest_name .* keep_latest_only=True"):
        run(upload(other, bucket, **layout))
    assert {key: body(aws, bucket, key) for key in keys(aws, bucket)} == before
    assert len(connected.control.requests(listener="download")) == fetched
    run(upload(day, bucket, **layout))  # a rerun of its own window may


@one_manifest
def test_a_layout_that_keeps_only_the_latest_window_says_so(connected, aws, bucket, day, layout):
    layout = {**layout, "keep_latest_only": True}
    connected.control.touch("customers", count=5, at="2026-11-20T12:00:00Z")
    run(upload(export(DAY), bucket, **layout))
    following = job_of(DAY, "2026-11-21T00:00:00Z")
    landed = run(upload(following, bucket, **layout))
    told = manifest(aws, bucket, landed["manifest_key"])
    assert told["job"]["window_start"] == DAY
    root = f"{layout['s3_prefix'].partition('/')[0]}/"
    assert {key for key in keys(aws, bucket) if key.startswith(root)} == {
        landed["manifest_key"],
        *(each["key"] for each in told["files"]),
    }
    with pytest.raises(AirflowFailException, match="which is later than this run's"):
        run(upload(export(DAY), bucket, **layout))
    assert manifest(aws, bucket, landed["manifest_key"]) == told
    run(upload(export(DAY), bucket, **layout, replace_other_window=True))
    assert manifest(aws, bucket, landed["manifest_key"])["job"]["window_start"] == START


def test_a_manifest_named_by_the_run_s_date_leaves_the_other_days_alone(connected, aws, bucket, day):
    """Whatever of a key Jinja renders is no proof of whose an object is."""
    layout = {"s3_prefix": "x", "object_name": UNIQUE, "manifest_name": "_manifests/{resource}-{{ ds }}.json"}
    kept: set[str] = set()
    for date in ("2026-11-18", "2026-11-19"):
        task = upload(job_of(date, f"{date}T23:00:00Z"), bucket, **layout)
        for _ in range(2):
            task = upload(job_of(date, f"{date}T23:00:00Z"), bucket, **layout)
            task.render_template_fields({"ds": date})
            landed = run(task)
            assert landed["manifest_key"] == f"x/_manifests/customers-{date}.json"
            told = manifest(aws, bucket, landed["manifest_key"])
            assert kept <= set(keys(aws, bucket))
        kept |= {landed["manifest_key"], *(each["key"] for each in told["files"])}


def test_two_partitions_that_would_share_an_object_are_told_apart_before_it_is_overwritten(connected, aws, bucket, day):
    shared = {"s3_prefix": "exports", "object_name": "all{suffix}", "file_format": "zip"}
    names = {"manifest_name": "_manifests/{resource}.json", "keep_latest_only": True}
    run(upload(export(DAY), bucket, **shared, **names))
    before = {key: body(aws, bucket, key) for key in keys(aws, bucket)}
    coupons = run(ChargebeeExportOperator(task_id="s", resource="coupons", snapshot=True))
    with pytest.raises(
        AirflowFailException, match=r"exports/all.zip is an object of exports/_manifests/customers.json"
    ):
        run(upload(coupons, bucket, **shared, **names))
    assert {key: body(aws, bucket, key) for key in keys(aws, bucket)} == before


@pytest.mark.parametrize("replacing", [{}, {"replace_other_window": True}], ids=["refused", "allowed"])
def test_an_object_that_is_no_manifest_is_not_overwritten_unless_told(connected, aws, bucket, day, replacing):
    layout = {"s3_prefix": "x", "manifest_name": "state.json"}
    aws.client().put_object(Bucket=bucket, Key="x/state.json", Body=b'{"somebody": "else\'s"}')
    if not replacing:
        with pytest.raises(AirflowFailException, match="x/state.json is no manifest of an export"):
            run(upload(export(DAY), bucket, **layout))
        assert body(aws, bucket, "x/state.json") == b'{"somebody": "else\'s"}'
    else:
        run(upload(export(DAY), bucket, **layout, **replacing))
        assert manifest(aws, bucket, "x/state.json")["job"]["window_start"] == START


def test_a_window_that_contains_a_shorter_one_replaces_it_and_not_the_reverse(connected, aws, bucket):
    connected.control.touch("customers", count=10, at="2026-11-19T00:30:00Z")
    short = run(upload(export(HOUR), bucket))
    left = {each["key"] for each in manifest(aws, bucket, short["manifest_key"])["files"]}
    connected.control.touch("customers", count=10, at="2026-11-19T12:00:00Z")
    whole = run(upload(export(DAY), bucket))
    told = manifest(aws, bucket, whole["manifest_key"])
    assert (whole["manifest_key"], told["job"]["window_end"]) == (short["manifest_key"], DAY)
    assert left and not left & set(keys(aws, bucket))
    with pytest.raises(AirflowFailException, match="would replace it"):
        run(upload(export(HOUR), bucket))


def test_a_partition_that_another_run_has_committed_during_the_download_is_looked_at_too(proxy, store, land):
    held = proxy.rule("CreateMultipartUpload", hold=True)
    with ThreadPoolExecutor() as pool:
        shorter = {"window_end": "2026-11-23T01:00:00Z"}
        running = pool.submit(land, "e1", {"a": b"new"}, worker=1, job=shorter)
        held.wait_until_reached()
        whole = land("e0", {"a": b"old"})
        held.release()
        with pytest.raises(SettingsError, match="would replace it"):
            running.result(PATIENCE)
    assert attempt_of(store.check()) == whole
