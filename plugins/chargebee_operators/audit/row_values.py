"""Rows of files in different formats, made comparable: which columns they share, and a digest of their values. Pure.

A column is known by its name in snake case, so ``customer[id]`` of a CSV is ``customer_id`` of a Parquet file. Where one of
two files has a type for a column, the values of both are read as that type before they are compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from chargebee_operators.chargebee.resources import Resource
from chargebee_operators.checks.clock_format import ClockFormat
from chargebee_operators.checks.columns import fold
from chargebee_operators.checks.record_id import find_id
from chargebee_operators.formats.column_names import column_names
from chargebee_operators.formats.column_types import DECIMAL, TIMESTAMP

TEXT = "string"
# Bytes of a digest: with five million rows, two different rows have the same one with a chance of 1 in 10**24 each.
_DIGEST = 12
_SEPARATOR = "\x1f"
_BOOLEANS = {"1": "true", "0": "false"}

# The columns that two files share: name and type, sorted by name.
Shape = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Layout:
    """Where a file of a resource's own table has what the comparison needs.

    :param names: the columns' names in snake case, in the file's order.
    :param kinds: the types of those that are not text, as ``column_types`` has them.
    :param id_at: the place of the record's id.
    :param version_at: that of the record's ``resource_version``; None when there is none.
    :param updated_at: that of the record's ``updated_at`` where it is an instant; None elsewhere.
    """

    names: tuple[str, ...]
    kinds: Mapping[str, str]
    id_at: int
    version_at: int | None = None
    updated_at: int | None = None


def layout_of(
    exported: Sequence[str], member: str, resource: Resource, types: Mapping[str, str] | None = None
) -> Layout | None:
    """Return the layout of a file; None when no column is known to hold the record's id.

    :param exported: the columns' names as Chargebee exported them.
    :param member: the name of the file in the export.
    :param resource: what was exported.
    :param types: place -> type, by the names in the file as ``column_names`` makes them.
    """
    found = find_id(exported, member, resource)
    if found is None:
        return None
    names = tuple(column_names(exported))
    kinds = {name: kind for name, kind in (types or {}).items() if kind != TEXT}
    updated = _place(exported, resource, "updated_at")
    is_instant = updated is not None and _is_instant(kinds.get(names[updated], TEXT))
    version = _place(exported, resource, "resource_version")
    return Layout(names, kinds, found.at, version, updated if is_instant else None)


def shape_of(landed: Layout, snapshot: Layout, ignored: Collection[str] = ()) -> Shape:
    """Return the columns that two files share, each with the type as which both are read.

    :param landed: of a file that was written before.
    :param snapshot: of a file of the snapshot.
    :param ignored: names of columns in snake case that are not compared.
    """
    common = set(landed.names) & set(snapshot.names) - set(ignored)
    return tuple((name, landed.kinds.get(name) or snapshot.kinds.get(name) or TEXT) for name in sorted(common))


class Digests:
    """Makes a digest of the columns of a shape.

    :param layout: of the file whose rows come.
    :param shape: the columns.
    :param clock: the zone of times that name none.
    """

    def __init__(self, layout: Layout, shape: Shape, clock: ClockFormat) -> None:
        at = {name: place for place, name in enumerate(layout.names)}
        self._places = [at[name] for name, _ in shape]
        self._readers = [reader_of(kind, clock) for _, kind in shape]
        self._is_text = all(kind == TEXT for _, kind in shape)

    def of(self, row: Sequence[Any]) -> bytes:
        """Return the digest of a row; a missing value is like an empty text."""
        if self._is_text:
            values = [row[place] or "" for place in self._places]
        else:
            values = [read(row[place]) for place, read in zip(self._places, self._readers, strict=True)]
        text = _SEPARATOR.join(values).encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, digest_size=_DIGEST).digest()


def reader_of(kind: str, clock: ClockFormat) -> Callable[[Any], str]:
    """Return what makes one text of all values that are equal as a type: for example of ``1.50`` and ``1.5`` as a decimal.

    :param kind: the type, as ``column_types`` has it.
    :param clock: the zone of times that name none.
    """
    if match := TIMESTAMP.fullmatch(kind):
        is_zoned = bool(match[2])
        return lambda value: _time(value, clock if is_zoned else None)
    if kind == "date":
        return _date
    if kind == "bool":
        return lambda value: _BOOLEANS.get(text := _text(value).lower(), text)
    if kind == "float64":
        return _float
    if kind in ("int32", "int64") or DECIMAL.fullmatch(kind):
        return _decimal
    return _text


def status_place(exported: Sequence[str], resource: Resource) -> int | None:
    """Return the place of the record's status in a row; None when a file has none.

    :param exported: the columns' names as Chargebee exported them.
    :param resource: what was exported.
    """
    return _place(exported, resource, "status")


def seconds_of(value: Any, clock: ClockFormat) -> int | None:
    """Return the epoch seconds of a time, as a text or a value of Parquet; None when it is none.

    :param clock: the zone of times that name none.
    """
    if isinstance(value, datetime):
        return int((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp())
    if isinstance(value, int):
        return value
    read = clock.read(value) if isinstance(value, str) and value else None
    if read is None or read.zoned or clock.timezone is None:
        return None if read is None else read.start
    # Of an hour that comes twice it is the first, as in a Parquet file.
    return int(datetime.fromtimestamp(read.start, UTC).replace(tzinfo=ZoneInfo(clock.timezone), fold=0).timestamp())


def whole_number(value: Any) -> int:
    """Return a version as a number; -1 when there is none."""
    try:
        return int(value) if value not in (None, "") else -1
    except (TypeError, ValueError):
        return -1


def _time(value: Any, clock: ClockFormat | None) -> str:
    found = seconds_of(value, clock or ClockFormat())
    return _text(value) if found is None else str(found)


def _date(value: Any) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()[:10]
    read = ClockFormat().read(value) if value else None
    return datetime.fromtimestamp(read.start, UTC).date().isoformat() if read else _text(value)


def _float(value: Any) -> str:
    try:
        return repr(float(value))
    except (TypeError, ValueError):
        return _text(value)


def _decimal(value: Any) -> str:
    try:
        number = Decimal(value if isinstance(value, int | Decimal) else str(value).strip())
        return format(number.normalize() + 0, "f")
    except (InvalidOperation, TypeError, ValueError):
        return _text(value)


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _is_instant(kind: str) -> bool:
    match = TIMESTAMP.fullmatch(kind)
    return kind in ("int32", "int64") or bool(match and match[2])


def _place(exported: Sequence[str], resource: Resource, field: str) -> int | None:
    """Return the place of a field of the record: ``updated_at``, or ``customer_updated_at``."""
    wanted = (field, f"{resource.record}_{field}", f"{resource.name}_{field}")
    return next((place for place, name in enumerate(exported) if fold(name) in wanted), None)
