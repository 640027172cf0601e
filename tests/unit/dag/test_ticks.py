"""The ticks of a cron expression: all zones, many expressions, and above all the days when clocks change."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest

from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.dag.ticks import PRESETS, CronTicks, check_cron

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
# Daily at each hour at which a clock is moved somewhere, several times a day, in each hour, and rare ones.
ODD = (
    *(
        "0 2 * * *",
        "30 2 * * *",
        "0 0 * * *",
        "59 23 * * *",
        "0 1 * * *",
        "30 1 * * *",
        "0 3 * * *",
        "15 0,1,2,3 * * *",
    ),
    *("*/30 * * * *", "30 * * * *", "7 */2 * * *", "*/20 1-4 * * *", "0 */5 * * *", "45 2 * * 0", "0 2 1 * *"),
    *("30 2 L * *", "0 2 * 3,10 sun", "0 2 29 2 *", "30 2 13 * fri"),
)
CRONS = (*PRESETS, *ODD)


def at(text: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta(0)


@cache
def clock_changes(name: str) -> tuple[datetime, ...]:
    """Return when a zone's clock is moved, from 2002 to 2037."""
    zone, found = ZoneInfo(name), []
    low, end = datetime(2002, 1, 1, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC)
    while low < end:
        high = low + 20 * DAY
        if offset(low, zone) != offset(high, zone):
            early, late = low, high
            while late - early > MINUTE:
                middle = early + (late - early) // 2
                early, late = (middle, late) if offset(middle, zone) == offset(early, zone) else (early, middle)
            found.append(late.replace(second=0, microsecond=0))
        low = high
    return tuple(found)


def walk(ticks: CronTicks, start: datetime, count: int) -> list[datetime]:
    found = [ticks.after(start)]
    while len(found) < count:
        found.append(ticks.after(found[-1]))
    return found


def check_neighbours(ticks: CronTicks, start: datetime, count: int) -> list[datetime]:
    """Walk forwards, back, and to instants between two ticks; all must tell of the same ticks."""
    found = walk(ticks, start, count)
    assert found == sorted(set(found)), "each is later than the one before"
    assert [ticks.before(each) for each in found[1:]] == found[:-1], "the way back is the way forth"
    for tick, following in pairwise(found):
        inside = tick + (following - tick) / 2
        assert (ticks.before(inside), ticks.after(inside)) == (tick, following)
        # What a run that starts right then takes, or just before.
        assert ticks.last_interval(following) == (tick, following)
        assert ticks.last_interval(following - timedelta(microseconds=1))[1] == tick
    return found


@pytest.mark.parametrize("cron", CRONS)
def test_about_changes_of_all_zones_the_ticks_are_one_ordered_set(cron):
    chance = random.Random(cron)
    zones = sorted(available_timezones())
    for name in chance.sample(zones, 8):
        changes = clock_changes(name) or (at("2026-03-29"),)
        start = chance.choice(changes) - chance.choice((DAY / 12, DAY, 2 * DAY))
        check_neighbours(CronTicks(cron, ZoneInfo(name)), start, 4)


def test_every_zone_of_the_database_is_tried():
    chance = random.Random("zones")
    for name in sorted(available_timezones()):
        start = chance.choice(clock_changes(name) or (at("2026-03-29"),)) - 27 * timedelta(hours=1)
        check_neighbours(CronTicks(chance.choice(ODD[:12]), ZoneInfo(name)), start, 3)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"])
@pytest.mark.parametrize(
    ("cron", "hours", "minutes"),
    [
        ("0 2 * * *", {2}, {0}),
        ("30 2 * * *", {2}, {30}),
        ("15 1,2,3 * * *", {1, 2, 3}, {15}),
        ("30 * * * *", set(range(24)), {30}),
    ],
)
def test_the_ticks_are_those_that_the_clock_shows(cron, hours, minutes, zone):
    """Look at the clock at each quarter of an hour for four days, in spring and in autumn."""
    for change in clock_changes(zone)[40:42]:
        start, end = change - 2 * DAY, change + 2 * DAY
        shown: dict[datetime, datetime] = {}
        for number in range(4 * 24 * 4):
            instant = start + number * 15 * MINUTE
            face = instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
            if face.hour in hours and face.minute in minutes:
                # Of two the second counts, or both where each hour has one.
                shown[instant if len(hours) == 24 else face.replace(fold=0)] = instant
        found = [each for each in walk(CronTicks(cron, ZoneInfo(zone)), start - MINUTE, len(shown) + 1) if each < end]
        assert set(shown.values()) <= set(found)
        left_out = set(found) - set(shown.values())
        assert len(left_out) <= 1 and all(change <= each < change + timedelta(hours=1) for each in left_out)


@pytest.mark.parametrize(
    ("cron", "zone", "now", "start", "end"),
    [
        ("0 2 * * *", "Europe/Berlin", "2026-03-29T12:00", "2026-03-28T01:00", "2026-03-29T01:00"),
        ("30 2 * * *", "Europe/Berlin", "2026-03-29T12:00", "2026-03-28T01:30", "2026-03-29T01:30"),
        ("30 2 * * *", "Europe/Berlin", "2026-03-30T12:00", "2026-03-29T01:30", "2026-03-30T00:30"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T00:45", "2026-10-23T00:30", "2026-10-24T00:30"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T01:30", "2026-10-24T00:30", "2026-10-25T01:30"),
        ("0 2 * * *", "America/New_York", "2026-03-08T12:00", "2026-03-07T07:00", "2026-03-08T07:00"),
        ("30 1 * * *", "America/New_York", "2026-11-01T05:45", "2026-10-30T05:30", "2026-10-31T05:30"),
        ("@hourly", "America/New_York", "2026-11-01T06:00", "2026-11-01T05:00", "2026-11-01T06:00"),
        ("@daily", "UTC", "2026-11-24T12:00", "2026-11-23T00:00", "2026-11-24T00:00"),
        ("@daily", "UTC", "2026-11-24T00:00", "2026-11-23T00:00", "2026-11-24T00:00"),
        ("@daily", "Pacific/Apia", "2011-12-31T12:00", "2011-12-30T10:00", "2011-12-31T10:00"),
        ("@quarterly", "UTC", "2026-11-24T12:00", "2026-07-01T00:00", "2026-10-01T00:00"),
    ],
)
def test_the_last_complete_interval_is_the_last_two_ticks(cron, zone, now, start, end):
    assert CronTicks(cron, ZoneInfo(zone)).last_interval(at(now)) == (at(start), at(end))


@pytest.mark.parametrize("cron", CRONS)
def test_an_expression_that_ticks_is_taken(cron):
    check_cron("schedule", cron)


@pytest.mark.parametrize(
    ("cron", "near"),
    [
        ("@dayly", r" \(did you mean '@daily'\?\)"),
        *((each, "") for each in ("0 0 * *", "61 * * * *", "", "0 0 30 2 *", "R * * * *", "H 2 * * *", "@once")),
        *((each, "") for each in ("0 0 0 * * *", "0 0 * * * 0 2027", "0 24 * * *", None, 5, timedelta(days=1))),
    ],
)
def test_what_never_ticks_or_ticks_at_random_is_refused(cron, near):
    with pytest.raises(SettingsError, match=rf"schedule .* is not a cron expression{near}: write five fields"):
        check_cron("schedule", cron)
