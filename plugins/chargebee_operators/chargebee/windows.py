"""Windows of time, and the one form in which Chargebee takes them.

A window is half open, ``[start, end)``, like Airflow's data interval. Chargebee's ``between`` holds both of
its ends, so a window leaves as ``[start,end-1]`` in epoch seconds: neighbours neither share a second nor
leave one out. The two numbers go as one form field; any other spelling is ignored by Chargebee in silence,
and the job then exports everything (https://apidocs.chargebee.com/docs/api/exports).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.common.spelling import nearest

# `between` takes exactly ten digits: 2001-09-09T01:46:40Z up to 2286-11-20T17:46:39Z.
EARLIEST = datetime.fromtimestamp(10**9, UTC)
LATEST = datetime.fromtimestamp(10**10 - 1, UTC)


@dataclass(frozen=True, order=True)
class Window:
    """A half-open span of time, ``[start, end)``, in UTC and whole seconds.

    :param start: the first instant inside; in the zone whose months are meant, where months matter.
    :param end: the first instant after; likewise.
    :raises SettingsError: when the end is not after the start, or one of them has no place in a filter.
    """

    start: datetime
    end: datetime
    _zones: tuple[tzinfo, tzinfo] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_zones", (self.start.tzinfo or UTC, self.end.tzinfo or UTC))
        for name in ("start", "end"):
            # Both ends are cut to whole seconds the same way, so that neighbours still meet.
            object.__setattr__(self, name, as_utc(getattr(self, name)).replace(microsecond=0))
        if self.end == self.start:
            raise SettingsError(
                f"The window from {iso(self.start)} to {iso(self.end)} has no length: give an end that is at least one "
                "second later. If it is the run's data interval, give the DAG schedule=ExportTimetable(cron, "
                "timezone=...) of chargebee_operators: a plain cron text gives intervals of no length in Airflow 3."
            )
        if self.end < self.start:
            raise SettingsError(
                f"window_end {iso(self.end)} is not after window_start {iso(self.start)}: "
                "give an end that is at least one second later."
            )
        if self.start < EARLIEST or self.end > LATEST:
            raise SettingsError(
                f"The window {iso(self.start)} to {iso(self.end)} does not fit Chargebee's ten-digit timestamps: "
                f"stay between {iso(EARLIEST)} and {iso(LATEST)}."
            )

    def between(self) -> str:
        """Return the window as the value of a ``between`` filter, both ends inclusive."""
        return f"[{int(self.start.timestamp())},{int(self.end.timestamp()) - 1}]"

    def months(self) -> dict[str, str]:
        """Return the months that the window touches, as the revenue reports ask for them.

        They are those of the zones that the window's ends were given in: a month in Berlin begins in the month before,
        by UTC.
        """
        first, last = (
            self.start.astimezone(self._zones[0]),
            (self.end - timedelta(seconds=1)).astimezone(self._zones[1]),
        )
        return {
            "report_from_month": str(first.month),
            "report_from_year": str(first.year),
            "report_to_month": str(last.month),
            "report_to_year": str(last.year),
        }

    def __str__(self) -> str:
        return f"[{iso(self.start)}, {iso(self.end)})"


def window_of(start: Any, end: Any) -> Window | None:
    """Make a window from what a person or a template gave, or None when both ends are empty.

    :param start: a datetime, an ISO 8601 text, or nothing (None, "", the text "None").
    :param end: the same.
    :raises SettingsError: when only one end is given, one can't be read, or the end is not after the start.
    """
    given = {name: value for name, value in (("window_start", start), ("window_end", end)) if not _empty(value)}
    if not given:
        return None
    if len(given) == 1:
        have, missing = ("window_start", "window_end") if "window_start" in given else ("window_end", "window_start")
        raise SettingsError(f"{have} is {given[have]} but {missing} is empty: give both, or neither.")
    return Window(_read(given["window_start"], "window_start"), _read(given["window_end"], "window_end"))


def parse_instant(value: Any, name: str) -> datetime:
    """Read an instant from a datetime or an ISO 8601 text; without a zone it is taken as UTC.

    :param value: the datetime or text, for example ``2026-11-23`` or ``2026-11-23T06:00:00+01:00``.
    :param name: what the value is called, for the error.
    :raises SettingsError: when it is neither.
    """
    return as_utc(_read(value, name))


def _read(value: Any, name: str) -> datetime:
    """Return the instant in the zone that it is written in."""
    try:
        read = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
        as_utc(read)  # which not every one that can be written has
        return read
    except (ValueError, OverflowError):
        raise SettingsError(
            f"{name} {value!r} is not a date: write it as 2026-11-23 or 2026-11-23T00:00:00Z."
        ) from None


def as_utc(value: datetime) -> datetime:
    """Return the same instant in UTC as a plain datetime; one without a zone is taken as UTC."""
    if value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    return datetime.fromtimestamp(value.timestamp(), UTC).replace(microsecond=value.microsecond)


def iso(value: datetime) -> str:
    """Return an instant as ``2026-11-23T00:00:00Z``."""
    return as_utc(value).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_in(value: datetime, zone: str) -> str:
    """Return an instant as ``2026-11-23T01:00:00+01:00``, in the zone of that IANA name."""
    return as_utc(value).astimezone(ZoneInfo(zone)).isoformat()


def compact(value: datetime) -> str:
    """Return an instant as ``20261123T000000Z``: ISO 8601 without the signs that a path had better not hold."""
    return as_utc(value).strftime("%Y%m%dT%H%M%SZ")


def check_timezone(name: str, value: Any) -> None:
    """Refuse what is no time zone.

    :param name: the argument's, for the error.
    :raises SettingsError: with the nearest name of one.
    """
    try:
        ZoneInfo(value)
    except (KeyError, TypeError, ValueError, OSError):
        near = nearest(value, available_timezones()) if isinstance(value, str) else ""
        raise SettingsError(
            f"{name} {value!r} is not known{near}: give an IANA name, for example 'Europe/Berlin'."
        ) from None


def _empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value.strip() in ("", "None", "null"))
