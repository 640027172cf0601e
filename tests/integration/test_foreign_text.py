"""Names in an export may hold anything: they forge no line of the log, no error, and do not blow up the manifest."""

from __future__ import annotations

import json

import pytest

from chargebee_operators.common.exceptions import ChargebeeExportError, ColumnsChangedError, ConversionError
from chargebee_operators.common.foreign_text import MOST_OF_A_LINE
from chargebee_operators.s3.access import check_access
from chargebee_operators.s3.connection import s3_hook
from support.odd_exports import HEAD, ROWS, land_zip, task_log_lines

FORGED = "na\nERROR - forged \r\x1b[2J\x9b\u2028\u2029\u202eme"
ROW = 'c1,"x",2026-11-23T01:00:00Z\n'
FORMATS = ["csv", "csv.gz", "parquet", "zip"]


def with_column(name: str) -> bytes:
    return f'id,"{name}",updated_at\n{ROW}'.encode()


def check_lines(lines: list[str]) -> None:
    """Check that each line is one, as it is written, and no longer than a line may be."""
    assert lines
    for line in lines:
        assert line.isprintable() and not line.startswith("ERROR")
        assert len(line) < MOST_OF_A_LINE + 100


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_column_or_a_file_can_not_forge_a_line_of_the_log(aws, store, file_format):
    member = f"customers{FORGED}.csv".replace("/", "")
    with task_log_lines() as lines:
        land_zip(store, {member: HEAD + ROWS}, file_format)
        told = land_zip(store, {member: with_column(FORGED), f".{FORGED}": b""}, file_format)
    check_lines(lines)
    assert any("forged" in line for line in lines)
    assert len(told["warnings"]) == 2 and all(each.isprintable() for each in told["warnings"])
    assert all(each["member"].isprintable() for each in told["left_out"])


def test_a_column_can_not_forge_an_error(aws, store):
    land_zip(store, {"customers.csv": HEAD + ROWS}, "csv")
    with pytest.raises(ColumnsChangedError) as changed:
        land_zip(store, {"customers.csv": with_column(FORGED)}, "csv", column_changes="fail")
    with pytest.raises(ConversionError) as refused:
        land_zip(store, {"customers.csv": with_column(FORGED).replace(b'"x"', b"\xe9")}, "parquet")
    for caught in (changed, refused):
        assert "forged" in str(caught.value) and str(caught.value).isprintable()


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_column_whose_name_is_endless_is_kept_whole_once_and_fills_no_line(aws, store, file_format):
    name = "x" * 200_000
    with task_log_lines() as lines:
        land_zip(store, {"customers.csv": HEAD + ROWS}, file_format)
        told = land_zip(store, {"customers.csv": with_column(name)}, file_format)
        gone = land_zip(store, {"customers.csv": HEAD + ROWS}, file_format)
    check_lines(lines)
    # A zip's manifest has the columns of all its members, and those of each.
    assert len(json.dumps(told)) < (410_000 if file_format == "zip" else 210_000)
    assert len(json.dumps(gone)) < 10_000
    (file,) = told["files"]
    # Parquet has a short name for it, and the manifest the exported one beside that.
    assert name in (file["exported_columns"] if file_format == "parquet" else file["columns"])
    assert told["column_changes"]["customers"]["added"] == [f"{'x' * 176}... (200,000 characters)"]


def test_twenty_thousand_new_columns_are_counted_in_a_line_and_listed_in_the_manifest(aws, store):
    names = [f"cf_{number}" for number in range(20_000)]
    header = ",".join(["id", *names, "updated_at"])
    row = ",".join(["c1", *["x"] * len(names), "2026-11-23T01:00:00Z"])
    with task_log_lines() as lines:
        land_zip(store, {"customers.csv": HEAD + ROWS}, "csv.gz")
        told = land_zip(store, {"customers.csv": f"{header}\n{row}\n".encode()}, "csv.gz")
    check_lines(lines)
    assert any("cf_0, cf_1, cf_2" in line and "and 19,980 more added" in line for line in lines)
    assert told["column_changes"]["customers"]["added"] == names


def test_an_error_of_a_foreign_message_is_one_line(aws, store):
    with pytest.raises(ChargebeeExportError) as caught:
        land_zip(store, b"<Error>\n<Code>" + FORGED.encode() + b"</Code></Error>", "csv")
    assert str(caught.value).isprintable() and "forged" not in str(caught.value)


@pytest.mark.parametrize("operation", ["ListObjects", "CompleteMultipartUpload"])
def test_the_code_of_an_s3_server_can_not_forge_an_error(proxy, store, land, operation):
    proxy.rule(operation, status=400, code="Bad\nERROR - forged \u2028\u202e" + "x" * 9000, times=None)
    with pytest.raises(ChargebeeExportError) as caught:
        check_access(s3_hook("aws_default"), store.bucket, "chargebee/")
        land("e1", {"a": b"new"})
    assert "forged" in str(caught.value) and str(caught.value).isprintable() and len(str(caught.value)) < MOST_OF_A_LINE
