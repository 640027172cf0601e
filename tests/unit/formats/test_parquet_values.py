"""Times of an export in Parquet: with and without a zone, in each form that is known, and where clocks change."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargebee_operators.common.exceptions import ConversionError, SettingsError
from chargebee_operators.formats.column_types import ColumnTypes
from chargebee_operators.formats.parquet import ParquetFile, ParquetSettings

UTC_TYPE = "timestamp[s, UTC]"


def values(texts: list[str], kind: str = UTC_TYPE, timezone: str | None = None) -> tuple[list[Any], list[str]]:
    """Return the values of a column, and the warnings."""
    made = ParquetFile("Customers.csv", "customers", ParquetSettings(ColumnTypes({"x": kind}), timezone=timezone))
    data = b"id,x\n" + b"".join(b'1,"%s"\n' % text.encode() for text in texts)
    found = pq.read_table(io.BytesIO(b"".join(made.pieces([data]))))
    return found.column("x").to_pylist(), made.warnings


@pytest.mark.parametrize(
    ("timezone", "text", "value"),
    [
        ("UTC", "23-Nov-2026 12:30", "2026-11-23T12:30"),
        ("Europe/Berlin", "23-Nov-2026 12:30", "2026-11-23T11:30"),
        ("Europe/Berlin", "23-Jul-2026 12:30:59", "2026-07-23T10:30:59"),
        ("Europe/Berlin", "23-NOV-2026", "2026-11-22T23:00"),
        ("Asia/Kolkata", "2026-11-23T12:30", "2026-11-23T07:00"),
        ("Asia/Kolkata", "2026-11-23 12:30:05", "2026-11-23T07:00:05"),
        ("America/New_York", "2026-11-23", "2026-11-23T05:00"),
        # What names its zone is not changed.
        ("Europe/Berlin", "2026-11-23T12:30:00Z", "2026-11-23T12:30"),
        ("Europe/Berlin", "2026-11-23 12:30:00 UTC", "2026-11-23T12:30"),
        ("Europe/Berlin", "2026-11-23T12:30:00-05:00", "2026-11-23T17:30"),
        ("Europe/Berlin", "1795437000", "2026-11-23T12:30"),
    ],
)
def test_a_time_without_a_zone_is_one_of_window_timezone(timezone, text, value):
    assert values([text, ""], timezone=timezone) == ([datetime.fromisoformat(value).replace(tzinfo=UTC), None], [])


@pytest.mark.parametrize("text", ["23-Nov-2026 12:30", "23-Nov-2026", "2026-11-23T12:30:00", "2026-11-23"])
def test_without_window_timezone_a_time_without_a_zone_is_no_instant(text):
    with pytest.raises(
        ConversionError, match=r"column 'x' of row 3 has no time zone.*Set window_timezone.*timestamp\[s\]"
    ):
        values(["", "", text])
    assert values(["", text], "timestamp[s]")[0][1] == datetime.fromisoformat(
        {"23-Nov-2026 12:30": "2026-11-23T12:30", "23-Nov-2026": "2026-11-23"}.get(text, text)
    )
    assert values(["", "2026-11-23T12:30:00Z"])[0][1] == datetime(2026, 11, 23, 12, 30, tzinfo=UTC)


def test_a_column_without_times_needs_no_zone():
    assert values(["", ""]) == ([None, None], [])


def test_the_hour_that_comes_twice_is_the_first_one_and_counted():
    found, warnings = values(["25-Oct-2026 01:30", "25-Oct-2026 02:30", "25-Oct-2026 03:30"], timezone="Europe/Berlin")
    assert [each.hour for each in found] == [23, 0, 2]
    assert warnings == [
        "Column 'x' has 1 time in the hour that comes twice when the clocks of Europe/Berlin are put back. Such a time is "
        "read as one of the first hour."
    ]


def test_a_time_that_the_clocks_leave_out_shows_that_the_zone_is_wrong():
    with pytest.raises(ConversionError, match="row 2 is a time that does not exist in Europe/Berlin") as caught:
        values(["29-Mar-2026 01:30", "29-Mar-2026 02:30"], timezone="Europe/Berlin")
    assert "02:30" not in str(caught.value)
    assert values(["29-Mar-2026 02:30"], "timestamp[s]", "Europe/Berlin")[0] == [datetime(2026, 3, 29, 2, 30)]


@settings(deadline=None)
@given(
    st.lists(st.datetimes(datetime(2012, 1, 1), datetime(2037, 1, 1)), min_size=1, max_size=20),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"]),
    st.sampled_from(["%d-%b-%Y %H:%M", "%d-%b-%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M"]),
)
def test_zones_are_those_of_python(times, timezone, form):
    """Of a time that comes twice Python takes the first one too."""
    zone = ZoneInfo(timezone)
    local = [datetime.strptime(each.replace(tzinfo=UTC).astimezone(zone).strftime(form), form) for each in times]
    found, _ = values([each.strftime(form) for each in local], timezone=timezone)
    assert found == [each.replace(tzinfo=zone).astimezone(UTC) for each in local]


@pytest.mark.parametrize(
    "text",
    [
        "31-Feb-2026",
        "00-Nov-2026",
        "23-Xyz-2026",
        "23-11-2026",
        "3-Nov-2026",
        "23/11/2026",
        "23-Nov-26",
        "x23-Nov-2026",
    ],
)
@pytest.mark.parametrize("kind", ["date", "timestamp[s]"])
@pytest.mark.parametrize("before", [[], ["23-Nov-2026"], ["2026-11-23"]], ids=["first", "behind", "iso"])
def test_what_is_no_date_is_refused(text, kind, before):
    with pytest.raises(ConversionError, match=f"row {len(before) + 1} can't be read as {kind.split('[')[0]}"):
        values([*before, text], kind)


@pytest.mark.parametrize("text", ["23-Nov-2026 24:00", "23-Nov-2026 12:60", "23-Nov-2026 1:30", "23-Nov-2026 12:30 PM"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ConversionError, match="row 1 can't be read as timestamp"):
        values([text], "timestamp[s]")


@settings(deadline=None)
@given(st.lists(st.dates(date(1970, 1, 1), date(2100, 1, 1)), min_size=1))
def test_dates_are_those_of_python(days):
    assert values([each.strftime("%d-%b-%Y 23:59") for each in days], "date")[0] == days
    assert values([f"{each}T00:00:00+14:00" for each in days], "date")[0] == days


def test_a_zone_that_the_machine_does_not_know_is_named():
    with pytest.raises(SettingsError, match="window_timezone 'Europe/Nowhere' is not in the time zone data"):
        values(["2026-11-23"], timezone="Europe/Nowhere")
    day = values(["2026-11-23"], "date", "Europe/Nowhere")[0]
    assert day == [date(2026, 11, 23)]


def test_times_in_later_blocks_are_counted_too():
    times = ["25-Oct-2026 02:30"] * 200_000
    found, [warning] = values(times, timezone="Europe/Berlin")
    assert set(found) == {datetime(2026, 10, 25, 0, 30, tzinfo=UTC)}
    assert "has 200000 times" in warning
    assert found[0] - datetime(2026, 10, 25, tzinfo=UTC) == timedelta(minutes=30)
