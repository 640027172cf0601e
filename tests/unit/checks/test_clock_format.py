"""Times in the formats and zones that are told by hand, and some that are read without."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from chargebee_operators.chargebee.windows import Window
from chargebee_operators.checks.clock_format import ClockFormat, read_clock_value
from chargebee_operators.checks.window_result import WindowResult
from chargebee_operators.common.exceptions import SettingsError
from support.window_cases import END, FORMATS, PRECISION, START, checked, customers

BY_HAND = {
    "%d/%m/%Y %H:%M": "23/11/2026 {}",
    "%m/%d/%Y %H:%M": "11/23/2026 {}",
    "%d.%m.%Y %H:%M:%S": "23.11.2026 {}:00",
    "%Y%m%d %H:%M%z": "20261123 {}+0000",
}


@pytest.mark.parametrize("pattern", BY_HAND)
def test_times_in_a_format_that_was_told_by_hand(pattern):
    def of(*times: str, zone: str | None = "UTC") -> WindowResult:
        clock = ClockFormat(pattern, zone)
        data = "".join(f"c,{BY_HAND[pattern].format(time)}\n" for time in times)
        return checked(
            b"id,updated_at\n" + data.encode(), window=Window(START, START + timedelta(hours=6)), clock=clock
        )

    found = of("00:00", "05:59", "06:00", "23:59")
    assert (found.checked, found.outside, found.slack_hours, found.not_checked) == (4, 2, 0, None)
    assert of("10:00", zone=None).outside == (1 if "%z" in pattern else 0)
    assert (
        checked(b"id,updated_at\n1,soon\n", clock=ClockFormat(pattern)).not_checked
        == "its times are in an unknown format"
    )


@pytest.mark.parametrize("name", ["iso space", "iso minutes", "named seconds", "date"])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Kiritimati"])
def test_times_of_a_zone_that_was_told_by_hand_are_compared_to_the_second(name, zone):
    covers = timedelta(seconds=PRECISION.get(name, 1))
    moments = [edge + step * covers for edge in (START, END) for step in (-1, 0, 1)]
    written_as = [at.astimezone(ZoneInfo(zone)) for at in moments]
    floor = {"second": 0} if name == "iso minutes" else {"hour": 0, "minute": 0, "second": 0} if name == "date" else {}
    begun = [at.replace(**floor) for at in written_as]
    outside = sum(not (at + covers > START and at < END) for at in begun)
    found = checked(customers([FORMATS[name](at) for at in written_as]), clock=ClockFormat(timezone=zone))
    assert (found.outside, found.slack_hours) == (outside, 0)


def test_in_the_hour_that_comes_twice_a_time_gets_the_benefit_of_the_doubt():
    start = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # 02:30 in Berlin, for the first time
    window, clock = Window(start, start + timedelta(hours=5)), ClockFormat(timezone="Europe/Berlin")
    rows = "".join(f"{at},2026-10-25 {at}\n" for at in ("01:29:59", "02:10:00", "02:30:00", "06:29:59", "07:30:01"))
    found = checked(f"id,updated_at\n{rows}".encode(), window=window, clock=clock)
    assert (found.checked, found.outside, found.slack_hours) == (5, 2, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"format": "DD/MM/YYYY"}, "window_format is 'DD/MM/YYYY': give the whole date as Python's strptime takes it"),
        ({"format": "%d/%m"}, "window_format is '%d/%m'"),
        ({"format": ""}, "window_format is ''"),
        ({"format": 5}, "window_format is 5"),
        (
            {"timezone": "Berlin"},
            "window_timezone 'Berlin' is not known; did you mean|window_timezone 'Berlin' is not known",
        ),
        ({"timezone": 1}, "window_timezone 1 is not known"),
    ],
)
def test_a_wrong_format_or_zone_is_named(arguments, message):
    with pytest.raises(SettingsError, match=message):
        ClockFormat(**arguments)


@pytest.mark.parametrize(
    "text", ["1795392000.5", "20261123T120000Z", "20261123", "Nov 23, 2026 10:00 AM", "November 23 2026"]
)
def test_more_times_that_can_not_be_mistaken(text):
    found = read_clock_value(text)
    assert found and START.timestamp() - 1 <= found.start < END.timestamp()
