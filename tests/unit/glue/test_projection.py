"""The partitions that Athena sees: each value that a table was given, and no other one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.glue.projection import MOST_LISTED, covers, projection, values_of

ON = {"projection.enabled": "true"}
START = datetime(2020, 1, 1, tzinfo=UTC)


def times(count: int, step: timedelta) -> list[str]:
    return [f"{START + number * step:%Y%m%dT%H%M%SZ}" for number in range(count)]


def projected(parameters: dict[str, str], until: datetime) -> set[str]:
    """Return what Athena makes of a range, by its documentation."""
    first, _, last = parameters["projection.window_start.range"].partition(",")
    assert (last, parameters["projection.window_start.type"]) == ("NOW", "date")
    # Java's format, in Python's words.
    assert parameters["projection.window_start.format"] == "yyyyMMdd'T'HHmmss'Z'"
    unit = parameters["projection.window_start.interval.unit"].lower()
    step = timedelta(**{unit: int(parameters["projection.window_start.interval"])})
    at, found = datetime.strptime(first, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC), set()
    while at <= until:
        found.add(f"{at:%Y%m%dT%H%M%SZ}")
        at += step
    return found


def test_values_are_listed_as_they_are():
    made = projection("window_start", {"20261124T000000Z", "20261123T230000Z", "20261123T000017Z"})
    assert made == {
        "projection.window_start.type": "enum",
        "projection.window_start.values": "20261123T000017Z,20261123T230000Z,20261124T000000Z",
    }
    assert covers({**ON, **made}, "window_start", ["20261123T000017Z", "20261124T000000Z"])
    assert not covers({**ON, **made}, "window_start", ["20261123T000018Z"])
    assert values_of(made, "window_start") == {"20261123T000017Z", "20261123T230000Z", "20261124T000000Z"}


@pytest.mark.parametrize(
    ("step", "interval"),
    [
        (timedelta(hours=1), ("1", "HOURS")),
        (timedelta(hours=6), ("6", "HOURS")),
        (timedelta(days=1), ("1", "DAYS")),
        (timedelta(minutes=90), ("90", "MINUTES")),
    ],
)
def test_thousands_of_windows_at_equal_distances_become_a_range(step, interval):
    values = times(MOST_LISTED + 1, step)
    made = projection("window_start", values)
    assert (made["projection.window_start.interval"], made["projection.window_start.interval.unit"]) == interval
    until = START + MOST_LISTED * step
    assert projected(made, until) == set(values)
    assert covers({**ON, **made}, "window_start", [*values, f"{until + step:%Y%m%dT%H%M%SZ}"])
    between, before = until + timedelta(seconds=17), START - step
    assert not covers({**ON, **made}, "window_start", [f"{between:%Y%m%dT%H%M%SZ}"])
    assert not covers({**ON, **made}, "window_start", [f"{before:%Y%m%dT%H%M%SZ}"])
    assert not covers({**ON, **made}, "window_start", ["2020-01-01"])


def test_windows_at_odd_times_stay_a_list_for_a_range_would_be_empty_for_the_greater_part():
    values = [*times(MOST_LISTED + 1, timedelta(hours=1)), "20200101T000017Z"]
    made = projection("window_start", values)
    assert made["projection.window_start.type"] == "enum"
    assert values_of(made, "window_start") == set(values)


def test_more_values_than_glue_takes_are_refused():
    values = [*times(31_000, timedelta(hours=1)), "20200101T000017Z"]
    with pytest.raises(SettingsError, match=r"partition window_start has 31,001 values.*another glue_database"):
        projection("window_start", values)


def test_without_projection_nothing_is_covered():
    made = projection("site", ["acme"])
    assert covers({**ON, **made}, "site", ["acme"])
    assert not covers(made, "site", ["acme"]) and not covers(ON, "site", ["acme"])
