"""All statements for a database: the tables over what was written, and the views of the latest state. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from chargebee_operators.chargebee.deletions import DELETED_RECORDS
from chargebee_operators.checks.columns import files_of
from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.common.foreign_text import clean
from chargebee_operators.common.spelling import nearest
from chargebee_operators.partition.table_folders import TableFolder, table_folders
from chargebee_operators.sql.dialect import Place
from chargebee_operators.sql.dialects import DIALECTS
from chargebee_operators.sql.latest import LatestViews, Source


def statements(
    manifests: Iterable[Mapping[str, Any]],
    dialect: str,
    place: Place,
    tables: Collection[str] = (),
    views_only: bool = False,
) -> Iterator[str]:
    """Yield SQL statements without the semicolons, and comments. They come in an order in which a database takes them.

    :param manifests: of what was written.
    :param dialect: ``athena``, ``duckdb``, ``spark``, ``snowflake`` or ``redshift``.
    :param place: where tables and files are.
    :param tables: those that are wanted, as they are called in the keys: ``invoices__line_items``; all when empty. The
        tables that their views read are made too.
    :param views_only: make no tables: they exist, for example because ``glue_database`` has registered them.
    :raises SettingsError: for what the dialect can't read, tables that do not exist, or columns whose type has changed.
    """
    if dialect not in DIALECTS:
        raise SettingsError(f"Dialect {dialect!r} is not known{nearest(dialect, DIALECTS)}: {', '.join(DIALECTS)}.")
    writer = DIALECTS[dialect](place)
    sources = _sources(table_folders(_of(tables, list(manifests)) if tables else manifests))
    wanted = _with_needed(tables, sources) if tables else list(sources)
    for name in wanted:
        for source in sources[name]:
            writer.check(source.folder)
            if not views_only:
                yield from writer.create_table(source.name, source.folder)
    views = LatestViews(sources, writer)
    # A view of related rows needs the view of their records.
    for name in sorted(wanted, key=lambda each: each != sources[each][0].folder.resource):
        if name != DELETED_RECORDS:  # the events of deletions have no later state
            yield (
                views.of(name)
                or f"-- {clean(name)}: no view of the latest rows, because no column is known to contain the record's id, "
                "or the keys have neither window_start nor taken_at"
            )


def _of(tables: Collection[str], manifests: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the manifests that these tables and their views need: what is wrong with other tables does not stop them."""
    known = {
        str(file["table"]): manifest["job"].get("resource")
        for manifest in manifests
        for file in files_of(manifest)
        if manifest.get("format") != "zip" and file.get("key") and file.get("table")
    }
    for name in tables:
        if name not in known:
            raise SettingsError(f"No manifest has a table {name!r}{nearest(name, known)}.")
    resources = {DELETED_RECORDS, *(known[each] for each in tables)}
    return [each for each in manifests if each["job"].get("resource") in resources]


def _with_needed(tables: Collection[str], sources: Mapping[str, Sequence[Source]]) -> list[str]:
    """Return the tables, with those that their views read: the table of the records, and that of deletions."""
    needed = {*tables, *(sources[each][0].folder.resource for each in tables), DELETED_RECORDS}
    return [name for name in sources if name in needed]


def _sources(folders: Sequence[TableFolder]) -> dict[str, list[Source]]:
    """Return the tables to be made: one for a table's windows and one for its snapshots."""
    found: dict[str, list[Source]] = {}
    for folder in folders:
        name = folder.name
        others = found.setdefault(folder.table, [])
        for other in others:
            if other.name == name:
                raise SettingsError(
                    f"Table {folder.table} is in two folders, {other.folder.folder!r} and {folder.folder!r}: name one of "
                    "their prefixes."
                )
        others.append(Source(name, folder))
    return found
