"""Parquet in the bucket: names that every reader takes, types given once for all tables, and what the manifest says."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow.parquet as pq
import pytest

from chargebee_operators.common.exceptions import ColumnsChangedError, ConversionError, SettingsError
from chargebee_operators.formats.column_types import ColumnTypes
from chargebee_operators.formats.parquet import ParquetSettings
from support import landing
from support.landing import Store, job_of
from support.odd_exports import task_log_lines
from support.zips import made

INVOICES = b"Invoice Number,Customer Id,Invoice Date,Amount,site\nI1,c1,23-Nov-2026 09:15,10.50,de\n"
LINE_ITEMS = b"Invoice Number,Line Item Id,Quantity,Date From\nI1,L1,2,23-Nov-2026 00:00\n"
DAYS = [("2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z"), ("2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z")]


@pytest.fixture
def store(aws: Any, bucket: str) -> Store:
    return Store(aws.client(), bucket)


def land(
    store: Store,
    members: Mapping[str, bytes],
    types: Mapping[str, str] | None = None,
    day: int = 0,
    timezone: str | None = "UTC",
    column_names: str = "snake_case",
    templates: Mapping[str, str] | None = None,
    **checks: Any,
) -> dict[str, Any]:
    start, end = DAYS[day]
    job = job_of(f"day{day}", resource="invoices", window_field="date", window_start=start, window_end=end)
    parquet = ParquetSettings(ColumnTypes(types), column_names, timezone)
    data = made([*members.items()])
    return landing.land_archive(store, job, data, "parquet", templates, parquet=parquet, window_check="off", **checks)


def table(store: Store, manifest: Mapping[str, Any], name: str) -> Any:
    (file,) = [each for each in manifest["files"] if each["table"] == name]
    return pq.read_table(io.BytesIO(store.body(file["key"])))


BOTH = {"Invoices.csv": INVOICES, "LineItems.csv": LINE_ITEMS}


def test_names_are_snake_case_and_the_manifest_has_both(store):
    manifest = land(store, BOTH)
    invoices, lines = manifest["files"]
    names = ["invoice_number", "customer_id", "invoice_date", "amount", "site_exported"]
    assert invoices["columns"] == names == table(store, manifest, "invoices").column_names
    assert invoices["exported_columns"] == ["Invoice Number", "Customer Id", "Invoice Date", "Amount", "site"]
    assert lines["columns"] == ["invoice_number", "line_item_id", "quantity", "date_from"]


def test_no_column_is_called_like_a_partition_of_the_layout(store):
    layout = {"object_name": "{table}/Customer_ID=1/{partition}/{member}{suffix}", "manifest_name": "{partition}.json"}
    for style, name in [("snake_case", "customer_id_exported"), ("as_exported", "Customer Id")]:
        manifest = land(store, {"Invoices.csv": INVOICES}, column_names=style, templates=layout)
        assert manifest["files"][0]["columns"][1] == name


def test_types_are_given_once_for_all_tables(store):
    types = {
        "*_date": "timestamp[s, UTC]",
        "date_*": "date",
        "invoices.amount": "decimal(18, 2)",
        "*.quantity": "int32",
    }
    manifest = land(store, BOTH, types, timezone="Europe/Berlin")
    invoices, lines = manifest["files"]
    assert invoices["column_types"] == {"invoice_date": "timestamp[s, UTC]", "amount": "decimal(18, 2)"}
    assert lines["column_types"] == {"quantity": "int32", "date_from": "date"}
    [row] = table(store, manifest, "invoices").to_pylist()
    assert row["invoice_date"] == datetime(2026, 11, 23, 8, 15, tzinfo=UTC)


def test_a_time_without_a_zone_is_no_instant_unless_window_timezone_says_which(store):
    with pytest.raises(ConversionError, match=r"Invoices.csv: column 'invoice_date' of row 1 has no time zone"):
        land(store, BOTH, {"invoice_date": "timestamp[s, UTC]"}, timezone=None)
    assert store.keys() == []


@pytest.mark.parametrize("quiet", [{}, {"LineItems.csv": b""}], ids=["absent", "zero bytes"])
def test_a_quiet_day_lands_though_a_type_names_a_column_that_it_lacks(store, quiet):
    types = {"quantity": "int32", "Line Item Id": "string"}
    with task_log_lines() as lines:
        manifest = land(store, {"Invoices.csv": INVOICES, **quiet}, types)
    assert manifest["warnings"] == []
    assert any("column_types names quantity and Line Item Id, but no column is called so" in line for line in lines)


def test_columns_that_are_known_from_the_day_before_are_no_news_on_a_quiet_day(store):
    types = {"quantity": "int32", "invoices__line_items.line_item_id": "string"}
    land(store, BOTH, types)
    with task_log_lines() as lines:
        assert land(store, {"Invoices.csv": INVOICES}, types, day=1)["warnings"] == []
    assert not [line for line in lines if "column_types" in line]
    assert any("The files are not those of the partition before (LineItems removed)." in line for line in lines)


@pytest.mark.parametrize("key", ["quantty", "invoices__line_items.quantty"])
def test_a_misspelt_column_is_found_by_the_day_before(store, key):
    land(store, BOTH)
    before = store.keys()
    with pytest.raises(SettingsError, match=f"no file of the export has a column '{key}' .did you mean"):
        land(store, {"Invoices.csv": INVOICES}, {key: "int32"}, day=1)
    assert store.keys() == before


def test_a_column_that_no_day_has_had_is_warned_of(store):
    land(store, BOTH)
    manifest = land(store, BOTH, {"creation": "date"}, day=1)
    assert manifest["warnings"] == [
        "column_types names creation, but no column is called so in this export or in "
        f"{store.root}manifests/invoices/site=acme/window_start=20261123T000000Z.json."
    ]


def test_other_names_in_parquet_are_no_other_columns(store):
    land(store, BOTH)
    manifest = land(store, BOTH, day=1, column_names="as_exported", column_changes="fail")
    assert manifest["column_changes"] == {}
    moved = INVOICES.replace(b"Invoice Number,Customer Id", b"Customer Id,Invoice Number")
    with pytest.raises(ColumnsChangedError, match="Invoices: Customer Id moved"):
        land(store, {**BOTH, "Invoices.csv": moved}, day=1, column_changes="fail")


def test_the_hour_that_comes_twice_is_in_the_manifest(store):
    twice = INVOICES.replace(b"23-Nov-2026 09:15", b"25-Oct-2026 02:30")
    types = {"invoice_date": "timestamp[s, UTC]"}
    manifest = land(store, {"Invoices.csv": twice}, types, timezone="Europe/Berlin")
    [warning] = manifest["warnings"]
    assert warning.startswith("Invoices.csv: Column 'invoice_date' has 1 time in the hour that comes twice")
