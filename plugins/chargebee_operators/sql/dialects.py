"""The SQL dialects other than DuckDB's. Pure."""

from __future__ import annotations

import re

from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.common.foreign_text import clean
from chargebee_operators.partition.table_folders import TableFolder
from chargebee_operators.sql.dialect import Dialect, text

_PLAIN_NAME = re.compile(r"[a-z][a-z0-9_]*")
# Words that Snowflake takes for a part of the language. (docs.snowflake.com/en/sql-reference/reserved-keywords)
_RESERVED = frozenset(
    (
        *("account", "all", "alter", "and", "any", "as", "between", "by", "case", "cast", "check", "column"),
        *("connect", "connection", "constraint", "create", "cross", "current", "current_date", "current_time"),
        *("current_timestamp", "current_user", "database", "delete", "distinct", "drop", "else", "exists"),
        *("false", "following", "for", "from", "full", "grant", "group", "gscluster", "having", "ilike", "in"),
        *("increment", "inner", "insert", "intersect", "into", "is", "issue", "join", "lateral", "left", "like"),
        *("localtime", "localtimestamp", "minus", "natural", "not", "null", "of", "on", "or", "order"),
        *("organization", "qualify", "regexp", "revoke", "right", "rlike", "row", "rows", "sample", "schema"),
        *("select", "set", "some", "start", "table", "tablesample", "then", "to", "trigger", "true", "try_cast"),
        *("union", "unique", "update", "using", "values", "view", "when", "whenever", "where", "with"),
    )
)


class Athena(Dialect):
    """Athena (engine version 3), whose tables are Hive's and whose queries are Trino's."""

    name = "athena"
    types = {**Dialect.types, "int32": "INT"}
    instant = time = "TIMESTAMP"
    reads_csv = False

    def check(self, folder: TableFolder) -> None:
        super().check(folder)
        _check_plain_names(self.name, folder)

    def create_table(self, name: str, folder: TableFolder) -> list[str]:
        # Data definition has Hive's quotes and types.
        where = f"`{self.place.schema}`.`{name}`" if self.place.schema else f"`{name}`"
        columns = self._columns(folder, lambda column, kind: f"`{column}` {kind.replace('VARCHAR', 'STRING')}")
        return [
            f"DROP TABLE IF EXISTS {where}",
            f"CREATE EXTERNAL TABLE {where} (\n{columns}\n)\nSTORED AS PARQUET\n"
            f"LOCATION {text(self.place.files + folder.folder)}",
        ]

    def partition_value(self, key: str) -> str:
        return f"regexp_extract(\"$path\", '/{key}=([^/]*)/', 1)"

    def seconds_of_key(self, value: str) -> str:
        return f"CAST(to_unixtime(with_timezone(date_parse({value}, '%Y%m%dT%H%i%sZ'), 'UTC')) AS BIGINT)"

    def _seconds_of_instant(self, value: str) -> str:
        return f"to_unixtime(with_timezone({value}, 'UTC'))"

    def _seconds_of_text(self, value: str) -> str:
        return f"to_unixtime(from_iso8601_timestamp({value}))"


class Spark(Dialect):
    """Spark SQL, from 3.4 on."""

    name = "spark"
    text = "STRING"
    types = {**Dialect.types, "int32": "INT"}
    instant, time = "TIMESTAMP", "TIMESTAMP_NTZ"
    reads_csv = False

    def quoted(self, name: str) -> str:
        return "`" + name.replace("`", "``") + "`"

    def create_table(self, name: str, folder: TableFolder) -> list[str]:
        columns = self._columns(folder, lambda column, kind: f"{self.quoted(column)} {kind}")
        return [
            f"DROP TABLE IF EXISTS {self.table(name)}",
            f"CREATE TABLE {self.table(name)} (\n{columns}\n)\nUSING PARQUET\nOPTIONS ('recursiveFileLookup' = 'true')\n"
            f"LOCATION {text(self.place.files + folder.folder)}",
            "-- A session of Spark has the files of its first look. In a long one, after each export run: REFRESH TABLE "
            f"{clean(self.table(name))};",
        ]

    def partition_value(self, key: str) -> str:
        return f"regexp_extract(_metadata.file_path, '/{key}=([^/]*)/', 1)"

    def seconds_of_key(self, value: str) -> str:
        return f"unix_timestamp(replace({value}, 'Z', '+0000'), \"yyyyMMdd'T'HHmmssZ\")"

    def _seconds_of_instant(self, value: str) -> str:
        return f"unix_timestamp({value})"

    def _seconds_of_text(self, value: str) -> str:
        return f"unix_timestamp(CAST({value} AS TIMESTAMP))"


class Redshift(Dialect):
    """Redshift Spectrum: external tables in an external schema, which has to exist."""

    name = "redshift"
    text = "VARCHAR(65535)"
    types = {**Dialect.types, "float64": "DOUBLE PRECISION"}
    instant = time = "TIMESTAMP"
    reads_csv = False

    def check(self, folder: TableFolder) -> None:
        super().check(folder)
        _check_plain_names(self.name, folder)
        if not self.place.schema:
            raise SettingsError("Redshift reads files through an external schema: name yours with --schema.")

    def create_table(self, name: str, folder: TableFolder) -> list[str]:
        columns = self._columns(folder, lambda column, kind: f"{self.quoted(column)} {kind}")
        return [
            f"DROP TABLE IF EXISTS {self.table(name)}",
            f"CREATE EXTERNAL TABLE {self.table(name)} (\n{columns}\n)\nSTORED AS PARQUET\n"
            f"LOCATION {text(self.place.files + folder.folder)}",
        ]

    def view(self, name: str) -> str:
        # An external schema takes no views, and a view without schema binding names the schema of all that it reads.
        return f'"public".{self.quoted(name)}'

    def create_view(self, name: str, query: str) -> str:
        return f"{super().create_view(name, query)}\nWITH NO SCHEMA BINDING"

    def partition_value(self, key: str) -> str:
        return f"REGEXP_SUBSTR(\"$path\", '/{key}=([^/]*)/', 1, 1, 'e')"

    def seconds_of_key(self, value: str) -> str:
        # `20261123 000000` is a form that a cast recognizes. Quoted letters in a format are documented nowhere.
        # (docs.aws.amazon.com/redshift/latest/dg/automatic-recognition.html)
        plain = f"REPLACE(REPLACE({value}, 'T', ' '), 'Z', '')"
        return f"CAST(EXTRACT(EPOCH FROM CAST({plain} AS TIMESTAMP)) AS BIGINT)"

    def _seconds_of_instant(self, value: str) -> str:
        return f"EXTRACT(EPOCH FROM {value})"

    def _seconds_of_text(self, value: str) -> str:
        return f"EXTRACT(EPOCH FROM CAST({value} AS TIMESTAMPTZ))"


class Snowflake(Dialect):
    """Snowflake: external tables over a stage, which has to exist."""

    name = "snowflake"
    types = {**Dialect.types, "float64": "DOUBLE"}
    instant, time = "TIMESTAMP_TZ", "TIMESTAMP_NTZ"
    reads_csv = False

    def quoted(self, name: str) -> str:
        # What is in quotes has to be in quotes for ever, because Snowflake's own names are in capitals.
        return name if _PLAIN_NAME.fullmatch(name) and name not in _RESERVED else super().quoted(name)

    def create_table(self, name: str, folder: TableFolder) -> list[str]:
        definitions = [
            f"  {self.quoted(column)} {self.type_of(each.kind)} AS (value:{Dialect.quoted(self, column)}::"
            f"{self.type_of(each.kind)})"
            for column, each in folder.columns.items()
        ]
        definitions += [
            f"  {self.quoted(key)} VARCHAR AS (REGEXP_SUBSTR(METADATA$FILENAME, '/{key}=([^/]*)/', 1, 1, 'e'))"
            for key in folder.partition_keys
        ]
        columns = ",\n".join(definitions)
        return [
            f"CREATE OR REPLACE EXTERNAL TABLE {self.table(name)} (\n{columns}\n)\n"
            f"LOCATION = {self.place.files}{folder.folder}\nAUTO_REFRESH = FALSE\n"
            "FILE_FORMAT = (TYPE = PARQUET USE_LOGICAL_TYPE = TRUE)",
            f"-- It has the files of now. After each export run: ALTER EXTERNAL TABLE {clean(self.table(name))} REFRESH;",
        ]

    def seconds_of_key(self, value: str) -> str:
        return f'DATE_PART(EPOCH_SECOND, TO_TIMESTAMP_NTZ({value}, \'YYYYMMDD"T"HH24MISS"Z"\'))'

    def _seconds_of_instant(self, value: str) -> str:
        return f"DATE_PART(EPOCH_SECOND, {value})"

    def _seconds_of_text(self, value: str) -> str:
        return f"DATE_PART(EPOCH_SECOND, TO_TIMESTAMP_TZ({value}))"


def _check_plain_names(dialect: str, folder: TableFolder) -> None:
    for name in folder.columns:
        if not _PLAIN_NAME.fullmatch(name):
            raise SettingsError(
                f"{dialect.capitalize()} takes no column called {clean(name)!r} (table {folder.table}). Set "
                "parquet_column_names='snake_case' and export the windows again."
            )


DIALECTS = {each.name: each for each in (Athena, Dialect, Spark, Snowflake, Redshift)}
