"""Readers that nobody here wrote read what the operators have written, by the lines that docs/data.md prints.

Each reader runs in an environment of its own, with today's releases: ``requirements-readers.txt``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chargebee_operators.formats.column_names import snake_name
from support.pages import block
from support.readable import BUCKET, FORMATS, Readable
from support.readers_python import in_readers

PAGE, ADDRESS = "docs/data.md", "s3://my-bucket/chargebee"
READERS = {
    "duckdb": "import duckdb\n\nparquet",
    "pyarrow": "CsvFileFormat",
    "polars": "import polars",
    "spark": "pyspark",
}
# What Spark can't read as CSV: files of one table that differ in their columns.
OTHER_COLUMNS = (("windows", "customers"), ("windows", "invoices"), ("windows", "invoices__line_items"))
ROWS = [
    *OTHER_COLUMNS,
    ("windows", "invoices__line_item_taxes"),
    ("windows", "invoices__transactions"),
    ("windows", "invoices__invoice_properties"),
    ("snapshots", "customers"),
]
NO_ROWS = [("windows", "invoices__applied_credit_notes"), ("windows", "invoices__adjustment_credit_notes")]

# The page says what comes of Spark's CSV without these.
WITHOUT = {
    "enforceSchema=False": ("csv.gz", "windows", "customers"),
    "multiLine=True, ": ("csv.gz", "snapshots", "customers"),
}

Reading = tuple[str, ...]  # format, windows or snapshots, table; perhaps what is left out of the code


def readings_of(reader: str) -> list[Reading]:
    """Return what a reader is to read: it is started once, for all tables."""
    found = [(form, *table) for form in FORMATS for table in ROWS]
    found += [("parquet", *table) for table in NO_ROWS]
    return found + [(*reading, option) for option, reading in WITHOUT.items() if reader == "spark"]


def read_all(reader: str, landed: Readable, s3: Any, folder: Path) -> dict[Reading, dict[str, Any]]:
    """Let a reader read all tables by the code of the page; return the rows, or the error, of each."""
    code, readings = block("python", READERS[reader], PAGE), readings_of(reader)
    assert ADDRESS in code
    # DuckDB and Spark would have to download an extension for S3, so they read a copy.
    if from_s3 := "fs.FileSystem" in code:
        fill_bucket(s3, landed.folder)
    orders = []
    for file_format, what, table, *without in readings:
        root = f"s3://{BUCKET}/{file_format}" if from_s3 else f"{landed.folder}/{file_format}"
        aimed = code.replace(ADDRESS, root).replace("windows/customers", f"{what}/{table}")
        for option in without:
            assert option in aimed
            aimed = aimed.replace(option, "")
        orders.append({"format": file_format, "code": aimed})
    return dict(zip(readings, run(orders, folder, s3), strict=True))


def fill_bucket(s3: Any, folder: Path) -> None:
    """Put what was written into this worker's own S3 server, where another worker has written it."""
    client = s3.client()
    if BUCKET not in [each["Name"] for each in client.list_buckets()["Buckets"]]:
        client.create_bucket(Bucket=BUCKET)
        for path in filter(Path.is_file, folder.rglob("*")):
            client.upload_file(str(path), BUCKET, str(path.relative_to(folder)))


def run(orders: list[dict[str, str]], folder: Path, s3: Any) -> list[dict[str, Any]]:
    """Run code in the readers' Python."""
    keys = {"AWS_ACCESS_KEY_ID": s3.access_key, "AWS_SECRET_ACCESS_KEY": s3.secret_key, "AWS_REGION": "us-east-1"}
    address = {"AWS_ENDPOINT_URL": s3.endpoint_url, "AWS_ALLOW_HTTP": "true", "SPARK_LOCAL_IP": "127.0.0.1"}
    return in_readers("read_tables.py", orders, folder, **keys, **address)


@pytest.fixture(scope="session")
def read(landed: Readable, s3: Any, once: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
    """Return what a reader has read of a table."""

    def answer(reader: str, *reading: str) -> dict[str, Any]:
        return once(f"read-by-{reader}", lambda folder: read_all(reader, landed, s3, folder))[reading]

    return answer


def alike(rows: list[dict[str, Any]], of_parquet: bool) -> list[dict[str, str]]:
    """Return rows in one order, without what is empty, with the names that Parquet has."""
    name = snake_name if of_parquet else str
    found = [{name(column): value for column, value in row.items() if value} for row in rows]
    return sorted(found, key=lambda row: json.dumps(row, sort_keys=True))


def with_partition(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its partitions, from the path of its file where the reader gives that."""
    row = dict(row)
    row.update(re.findall(r"(\w+)=([^/]*)/", row.pop("file", None) or ""))
    return row


@pytest.mark.parametrize("table", ROWS, ids="/".join)
@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("reader", READERS)
def test_every_row_is_read_with_its_values(read, landed, reader, file_format, table):
    answer = read(reader, file_format, *table)
    if reader == "spark" and file_format == "csv.gz" and table in OTHER_COLUMNS:
        assert "CSV header" in answer["error"]  # it stops, and reads nothing wrong
        return
    assert "rows" in answer, answer["error"]
    rows, expected = [with_partition(row) for row in answer["rows"]], landed.found(*table)
    of_parquet = file_format == "parquet"
    assert len(rows) == len(expected) > 0
    assert alike(rows, of_parquet) == alike(expected, of_parquet)


@pytest.mark.parametrize("table", NO_ROWS, ids="/".join)
@pytest.mark.parametrize("reader", READERS)
def test_a_table_that_never_had_a_row_is_read_as_parquet(read, landed, reader, table):
    assert read(reader, "parquet", *table) == {"rows": landed.found(*table)} == {"rows": []}
    assert not (landed.folder / "csv.gz" / "/".join(table)).exists()


def test_spark_reads_csv_by_positions_as_the_page_says(read, landed):
    option = "enforceSchema=False"
    rows, expected = read("spark", *WITHOUT[option], option)["rows"], landed.found(*WITHOUT[option][1:])
    assert len(rows) == len(expected)
    companies = {row["Customer Id"]: row["Company"] for row in expected}
    assert {row["Customer Id"]: row["Company"] for row in rows} != companies


def test_spark_splits_rows_at_line_breaks_as_the_page_says(read, landed):
    option = "multiLine=True, "
    assert len(read("spark", *WITHOUT[option], option)["rows"]) > len(landed.found(*WITHOUT[option][1:]))
