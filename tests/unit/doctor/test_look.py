"""How a site writes times and amounts, found by comparing its files with the API."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargebee_operators.doctor.look import changes_clocks, column_types, look_of_times, money_look, value_pairs
from chargebee_operators.doctor.sample_file import SampleFile, sample_files
from support.json_values import json_values
from support.zips import made

WINTER, SUMMER = datetime(2026, 1, 10, 18, 1, 30, tzinfo=UTC), datetime(2026, 7, 10, 7, 30, 5, tzinfo=UTC)


def pairs(zone: str, *moments: datetime, pattern: str = "%d-%b-%Y %H:%M") -> list[tuple[str, int]]:
    return [(each.astimezone(ZoneInfo(zone)).strftime(pattern), int(each.timestamp())) for each in moments]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Sydney"])
def test_a_zone_is_found_from_a_winter_and_a_summer_day(zone):
    look = look_of_times(pairs(zone, WINTER, SUMMER))
    assert look.zones[0] == zone
    assert (look.shape, look.zoned, look.compared) == ("00-aaa-0000 00:00", False, 2)


def test_a_winter_day_alone_leaves_london_beside_utc():
    assert look_of_times(pairs("UTC", WINTER)).zones == ("UTC", "Europe/London")
    assert look_of_times(pairs("Europe/London", WINTER, SUMMER)).zones[0] == "Europe/London"


@pytest.mark.parametrize(
    ("zone", "changes"),
    [("UTC", False), ("Etc/UTC", False), ("Asia/Kolkata", False), ("Europe/Berlin", True), ("Australia/Sydney", True)],
)
def test_only_a_zone_that_puts_its_clocks_back_has_an_hour_twice(zone, changes):
    assert changes_clocks(zone) is changes


def test_times_that_fit_no_zone_are_said_to():
    texts = [pairs("UTC", WINTER)[0], ("10-Jul-2026 12:07", int(SUMMER.timestamp()))]
    assert look_of_times([*texts, *pairs("Asia/Tokyo", WINTER)]).zones == ()


def test_a_time_with_its_zone_needs_none():
    look = look_of_times(pairs("UTC", WINTER, pattern="%Y-%m-%dT%H:%M:%SZ"))
    assert (look.zoned, look.zones) == (True, ())


@pytest.mark.parametrize(
    "pattern", ["%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%m/%d/%Y %I:%M %p", "%m-%d-%Y %H:%M"]
)
def test_a_date_in_digits_gets_its_format_and_zone_by_comparison(pattern):
    look = look_of_times(pairs("America/New_York", WINTER, SUMMER, pattern=pattern))
    assert (look.form, look.zones[0], look.compared) == (pattern, "America/New_York", 2)


def test_a_date_that_may_be_two_gets_no_format():
    text, epoch = "01/01/2026 10:00", int(datetime(2026, 1, 1, 10, tzinfo=UTC).timestamp())
    look = look_of_times([(text, epoch)])
    assert (look.form, look.compared, look.shape) == (None, 0, "00/00/0000 00:00")


def test_times_in_a_known_form_need_no_format():
    assert look_of_times(pairs("UTC", WINTER)).form is None


def test_what_is_no_time_is_no_look():
    assert look_of_times([("soon", 1), ("", 2)]) is None


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        ([("10.00", 1000)], "decimals"),
        ([("1,234.50", 123450)], "decimals"),
        ([("1000", 1000)], "cents"),
        ([("0.00", 0), ("12.00", 1200)], "decimals"),
        ([("0", 0)], "unknown"),
        ([("x", 5)], "unknown"),
        ([("7", 1000)], "unknown"),
    ],
)
def test_amounts_are_decimals_or_cents(texts, kind):
    assert money_look(texts) == kind


def test_a_column_gets_a_type_only_where_each_value_fits():
    text = (
        "Id,Created At,Day,Amount,Active,Mixed,Empty,Number\n"
        "1,10-Jan-2026 18:01,2026-01-10,10.00,true,1.5,,1234567890\n"
        "2,11-Jan-2026 18:01,2026-01-11,-0.50,FALSE,x,,1234567891\n"
    )
    (file,) = sample_files([made([("customers.csv", text.encode())])])
    expected = {"Created At": "timestamp[s]", "Day": "date", "Amount": "decimal(18, 2)", "Active": "bool"}
    assert column_types(file, zone_is_known=False) == expected
    assert column_types(file, zone_is_known=True)["Created At"] == "timestamp[s, UTC]"


def test_values_are_paired_by_the_id_whatever_the_spelling():
    file = SampleFile(
        "Customers.csv", columns=["Customer Id", "Created At"], records=[["c1", "x"], ["c2", "y"], ["c3"]]
    )
    records = {"c1": {"created_at": 5}, "c2": {"created_at": None}, "c3": {"created_at": 7}}
    assert value_pairs(file, 0, ["created_at"], records, ["created_at"]) == [("x", 5)]
    assert value_pairs(file, 0, ["updated_at"], records, ["created_at"]) == []


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["created_at", "amount"]), json_values | st.just(10**400)))
def test_whatever_the_api_has_of_a_record_is_compared_or_left_out(record):
    file = SampleFile("c.csv", columns=["id", "created_at", "amount"], records=[["c1", "2026-11-23 10:00", "12.50"]])
    times, amounts = (value_pairs(file, 0, [name], {"c1": record}, [name]) for name in ("created_at", "amount"))
    look = look_of_times(times)
    assert look is None or look.compared == 1
    assert money_look(amounts) in ("decimals", "cents", "unknown")


@pytest.mark.parametrize(
    ("data", "bom", "line_end", "quoting"),
    [
        (b"a,b\n1,2\n", False, "LF", "none"),
        (b"\xef\xbb\xbfa,b\r\n1,2\r\n", True, "CRLF", "none"),
        (b'"a","b"\n"1","2"\n', False, "LF", "all"),
        (b'a,b\n1,"2"\n', False, "LF", "some"),
        (b"", False, "none", "none"),
    ],
)
def test_the_look_of_a_file(data, bom, line_end, quoting):
    (file,) = sample_files([made([("customers.csv", data)])])
    assert (file.has_bom, file.line_end, file.quoting) == (bom, line_end, quoting)
    assert file.rows == max(0, data.count(b"\n") - 1)
    assert file.records == [["1", "2"]] * bool(data)


def test_a_long_file_is_counted_whole_and_kept_in_part():
    data = b"id,name\n" + b"".join(b"%d,some name\n" % number for number in range(100_000))
    (file,) = sample_files([made([("customers.csv", data)])])
    assert (file.rows, file.size) == (100_000, len(data))
    assert len(file.records) == 500 and file.records[-1] == ["499", "some name"]
