"""Other layouts by templates, through the operators: each placeholder, folders for runs and exports, and what a rerun leaves."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from chargebee_operators import ChargebeeExportOperator
from chargebee_simulator import Simulator
from support.tasks import TaskInstance, context, run
from support.uploads import body, keys, manifest, records, rows_of, upload

DAY = {"window_start": "2026-11-20", "window_end": "2026-11-21"}
FOLDER = {
    "s3_prefix": "lake/site={site}/resource={resource}/{partition}",
    "object_name": "{member}-{export_id}-{attempt}{suffix}",
    "manifest_name": "_manifest.json",
}
EACH_EXPORT = {
    "s3_prefix": "runs/{resource}/{window_start:.10}/{export_id}",
    "object_name": "{member}{suffix}",
    "manifest_name": "_manifest.json",
}


@pytest.fixture
def site(connected: Simulator, aws: Any) -> Simulator:
    """A site whose invoices change on one day alone, and whose files are like real ones."""
    connected.control.settings(profile="chargebee", zone="UTC")
    connected.control.touch("invoices", ids=all_of(connected), at="2026-11-01T00:00:00Z")
    connected.control.touch("invoices", count=3, at="2026-11-20T12:00:00Z")
    return connected


def all_of(site: Simulator) -> list[str]:
    return [each["id"] for each in site.control.records("invoices")]


def exported(number: int = 0) -> dict[str, Any]:
    """Export the day, anew for each number."""
    start = ChargebeeExportOperator(task_id="start", resource="invoices", **DAY)
    return run(start, context(ti=TaskInstance(max_tries=5 + number)))


def test_each_placeholder_of_an_object(site, aws, bucket):
    name = "{windows_or_snapshots}/{kind}/{table}/{site}/{resource}/{partition}/{window_end:.10}/{member}{suffix}"
    run(upload(exported(), bucket, s3_prefix="lake", object_name=name, file_format="csv"))
    middle = "acme-test/invoices/window_start=20261120T000000Z/2026-11-21"
    found = set(keys(aws, bucket))
    assert f"lake/windows/invoices/invoices/{middle}/Invoices.csv" in found
    assert f"lake/windows/line_items/invoices__line_items/{middle}/LineItems.csv" in found


def test_a_folder_for_a_whole_partition_has_all_tables_and_a_rerun_replaces_it(site, aws, bucket):
    run(upload(exported(), bucket, **FOLDER))
    before = set(keys(aws, bucket))
    landed = run(upload(exported(1), bucket, **FOLDER))
    folder = "lake/site=acme-test/resource=invoices/window_start=20261120T000000Z/"
    after = set(keys(aws, bucket))
    assert {each.removeprefix(folder).partition("-")[0] for each in after} >= {
        "_manifest.json",
        "Invoices",
        "LineItems",
    }
    assert before & after == {landed["manifest_key"]} == {f"{folder}_manifest.json"}
    assert after == {each["key"] for each in manifest(aws, bucket)["files"]} | {landed["manifest_key"]}


def test_a_folder_for_each_export_keeps_them_all(site, aws, bucket):
    """Such a layout is for those who want every run kept; no run replaces another."""
    jobs = [exported(), exported(1)]
    for job in jobs:
        run(upload(job, bucket, **EACH_EXPORT))
    found = keys(aws, bucket)
    for job in jobs:
        folder = f"runs/invoices/2026-11-20/{job['export_id']}/"
        assert {f"{folder}_manifest.json", f"{folder}Invoices.csv.gz"} <= set(found)
        told = manifest(aws, bucket, f"{folder}_manifest.json")
        _, *rows = records(gzip.decompress(body(aws, bucket, f"{folder}Invoices.csv.gz")))
        assert (told["job"]["export_id"], len(rows)) == (job["export_id"], 3)


@pytest.mark.parametrize("file_format", ["csv.gz", "parquet"])
def test_a_partition_that_ends_without_rows_has_no_rows_for_a_reader_of_the_folder(site, aws, bucket, file_format):
    """All invoices of the day changed again later, so that the day's export is empty when it is made anew."""
    first = run(upload(exported(), bucket, file_format=file_format))
    assert first["tables"]["invoices"]["rows"] == 3
    site.control.touch("invoices", ids=all_of(site), at="2026-11-22T00:00:00Z")
    again = run(upload(exported(1), bucket, file_format=file_format))
    told = manifest(aws, bucket, again["manifest_key"])
    assert (again["manifest_key"], rows_of(told)) == (first["manifest_key"], 0)
    data = {each for each in keys(aws, bucket) if "/windows/" in each}
    assert data == {each["key"] for each in told["files"]}
    assert all(each["rows"] == 0 for each in told["files"])
    assert bool(data) is (file_format == "parquet")
    assert "Invoices.csv" in [each["member"] for each in told["left_out"]] or file_format == "parquet"
