"""What can be known to be wrong before a table is registered: the database's name, the format, the layout. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from chargebee_operators.common.argument_checks import is_template
from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.common.foreign_text import clean
from chargebee_operators.formats.column_names import AS_EXPORTED
from chargebee_operators.partition.table_folders import TableFolder

# What Athena takes without quotes: https://docs.aws.amazon.com/athena/latest/ug/tables-databases-columns-names.html
_DATABASE = re.compile(r"[a-z0-9_]{1,255}")
_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_]*")
# Hive writes other characters in the path of a partition as %3A, and a comma ends a value in the table's list.
_PLAIN_VALUE = re.compile(r"[A-Za-z0-9._-]+")


def check_database(name: str, value: Any) -> None:
    """Refuse what is no name of a database that Athena can query; a template is left for the run.

    :param name: the argument's, for the error.
    :raises SettingsError: for anything but small letters, digits and underscores.
    """
    if is_template(value):
        return
    if not isinstance(value, str) or not _DATABASE.fullmatch(value):
        raise SettingsError(
            f"{name} is {clean(repr(value))}: give the name of a Glue database, with a-z, 0-9 and underscores only, for "
            "example 'chargebee'."
        )


def check_format(name: str, file_format: Any) -> None:
    """Refuse to register files that are not Parquet.

    :param name: the argument that asks for the table, for the error.
    :raises SettingsError: for another format, with the reason.
    """
    if file_format != "parquet":
        raise SettingsError(
            f"{name} needs file_format 'parquet', but it is {clean(repr(file_format))}: Athena finds the columns of a CSV file "
            "by their position, so one new column in the middle would shift all others. Set file_format='parquet'."
        )


def check_upload_args(name: str, arguments: Mapping[str, Any]) -> None:
    """Refuse arguments of an upload whose files can't be registered.

    :param name: the setting that asks for the table, for the error.
    :param arguments: those of ``ChargebeeExportToS3Operator``.
    :raises SettingsError: for another format than Parquet, names as exported, or a layout without a folder for each table.
    """
    check_format(name, arguments.get("file_format"))
    if arguments.get("parquet_column_names") == AS_EXPORTED:
        raise SettingsError(
            f"{name} needs column names that Athena can read: leave parquet_column_names at 'snake_case'."
        )
    object_name = arguments.get("object_name")
    if object_name is not None and not is_template(object_name) and "{table}/" not in str(object_name):
        raise SettingsError(
            f"{name} needs a folder for each table, but object_name is {clean(repr(object_name))}: put {{table}}/ into it."
        )


def check_folder(folder: TableFolder, keys: list[str]) -> None:
    """Refuse files over which no table can be made.

    :param folder: of the table.
    :param keys: of its files.
    :raises SettingsError: with what to do.
    """
    check_format(f"The Glue table of {folder.table}", folder.format)
    if folder.folder.rstrip("/").rpartition("/")[2] != folder.table:
        raise SettingsError(
            f"The files of table {folder.table} are in the folder {clean(repr(folder.folder))}, where other tables may have "
            "files too. A Glue table needs a folder of its own: put {table}/ into object_name, before the partitions."
        )
    for key in keys:
        inside = key[len(folder.folder) :].split("/")[:-1]
        if any("=" not in each for each in inside):
            raise SettingsError(
                f"The key {clean(repr(key))} has a folder that is no partition between or behind the partitions, and Athena "
                "does not find such files: let object_name have nothing but partitions between {table}/ and the file's name."
            )
    for name, values in folder.values.items():
        _check_partition(folder, name, values)
    for name in folder.columns:
        if not _PLAIN_NAME.fullmatch(name):
            raise SettingsError(
                f"Athena takes no column called {clean(repr(name))} (table {folder.table}). Set "
                "parquet_column_names='snake_case' and export the windows again."
            )


def _check_partition(folder: TableFolder, name: str, values: Iterable[str]) -> None:
    if not _PLAIN_NAME.fullmatch(name):
        raise SettingsError(
            f"The keys of table {folder.table} have the partition {clean(repr(name))}. Glue makes its letters small, and then "
            "Athena does not find the files: write the name in small letters in object_name."
        )
    for value in values:
        if not _PLAIN_VALUE.fullmatch(value):
            raise SettingsError(
                f"The keys of table {folder.table} have the partition {clean(f'{name}={value}')!r}. Athena finds only files "
                "whose partitions have a value of letters, digits, dots, hyphens and underscores: use {partition} in "
                "object_name, or for example dt={window_start:.10}."
            )
