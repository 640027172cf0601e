"""Readers that nobody here wrote read what the operators have written, by the lines that docs/data.md prints, and by SQL.

Each reader runs in an environment of its own, with today's releases: ``requirements-readers.txt``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Template

from chargebee_operators.chargebee.windows import iso
from chargebee_operators.formats.column_names import snake_name
from chargebee_operators.sql.dialect import Place
from chargebee_operators.sql.manifests import read_manifests
from chargebee_operators.sql.statements import statements
from support.pages import ROOT, block
from support.readable import BUCKET, FORMATS, Readable
from support.readers_python import in_readers
from support.written_tables import Bucket, day

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

SQL_ENGINES = ("duckdb", "spark")
MODELS = ROOT / "examples" / "dbt" / "models"
VIEWS = {
    "landed": ("customers_latest", "invoices_latest", "invoices__line_items_latest"),
    "history": ("customers_latest", "invoices_latest", "invoices__line_items_latest"),
}
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
    from_s3 = "fs.FileSystem" in code
    orders: list[dict[str, Any]] = []
    for file_format, what, table, *without in readings:
        root = f"s3://{BUCKET}/{file_format}" if from_s3 else f"{landed.folder}/{file_format}"
        aimed = code.replace(ADDRESS, root).replace("windows/customers", f"{what}/{table}")
        for option in without:
            assert option in aimed
            aimed = aimed.replace(option, "")
        orders.append({"format": file_format, "code": aimed})
    if reader in SQL_ENGINES:
        for name, schema, statements in sql_of(landed, reader, folder):
            readings.append(("sql", schema, name))
            orders.append({"engine": reader, "sql": statements})
    return dict(zip(readings, run(orders, folder, s3), strict=True))


def sql_of(landed: Readable, dialect: str, folder: Path) -> Iterator[tuple[str, str, list[str]]]:
    """Yield the statements for all that was written, and those that read each view; each with a name, and its schema."""
    for schema, location in {"landed": landed.folder / "parquet", "history": history(folder / "history")}.items():
        found = read_manifests(str(location))
        made = list(statements(found.manifests, dialect, Place(found.files, schema)))
        yield "everything", schema, [f"CREATE SCHEMA {schema}", *(each for each in made if not each.startswith("--"))]
        for view in VIEWS[schema]:
            yield view, schema, [f"SELECT * FROM {schema}.{view}"]
    for model in MODELS.glob("*.sql"):
        query = Template(model.read_text()).render(source=lambda _, table: f"landed.{table}")
        yield model.stem, "dbt", [query]


def history(folder: Path) -> Path:
    """Write what real exports rarely have on three days: deletions, ids that are used again, versions, times with a type."""
    bucket = Bucket(folder)
    types = {"updated_at": "timestamp[s, UTC]", "occurred_at": "timestamp[s, UTC]", "resource_version": "int64"}
    header = ["Customer Id", "Email", "Updated At", "Resource Version"]

    def changed(record: str, email: str, when: float, version: int) -> list[Any]:
        return [record, email, iso(day(when)), version]

    def deleted(record: str, when: float, version: int | str, resource: str = "customers") -> list[Any]:
        return [resource, record, iso(day(when)), f"ev_{record}", f"{resource}_deleted", "api", version]

    first = [changed(each, "first", 0.5, 5) for each in ("kept", "gone", "again", "later", "'+49", "'+7")]
    bucket.window("customers", day(0), day(1), {"customers": [header, *first]}, types=types)
    bucket.snapshot("customers", day(1), {"customers": [header, changed("kept", "snapshot", 0.9, 6)]}, types=types)
    second = [changed("again", "second", 1.9, 9), changed("later", "older", 0.1, 4)]
    bucket.window("customers", day(1), day(2), {"customers": [header, *second]}, types=types)
    columns = ["resource", "id", "occurred_at", "event_id", "event_type", "source", "resource_version"]
    gone = [
        deleted("gone", 1.2, 7),
        deleted("+49", 1.2, 7),
        deleted("again", 1.2, 7),
        deleted("I2", 1.5, "", "invoices"),
    ]
    bucket.window("deleted_records", day(1), day(2), {"deleted_records": [columns, *gone]}, types=types)
    invoices = {
        "invoices": [["Invoice Number", "Status"], ["I1", "due"], ["I2", "due"]],
        "invoices__line_items": [["Invoice Number", "Line"], ["I1", "a"], ["I1", "b"], ["I2", "c"]],
    }
    bucket.window("invoices", day(0), day(1), invoices)
    paid = {"invoices": [["Invoice Number", "Status"], ["I1", "paid"]]}
    paid["invoices__line_items"] = [["Invoice Number", "New", "Line"], ["I1", "n", "a"]]
    bucket.window("invoices", day(1), day(2), paid)
    return folder


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


@pytest.mark.parametrize("engine", SQL_ENGINES)
def test_the_sql_that_is_printed_runs(read, engine):
    for schema in VIEWS:
        assert read(engine, "sql", schema, "everything") == {"rows": []}


@pytest.mark.parametrize("engine", SQL_ENGINES)
def test_the_view_of_what_was_landed_has_the_newest_row_of_each_record(read, landed, engine):
    """The windows and the snapshot were exported one after the other; the last row of a record is the newest one."""
    rows = read(engine, "sql", "landed", "customers_latest")["rows"]
    by_time = [*landed.found("windows", "customers"), *landed.found("snapshots", "customers")]
    newest = {row["Customer Id"]: row for row in by_time}
    # A snapshot of the 23rd knows all that changed before it.
    assert {row["customer_id"] for row in rows} == set(newest) and len(rows) == len(newest) == 8
    assert {row["customer_id"]: row["company"] for row in rows if row["taken_at"]} == {
        row["Customer Id"]: row["Company"] or None for row in landed.found("snapshots", "customers")
    }


@pytest.mark.parametrize("engine", SQL_ENGINES)
def test_related_rows_are_those_of_the_newest_invoices(read, landed, engine):
    rows = read(engine, "sql", "landed", "invoices__line_items_latest")["rows"]
    newest = {row["Invoice Number"]: row["window_start"] for row in landed.found("windows", "invoices")}
    lines = [
        row
        for row in landed.found("windows", "invoices__line_items")
        if newest[row["Invoice Number"]] == row["window_start"]
    ]
    assert sorted(row["line_item_id"] for row in rows) == sorted(row["Line Item Id"] for row in lines) != []
    quantities = {row["Line Item Id"]: row["Quantity"] for row in lines}
    assert {row["line_item_id"]: row["quantity"] for row in rows} == quantities


@pytest.mark.parametrize("engine", SQL_ENGINES)
def test_deleted_records_are_not_in_the_views_unless_their_id_was_used_again(read, engine):
    def columns(view: str, *names: str) -> list[tuple[str, ...]]:
        return sorted(tuple(row[name] for name in names) for row in read(engine, "sql", "history", view)["rows"])

    assert columns("customers_latest", "customer_id", "email") == [
        ("'+7", "first"),
        ("again", "second"),
        ("kept", "snapshot"),
        ("later", "first"),
    ]
    assert columns("invoices_latest", "invoice_number", "status") == [("I1", "paid")]
    assert columns("invoices__line_items_latest", "invoice_number", "line", "new") == [("I1", "a", "n")]


@pytest.mark.parametrize("engine", SQL_ENGINES)
def test_the_models_of_the_dbt_project_sum_up_the_invoices(read, landed, engine):
    invoices = {row["Invoice Number"]: row for row in landed.found("windows", "invoices") if row["Status"] != "Voided"}
    total = sum(Decimal(row["Amount"]) for row in invoices.values())
    months = {
        datetime.strptime(row["Invoice Date"], "%d-%b-%Y %H:%M").strftime("01-%b-%Y 00:00") for row in invoices.values()
    }
    by_month = read(engine, "sql", "dbt", "revenue_by_month")["rows"]
    assert {row["invoice_month"] for row in by_month} == months != set()
    by_customer = read(engine, "sql", "dbt", "revenue_by_customer")["rows"]
    assert {row["customer_id"] for row in by_customer} >= {
        row["Customer Id"] for row in landed.found("windows", "customers")
    }
    for rows in (by_month, by_customer):
        assert sum(int(row["invoices"]) for row in rows) == len(invoices) > 0
        assert sum(Decimal(row["amount"] or 0) for row in rows) == total
