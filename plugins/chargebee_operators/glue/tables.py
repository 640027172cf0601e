"""Glue's description of a table over Parquet files, made new or from the one that exists. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from chargebee_operators.common.exceptions import CatalogRefusedError
from chargebee_operators.common.foreign_text import clean, printable
from chargebee_operators.formats.column_types import DECIMAL, TIMESTAMP
from chargebee_operators.glue.projection import covers, projection, values_of
from chargebee_operators.partition.table_folders import Column, TableFolder

# A parameter of the tables that this package has made.
MARK, OURS = "created_by", "chargebee_operators"

# What Athena writes for STORED AS PARQUET.
_HIVE = "org.apache.hadoop.hive.ql.io.parquet"
_PARQUET = {
    "InputFormat": f"{_HIVE}.MapredParquetInputFormat",
    "OutputFormat": f"{_HIVE}.MapredParquetOutputFormat",
    "SerdeInfo": {
        "SerializationLibrary": f"{_HIVE}.serde.ParquetHiveSerDe",
        "Parameters": {"serialization.format": "1"},
    },
}
_TYPES = {"bool": "boolean", "int32": "int", "int64": "bigint", "float64": "double", "date": "date"}
# What UpdateTable takes of what GetTable returns.
_KEPT = (
    *("Name", "Description", "Owner", "LastAccessTime", "LastAnalyzedTime", "Retention", "StorageDescriptor"),
    *("PartitionKeys", "ViewOriginalText", "ViewExpandedText", "TableType", "Parameters", "TargetTable"),
)
# A comment has at most 255 bytes, in one line.
_MOST_OF_COMMENT = 60


def glue_type(kind: str) -> str:
    """Return Glue's type for one of ``column_types``, as it is written in the Parquet files."""
    if match := DECIMAL.fullmatch(kind):
        return f"decimal({match[1]},{match[2]})"
    return "timestamp" if TIMESTAMP.fullmatch(kind) else _TYPES.get(kind, "string")


def check_is_ours(table: Mapping[str, Any], folder: TableFolder, bucket: str) -> None:
    """Refuse to change a table that is not this package's, or is over other files.

    :param table: as Glue has it.
    :param folder: what it should be over.
    :raises CatalogRefusedError: with what to do.
    """
    name = f"{table.get('DatabaseName')}.{table['Name']}"
    if (table.get("Parameters") or {}).get(MARK) != OURS:
        raise CatalogRefusedError(
            f"Glue table {name} exists, and this package has not made it: it is left as it is. Choose another glue_database, "
            "or drop the table if nobody needs it."
        )
    location = (table.get("StorageDescriptor") or {}).get("Location", "")
    if location.rstrip("/") != location_of(folder, bucket).rstrip("/"):
        raise CatalogRefusedError(
            f"Glue table {name} is over {clean(location)}, but the files are in {location_of(folder, bucket)}: it is left as it "
            "is. Choose another glue_database for another bucket or prefix, or drop the table: the next run makes it again."
        )
    keys = tuple(each["Name"] for each in table.get("PartitionKeys") or ())
    if keys != folder.partition_keys:
        raise CatalogRefusedError(
            f"Glue table {name} has the partitions {clean(', '.join(keys))}, and the keys of the files have "
            f"{clean(', '.join(folder.partition_keys))}. Drop the table: the next run makes it again."
        )


def has_all(table: Mapping[str, Any], values: Mapping[str, Collection[str]]) -> bool:
    """Return whether a table has these partitions.

    :param values: of each partition.
    """
    parameters = table.get("Parameters") or {}
    return all(covers(parameters, key, each) for key, each in values.items())


def other_types(table: Mapping[str, Any], folder: TableFolder) -> dict[str, tuple[str, str]]:
    """Return the columns that have another type in the table: name -> type there, type in the files."""
    known = {each["Name"]: each.get("Type", "") for each in _columns(table)}
    types = {name: glue_type(column.kind) for name, column in folder.columns.items()}
    return {name: (known[name], kind) for name, kind in types.items() if known.get(name, kind) != kind}


def check_types(table: Mapping[str, Any], folder: TableFolder) -> None:
    """Refuse to change the type of a column: Athena can't read a file that has another one.

    :param folder: as all manifests describe it.
    :raises CatalogRefusedError: with both types and what to do.
    """
    for column, (before, now) in other_types(table, folder).items():
        raise CatalogRefusedError(
            f"Column {clean(repr(column))} of Glue table {table.get('DatabaseName')}.{table['Name']} is {clean(before)}, and "
            f"{now} in all files. If the type in Glue is wrong, drop the table: the next run makes it again, from all "
            "manifests."
        )


def table_input(
    folder: TableFolder, bucket: str, values: Mapping[str, Collection[str]], table: Mapping[str, Any] | None = None
) -> dict[str, Any] | None:
    """Return the description of a table, as CreateTable and UpdateTable take it; None when it needs no change.

    New columns come last, for that is where Glue adds them, and none is left out. What others have added to the table
    stays: columns, comments, parameters.

    :param folder: what the table is over.
    :param bucket: that of the files.
    :param values: of each partition.
    :param table: as Glue has it; None when it does not exist.
    """
    made = {each: table[each] for each in _KEPT if each in table} if table else _new(folder, bucket)
    columns = _columns(made)
    known = {each["Name"] for each in columns}
    columns += [_column(name, each) for name, each in folder.columns.items() if name not in known]
    parameters = dict(made.get("Parameters") or {})
    for key in folder.partition_keys:
        if not covers(parameters, key, values[key]):
            old = values_of(parameters, key)
            parameters = {name: each for name, each in parameters.items() if not name.startswith(f"projection.{key}.")}
            parameters |= {"projection.enabled": "true", **projection(key, {*values[key], *old})}
    wanted = {
        **made,
        "Parameters": parameters,
        "StorageDescriptor": {**made["StorageDescriptor"], "Columns": columns},
    }
    return None if table and wanted == made else wanted


def location_of(folder: TableFolder, bucket: str) -> str:
    """Return where a table's files are."""
    return f"s3://{bucket}/{folder.folder}"


def _new(folder: TableFolder, bucket: str) -> dict[str, Any]:
    return {
        "Name": folder.name,
        "Description": f"Chargebee exports of {folder.resource}",
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", "classification": "parquet", MARK: OURS},
        "PartitionKeys": [{"Name": each, "Type": "string"} for each in folder.partition_keys],
        "StorageDescriptor": {**_PARQUET, "Location": location_of(folder, bucket), "Columns": []},
    }


def _column(name: str, column: Column) -> dict[str, str]:
    made = {"Name": name, "Type": glue_type(column.kind)}
    if column.exported != name:
        made["Comment"] = printable(clean(column.exported, _MOST_OF_COMMENT))
    return made


def _columns(table: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list((table.get("StorageDescriptor") or {}).get("Columns") or ())
