"""Windows of time: neighbours meet, and nothing leaves in a form that Chargebee would ignore."""

from __future__ import annotations

import contextlib
import re
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from chargebee_operators.chargebee.windows import (
    EARLIEST,
    LATEST,
    Window,
    as_utc,
    compact,
    iso,
    iso_in,
    parse_instant,
    window_of,
)
from chargebee_operators.common.exceptions import SettingsError

offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
naive_range = {"min_value": datetime(2001, 9, 11), "max_value": datetime(2286, 11, 18)}
instants = st.datetimes(**naive_range, timezones=st.one_of(st.none(), offsets))
seconds = st.integers(10**9, 10**10 - 2)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def ends_of(window: Window) -> tuple[int, int]:
    first, last = re.fullmatch(r"\[(\d{10}),(\d{10})\]", window.between()).groups()
    return int(first), int(last)


@given(st.lists(instants, min_size=3, max_size=3))
def test_neighbours_neither_overlap_nor_leave_a_gap(three):
    start, middle, end = sorted(three, key=as_utc)
    assume(
        all(later - earlier > timedelta(seconds=1) for earlier, later in pairwise(map(as_utc, (start, middle, end))))
    )
    (_, last), (first, _) = ends_of(Window(start, middle)), ends_of(Window(middle, end))
    assert first == last + 1


@given(seconds, st.integers(1, 400 * 86400))
def test_a_window_holds_exactly_its_seconds(start, length):
    end = min(start + length, 10**10 - 1)
    window = Window(datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC))
    assert ends_of(window) == (start, end - 1)


@given(instants)
def test_as_utc_is_the_same_instant_to_the_microsecond(value):
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    assert as_utc(value) == aware
    assert (type(as_utc(value)), as_utc(value).tzinfo) == (datetime, UTC)


@given(instants)
def test_an_instant_survives_being_written_and_read(value):
    assert parse_instant(iso(value), "x") == as_utc(value).replace(microsecond=0)
    assert datetime.strptime(compact(value), "%Y%m%dT%H%M%SZ") == as_utc(value).replace(microsecond=0, tzinfo=None)


def test_airflows_own_datetimes_become_plain_ones():
    pendulum = pytest.importorskip("pendulum")
    window = Window(pendulum.datetime(2026, 11, 23, tz="Europe/Berlin"), pendulum.datetime(2026, 11, 24))
    assert (type(window.start), window.start) == (datetime, utc(2026, 11, 22, 23))


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [
        (utc(2026, 1, 1), utc(2026, 1, 2), (1, 2026), (1, 2026)),
        (utc(2026, 1, 1), utc(2026, 2, 1), (1, 2026), (1, 2026)),
        (utc(2026, 1, 31), utc(2026, 2, 1, 0, 0, 1), (1, 2026), (2, 2026)),
        (utc(2025, 12, 31, 23, 59, 59), utc(2026, 1, 1, 0, 0, 1), (12, 2025), (1, 2026)),
        (utc(2025, 3, 5), utc(2026, 3, 5), (3, 2025), (3, 2026)),
    ],
)
def test_months_are_those_that_the_window_touches(start, end, first, last):
    months = Window(start, end).months()
    assert (months["report_from_month"], months["report_from_year"]) == tuple(map(str, first))
    assert (months["report_to_month"], months["report_to_year"]) == tuple(map(str, last))


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Pacific/Kiritimati", "UTC"])
def test_months_are_those_of_the_zone_that_the_window_is_given_in(zone):
    start, end = datetime(2026, 10, 1, tzinfo=ZoneInfo(zone)), datetime(2026, 11, 1, tzinfo=ZoneInfo(zone))
    october = dict.fromkeys(("report_from_month", "report_to_month"), "10")
    october |= dict.fromkeys(("report_from_year", "report_to_year"), "2026")
    # Berlin's clocks change on the way, so the two ends have different offsets.
    written = window_of(iso_in(start, zone), iso_in(end, zone))
    assert Window(start, end).months() == written.months() == october
    assert written == Window(as_utc(start), as_utc(end)), "the instants are the same in every zone"


@given(seconds, st.integers(1, 100 * 86400))
def test_every_second_of_the_window_lies_within_its_months(start, length):
    end = min(start + length, 10**10 - 1)
    months = {name: int(value) for name, value in Window(*map(from_epoch, (start, end))).months().items()}
    first, last = from_epoch(start), from_epoch(end - 1)
    assert (months["report_from_year"], months["report_from_month"]) == (first.year, first.month)
    assert (months["report_to_year"], months["report_to_month"]) == (last.year, last.month)


def from_epoch(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


@pytest.mark.parametrize(
    ("start", "end", "parts"),
    [
        (utc(2026, 1, 2), utc(2026, 1, 1), ["window_end 2026-01-01T00:00:00Z", "is not after window_start", "give"]),
        (
            utc(2026, 1, 1),
            utc(2026, 1, 1),
            ["2026-01-01T00:00:00Z has no length", "schedule=ExportTimetable("],
        ),
        (utc(2026, 1, 1, 0, 0, 0, 1), utc(2026, 1, 1, 0, 0, 0, 9), ["at least one second later"]),
        (utc(1999, 1, 1), utc(2026, 1, 1), ["1999-01-01T00:00:00Z", "ten-digit", "stay between 2001-09-09T01:46:40Z"]),
        (utc(2026, 1, 1), utc(2999, 1, 1), ["2999-01-01T00:00:00Z", "2286-11-20T17:46:39Z"]),
    ],
    ids=["backwards", "empty", "within a second", "too early", "too late"],
)
def test_an_impossible_window_says_what_to_mend(start, end, parts):
    with pytest.raises(SettingsError) as caught:
        Window(start, end)
    assert all(part in str(caught.value) for part in parts), caught.value


def test_the_widest_window_fits():
    assert Window(EARLIEST, LATEST).between() == "[1000000000,9999999998]"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-23", utc(2026, 11, 23)),
        (" 2026-11-23T06:00:00+01:00 ", utc(2026, 11, 23, 5)),
        ("2026-11-23 06:00", utc(2026, 11, 23, 6)),
        ("2026-11-23T06:00:00Z", utc(2026, 11, 23, 6)),
        (datetime(2026, 11, 23), utc(2026, 11, 23)),
        (datetime(2026, 11, 23, 1, tzinfo=timezone(timedelta(hours=1))), utc(2026, 11, 23)),
    ],
)
def test_an_instant_can_be_written_in_many_ways(value, expected):
    assert parse_instant(value, "window_start") == expected


@pytest.mark.parametrize("value", ["yesterday", "2026-13-01", "23.11.2026", 1700000000, True, "1700000000", ["2026"]])
def test_what_is_no_date_is_quoted_with_its_name_and_a_pattern(value):
    with pytest.raises(SettingsError, match="write it as 2026-11-23 or") as caught:
        parse_instant(value, "window_start")
    assert f"window_start {value!r}" in str(caught.value)


@given(st.one_of(st.text(), st.datetimes(timezones=st.one_of(st.none(), offsets))))
@example(datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))))
@example("9999-12-31T23:59:59-14:00")
def test_whatever_is_typed_is_read_or_refused_in_our_own_words(value):
    with contextlib.suppress(SettingsError):
        assert parse_instant(value, "window_start").tzinfo is UTC


@pytest.mark.parametrize("nothing", [None, "", "  ", "None", "null"])
def test_nothing_in_whatever_form_is_no_window(nothing):
    assert window_of(nothing, nothing) is None


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        ("2026-11-23", None, "window_start is 2026-11-23 but window_end is empty: give both, or neither"),
        ("None", "2026-11-23", "window_end is 2026-11-23 but window_start is empty: give both, or neither"),
    ],
)
def test_half_a_window_is_refused(start, end, message):
    with pytest.raises(SettingsError, match=message):
        window_of(start, end)


def test_a_window_reads_like_the_interval_it_is():
    assert str(window_of("2026-11-23", "2026-11-24")) == "[2026-11-23T00:00:00Z, 2026-11-24T00:00:00Z)"
