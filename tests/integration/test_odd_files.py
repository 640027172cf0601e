"""Zips that hold more than data, and files that are not what they are called: what lands, and what is said of it."""

from __future__ import annotations

import zipfile

import pytest

from chargebee_operators import ChargebeeExportOperator
from chargebee_operators._compat import AirflowFailException, Asset
from chargebee_operators.common.exceptions import ConversionError
from support.odd_exports import HEAD, ROWS, land_zip, task_log_lines
from support.tasks import context, run
from support.uploads import upload
from support.zips import made

FORMATS = ["csv", "csv.gz", "parquet", "zip"]
every_format = pytest.mark.parametrize("file_format", FORMATS)
APPLE_DOUBLE = b"\0\5\x16\7" + bytes(60)


@every_format
def test_what_macos_and_windows_put_beside_the_data_is_left_out_and_listed(aws, store, file_format):
    companions = ["__MACOSX/._customers.csv", ".DS_Store", "Thumbs.db"]
    members = {"customers.csv": HEAD + ROWS, **dict.fromkeys(companions, APPLE_DOUBLE)}
    with task_log_lines() as lines:
        told = land_zip(store, members, file_format)
    (only,) = told["files"]
    assert (only["member"], only["rows"], told["warnings"]) == ("customers.csv", 2, [])
    assert only["columns"] == ["id", "first_name", "last_name", "updated_at"]
    assert [each["member"] for each in told["left_out"]] == companions
    assert all(any(f"{each} is left out" in line for line in lines) for each in companions)


@every_format
def test_another_hidden_file_is_left_out_with_a_warning(aws, store, file_format):
    told = land_zip(store, {".customers.csv": HEAD + ROWS, "customers.csv": HEAD + ROWS}, file_format)
    assert [each["member"] for each in told["left_out"]] == [".customers.csv"]
    assert told["tables"]["customers"]["rows"] == 2
    assert told["warnings"] == [".customers.csv was left out: it is a hidden file."]


TEXT = HEAD + ROWS
UNKNOWN = "its columns and its number of rows are unknown."
OTHER_FILES = {
    "carriage returns": (TEXT.replace(b"\r\n", b"\r"), f"The file's lines end in carriage returns alone: {UNKNOWN}"),
    "UTF-16": (TEXT.decode().encode("utf-16"), f"The file is UTF-16, not UTF-8: {UNKNOWN}"),
    "semicolons": (TEXT.replace(b",", b";"), f"The file looks separated by semicolons, not by commas: {UNKNOWN}"),
    "tabs": (TEXT.replace(b",", b"\t"), f"The file looks separated by tabs, not by commas: {UNKNOWN}"),
    "JSON": (b'[{"id": "c1"}]', f"The file looks like JSON, not like comma-separated values: {UNKNOWN}"),
    "a PDF": (
        b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n%%EOF\n",
        f"The file looks like a PDF, not like comma-separated values: {UNKNOWN}",
    ),
}
HALF_KNOWN = {
    "an open quote": (
        HEAD + b'c1,"Ada,Lovelace,2026-11-23T01:00:00Z\r\n',
        "The file ends inside a quoted field: its number of rows is unknown.",
    ),
    "some carriage returns": (
        TEXT + b"c3,Mary,Jackson,2026-11-23T03:00:00Z\r" * 2,
        "Some lines of the file end in a carriage return alone: its number of rows is unknown.",
    ),
}


@pytest.mark.parametrize("file_format", ["csv", "csv.gz", "zip"])
@pytest.mark.parametrize(
    ("data", "told"), [*OTHER_FILES.values(), *HALF_KNOWN.values()], ids=[*OTHER_FILES, *HALF_KNOWN]
)
def test_what_is_not_known_of_a_file_is_null_and_a_warning_says_why(aws, store, file_format, data, told):
    with task_log_lines() as lines:
        manifest = land_zip(store, {"customers.csv": data}, file_format)
    (only,) = manifest["files"]
    assert (only["rows"], manifest["tables"]["customers"]["rows"], only["bytes"] > 0) == (None, None, True)
    assert f"customers.csv: {told}" in manifest["warnings"]
    assert any(line.endswith(f"customers.csv: {told}") for line in lines)
    assert any("sent s3://" in line and "an unknown number of rows" in line for line in lines)
    assert bool(only["columns"]) is ("columns" not in told)


@pytest.mark.parametrize(
    "data", [each for each, _ in [*OTHER_FILES.values(), *HALF_KNOWN.values()]], ids=[*OTHER_FILES, *HALF_KNOWN]
)
def test_what_can_not_be_read_as_a_csv_is_refused_as_parquet(aws, store, data):
    with pytest.raises(ConversionError, match=r"^customers\.csv: .*Choose csv\.gz"):
        land_zip(store, {"customers.csv": data}, "parquet")
    assert store.keys() == []


@pytest.mark.parametrize("file_format", FORMATS)
def test_one_file_of_unknown_rows_makes_the_sum_unknown(aws, store, file_format):
    if file_format == "parquet":
        told = land_zip(store, {"customers.csv": TEXT, "contacts.csv": b""}, file_format)
        assert told["tables"]["customers"]["rows"] == 2
        return
    parts = {"customers_1.csv": TEXT, "customers_2.csv": b"id\r1\r2\r", "contacts.csv": TEXT}
    told = land_zip(store, parts, file_format)
    assert told["tables"]["customers"]["rows"] is None
    rows = dict(zip(parts, [2, None, 2], strict=True))
    if file_format == "zip":
        assert told["files"][0]["member_rows"] == rows
    else:
        assert {each["member"]: each["rows"] for each in told["files"]} == rows
        assert told["tables"]["customers__contacts"]["rows"] == 2


LATIN = HEAD + "c1,José,Nuñez,2026-11-23T01:00:00Z\r\n".encode("latin-1")


@pytest.mark.parametrize("file_format", ["csv", "csv.gz", "zip"])
def test_a_file_that_is_not_utf_8_lands_with_a_warning_and_its_rows_are_counted(aws, store, file_format):
    told = land_zip(store, {"customers.csv": LATIN + ROWS}, file_format)
    assert told["tables"]["customers"]["rows"] == 3
    assert told["warnings"] == [
        "customers.csv: The file is not UTF-8 (byte 42 is the first that is not): readers may misread its text."
    ]


def test_a_file_that_is_not_utf_8_is_refused_as_parquet(aws, store):
    with pytest.raises(ConversionError, match=r"^customers\.csv: column 'first_name' of row 1 is not UTF-8"):
        land_zip(store, {"customers.csv": LATIN + ROWS}, "parquet")


@every_format
def test_zero_bytes_behind_the_zips_end_change_nothing(aws, store, file_format):
    told = land_zip(store, made([("customers.csv", TEXT)]) + bytes(512), file_format)
    assert (told["tables"]["customers"]["rows"], told["warnings"]) == (2, [])


def test_unknown_is_no_number_in_xcom_and_asset(make_simulator, connect, aws, bucket, tmp_path):
    path = tmp_path / "report.zip"
    path.write_bytes(made([("customers.csv", OTHER_FILES["a PDF"][0])]))
    simulator = make_simulator(serve_zips={"customers": path})
    connect(simulator)
    job = run(ChargebeeExportOperator(task_id="start", resource="customers", snapshot=True))
    asset, task_context = Asset("chargebee_export/customers"), context()
    landed = run(upload(job, bucket, outlets=[asset]), task_context)
    assert landed["tables"]["customers"]["rows"] is None
    assert task_context["outlet_events"][asset].extra["tables"] == landed["tables"]


@pytest.mark.parametrize("ranges", [True, False])
def test_too_many_members_are_refused_before_anything_is_sent_where_ranges_are_served(
    make_simulator, connect, proxy, bucket, tmp_path, ranges
):
    path = tmp_path / "many.zip"
    path.write_bytes(made([(f"{number}.csv", HEAD + ROWS) for number in range(21)], zipfile.ZIP_STORED))
    simulator = make_simulator(serve_zips={"customers": path})
    connect(simulator)
    job = run(ChargebeeExportOperator(task_id="start", resource="customers", snapshot=True))
    if not ranges:
        simulator.control.add_faults([{"kind": "no_range", "times": None}])
    with pytest.raises(AirflowFailException, match="more than 20 members: raise max_members"):
        run(upload(job, bucket, max_members=20))
    begun = sum(call.operation == "CreateMultipartUpload" for call in proxy.calls)
    assert begun == (0 if ranges else 20)
