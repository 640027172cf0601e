"""A CSV in the making: its header, its rows, and how each value of a record is written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from .conditions import as_text
from .profiles import ZipProfile
from .times import is_time

Write = Callable[[Any], str]


@dataclass(frozen=True)
class Table:
    """One CSV: its file name, its header, and its rows, made as they are read."""

    suffix: str  # what the file name adds to the resource's
    header: list[str]
    rows: Callable[[], Iterator[list[str]]]
    ids: bool = False  # the first column is the record's id, and there is one row a record
    name: str = ""  # of the file, without its ending, where it has nothing to do with the resource's


_MONEY = {
    "amount", "amount_adjusted", "amount_allocated", "amount_available", "amount_capturable", "amount_due",
    "amount_paid", "amount_refunded", "allocated_amount", "applied_amount", "cn_total", "credits_applied",
    "discount_amount", "mrr", "plan_amount", "plan_unit_price", "price", "refundable_credits",
    "refundable_credits_issued", "sub_total", "tax", "tax_amount", "total", "txn_amount", "unit_amount", "unit_price",
}  # fmt: skip
_CHOICES = {
    "addon_applicability", "apply_on", "auto_collection", "card_status", "channel", "charge_type", "discount_type",
    "dunning_status", "duration_type", "entity_type", "item_applicability", "item_type", "offline_payment_method",
    "payment_method", "period_unit", "portal_status", "price_type", "pricing_model", "reason_code", "resent_status",
    "status", "taxability", "txn_status", "type", "usage_calculation",
}  # fmt: skip


def rows_of(records: Iterator[Mapping[str, Any]], columns: Sequence[str], profile: ZipProfile) -> Iterator[list[str]]:
    """Yield a row of text for each record."""
    writers = [_writer(column, profile) for column in columns]
    for record in records:
        yield [write(record.get(column)) for write, column in zip(writers, columns, strict=True)]


def _writer(column: str, profile: ZipProfile) -> Write:
    """Return how the values of a column are written."""
    name = column.rpartition(".")[2]
    if is_time(column):
        return _numbers(_time_writer(profile))
    if name in _MONEY and profile.money == "decimal":
        return _numbers(lambda value: f"{value / 100:.2f}")
    if name in _CHOICES and profile.labels:
        return lambda value: _label(value) if isinstance(value, str) else _plain(value)
    write = _joined if profile.layout == "chargebee" else _plain
    return _guarded(write, profile.apostrophe) if profile.apostrophe else write


def _numbers(write: Callable[[int], str]) -> Write:
    """Return what writes whole numbers one way, and anything else, imported text say, as it is."""
    return lambda value: write(value) if isinstance(value, int) else _plain(value)


def _time_writer(profile: ZipProfile) -> Callable[[int], str]:
    if profile.dates == "epoch":
        return str
    form = {"human": "%d-%b-%Y %H:%M", "digits": "%d/%m/%Y %H:%M"}.get(profile.dates, "%Y-%m-%dT%H:%M:%SZ")
    zone = UTC if profile.dates == "iso" else _zone(profile.zone)
    return lambda value: datetime.fromtimestamp(value, zone).strftime(form)


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _label(value: str) -> str:
    return value.replace("_", " ").title()


def _guarded(write: Write, first: str) -> Write:
    """Return what puts an apostrophe before a text that a spreadsheet would take for a formula."""

    def guarded(value: Any) -> str:
        text = write(value)
        return f"'{text}" if isinstance(value, str) and text.startswith(tuple(first)) else text

    return guarded


def _joined(value: Any) -> str:
    return ", ".join(map(as_text, value)) if isinstance(value, list) else _plain(value)


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(value) if isinstance(value, list) else as_text(value)
