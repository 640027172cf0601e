"""Rows outside the window: found in any spelling, quoting and format, and never where there is a doubt."""

from __future__ import annotations

import csv
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargebee_operators.checks.clock_format import ZONELESS_SLACK, read_clock_value
from chargebee_operators.checks.clock_values import shape_of
from chargebee_operators.checks.window_check import check_for
from chargebee_operators.checks.window_verdict import judge_window
from chargebee_operators.formats.csv_facts import CsvFacts
from support.csv_cases import written
from support.window_cases import END, FORMATS, JOB, PRECISION, START, ZONED, check_of, checked, customers


@pytest.mark.parametrize(
    "rows", [b"c1\n" * 700_000, b"\n" * 2_000_000, b"z" * 4_000_000 + b"\n", b"c1," * 700_000 + b"\n"], ids=len
)
@pytest.mark.parametrize("last", [b"", b",n"], ids=["clock-last", "clock-inside"])
def test_rows_of_too_few_fields_do_not_hold_the_check_up(rows, last):
    """Each was once tried from every one of its bytes, which takes hours here."""
    found = checked(b"id,name,updated_at" + last + b"\n" + rows + b"c1,x,2026-11-23T00:00:00Z,y\n", size=1 << 18)
    assert (found.checked, found.outside) == (1, 0)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("requested", [None, END + timedelta(hours=20)], ids=["", "requested_at"])
@pytest.mark.parametrize("many", [0, 50], ids=["edges", "many"])
def test_every_format_is_judged_as_datetime_would(name, requested, many):
    slack = timedelta(seconds=0 if name in ZONED else ZONELESS_SLACK)
    covers = timedelta(seconds=PRECISION.get(name, 1))
    draw = random.Random(name)
    moments = [edge + step * timedelta(seconds=1) for edge in (START - slack, END + slack) for step in (-1, 0, 1)]
    moments += [START + timedelta(seconds=draw.randrange(-3 * 86400, 4 * 86400)) for _ in range(many)]
    floor = {timedelta(minutes=1): {"second": 0}, timedelta(days=1): {"hour": 0, "minute": 0, "second": 0}}
    written_as = [moment.replace(**floor.get(covers, {})) for moment in moments]
    inside = [at + covers > START - slack and at < END + slack for at in written_as]
    late = [requested is not None and at + covers > requested - slack for at in written_as]
    expected = [not here and not after for here, after in zip(inside, late, strict=True)]
    result = checked(customers([FORMATS[name](moment) for moment in moments]), requested_at=requested)
    assert (result.checked, result.outside, result.unread) == (len(moments), sum(expected), 0)
    assert result.late == sum(after and not here for here, after in zip(inside, late, strict=True))
    assert result.slack_hours == (0 if name in ZONED else 14)
    assert result.example_id == next((f"id{at}" for at, out in enumerate(expected) if out), None)
    assert result.not_checked is None


MOMENTS = st.datetimes(datetime(2026, 11, 21), datetime(2026, 11, 26)).map(
    lambda at: at.replace(tzinfo=UTC, microsecond=0)
)
NOTES = st.text(st.sampled_from('ab,"\n\r ü'), max_size=5)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.none() | MOMENTS, NOTES, st.sampled_from(["iso Z", "epoch", "iso offset"])), max_size=12),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["\n", "\r\n"]),
    st.integers(0, 3),
    st.booleans(),
    st.integers(1, 60),
    st.sampled_from(["csv", "parquet"]),
)
def test_counts_are_those_of_csv_reader_and_datetime(rows, quoting, end, at, one_format, size, file_format):
    """The clock may stand in any column, the last too, and pieces may end anywhere."""
    table = []
    for number, (moment, note, name) in enumerate(rows):
        row = [f"id{number}", note, note]
        row.insert(at, "" if moment is None else FORMATS["iso Z" if one_format else name](moment))
        table.append(row)
    header = ["id", "note", "note2"]
    header.insert(at, "updated_at")
    data = written([header, *table], quoting, end).removesuffix(end).encode()
    moments = [moment for moment, _, _ in rows if moment is not None]
    result = checked(data, size, file_format=file_format)
    assert (result.checked, result.empty) == (len(moments), len(rows) - len(moments))
    assert result.outside == sum(not START <= moment < END for moment in moments)


def test_short_rows_have_no_clock_and_do_not_shift_the_others():
    data = b"id,updated_at,z\na\nb,2026-11-23T01:00:00Z,1\n\nc,2020-01-01T00:00:00Z,1\nd,\n"
    result = checked(data)
    assert (result.checked, result.outside, result.empty, result.example_id) == (2, 1, 3, "c")


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_many_blocks(file_format):
    inside, outside = "2026-11-23T01:00:00Z", "2026-11-22T23:59:59Z"
    result = checked(
        customers([inside] * 20_000 + [outside] + [""] * 3 + ["soon"] * 2), 100_000, file_format=file_format
    )
    assert (result.checked, result.outside, result.empty, result.unread) == (20_001, 1, 3, 2)
    assert (result.example_id, result.format) == ("id20000", "0000-00-00a00:00:00a")


@pytest.mark.parametrize(
    "value", ["2024-13-01", "2024-02-30 10:00", "31-Foo-2024", "00-Jan-2024", "31-Jan-2024 13:00 PM"]
)
def test_what_is_in_no_calendar_is_no_time(value):
    assert read_clock_value(value) is None


@pytest.mark.parametrize("value", ["02/03/2024", "soon", "12345", "31-Foo-2024"])
def test_what_is_no_time_is_not_guessed_at(value):
    result = checked(f"id,updated_at\na,{value}\n".encode())
    assert (result.checked, result.outside, result.unread) == (0, 0, 1)
    assert result.not_checked == "its times are in an unknown format"


@pytest.mark.parametrize("value", ["", " ", "0", "0000-00-00", "0000-00-00 00:00:00", "0000000000"])
def test_nothing_is_not_outside(value):
    result = checked(f"id,updated_at\na,{value}\nb,2026-11-23\n".encode())
    assert (result.outside, result.empty, result.checked) == (0, 1, 1)
    assert checked(f"id,updated_at\na,{value}\n".encode()).empty == 1


def test_a_shape_tells_no_value():
    assert shape_of("Zoë, 12 High St".encode()) == "aaa, 00 aaaa aa"


def test_quotes_that_do_not_pair_are_said():
    result = checked(b'id,updated_at,z\na,2020-01-01,1\nb,2020-01-01,5" pipe\nc,2020-01-01,2\n', size=3)
    assert result.outside == 1
    assert "quotes do not pair" in result.not_checked


@pytest.mark.parametrize(
    ("job", "outside"), [(JOB, 1), (replace(JOB, window_field=None), 0)], ids=["window", "snapshot"]
)
def test_a_job_says_what_to_check(job, outside):
    check = check_for(job, "customers.csv")
    facts = CsvFacts(check)
    facts.feed(b"id,updated_at\na,2026-11-22T23:59:59Z\nb,2026-11-23T00:00:00Z\nc,2026-11-24T00:01:01Z\n")
    facts.finish()
    assert (check.result.outside, check.result.late) == (outside, outside)


@pytest.mark.parametrize(("field", "outside", "late"), [("next_billing_at", 2, 0), ("updated_at", 0, 2)])
def test_only_the_clock_that_changes_move_is_ever_late(field, outside, late):
    """What is billed next lies in the future on most rows of an export whose filter was ignored."""
    job = replace(JOB, resource="subscriptions", window_field=field)
    check = check_for(job, "subscriptions.csv")
    facts = CsvFacts(check)
    facts.feed(f"id,{field}\na,2026-11-23T12:00:00Z\nb,2026-12-23T12:00:00Z\nc,2027-11-23 12:00\n".encode())
    facts.finish()
    assert (check.result.checked, check.result.outside, check.result.late) == (3, outside, late)


@pytest.mark.parametrize("data", [b"id,updated_at\r1,2020-01-01T00:00:00Z\r", "id,updated_at\n1,x\n".encode("utf-16")])
def test_rows_that_cannot_be_told_are_said_not_to_be_compared(data):
    check = check_of(data)
    assert (check.result.checked, check.result.outside) == (0, 0)
    proof, _ = judge_window([check], "fail", JOB)
    assert (proof.by, proof.confirmed) == ("none", False)
    assert check.result.not_checked in proof.says


def test_a_long_file_of_carriage_returns_is_said_not_to_be_compared():
    check = check_of(b"id,updated_at\r" + b"1,2020-01-01T00:00:00Z\r" * 50_000, size=1 << 17)
    proof, _ = judge_window([check], "fail", JOB)
    assert proof.by == "none" and "carriage returns" in proof.says
