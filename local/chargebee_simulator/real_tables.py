"""An export's records as the CSV tables of a real export."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from .catalogue import SINGULAR
from .company import Snapshot
from .csv_table import Table, rows_of
from .filters import Selection
from .profiles import ZipProfile
from .real_files import DOTTED, LABELLED, OWN, RELATED, WITH_UPDATED_AT, Columns, RelatedFile

Records = Iterator[Mapping[str, Any]]


def own_columns(snapshot: Snapshot) -> Columns:
    """Return the columns of the export's own file: header -> the record's field."""
    resource = snapshot.resource
    known = dict(OWN.get(resource, {}))
    more: list[str] = [] if known and not snapshot.imported else list(snapshot.columns)
    custom = [column for column in snapshot.columns if column.startswith("cf_")]
    for column in [*more, *custom]:
        hidden = column == "updated_at" and resource not in WITH_UPDATED_AT
        if not hidden and column not in known.values():
            known[_header(resource, column)] = column
    first = next(header for header, column in known.items() if column == "id")
    return {first: "id", **known}


def real_tables(snapshot: Snapshot, selection: Selection, profile: ZipProfile) -> list[Table]:
    """Return the tables of an export, its own first."""

    def table(name: str, columns: Columns, derive: Callable[[Records], Records] = iter) -> Table:
        fields = list(columns.values())

        def rows() -> Iterator[list[str]]:
            return rows_of(derive(filter(selection.matches, snapshot.read())), fields, profile)

        return Table("", list(columns), rows, ids=not name, name=name)

    made = [table("", own_columns(snapshot))]
    if not snapshot.imported:
        related = (*RELATED.get(snapshot.resource, ()), *_others(snapshot))
        made += [table(file.name, file.columns, partial(_expanded, file)) for file in related]
    return made


def _others(snapshot: Snapshot) -> Iterator[RelatedFile]:
    """Yield a file for each list of objects in an export of which no file is known."""
    if snapshot.resource in RELATED:
        return
    singular = SINGULAR[snapshot.resource]
    for child, attributes in snapshot.children.items():
        columns = {f"{_title(singular)} Id": "id", **{_title(name): f"item.{name}" for name in attributes}}
        yield RelatedFile(_title(f"{singular}_{child}").replace(" ", ""), columns, child)


def _expanded(file: RelatedFile, records: Records) -> Records:
    """Yield what becomes a row of a related file: a record, or each object of a list in it, as `item`."""
    if file.child is None:
        yield from records
        return
    for record in records:
        for item in record.get(file.child) or ():
            if file.item_type in (None, item.get("item_type")):
                yield {**record, **{f"item.{name}": value for name, value in item.items()}}


def _header(resource: str, column: str) -> str:
    if resource in DOTTED:
        owner, dot, attribute = column.rpartition(".")
        return f"{owner if dot else resource}.{attribute}"
    if column.startswith("cf_"):
        return _title(column[3:]) if column in LABELLED else column[3:]
    return f"{_title(SINGULAR[resource])} Id" if column == "id" else _title(column.replace(".", "_"))


def _title(name: str) -> str:
    return name.replace("_", " ").title()
