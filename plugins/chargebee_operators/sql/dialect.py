"""One SQL dialect: names, types, tables over files, and times. Pure.

A table is made over the whole folder, not over its Hive partitions: a partition that is written tomorrow is then in it,
without a crawler or a repair. Only Snowflake needs a command for new files (``ALTER EXTERNAL TABLE ... REFRESH``), and so does
a session of Spark that has read the table before (``REFRESH TABLE``). The partitions' values come from the path of each file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.formats.column_types import DECIMAL, TIMESTAMP
from chargebee_operators.partition.table_folders import TableFolder

# Bytes that DuckDB reads of a CSV file at a time: as many as it takes for the longest row, by default.
_DUCKDB_BUFFER = 2 << 20


@dataclass(frozen=True)
class Place:
    """Where the tables are made, and where their files are.

    :param files: what comes before a key: ``s3://my-bucket/``, a folder, or a stage of Snowflake.
    :param schema: the schema or database of the tables; empty for the current one.
    """

    files: str
    schema: str = ""


class Dialect:
    """One SQL dialect. This class is DuckDB's; the others differ from it.

    :param place: where tables and files are.
    """

    name = "duckdb"
    text = "VARCHAR"
    types = {"bool": "BOOLEAN", "int32": "INTEGER", "int64": "BIGINT", "float64": "DOUBLE", "date": "DATE"}
    instant, time = "TIMESTAMPTZ", "TIMESTAMP"
    reads_csv = True

    def __init__(self, place: Place) -> None:
        self.place = place

    def quoted(self, name: str) -> str:
        """Return a column's or table's name as it is written in a query."""
        return '"' + name.replace('"', '""') + '"'

    def table(self, name: str) -> str:
        """Return a table's or view's name with its schema."""
        return f"{self.quoted(self.place.schema)}.{self.quoted(name)}" if self.place.schema else self.quoted(name)

    def type_of(self, kind: str) -> str:
        """Return the type for one of ``column_types``."""
        if match := DECIMAL.fullmatch(kind):
            return f"DECIMAL({match[1]}, {match[2]})"
        if match := TIMESTAMP.fullmatch(kind):
            return self.instant if match[2] else self.time
        return self.types.get(kind, self.text)

    def check(self, folder: TableFolder) -> None:
        """Refuse a folder that the dialect can't read.

        :raises SettingsError: with what to do.
        """
        if folder.format != "parquet" and not self.reads_csv:
            raise SettingsError(
                f"Table {folder.table} is written as {folder.format}. {self.name.capitalize()} takes the columns of CSV "
                "files by their position and splits rows at line breaks in quotes, so a new column would shift all others. "
                "Set file_format='parquet' and export the windows again."
            )

    def create_table(self, name: str, folder: TableFolder) -> list[str]:
        """Return the statements that make a table over a folder, or make it anew with more columns; and perhaps a comment."""
        names = [*folder.columns, *folder.partition_keys]
        hive = ", ".join(f"{self.quoted(each)}: VARCHAR" for each in folder.partition_keys)
        options = ["union_by_name = true", f"hive_partitioning = {'true' if hive else 'false'}"]
        options += [f"hive_types = {{{hive}}}"] if hive else []
        if folder.format == "parquet":
            reader, ending = "read_parquet", "parquet"
        else:
            reader, ending = "read_csv", folder.format
            # DuckDB reserves a buffer for each file of the folder at once, and its own size of 32 MB is too much for a year.
            options += [
                f"buffer_size = {_DUCKDB_BUFFER}",
                "header = true",
                "all_varchar = true",
                "delim = ','",
                "quote = '\"'",
                "escape = '\"'",
            ]
        files = text(f"{self.place.files}{folder.folder}**/*.{ending}")
        return [
            f"CREATE OR REPLACE VIEW {self.table(name)} AS\nSELECT {self.listed(names)}\n"
            f"FROM {reader}({files}, {', '.join(options)})"
        ]

    def partition_value(self, key: str) -> str:
        """Return the expression for the value of a Hive partition of a table's row."""
        return self.quoted(key)

    def view(self, name: str) -> str:
        """Return a view's name with its schema."""
        return self.table(name)

    def create_view(self, name: str, query: str) -> str:
        """Return the statement that makes a view, or replaces it."""
        return f"CREATE OR REPLACE VIEW {self.view(name)} AS\n{query}"

    def seconds_of_key(self, value: str) -> str:
        """Return the epoch seconds of a partition's value: ``20261123T000000Z``."""
        return f"CAST(epoch(strptime({value}, '%Y%m%dT%H%M%SZ')) AS BIGINT)"

    def seconds_of(self, value: str, kind: str) -> str | None:
        """Return the epoch seconds of a column's value; None when its type is no instant.

        :param kind: its type; ``string`` for ISO 8601 with a zone.
        """
        if kind in ("int32", "int64"):
            return value
        match = TIMESTAMP.fullmatch(kind)
        if match and match[2]:
            return self._seconds_of_instant(value)
        return self._seconds_of_text(value) if kind == "string" else None

    def _seconds_of_instant(self, value: str) -> str:
        return f"epoch({value})"

    def _seconds_of_text(self, value: str) -> str:
        return f"epoch(CAST({value} AS TIMESTAMPTZ))"

    def listed(self, names: list[str]) -> str:
        """Return columns' names, separated by commas."""
        return ", ".join(map(self.quoted, names))

    def _columns(self, folder: TableFolder, column: Callable[[str, str], str]) -> str:
        """Return the columns of a table's definition, one a line."""
        return ",\n".join(f"  {column(name, self.type_of(each.kind))}" for name, each in folder.columns.items())


def text(value: str) -> str:
    """Return a text as a literal."""
    return "'" + value.replace("'", "''") + "'"
