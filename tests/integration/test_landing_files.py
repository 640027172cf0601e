"""Exports of several files, and partitions that lack some of them: what the manifest tells, and what the next ones see."""

from __future__ import annotations

import functools
import itertools
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from chargebee_operators import ChargebeeExportOperator
from chargebee_operators._compat import AirflowFailException
from chargebee_operators.archive.zip_stream import ZipStream
from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.common.exceptions import ColumnsChangedError, SettingsError, WindowCheckError
from chargebee_operators.formats.file_format import get_format
from chargebee_operators.partition.commit import S3Partition
from chargebee_operators.partition.key_templates import KeyTemplates
from chargebee_operators.partition.keys import PartitionKeys
from chargebee_operators.partition.landing import Landing
from chargebee_operators.partition.replacing import Replacing
from chargebee_operators.partition.verdict import Checks
from support import landing
from support.tasks import run
from support.uploads import manifest, upload
from support.zips import directory, made

TABLES: dict[str, str] = {}
FLAT = {"object_name": "exports/{member}-{export_id}-{attempt}{suffix}", "manifest_name": "_manifests/{resource}.json"}


def folder(template: str) -> dict[str, str]:
    """Return a layout of one folder for all of a partition."""
    return {
        "object_name": f"{template}/{{member}}-{{export_id}}-{{attempt}}{{suffix}}",
        "manifest_name": f"{template}/_manifest.json",
    }


IN, OUT = "2026-11-{day}T12:00:00Z", "2020-01-01T00:00:00Z"
_numbers = itertools.count()


@pytest.fixture
def land(aws, store) -> Callable[..., dict[str, Any]]:
    """Land the CSVs of one day's export, each a header and rows, and return its manifest."""

    def land_day(
        day: int,
        files: Mapping[str, str | list[str]],
        file_format: str = "csv",
        layout: Mapping[str, str] = TABLES,
        **checks: str,
    ) -> dict[str, Any]:
        window = [f"2026-11-{each:02}T00:00:00Z" for each in (day, day + 1)]
        job = JobRecord(f"exp{next(_numbers)}", "customers", "acme", {}, *window, "updated_at", window[1])
        texts = {name: "\n".join([text] if isinstance(text, str) else text) for name, text in files.items()}
        data = made([(name, text.format(day=f"{day:02}").encode()) for name, text in texts.items()])
        replacing = Replacing(keep_latest_only=layout is FLAT, other=layout is FLAT)
        return landing.land_archive(store, job, data, file_format, layout, replacing, **checks)

    return land_day


MAIN = ["id,name,updated_at", "c,Zoe," + IN]
CONTACTS = ["id,email,updated_at", "k,a@b.c," + OUT]


@pytest.mark.parametrize("file_format", ["csv", "csv.gz", "parquet", "zip"])
def test_old_contacts_of_a_changed_customer_land_and_the_manifest_says_that_they_were_not_compared(land, file_format):
    told = land(20, {"Customers1.csv": MAIN, "contacts.csv": CONTACTS}, file_format)
    checks = {each["member"]: each for file in told["files"] for each in file["window_check"]}
    main, contacts = checks["Customers1.csv"], checks["contacts.csv"]
    assert (main["checked"], main["outside"], main["not_checked"]) == (1, 0, None)
    assert (contacts["checked"], contacts["outside"]) == (0, 0)
    assert contacts["not_checked"] == "it may hold related things, for Customers1.csv is the export's own file"
    assert not told["warnings"]


@pytest.mark.parametrize(("member", "outside"), [("customers.csv", "1 of 2 rows"), ("data.csv", "2 of 3 rows")])
def test_a_filter_that_was_ignored_fails_whatever_the_files_are_called(land, member, outside):
    with pytest.raises(WindowCheckError, match=outside):
        land(20, {member: [*MAIN, "d,Ann," + OUT], "contacts.csv": CONTACTS})


@pytest.mark.parametrize(
    "layout",
    [
        TABLES,
        FLAT,
        folder("dt={window_start:.10}/resource={resource}"),
        folder("{resource}/year={window_start:.4}/{partition}"),
    ],
)
def test_the_manifest_says_what_its_columns_were_compared_with(land, layout):
    first, second = (land(day, {"customers.csv": MAIN}, layout=layout) for day in (1, 2))
    assert first["compared_with"] is None
    assert second["compared_with"].endswith(".json") and not second["column_changes"]
    changed = [f"{MAIN[0]},cf_new", f"{MAIN[1]},x"]
    with pytest.raises(ColumnsChangedError, match="cf_new added"):
        land(28, {"customers.csv": changed}, layout=layout, column_changes="fail")


ADDRESSES = "customer_id,line1"
BOTH = {"customers.csv": MAIN, "addresses.csv": ADDRESSES}
ALONE = {"customers.csv": MAIN}
BACK = {"customers.csv": MAIN, "addresses.csv": f"{ADDRESSES},cf_floor"}
CHANGED = {"addresses": {"added": ["cf_floor"], "removed": []}}
GONE = {"addresses": {"added": [], "removed": [], "file": "removed"}}


@pytest.mark.parametrize("layout", [TABLES, FLAT])
@pytest.mark.parametrize("missing", [ALONE, {**ALONE, "addresses.csv": ""}, {}], ids=["file", "header", "all"])
@pytest.mark.parametrize("days", [1, 7])
def test_a_file_that_is_back_after_quiet_days_is_compared_with_what_it_was(land, layout, missing, days):
    land(1, BOTH, layout=layout)
    for day in range(2, 2 + days):
        told = land(day, missing, layout=layout)
        assert told["absent_files"]["addresses"] == ["customer_id", "line1"]
        assert told["column_changes"] == (GONE if day == 2 and missing == ALONE else {})
    told = land(20, BACK, layout=layout)
    assert (told["column_changes"], told["absent_files"]) == (CHANGED, {})
    assert "addresses: cf_floor added" in told["warnings"][0]
    assert land(21, BACK, layout=layout)["column_changes"] == {}


def test_a_file_that_is_back_as_it_was_is_not_told(land):
    for day, files in enumerate([BOTH, ALONE, {}, ALONE], 1):
        land(day, files)
    told = land(5, BOTH)
    assert (told["column_changes"], told["warnings"], told["absent_files"]) == ({}, [], {})


def test_a_quiet_day_gives_no_warning_and_a_missing_file_of_the_resource_itself_does(land):
    land(1, BOTH)
    assert land(2, ALONE)["warnings"] == []
    for day in (3, 4):
        (warning,) = land(day, {"addresses.csv": [ADDRESSES, "c,Main St"]})["warnings"]
        assert warning.startswith("An earlier partition has customers, the file of customers itself.")
    assert land(5, BOTH)["warnings"] == []


@pytest.mark.parametrize("file_format", ["csv.gz", "parquet", "zip"])
def test_a_file_of_the_resource_is_not_missed_where_no_file_has_rows(land, file_format):
    land(1, {**BOTH, "addresses.csv": [ADDRESSES, "c,Main St"]}, file_format)
    assert land(2, {"addresses.csv": ADDRESSES}, file_format)["warnings"] == []
    (warning,) = land(3, {"addresses.csv": [ADDRESSES, "c,Main St"]}, file_format)["warnings"]
    assert "An earlier partition has customers" in warning


def test_columns_that_changed_over_a_gap_can_stop_the_run(land):
    land(1, BOTH)
    land(2, ALONE)
    with pytest.raises(ColumnsChangedError, match="cf_floor"):
        land(3, BACK, column_changes="fail")
    assert land(3, BOTH, column_changes="fail")["column_changes"] == {}


@pytest.mark.parametrize("formats", list(itertools.permutations(["csv.gz", "parquet", "zip"])))
def test_a_gap_is_bridged_between_formats(land, formats):
    for day, files, file_format in zip((1, 2, 3), (BOTH, ALONE, BACK), formats, strict=True):
        told = land(day, files, file_format)
    assert told["column_changes"] == CHANGED


def test_a_partition_carries_what_was_before_it_in_time_not_in_the_order_of_landing(land):
    land(9, BACK)
    land(5, ALONE)
    assert land(7, ALONE)["absent_files"] == {}, "day 9 is no past of day 7"
    land(3, BOTH)
    assert land(5, ALONE)["absent_files"] == {"addresses": ["customer_id", "line1"]}, "a rerun learns of day 3"
    assert land(6, BACK)["column_changes"] == CHANGED
    assert land(8, BOTH)["column_changes"] == {"addresses": {"added": [], "removed": [], "file": "added"}}, (
        "day 7 was landed before day 3, and is what day 8 knows of"
    )


def test_in_a_flat_layout_a_backfill_carries_nothing_of_a_later_day(land):
    land(9, BOTH, layout=FLAT)
    assert land(5, ALONE, layout=FLAT)["absent_files"] == {}


def test_in_a_flat_layout_a_backfill_says_that_it_was_compared_with_what_it_replaces(land):
    land(9, BOTH, layout=FLAT)
    (warning,) = land(5, BACK, layout=FLAT)["warnings"]
    assert warning == "The columns are not those of the partition that this run replaces (addresses: cf_floor added)."
    land(9, BOTH, layout=FLAT)
    (warning,) = land(5, {"addresses.csv": [ADDRESSES, "c,Main St"]}, layout=FLAT)["warnings"]
    assert warning.startswith("Another export has customers, the file of customers itself.")


def test_the_first_partition_carries_what_its_own_earlier_run_had(land):
    land(5, BOTH)
    assert land(5, ALONE)["absent_files"] == {"addresses": ["customer_id", "line1"]}
    assert land(6, BACK)["column_changes"] == CHANGED


def test_a_run_that_looks_at_no_columns_carries_none(land):
    land(1, BOTH)
    assert land(2, ALONE, column_changes="off")["absent_files"] == {}


def test_a_file_may_not_take_the_manifests_key(aws, store):
    def land_as(export: str, members: list[str]) -> None:
        templates = {"object_name": "{member}.json", "manifest_name": "data.json"}
        landing.land_in(store, export, dict.fromkeys(members, b"x"), templates)

    land_as("first", ["customers.csv"])
    before = store.keys()
    with pytest.raises(SettingsError, match="the key of the manifest"):
        land_as("second", ["customers.csv", "data.csv"])
    assert {f"{store.root}data.json", *before} == set(store.keys())
    assert not store.uploads()


def test_what_a_killed_try_of_another_format_left_goes_too(aws, store):
    keys = PartitionKeys(KeyTemplates(store.root), landing.job_of("exp"), ".csv.gz")
    key = keys.key("customers.csv", landing.table_of("customers.csv"))
    store.client.create_multipart_upload(Bucket=store.bucket, Key=key)
    store.client.put_object(Bucket=store.bucket, Key=key, Body=b"left")
    landing.land_in(store, "exp", {"customers.csv": b"x"})
    store.check()


@pytest.mark.parametrize(("large", "bound"), [(0, 7), (1 << 20, None)])
def test_the_parts_of_a_large_csv_fit_the_size_that_the_directory_gives(aws, store, monkeypatch, large, bound):
    class Noting(S3Partition):
        def write(self, key, pieces, bound=None):
            bounds.append(bound)
            return super().write(key, pieces, bound)

    bounds: list[int | None] = []
    monkeypatch.setattr("chargebee_operators.partition.landing.LARGE", large)
    data = made([("customers.csv", b"id\n1\n2\n")], piped=True)
    job = landing.job_of("exp")
    keys = PartitionKeys(KeyTemplates(store.root), job, ".csv")
    with Noting(landing.hook_of(99, "{}"), store.bucket, keys, job) as partition:
        open_archive = functools.partial(ZipStream, directory=lambda: directory(data))
        Landing(job, partition, get_format("csv"), Checks()).send([data], open_archive, lambda: len(data))
    assert bounds == [bound]


CHUNKED = {"kind": "cut_download", "after_bytes": 1 << 40, "chunked": True, "times": None}
NO_RANGE = {"kind": "no_range", "times": None}


@pytest.fixture
def piped(make_simulator, connect, aws, bucket, tmp_path, monkeypatch) -> Callable[..., dict[str, Any]]:
    """Land a zip that was written to a pipe, so that its sizes stand behind its members, and return the manifest."""

    def land_piped(faults: list[dict[str, Any]], method: int, files: list[tuple[str, bytes]], file_format: str) -> Any:
        path = tmp_path / "piped.zip"
        path.write_bytes(made(files, method, piped=True))
        simulator = make_simulator(serve_zips={"customers": path})
        connect(simulator)
        job = run(ChargebeeExportOperator(task_id="start", resource="customers", snapshot=True))
        simulator.control.add_faults(faults)
        run(upload(job, bucket, file_format=file_format))
        return manifest(aws, bucket)

    monkeypatch.setattr("chargebee_operators.partition.landing.LARGE", 0)
    return land_piped


@pytest.mark.parametrize("file_format", ["csv", "csv.gz", "parquet", "zip"])
@pytest.mark.parametrize(
    "faults",
    [[], [NO_RANGE], [NO_RANGE, CHUNKED], [CHUNKED]],
    ids=["ranges", "no-ranges", "no-length", "no-length-but-ranges"],
)
def test_a_zip_that_was_written_to_a_pipe_lands_whatever_the_host_tells(piped, faults, file_format):
    files = [("customers.csv", b"id\n" + b"c1\n" * 1000), ("empty.csv", b"")]
    told = piped(faults, zipfile.ZIP_DEFLATED, files, file_format)
    assert told["tables"]["customers"]["rows"] == 1000


def test_of_members_that_are_stored_only_empty_ones_land_from_a_host_without_ranges(piped):
    told = piped([NO_RANGE], zipfile.ZIP_STORED, [("a.csv", b""), ("b.csv", b"")], "csv")
    assert [each["member"] for each in told["left_out"]] == ["a.csv", "b.csv"]
    with pytest.raises(AirflowFailException, match="'a.csv' .* the download host must allow parts to be fetched"):
        piped([NO_RANGE], zipfile.ZIP_STORED, [("a.csv", b"id\n1\n")], "csv")
