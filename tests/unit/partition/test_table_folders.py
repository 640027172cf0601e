"""The tables that manifests describe: their folders, partitions, columns over time, and what can't be one table."""

from __future__ import annotations

from typing import Any

import pytest

from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.partition.table_folders import Column, table_folders

WINDOW = ("2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z")


def manifest(*files: dict[str, Any], at: str = "1", form: str = "parquet", **job: Any) -> dict[str, Any]:
    start, end = WINDOW
    record = {"resource": "invoices", "window_start": start, "window_end": end, **job}
    return {"job": record, "committed_at": at, "format": form, "files": list(files)}


def file(
    name: str = "a",
    table: str = "invoices",
    folder: str = "p/windows",
    part: str = "window_start=20261123T000000Z",
    **more: Any,
) -> dict[str, Any]:
    return {"key": f"{folder}/{table}/site=acme/{part}/{name}.parquet", "table": table, "columns": ["id"], **more}


def test_each_folder_is_a_table_with_its_partitions():
    lines = file(table="invoices__line_items")
    snapshot = file(folder="p/snapshots", part="taken_at=20261124T000000Z")
    own, shots, related = table_folders(
        [manifest(file(), lines), manifest(snapshot, window_start=None, window_end=None)]
    )[0:3]
    found = {each.name: each for each in (own, shots, related)}
    assert sorted(found) == ["invoices", "invoices__line_items", "invoices__snapshots"]
    assert found["invoices"].folder == "p/windows/invoices/"
    assert found["invoices"].partition_keys == ("site", "window_start")
    assert found["invoices__snapshots"].partition_keys == ("site", "taken_at")
    assert {each.resource for each in found.values()} == {"invoices"}
    assert found["invoices"].windows == {("acme", "20261123T000000Z"): 86400}
    assert found["invoices__snapshots"].windows == {}


def test_columns_are_those_of_all_files_in_the_order_of_the_commits():
    """Whatever the order in which the manifests are read."""
    later = file(columns=["id", "region", "status"], exported_columns=["Id", "Region", "Status"])
    first = file(columns=["id", "status", "gone"], exported_columns=["ID", "Status", "Gone"])
    (folder,) = table_folders([manifest(later, at="2"), manifest(first, at="1")])
    assert list(folder.columns) == ["id", "status", "gone", "region"]
    assert folder.columns["id"] == Column("Id", "string")  # as it was spelled last


def test_types_are_those_of_the_files():
    (folder,) = table_folders([manifest(file(columns=["id", "total"], column_types={"total": "decimal(18, 2)"}))])
    assert [each.kind for each in folder.columns.values()] == ["string", "decimal(18, 2)"]


def test_a_column_of_two_types_is_refused():
    other = file(name="b", column_types={"id": "int64"})
    with pytest.raises(
        SettingsError, match="Column 'id' of table invoices is string in earlier files and int64 in p/windows"
    ):
        table_folders([manifest(file()), manifest(other, at="2")])


def test_two_formats_in_a_folder_are_refused():
    with pytest.raises(SettingsError, match="holds files of two formats, 'parquet' and 'csv.gz'"):
        table_folders([manifest(file()), manifest(file(), at="2", form="csv.gz")])


def test_two_tables_in_a_folder_are_refused():
    """One folder for all tables of a partition is a layout that no reader takes for tables."""
    files = [{"key": f"p/window_start=20261123T000000Z/{name}.parquet", "table": name, "columns": []} for name in "ab"]
    with pytest.raises(SettingsError, match="The folder 'p/' holds files of two tables, 'a' and 'b'"):
        table_folders([manifest(*files)])


def test_a_flat_layout_has_a_table_without_partitions():
    (folder,) = table_folders([manifest({"key": "exports/Invoices.parquet", "table": "invoices", "columns": ["id"]})])
    assert (folder.folder, folder.partition_keys, folder.windows) == ("exports/", (), {})


def test_what_is_no_manifest_and_what_is_a_zip_is_passed_over():
    assert (
        table_folders([{"files": [file()]}, manifest(file(), form="zip"), manifest(), {"job": {}, "files": "x"}]) == []
    )
