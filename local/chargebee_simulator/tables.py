"""An export's records as CSV tables: which columns, how spelled, how each value is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from .catalogue import SINGULAR
from .company import Snapshot
from .csv_table import Table, rows_of
from .filters import Selection
from .profiles import ZipProfile
from .real_tables import real_tables

Records = Iterator[Mapping[str, Any]]

_ADDRESSES = ("billing_address", "shipping_address")
_CHILDREN = {"line_items", "subscription_items", "items_to_add"}
# The lists of objects that get a CSV of their own; the API knows more.


def tables(snapshot: Snapshot, selection: Selection, profile: ZipProfile) -> list[Table]:
    """Return the tables of an export; the first is the resource's own."""
    if selection.export_type == "import_friendly_data":
        profile = replace(profile, layout="api", header="bulk", related=False)
    if profile.layout == "chargebee":
        return real_tables(snapshot, selection, profile)
    return _api_tables(snapshot, selection, profile)


def _api_tables(snapshot: Snapshot, selection: Selection, profile: ZipProfile) -> list[Table]:
    """Return the tables of an export whose columns have the API's names."""
    singular = SINGULAR[snapshot.resource]
    address = [group for group in _ADDRESSES if any(c.startswith(f"{group}.") for c in snapshot.columns)]
    apart = tuple(f"{group}." for group in address) if profile.related else ()
    own = [column for column in snapshot.columns if not (apart and column.startswith(apart))]

    def selected() -> Records:
        return filter(selection.matches, snapshot.read())

    def table(suffix: str, columns: Sequence[str], derive: Callable[[Records], Records] = iter) -> Table:
        header = [_spelled(profile.header, singular, column) for column in columns]
        return Table(suffix, header, lambda: rows_of(derive(selected()), columns, profile), ids=not suffix)

    made = [table("", own)]
    if profile.related:
        for group in address:
            inside = [column for column in snapshot.columns if column.startswith(f"{group}.")]
            made.append(table(f"_{group}es", [f"{singular}.id", *inside], _owned_by(singular)))
        for name in _CHILDREN.intersection(snapshot.children):
            attributes = snapshot.children[name]
            columns = [f"{singular}.id", *(f"{_one_of(name)}.{attribute}" for attribute in attributes)]
            made.append(table(f"_{name}", columns, _children(singular, name)))
    return made


def _owned_by(singular: str) -> Callable[[Records], Records]:
    """Return what gives each record its id under the name that another object's table knows it by."""
    return lambda records: ({**record, f"{singular}.id": record["id"]} for record in records)


def _children(singular: str, name: str) -> Callable[[Records], Records]:
    """Return what makes a record of each object in the lists called `name`."""

    def derive(records: Records) -> Records:
        for record in records:
            for child in record[name]:
                inner = {f"{_one_of(name)}.{attribute}": value for attribute, value in child.items()}
                yield {f"{singular}.id": record["id"], **inner}

    return derive


def _one_of(name: str) -> str:
    return "item_to_add" if name == "items_to_add" else name.removesuffix("s")


def _spelled(style: str, singular: str, column: str) -> str:
    owner, dot, attribute = column.rpartition(".")
    if style == "plain":
        return column.replace(".", "_")
    if style == "bulk":
        return f"{owner if dot else singular}[{attribute}]"
    return f"{owner if dot else singular} {attribute}".replace("_", " ").title()
