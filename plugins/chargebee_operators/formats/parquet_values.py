"""Texts of a CSV's column into the values of a type, with pyarrow."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.formats.column_types import DECIMAL, TIMESTAMP

if TYPE_CHECKING:
    import pyarrow as pa

_ARROW_NAMES = {"date": "date32", "bool": "bool_"}

_EPOCH = re.compile(r"\d{10}(?:\d{3})?")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NAMED_MONTH = re.compile(rf"^\d\d-(?i:{'|'.join(_MONTHS)})-\d{{4}}( \d\d:\d\d(:\d\d)?)?$")
_ZONE = re.compile(r":\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)$")
_TIME_OF_DAY = r"[ T]\d\d:\d\d(:\d\d(\.\d+)?)?( ?(Z|UTC|[+-]\d\d:?\d\d))?$"


class NoZoneError(Exception):
    """A time names no zone, and none is set."""


class NoSuchTimeError(Exception):
    """A time does not exist in the zone that is set, for the clocks were put forward over it."""


class Conversion:
    """Makes texts of one column into values; empty texts become null.

    A time is read as epoch seconds (ten digits) or milliseconds (thirteen), as ISO 8601, or as ``23-Nov-2026 09:15`` with
    or without seconds or the time; the first value of a block decides for all of it. For a type in UTC a time without a
    zone is one of ``timezone``. Where the clocks are put back, an hour comes twice: its times are taken as those of the
    first, and ``in_doubt`` counts them. For a type without a zone a time is kept as it is written, one with a zone as it
    is in UTC. A date is the day as it is written.

    :param kind: the type, as ``column_types`` has it.
    :param timezone: the IANA name of the zone of times that name none; None when it is not known.
    :raises SettingsError: when the machine does not know the zone.
    """

    def __init__(self, kind: str, timezone: str | None = None) -> None:
        self.kind = kind
        self.type = _arrow_type(kind)
        self.in_doubt = 0
        self.timezone = timezone
        if timezone and timezone != "UTC" and TIMESTAMP.fullmatch(kind):
            _check_zone(timezone)

    def values(self, column: pa.Array) -> pa.Array:
        """Return the values of a column of texts.

        :raises pyarrow.ArrowInvalid: when one is not of the type, or would lose something.
        :raises NoZoneError: see there; NoSuchTimeError likewise.
        """
        import pyarrow as pa
        from pyarrow import compute

        filled = compute.if_else(compute.equal(column, ""), pa.scalar(None, pa.string()), column)
        if pa.types.is_timestamp(self.type):
            return self._timestamps(filled)
        return _dates(filled) if pa.types.is_date(self.type) else filled.cast(self.type)

    def first_wrong(self, column: pa.Array) -> int:
        """Return the offset of the first value that does not convert."""
        import pyarrow as pa

        first, behind = 0, len(column)
        while behind - first > 1:
            middle = (first + behind) // 2
            try:
                self.values(column.slice(0, middle))
                first = middle
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError, NoZoneError, NoSuchTimeError):
                behind = middle
        return first

    def _timestamps(self, column: pa.Array) -> pa.Array:
        import pyarrow as pa
        from pyarrow import compute

        first = _first(column)
        if _EPOCH.fullmatch(first):
            others = r"^\d{13}$" if len(first) == 10 else r"^\d{10}$"
            if compute.any(compute.match_substring_regex(column, others)).as_py():
                raise pa.ArrowInvalid("some are seconds and some milliseconds")
            return column.cast(pa.int64()).cast(pa.timestamp("s" if len(first) == 10 else "ms")).cast(self.type)
        if _NAMED_MONTH.search(first):
            return self._in_zone(_iso(column).cast(pa.timestamp("s")))
        plain = compute.replace_substring_regex(column, r" UTC$", "Z")
        if _ZONE.search(_first(plain)):
            return plain.cast(pa.timestamp("us", "UTC")).cast(self.type)
        return self._in_zone(plain.cast(pa.timestamp("us")))

    def _in_zone(self, times: pa.Array) -> pa.Array:
        """Return times without a zone as those of the zone that is set, where the type has one."""
        import pyarrow as pa
        from pyarrow import compute

        if self.type.tz is None or times.null_count == len(times):
            return times.cast(self.type)
        if self.timezone is None:
            raise NoZoneError
        if self.timezone == "UTC":
            return times.cast(self.type)
        try:
            zoned = compute.assume_timezone(times, self.timezone)
        except pa.ArrowInvalid:  # the clocks were changed
            try:
                zoned = compute.assume_timezone(times, self.timezone, ambiguous="earliest")
            except pa.ArrowInvalid:
                raise NoSuchTimeError from None
            later = compute.assume_timezone(times, self.timezone, ambiguous="latest")
            self.in_doubt += compute.sum(compute.not_equal(zoned, later)).as_py()
        return zoned.cast(pa.timestamp(zoned.type.unit, "UTC")).cast(self.type)


def _arrow_type(kind: str) -> pa.DataType:
    import pyarrow as pa

    if match := DECIMAL.fullmatch(kind):
        return pa.decimal128(int(match[1]), int(match[2]))
    if match := TIMESTAMP.fullmatch(kind):
        return pa.timestamp(match[1], "UTC" if match[2] else None)
    return getattr(pa, _ARROW_NAMES.get(kind, kind))()


def _check_zone(timezone: str) -> None:
    """Refuse a zone of which the operating system has no data: pyarrow does not read Python's own."""
    import pyarrow as pa
    from pyarrow import compute

    try:
        compute.assume_timezone(pa.scalar(0, pa.timestamp("s")), timezone, nonexistent="earliest", ambiguous="earliest")
    except pa.ArrowInvalid:
        raise SettingsError(
            f"window_timezone {timezone!r} is not in the time zone data of this machine, which pyarrow needs for the times "
            "of a Parquet file: install the operating system's package tzdata, or give the columns the type timestamp[s]."
        ) from None


def _dates(column: pa.Array) -> pa.Array:
    import pyarrow as pa
    from pyarrow import compute

    days = compute.replace_substring_regex(column, _TIME_OF_DAY, "")
    return (_iso(days) if _NAMED_MONTH.search(_first(days)) else days).cast(pa.date32())


def _iso(column: pa.Array) -> pa.Array:
    """Return times such as ``23-Nov-2026 09:15`` as ISO 8601 has them. (pyarrow's strptime takes the 31st of February.)"""
    import pyarrow as pa
    from pyarrow import compute

    if not compute.all(compute.match_substring_regex(column, _NAMED_MONTH.pattern), min_count=0).as_py():
        raise pa.ArrowInvalid("some are written in another way")
    month = compute.utf8_capitalize(compute.utf8_slice_codeunits(column, 3, 6))
    numbers = pa.array([f"{number:02}" for number, _ in enumerate(_MONTHS, 1)])
    return compute.binary_join_element_wise(
        compute.utf8_slice_codeunits(column, 7, 11),
        numbers.take(compute.index_in(month, pa.array(_MONTHS))),
        compute.binary_join_element_wise(
            compute.utf8_slice_codeunits(column, 0, 2), compute.utf8_slice_codeunits(column, 11), ""
        ),
        "-",
    )


def _first(column: pa.Array) -> str:
    """Return the first text that is not null; an empty one when there is none."""
    filled = column.drop_null()
    return filled[0].as_py() if len(filled) else ""
