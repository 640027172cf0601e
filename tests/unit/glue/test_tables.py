"""The description of a Glue table: made from what files have, and never less than what it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from chargebee_operators.common.exceptions import CatalogRefusedError, SettingsError
from chargebee_operators.glue.arguments import check_database, check_folder, check_upload_args
from chargebee_operators.glue.tables import check_is_ours, check_types, glue_type, other_types, table_input
from chargebee_operators.partition.table_folders import Column, TableFolder

VALUES = {"site": {"acme"}, "window_start": {"20261123T000000Z"}}
FOLDER = "chargebee/windows/customers/"


def folder(columns: Mapping[str, str], **changes: Any) -> TableFolder:
    """Return a folder whose columns have those types."""
    named = {name: Column(name.replace("_", " ").title(), kind) for name, kind in columns.items()}
    arguments = {
        "table": "customers",
        "resource": "customers",
        "folder": FOLDER,
        "partition_keys": ("site", "window_start"),
        "format": "parquet",
        "columns": named,
        "values": VALUES,
    }
    return TableFolder(**{**arguments, **changes})


def in_glue(columns: Mapping[str, str], **changes: Any) -> dict[str, Any]:
    """Return a table as GetTable would return it."""
    made = table_input(folder(columns), "bucket", VALUES)
    assert made is not None
    return {**made, "DatabaseName": "chargebee", "VersionId": "3", "CreatedBy": "someone", **changes}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("string", "string"),
        ("bool", "boolean"),
        ("int32", "int"),
        ("int64", "bigint"),
        ("float64", "double"),
        ("date", "date"),
        ("decimal(18, 2)", "decimal(18,2)"),
        ("timestamp[s, UTC]", "timestamp"),
        ("timestamp[us]", "timestamp"),
    ],
)
def test_types(kind, expected):
    assert glue_type(kind) == expected


def test_a_new_table():
    made = table_input(folder({"customer_id": "string", "id": "int64"}), "bucket", VALUES)
    assert made is not None
    assert (made["Name"], made["TableType"]) == ("customers", "EXTERNAL_TABLE")
    assert made["StorageDescriptor"]["Location"] == f"s3://bucket/{FOLDER}"
    assert made["StorageDescriptor"]["Columns"] == [
        {"Name": "customer_id", "Type": "string", "Comment": "Customer Id"},
        {"Name": "id", "Type": "bigint", "Comment": "Id"},
    ]
    assert made["PartitionKeys"] == [{"Name": "site", "Type": "string"}, {"Name": "window_start", "Type": "string"}]
    assert made["Parameters"] == {
        "EXTERNAL": "TRUE",
        "classification": "parquet",
        "created_by": "chargebee_operators",
        "projection.enabled": "true",
        "projection.site.type": "enum",
        "projection.site.values": "acme",
        "projection.window_start.type": "enum",
        "projection.window_start.values": "20261123T000000Z",
    }


def test_nothing_is_written_when_nothing_has_changed():
    table = in_glue({"id": "string", "name": "string"})
    assert table_input(folder({"id": "string"}), "bucket", VALUES, table) is None


def test_new_columns_come_last_and_none_is_dropped():
    table = in_glue({"id": "string", "gone": "int32"})
    made = table_input(folder({"first": "date", "id": "string"}), "bucket", VALUES, table)
    assert made is not None
    assert [each["Name"] for each in made["StorageDescriptor"]["Columns"]] == ["id", "gone", "first"]
    assert not {"DatabaseName", "VersionId", "CreatedBy"} & made.keys(), "which UpdateTable does not take"


def test_what_others_added_to_the_table_stays():
    table = in_glue({"id": "string"}, Description="Ask Jo", Owner="finance")
    table["Parameters"]["team"] = "billing"
    table["StorageDescriptor"]["Columns"][0]["Comment"] = "the key"
    made = table_input(folder({"id": "string", "name": "string"}), "bucket", VALUES, table)
    assert made is not None
    assert (made["Description"], made["Owner"], made["Parameters"]["team"]) == ("Ask Jo", "finance", "billing")
    assert made["StorageDescriptor"]["Columns"][0]["Comment"] == "the key"


def test_a_new_window_and_a_new_site_join_the_others():
    values = {"site": {"other"}, "window_start": {"20261124T000000Z"}}
    made = table_input(folder({"id": "string"}), "bucket", values, in_glue({"id": "string"}))
    assert made is not None
    assert made["Parameters"]["projection.site.values"] == "acme,other"
    assert made["Parameters"]["projection.window_start.values"] == "20261123T000000Z,20261124T000000Z"


def test_a_changed_type_is_told_with_both_types():
    table = in_glue({"amount": "string"})
    now = folder({"amount": "decimal(18, 2)"})
    assert other_types(table, now) == {"amount": ("string", "decimal(18,2)")}
    with pytest.raises(CatalogRefusedError, match=r"'amount' of Glue table chargebee.customers is string, and decimal"):
        check_types(table, now)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Parameters": {"classification": "parquet"}}, "customers exists, and this package has not made it"),
        ({"Parameters": None}, "has not made it"),
        (
            {"StorageDescriptor": {"Location": "s3://other/x/"}},
            "is over s3://other/x/, but the files are in s3://bucket/charge",
        ),
        ({"PartitionKeys": []}, "has the partitions , and the keys of the files have site, window_start"),
    ],
)
def test_a_table_of_someone_else_is_left_as_it_is(changes, message):
    with pytest.raises(CatalogRefusedError, match=message):
        check_is_ours(in_glue({"id": "string"}, **changes), folder({"id": "string"}), "bucket")


KEY = f"{FOLDER}site=acme/window_start=20261123T000000Z/Customers.parquet"


@pytest.mark.parametrize(
    ("changes", "key", "message"),
    [
        (
            {"format": "csv.gz"},
            KEY,
            "Glue table of customers needs file_format 'parquet', but it is 'csv.gz': Athena finds",
        ),
        ({"folder": "chargebee/"}, KEY, "where other tables may have files too"),
        ({}, f"{FOLDER}site=acme/part/window_start=20261123T000000Z/c.parquet", "has a folder that is no partition"),
        (
            {"columns": {"Customer Id": Column("Customer Id", "string")}},
            KEY,
            "Athena takes no column called 'Customer Id'",
        ),
    ],
)
def test_files_over_which_no_table_can_be_made_are_refused(changes, key, message):
    check_folder(folder({"id": "string"}), [KEY])
    with pytest.raises(SettingsError, match=message):
        check_folder(replace(folder({"id": "string"}), **changes), [key])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"Site": {"acme"}}, "partition 'Site'.* write the name in small letters"),
        ({"hour": {"2026-11-23T00:00:00Z"}}, "partition 'hour=2026-11-23T00:00:00Z'.*dt={window_start:.10}"),
        ({"dt": {""}}, "partition 'dt='"),
        ({"dt": {"a,b"}}, "partition 'dt=a,b'"),
    ],
)
def test_a_partition_whose_files_athena_would_not_find_is_refused(values, message):
    """Glue folds names, and Hive escapes a colon in a path: Athena would show no rows, without an error."""
    check_folder(replace(folder({"id": "string"}), values=VALUES), [KEY])
    with pytest.raises(SettingsError, match=message):
        check_folder(replace(folder({"id": "string"}), values={**VALUES, **values}), [KEY])


@pytest.mark.parametrize("name", ["", "Chargebee", "my-database", "a b", None, 3, "x" * 256])
def test_a_name_that_athena_would_not_take_is_refused(name):
    check_database("database", "chargebee_2")
    with pytest.raises(SettingsError, match="database is .*: give the name of a Glue database"):
        check_database("database", name)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"file_format": "csv.gz"}, "needs file_format 'parquet', but it is 'csv.gz': .* by their position"),
        ({"parquet_column_names": "as_exported"}, "leave parquet_column_names at 'snake_case'"),
        ({"object_name": "{partition}/{member}-{attempt}{suffix}"}, r"put \{table\}/ into it"),
    ],
)
def test_an_upload_that_cannot_be_registered_is_refused(arguments, message):
    check_upload_args(
        "glue_database", {"file_format": "parquet", "object_name": "{table}/{partition}/{member}.parquet"}
    )
    with pytest.raises(SettingsError, match=message):
        check_upload_args("glue_database", {"file_format": "parquet", **arguments})
