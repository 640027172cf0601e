"""Times as they stand in an export's columns, read in whatever form they are. Pure.

Nobody documents how Chargebee writes them, so each of these is read: ten digits of epoch seconds, with or without a
fraction, thirteen of milliseconds; ISO 8601 with ``T`` or a space, with or without seconds, fraction and zone, or without
signs (``20240131T235959Z``); ``2024-01-31`` or ``2024/01/31`` alone; ``31-Jan-2024 23:59:59`` or ``Jan 31, 2024``, with or
without time, seconds, AM or PM and zone. Dates in digits that do not begin with the year are not read: 02/03/2024 is two
days. ``ClockFormat`` says by hand what these leave open.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from chargebee_operators.chargebee.windows import check_timezone
from chargebee_operators.common.exceptions import SettingsError

# A time without a zone is taken as UTC, but it may be the site's own: no place is further from UTC than this.
ZONELESS_SLACK = 14 * 3600

DAY = 86400
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_TIME = r"(?:[T ,]+(?P<hour>\d\d?):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,]\d+)?)?)?"
_ZONE = r"(?: ?(?P<half>[AP]M))?(?: ?(?P<zone>Z|UTC|GMT|[+-]\d\d(?::?\d\d)?))?"
_ISO = re.compile(rf"(?P<year>\d{{4}})([-/])(?P<month>\d\d)\2(?P<day>\d\d){_TIME}{_ZONE}", re.I)
_NAMED = re.compile(rf"(?P<day>\d\d?)[- /](?P<month>[a-z]{{3}})[a-z]*[- /,]+(?P<year>\d{{4}}){_TIME}{_ZONE}", re.I)
_BASIC = re.compile(
    rf"(?P<year>\d{{4}})(?P<month>\d\d)(?P<day>\d\d)(?:T(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)?)?{_ZONE}", re.I
)
_MONTH_FIRST = re.compile(rf"(?P<month>[a-z]{{3}})[a-z]*\.? (?P<day>\d\d?),? (?P<year>\d{{4}}){_TIME}{_ZONE}", re.I)
_EPOCH = re.compile(r"\d{10}(?:\d{3}|\.\d+)?")
# The finest part of a time that a format has, and the seconds that it stands for.
_FINEST = {"%S": 1, "%X": 1, "%c": 1, "%f": 1, "%M": 60, "%H": 3600, "%I": 3600}
# Seconds around a bound in which a change of the clocks matters.
_CHANGE = 3 * 3600


@dataclass(frozen=True)
class ClockFormat:
    """How the times are written, where a setting gives it.

    :param format: as ``datetime.strptime`` takes it, ``%d/%m/%Y %H:%M`` say; None for any that is known.
    :param timezone: the IANA name of the zone of times that name none; None when it is not known.
    :raises SettingsError: when one of them is not that.
    """

    format: str | None = None
    timezone: str | None = None

    def __post_init__(self) -> None:
        if self.timezone is not None:
            check_timezone("window_timezone", self.timezone)
        if self.format is None:
            return
        try:
            moment = datetime(2024, 12, 31, tzinfo=UTC)
            right = datetime.strptime(moment.strftime(self.format), self.format).date() == moment.date()
        except (TypeError, ValueError):
            right = False
        if not right:
            raise SettingsError(
                f"window_format is {self.format!r}: give the whole date as Python's strptime takes it, like '%d/%m/%Y %H:%M'."
            )

    def read(self, text: str) -> ClockValue | None:
        """Read a time; None when it is not in the format, or in none that is known."""
        if self.format is None:
            return read_clock_value(text)
        try:
            moment = datetime.strptime(text, self.format)
        except ValueError:
            return None
        finest = next((size for sign, size in _FINEST.items() if sign in self.format), DAY)
        zoned = moment.tzinfo is not None
        return ClockValue(int((moment if zoned else moment.replace(tzinfo=UTC)).timestamp()), finest, zoned)

    def slack(self, *bounds: int) -> int:
        """Return how many seconds a time without a zone may lie outside of bounds, in epoch seconds, without being reported."""
        if self.timezone is None:
            return ZONELESS_SLACK
        near = [{self.offset(bound + side * _CHANGE) for side in (-1, 1)} for bound in bounds]
        return 3600 if any(len(offsets) > 1 for offsets in near) else 0  # the clocks change, and an hour comes twice

    def offset(self, second: int) -> int:
        """Return how many seconds a time without a zone is ahead of UTC."""
        if self.timezone is None:
            return 0
        found = datetime.fromtimestamp(second, ZoneInfo(self.timezone)).utcoffset()
        return int(found.total_seconds()) if found else 0


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
    match = next(filter(None, (each.fullmatch(text) for each in (_ISO, _NAMED, _BASIC, _MONTH_FIRST))), None)
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
    seconds = 1 if part["second"] else 60 if part["minute"] else DAY
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
