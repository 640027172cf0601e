"""An export's records as CSV tables: which columns, how spelled, how each value is written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from .catalogue import SINGULAR
from .company import Snapshot
from .conditions import as_text
from .filters import Selection
from .profiles import ZipProfile
from .times import is_time

Records = Iterator[Mapping[str, Any]]

_ADDRESSES = ("billing_address", "shipping_address")
_MONEY = {
    "amount", "amount_adjusted", "amount_allocated", "amount_available", "amount_capturable", "amount_due",
    "amount_paid", "amount_refunded", "credits_applied", "discount_amount", "mrr", "price", "refundable_credits",
    "refundable_credits_issued", "sub_total", "tax", "total",
}  # fmt: skip


@dataclass(frozen=True)
class Table:
    """One CSV: what its file name adds to the resource's, its header, and its rows, made as they are read."""

    suffix: str
    header: list[str]
    rows: Callable[[], Iterator[list[str]]]
    ids: bool = False  # the first column is the record's id, and there is one row a record


def tables(snapshot: Snapshot, selection: Selection, profile: ZipProfile) -> list[Table]:
    """Return the tables of an export; the first is the resource's own."""
    if selection.export_type == "import_friendly_data":
        profile = replace(profile, header="bulk", related=False)
    singular = SINGULAR[snapshot.resource]
    address = [group for group in _ADDRESSES if any(c.startswith(f"{group}.") for c in snapshot.columns)]
    apart = tuple(f"{group}." for group in address) if profile.related else ()
    own = [column for column in snapshot.columns if not (apart and column.startswith(apart))]

    def selected() -> Records:
        return filter(selection.matches, snapshot.read())

    def table(suffix: str, columns: Sequence[str], derive: Callable[[Records], Records] = iter) -> Table:
        header = [_spelled(profile.header, singular, column) for column in columns]
        return Table(suffix, header, lambda: _rows(derive(selected()), columns, profile), ids=not suffix)

    made = [table("", own)]
    if profile.related:
        for group in address:
            inside = [column for column in snapshot.columns if column.startswith(f"{group}.")]
            made.append(table(f"_{group}es", [f"{singular}.id", *inside], _owned_by(singular)))
        for name, attributes in snapshot.children.items():
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


def _rows(records: Records, columns: Sequence[str], profile: ZipProfile) -> Iterator[list[str]]:
    writers = [_writer(column, profile) for column in columns]
    for record in records:
        yield [write(record.get(column)) for write, column in zip(writers, columns, strict=True)]


def _writer(column: str, profile: ZipProfile) -> Callable[[Any], str]:
    """Return how the values of a column are written."""
    name = column.rpartition(".")[2]
    if is_time(column):
        return lambda value: _time(value, profile.dates) if isinstance(value, int) else _plain(value)
    if name in _MONEY and profile.money == "decimal":
        return lambda value: f"{value / 100:.2f}" if isinstance(value, int) else _plain(value)
    return _plain


def _time(value: int, style: str) -> str:
    if style == "epoch":
        return str(value)
    moment = datetime.fromtimestamp(value, UTC)
    return moment.strftime("%d-%b-%Y %H:%M" if style == "human" else "%Y-%m-%dT%H:%M:%SZ")


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(value) if isinstance(value, list) else as_text(value)
