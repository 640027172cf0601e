"""Views of the latest state: the newest row of each record, without the deleted records. Pure.

A row shows its record as it was at the end of its window, or at the time of its snapshot. If the data has a
``resource_version``, or an ``updated_at`` with a type in UTC, the newest row is the one with the highest version, then with
the latest update. A deleted record is left out, unless one of its rows is newer than the deletion: then its id was used again.
Rows of related tables belong to the newest row of their record. A payment of several invoices belongs to the first of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chargebee_operators.chargebee.deletions import DELETED_RECORDS
from chargebee_operators.chargebee.resources import RESOURCE_NAMES, get_resource
from chargebee_operators.checks.columns import fold
from chargebee_operators.checks.record_id import FORMULA_SIGNS, named_id, places
from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.common.foreign_text import clean
from chargebee_operators.partition.table_folders import TableFolder
from chargebee_operators.sql.deletion import is_newer_than_deletion
from chargebee_operators.sql.dialect import Dialect, text

WINDOW, SNAPSHOT, SITE = "window_start", "taken_at", "site"
# A related table that has several ids in one field. A payment of two invoices has `3, 4` as the number of its invoice.
_PAYMENTS, _BETWEEN_IDS = "invoices__transactions", ", "


@dataclass(frozen=True)
class Source:
    """A table as it is made in the database.

    :param name: its name there.
    :param folder: what it is made over.
    """

    name: str
    folder: TableFolder


class LatestViews:
    """Writes the views of one database.

    :param tables: the tables that exist there, by the name of the table in the export: for windows, for snapshots.
    :param dialect: the database's.
    """

    def __init__(self, tables: Mapping[str, Sequence[Source]], dialect: Dialect) -> None:
        self._tables = tables
        self._dialect = dialect
        self._quoted = dialect.quoted

    def of(self, table: str) -> str | None:
        """Return the view of a table's newest rows; None if nothing shows which rows these are.

        That is so without a column for the record's id, and if the keys have neither ``window_start`` nor ``taken_at``.

        :raises SettingsError: when a column has other types in windows than in snapshots.
        """
        sources = self._tables[table]
        resource = sources[0].folder.resource
        if not all({WINDOW, SNAPSHOT} & set(each.folder.partition_keys) for each in sources):
            return None
        key = record_key(sources, resource)
        if table == resource:
            key = key or record_key(sources, None)
            return self._own(table, sources, key) if key else None
        parents = self._tables.get(resource)
        parent_key = parents and (record_key(parents, resource) or record_key(parents, None))
        if not key or not parents or not parent_key or not self.of(resource):
            return None
        return self._related(table, sources, key, resource, parent_key)

    def _own(self, table: str, sources: Sequence[Source], key: str) -> str:
        columns = _columns_of(sources)
        names = self._names([*columns, *_partitions(sources)], "_numbered.")
        whose = self._names([*_site(sources), key])
        parts = [
            f"_every AS (\n{self._every(table, sources, columns)}\n)",
            "_numbered AS (\n  SELECT _every.*,\n"
            f"    ROW_NUMBER() OVER (PARTITION BY {whose}\n"
            "      ORDER BY _version DESC NULLS LAST, _updated_at DESC NULLS LAST, _current_at DESC) AS _place\n"
            "  FROM _every\n)",
        ]
        query = f"SELECT {names}\nFROM _numbered"
        where = "\nWHERE _place = 1"
        if deleted := self._tables.get(DELETED_RECORDS):
            parts.append(f"_deleted AS (\n{self._deletions(deleted, table)}\n)")
            on = [f"_deleted._id = {self._plain_id(f'_numbered.{self._quoted(key)}', columns[key])}"]
            on += [f"_deleted._site = _numbered.{self._quoted(each)}" for each in _site(sources)]
            query += f"\nLEFT JOIN _deleted ON {' AND '.join(on)}"
            newer = is_newer_than_deletion(
                version="_numbered._version",
                updated="_numbered._updated_at",
                current="_numbered._current_at",
                deleted_version="_deleted._version",
                deleted_at="_deleted._deleted_at",
            )
            where += f"\n  AND (_deleted._id IS NULL\n    OR {newer})"
        every = ",\n".join(parts)
        return self._dialect.create_view(f"{table}_latest", f"WITH {every}\n{query}{where}")

    def _related(self, table: str, sources: Sequence[Source], key: str, parent: str, parent_key: str) -> str:
        columns = _columns_of(sources)
        names = self._names([*columns, *_partitions(sources)], "_every.")
        whose = f"_every.{self._quoted(key)}"
        if table == _PAYMENTS and columns[key] == "string":
            whose = f"SPLIT_PART({whose}, {text(_BETWEEN_IDS)}, 1)"
        on = [f"_latest.{self._quoted(parent_key)} = {whose}"]
        # What is not in the partition of the record's newest row was removed from the record.
        on += [
            f"COALESCE(_latest.{self._quoted(each)}, '') = COALESCE(_every.{self._quoted(each)}, '')"
            for each in _partitions(sources)
        ]
        return self._dialect.create_view(
            f"{table}_latest",
            f"WITH _every AS (\n{self._every(table, sources, columns)}\n)\nSELECT {names}\nFROM _every\n"
            f"JOIN {self._dialect.view(f'{parent}_latest')} AS _latest ON {' AND '.join(on)}",
        )

    def _every(self, table: str, sources: Sequence[Source], columns: Mapping[str, str]) -> str:
        """Return the query of all rows of windows and snapshots, with what says how new each one is."""
        return "\n  UNION ALL\n".join(self._rows(table, each, columns) for each in sources)

    def _rows(self, table: str, source: Source, columns: Mapping[str, str]) -> str:
        dialect, folder = self._dialect, source.folder
        selected = [
            self._quoted(name) if name in folder.columns else self._null(kind) for name, kind in columns.items()
        ]
        selected = [f"{value} AS {self._quoted(name)}" for value, name in zip(selected, columns, strict=True)]
        values = {
            key: dialect.partition_value(key) if key in folder.partition_keys else self._null("string")
            for key in [*_site([source]), WINDOW, SNAPSHOT]
        }
        selected += [f"{value} AS {self._quoted(key)}" for key, value in values.items()]
        version = _find(folder, table, "resource_version")
        updated = _find(folder, table, "updated_at")
        updated_at = dialect.seconds_of(self._quoted(updated), columns[updated]) if updated else None
        if updated and columns[updated] == "string":
            updated_at = None  # a text may be of any form
        selected += [
            f"{self._current_at(folder, values)} AS _current_at",
            f"{self._version(version, folder) if version else self._null('int64')} AS _version",
            f"{updated_at or self._null('int64')} AS _updated_at",
        ]
        lines = ",\n    ".join(selected)
        return f"  SELECT {lines}\n  FROM {dialect.table(source.name)}"

    def _current_at(self, folder: TableFolder, values: Mapping[str, str]) -> str:
        """Return up to when a row is known to be current, in epoch seconds."""
        if WINDOW not in folder.partition_keys:
            return self._dialect.seconds_of_key(values[SNAPSHOT])
        lengths = {
            site: _case(values[WINDOW], others, str(usual)) for site, (usual, others) in _lengths(folder).items()
        }
        most = Counter(lengths.values()).most_common(1)
        length = most[0][0] if most else "0"
        other_sites = {site: each for site, each in lengths.items() if each != length}
        return f"{self._dialect.seconds_of_key(values[WINDOW])} + {_case(values.get(SITE, ''), other_sites, length)}"

    @staticmethod
    def _plain_id(value: str, kind: str) -> str:
        """Return an id as the table of deletions has it, as ``record_id.plain_id`` does."""
        if kind != "string":
            return value
        signs = ", ".join(map(text, FORMULA_SIGNS))
        # Spark before 4.0 reads two apostrophes in a text as none. CHR(39) is one in each dialect.
        return (
            f"CASE WHEN SUBSTRING({value}, 1, 1) = CHR(39) AND SUBSTRING({value}, 2, 1) IN ({signs})\n"
            f"    THEN SUBSTRING({value}, 2, LENGTH({value})) ELSE {value} END"
        )

    def _deletions(self, deleted: Sequence[Source], table: str) -> str:
        """Return the query of the last deletion of each record of a table."""
        dialect = self._dialect
        columns = deleted[0].folder.columns
        occurred = dialect.seconds_of(self._quoted("occurred_at"), columns["occurred_at"].kind)
        has_version = "resource_version" in columns
        version = self._version("resource_version", deleted[0].folder) if has_version else self._null("int64")
        site = [dialect.partition_value(each) for each in _site(deleted)]
        selected = [f"{self._quoted('id')} AS _id", *(f"{each} AS _site" for each in site)]
        selected += [f"MAX({occurred}) AS _deleted_at", f"MAX({version}) AS _version"]
        return (
            f"  SELECT {', '.join(selected)}\n  FROM {dialect.table(deleted[0].name)}\n"
            f"  WHERE {self._quoted('resource')} = {text(table)}\n  GROUP BY {', '.join([self._quoted('id'), *site])}"
        )

    def _version(self, column: str, folder: TableFolder) -> str:
        """Return a record's version as a number."""
        # Snowflake tries to cast nothing but text, and Redshift no empty text.
        if folder.columns[column].kind == "string":
            return f"TRY_CAST(NULLIF({self._quoted(column)}, '') AS BIGINT)"
        return f"CAST({self._quoted(column)} AS BIGINT)"

    def _names(self, names: Sequence[str], whose: str = "") -> str:
        return ", ".join(f"{whose}{self._quoted(each)}" for each in names)

    def _null(self, kind: str) -> str:
        return f"CAST(NULL AS {self._dialect.type_of(kind)})"


def record_key(sources: Sequence[Source], resource: str | None) -> str | None:
    """Return the column that holds the id of a resource's record; None when there is none.

    :param resource: whose name the column has: ``customer_id``; None for a plain ``id``.
    """
    columns = {name: each.exported for source in sources for name, each in source.folder.columns.items()}
    at = places(list(columns.values()))
    if resource is None:
        found = at.get("id", at.get("number"))
    else:
        found = named_id(at, get_resource(resource)) if resource in RESOURCE_NAMES else None
    return None if found is None else list(columns)[found]


def _find(folder: TableFolder, table: str, field: str) -> str | None:
    """Return the column that holds a field of the record: ``updated_at``, or ``customer_updated_at``."""
    record = get_resource(table).record if table in RESOURCE_NAMES else ""
    wanted = (field, f"{record}_{field}", f"{table}_{field}")
    return next((name for name, each in folder.columns.items() if fold(each.exported) in wanted), None)


def _columns_of(sources: Sequence[Source]) -> dict[str, str]:
    """Return the columns of all tables with their types."""
    kinds: dict[str, str] = {}
    for source in sources:
        for name, column in source.folder.columns.items():
            if kinds.setdefault(name, column.kind) != column.kind:
                raise SettingsError(
                    f"Column {clean(name)!r} of {source.folder.table} is {kinds[name]} in windows and {column.kind} in "
                    "snapshots. Give it one type in column_types, and export one of them again."
                )
    return kinds


def _partitions(sources: Sequence[Source]) -> list[str]:
    return [*_site(sources), WINDOW, SNAPSHOT]


def _site(sources: Sequence[Source]) -> list[str]:
    """Return the partition of the site, where all keys have it."""
    return [SITE] if all(SITE in each.folder.partition_keys for each in sources) else []


def _lengths(folder: TableFolder) -> dict[str, tuple[int, dict[str, int]]]:
    """Return for each site the usual length of its windows in seconds, and other lengths by the start of the window."""
    sites: dict[str, dict[str, int]] = {}
    for (site, start), seconds in sorted(folder.windows.items()):
        sites.setdefault(site, {})[start] = seconds
    found = {}
    for site, windows in sites.items():
        usual = Counter(windows.values()).most_common(1)[0][0]
        found[site] = usual, {start: each for start, each in windows.items() if each != usual}
    return found


def _case(value: str, cases: Mapping[str, object], other: str) -> str:
    """Return the SQL that chooses by the text of a value; only the other choice if there is no case."""
    whens = "".join(f" WHEN {text(each)} THEN {chosen}" for each, chosen in cases.items())
    return f"CASE {value}{whens} ELSE {other} END" if whens else other
