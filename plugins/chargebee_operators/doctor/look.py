"""What the files of a site look like, and which settings follow from it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from chargebee_operators.chargebee.calls import read_instant
from chargebee_operators.checks.clock_format import ZONELESS_SLACK, ClockFormat, read_clock_value
from chargebee_operators.checks.clock_values import shape_of
from chargebee_operators.checks.columns import fold
from chargebee_operators.doctor.sample_file import SampleFile

_DECIMAL = re.compile(r"-?\d+\.\d{1,4}")
_BOOLEAN = {"true", "false"}
# Zones that people name, before the others that fit as well.
_COMMON = ("UTC", "Europe/London", "Europe/Berlin", "America/New_York", "America/Chicago", "America/Denver",
           "America/Los_Angeles", "Asia/Kolkata", "Asia/Singapore", "Asia/Tokyo", "Australia/Sydney")  # fmt: skip
_MOST_ZONES = 4
# Forms that window_format has to name, because 02/03/2024 can be two days.
_FORMS = tuple(
    f"{date} {clock}"
    for date in ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y")
    for clock in ("%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M:%S %p")
)


@dataclass(frozen=True)
class TimeLook:
    """How a site writes times.

    :param shape: a time with 0 for each digit and a for each letter.
    :param zoned: whether times name their zone.
    :param zones: IANA names that fit all times that were compared, likely ones first; empty when none fits, or nothing was
        compared.
    :param compared: how many times were compared with the API's; 0 where their form is not known.
    :param form: for ``strptime``, where the form is one that only the comparison could tell; else None.
    """

    shape: str
    zoned: bool
    zones: tuple[str, ...]
    compared: int
    form: str | None = None


def look_of_times(pairs: Iterable[tuple[str, int]], zone: str | None = None) -> TimeLook | None:
    """Return how times are written, from values of a column and the API's epochs of the same records.

    :param pairs: the text in the export, and epoch seconds in the API.
    :param zone: the first among the zones that fit, if it fits.
    :return: None where no text is a time.
    """
    given = [(text.strip(), epoch) for text, epoch in pairs if read_instant(epoch)]
    form = form_that_fits(given)
    read = ClockFormat(form).read
    texts, offsets, zoned = [], [], False
    for text, epoch in given:
        value = read(text)
        if value is None:
            continue
        texts.append(text)
        if value.zoned:
            zoned = True
        elif value.seconds <= 60:
            # To the quarter of an hour, as all zones have it: the text may leave out the seconds.
            offsets.append((epoch, round((value.start - epoch) / 900) * 900))
    if not texts:
        unread = next((text for text, _ in given if sum(map(str.isdigit, text)) > 3), None)
        return None if unread is None else TimeLook(shape_of(unread.encode()), False, (), 0)
    zones = () if zoned or not offsets else zones_that_fit(offsets, zone)
    return TimeLook(shape_of(texts[0].encode()), zoned, zones, len(texts), form)


def form_that_fits(pairs: Iterable[tuple[str, int]]) -> str | None:
    """Return the form of dates in digits that do not begin with the year; None where each is read without it, or none fits.

    :param pairs: texts without blanks around them, and the API's epochs.
    """
    unread = [(text, epoch) for text, epoch in pairs if text and read_clock_value(text) is None]
    if not unread:
        return None
    fitting = [form for form in _FORMS if all(_is_near(text, epoch, form) for text, epoch in unread)]
    return fitting[0] if len(fitting) == 1 else None


def _is_near(text: str, epoch: int, form: str) -> bool:
    value = ClockFormat(form).read(text)
    return value is not None and abs(value.start - epoch) <= ZONELESS_SLACK + value.seconds


def zones_that_fit(offsets: Sequence[tuple[int, int]], zone: str | None = None) -> tuple[str, ...]:
    """Return the zones that have each offset at its time.

    :param offsets: epoch seconds, and seconds ahead of UTC.
    :param zone: the first of them, if it is one.
    """
    rest = sorted(name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/")))
    fitting = [name for name in dict.fromkeys([*([zone] if zone else []), *_COMMON, *rest]) if _fits(name, offsets)]
    if fitting[:1] == ["UTC"]:
        # Places on UTC all year round fit too, and are no better a name for it.
        in_winter = [name for name in fitting if name == "Europe/London"]
        return ("UTC", *in_winter)
    return tuple(fitting[:_MOST_ZONES])


def changes_clocks(name: str) -> bool:
    """Return whether a zone puts its clocks forward and back, so that an hour of each autumn exists twice."""
    year = datetime.now(UTC).year
    return len({datetime(year, month, 1, tzinfo=UTC).astimezone(ZoneInfo(name)).utcoffset() for month in (1, 7)}) > 1


def _fits(name: str, offsets: Sequence[tuple[int, int]]) -> bool:
    zone = ZoneInfo(name)
    for epoch, seconds in offsets:
        found = datetime.fromtimestamp(epoch, UTC).astimezone(zone).utcoffset()
        if found is None or found.total_seconds() != seconds:
            return False
    return True


def money_look(pairs: Iterable[tuple[str, int]]) -> str:
    """Return ``decimals``, ``cents`` or ``unknown``.

    :param pairs: the text in the export, and the amount in the API, in cents.
    """
    for text, cents in pairs:
        try:
            value = float(text.replace(",", ""))
        except ValueError:
            continue
        if cents and abs(value * 100 - cents) < 0.5:
            return "decimals"
        if cents and value == cents:
            return "cents"
    return "unknown"


def column_types(file: SampleFile, zone_is_known: bool) -> dict[str, str]:
    """Return a type for each column of which every value in the sample fits one; the others stay text.

    :param zone_is_known: whether times without a zone may be given UTC.
    """
    types = {}
    for column in dict.fromkeys(file.columns):
        values = [each.strip() for each in file.values(column)]
        kind = _type_of(values, zone_is_known) if values else None
        if kind:
            types[column] = kind
    return types


def _type_of(values: Sequence[str], zone_is_known: bool) -> str | None:
    if all(each.lower() in _BOOLEAN for each in values):
        return "bool"
    if all(_DECIMAL.fullmatch(each) for each in values):
        return "decimal(18, 2)" if all(len(each.split(".")[1]) <= 2 for each in values) else "decimal(18, 4)"
    clocks = [read_clock_value(each) for each in values]
    # Ten digits may be an id, so bare numbers are no times here.
    if all(clock is not None for clock in clocks) and not any(each.isdigit() for each in values):
        days = all(clock is not None and clock.seconds == 86400 for clock in clocks)
        zoned = all(clock is not None and clock.zoned for clock in clocks)
        return "date" if days else "timestamp[s, UTC]" if zoned or zone_is_known else "timestamp[s]"
    return None


def value_pairs(
    file: SampleFile,
    id_column: int,
    columns: Sequence[str],
    records: Mapping[str, Mapping[str, Any]],
    names: Sequence[str],
) -> list[tuple[str, int]]:
    """Return pairs of an exported text and the API's number, for records that are in both.

    :param file: the file.
    :param id_column: the place of the id in its rows.
    :param columns: names that the column may have, folded.
    :param records: the API's records, by id.
    :param names: fields that may hold the number in the API.
    """
    at = next((number for number, name in enumerate(file.columns) if fold(name) in columns), None)
    if at is None:
        return []
    pairs = []
    for row in file.records:
        record = records.get(row[id_column]) if len(row) > max(at, id_column) else None
        number = next((record[name] for name in names if _is_number(record.get(name))), None) if record else None
        if number is not None and row[at]:
            pairs.append((row[at], number))
    return pairs


def _is_number(value: Any) -> bool:
    return type(value) is int and abs(value) < 1 << 63
