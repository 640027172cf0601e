"""Times as they stand in an export's columns, and whether they lie in a window. Pure.

Nobody documents how Chargebee writes them, so each of these is read: ten digits of epoch seconds, thirteen of
milliseconds; ISO 8601 with ``T`` or a space, with or without seconds, fraction and zone; ``2024-01-31`` or
``2024/01/31`` alone; ``31-Jan-2024 23:59:59``, with or without time, seconds, AM or PM and zone. Dates in digits that
do not begin with the year are not read: 02/03/2024 is two days.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from chargebee_operators.windows import Window

# A time without a zone is taken as UTC, but it may be the site's own: no place is further from UTC than this.
ZONELESS_SLACK = 14 * 3600

_DIGITS = bytes.maketrans(b"123456789", b"0" * 9)
_DAY = 86400
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_TIME = r"(?:[T ,]+(?P<hour>\d\d?):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,]\d+)?)?)?"
_ZONE = r"(?: ?(?P<half>[AP]M))?(?: ?(?P<zone>Z|UTC|GMT|[+-]\d\d(?::?\d\d)?))?"
_ISO = re.compile(rf"(?P<year>\d{{4}})([-/])(?P<month>\d\d)\2(?P<day>\d\d){_TIME}{_ZONE}", re.I)
_NAMED = re.compile(rf"(?P<day>\d\d?)[- /](?P<month>[a-z]{{3}})[a-z]*[- /,]+(?P<year>\d{{4}}){_TIME}{_ZONE}", re.I)
_EPOCH = re.compile(r"\d{10}(?:\d{3})?")
# What has one width and sorts as time does: its shape, how it is written, the seconds that one value covers, and
# whether it names its zone.
_SORTABLE = {b"0000-00-00": ("%Y-%m-%d", _DAY, False)} | {
    f"0000-00-00{sign}00:00{seconds}{zone}".encode(): (
        f"%Y-%m-%d{sign}%H:%M{':%S' if seconds else ''}",
        1 if seconds else 60,
        bool(zone),
    )
    for sign in "T "
    for seconds in ("", ":00", ":00.000", ":00.000000")
    for zone in ("", "Z", " UTC")
}
_NOTHING = b" 0-/:.TZUC"  # 0000-00-00 00:00:00, as some databases have it
_REMEMBERED = 50_000


@dataclass(frozen=True)
class ClockValue:
    """A time as it was written.

    :param start: epoch seconds of the first second that it may stand for, a zoneless one taken as UTC.
    :param seconds: how many it may stand for: 1, or 60 or 86,400 where seconds or the time are left out.
    :param zoned: whether it says its zone, as epoch seconds do.
    """

    start: int
    seconds: int
    zoned: bool


def read_clock_value(text: str) -> ClockValue | None:
    """Read a time in any of the known formats; None when it is in none of them."""
    if _EPOCH.fullmatch(text):
        return ClockValue(int(text[:10]), 1, zoned=True)
    match = _ISO.fullmatch(text) or _NAMED.fullmatch(text)
    if match is None:
        return None
    part = match.groupdict()
    month = part["month"].lower()
    if not month.isdigit() and month not in _MONTHS:
        return None
    try:
        moment = datetime(
            int(part["year"]),
            int(month) if month.isdigit() else _MONTHS.index(month) + 1,
            int(part["day"]),
            _hour(part["hour"], part["half"]),
            int(part["minute"] or 0),
            int(part["second"] or 0),
            tzinfo=UTC,
        )
    except ValueError:
        return None
    seconds = 1 if part["second"] else 60 if part["minute"] else _DAY
    zone = (part["zone"] or "").upper()
    return ClockValue(int(moment.timestamp()) - _offset(zone), seconds, zoned=bool(zone))


def _hour(text: str | None, half: str | None) -> int:
    hour = int(text or 0)
    if half:
        if not 1 <= hour <= 12:
            raise ValueError(hour)
        hour = hour % 12 + (12 if half.upper() == "PM" else 0)
    return hour


def _offset(zone: str) -> int:
    if zone[:1] not in ("+", "-"):
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    return int(f"{zone[0]}1") * (int(digits[:2]) * 3600 + int(digits[2:]) * 60)


def shape_of(value: bytes) -> str:
    """Return what a value looks like and not what it is: 0 for each digit, a for each letter."""
    text = value.decode("utf-8", errors="replace")[:40]
    return re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "0", text))


@dataclass
class Tally:
    """How many values were found where.

    :param inside: in the window, or so near that a missing zone may explain it.
    :param outside: out of it.
    :param late: changed after the export was asked for, while it was made.
    :param empty: without a time.
    :param unread: in a format that is not known.
    """

    inside: int = 0
    outside: int = 0
    late: int = 0
    empty: int = 0
    unread: int = 0

    def add(self, verdict: str, count: int) -> None:
        """Count values of one kind."""
        setattr(self, verdict, getattr(self, verdict) + count)


class WindowJudge:
    """Says of many values at once where they lie.

    :param window: the window that was asked for.
    :param requested_at: when the export was asked for; a record that changes while it is exported carries a later time.
    """

    def __init__(self, window: Window, requested_at: datetime | None = None) -> None:
        self._start, self._end = int(window.start.timestamp()), int(window.end.timestamp())
        self._requested = None if requested_at is None else int(requested_at.timestamp())
        self._bounds: dict[bytes, tuple[bytes, bytes, bytes] | None] = {}
        self._verdicts: dict[bytes, str] = {}
        self.tally = Tally()
        self.zoneless = False
        self.shape = ""

    def judge(self, values: Sequence[bytes]) -> bool:
        """Count values; return whether one of them is outside."""
        filled = list(filter(None, values))
        self.tally.empty += len(values) - len(filled)
        before = self.tally.outside
        if filled and not self._judge_sortable(filled):
            for value, count in Counter(filled).items():
                self.tally.add(self.verdict(value), count)
        return self.tally.outside > before

    def verdict(self, value: bytes) -> str:
        """Return where a value lies, as the name of a count in ``Tally``."""
        if value not in self._verdicts:
            if len(self._verdicts) >= _REMEMBERED:
                self._verdicts.clear()
            self._verdicts[value] = self._verdict(value)
        return self._verdicts[value]

    def _verdict(self, value: bytes) -> str:
        if not value.strip(_NOTHING):
            return "empty"
        clock = read_clock_value(value.decode("utf-8", errors="replace").strip())
        if clock is None:
            return "unread"
        self._see(value, clock.zoned)
        slack = 0 if clock.zoned else ZONELESS_SLACK
        if clock.start + clock.seconds > self._start - slack and clock.start < self._end + slack:
            return "inside"
        if self._requested is not None and clock.start + clock.seconds > self._requested - slack:
            return "late"
        return "outside"

    def _judge_sortable(self, values: list[bytes]) -> bool:
        """Count values by comparing their bytes; return False where these do not sort as time does."""
        shape = values[0].translate(_DIGITS)
        if shape not in self._bounds:
            self._bounds[shape] = self._bounds_of(shape)
        bounds = self._bounds[shape]
        if bounds is None or b"\n".join(values).translate(_DIGITS) != b"\n".join([shape] * len(values)):
            return False
        first, behind, late = bounds
        if min(values) >= first and max(values) < behind:
            self.tally.inside += len(values)
            return True
        elsewhere = [value for value in values if not first <= value < behind]
        after = sum(value >= late for value in elsewhere) if late else 0
        nothing = elsewhere.count(shape)
        self.tally.add("inside", len(values) - len(elsewhere))
        self.tally.add("late", after)
        self.tally.add("empty", nothing)
        self.tally.add("outside", len(elsewhere) - after - nothing)
        return True

    def _bounds_of(self, shape: bytes) -> tuple[bytes, bytes, bytes] | None:
        """Return the least value inside, the least behind, and the least that is late (empty when nothing is), as they
        would be written in this shape; None when values of this shape do not sort as time does.
        """
        if shape in (b"0" * 10, b"0" * 13):
            pattern, step, zoned = "", 1, True
        elif shape in _SORTABLE:
            pattern, step, zoned = _SORTABLE[shape]
        else:
            return None
        self._see(shape, zoned)
        slack = 0 if zoned else ZONELESS_SLACK

        def written(second: int) -> bytes:
            if not pattern:
                return str(second).encode() + shape[10:]
            return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)).strftime(pattern).encode()

        first = (self._start - slack) // step * step
        behind = -(-(self._end + slack) // step) * step
        late = b"" if self._requested is None else written((self._requested - slack) // step * step)
        return written(first), written(behind), late

    def _see(self, value: bytes, zoned: bool) -> None:
        self.zoneless |= not zoned
        self.shape = self.shape or shape_of(value)
