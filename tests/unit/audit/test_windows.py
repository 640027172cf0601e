"""Holes in the chain of windows, and the commands that fill them."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargebee_operators.audit.windows import Schedule, backfill_of, holes
from chargebee_operators.chargebee.windows import Window

DAY = timedelta(days=1)
START = datetime(2026, 11, 1, tzinfo=UTC)
DAILY = Schedule("chargebee_export", "@daily")


def day(number: int, length: int = 1) -> Window:
    return Window(START + number * DAY, START + (number + length) * DAY)


def fill(dag_id: str, first: datetime, last: datetime) -> str:
    return f"backfill {dag_id} {first:%d} {last:%d}"


@given(st.sets(st.integers(0, 12), min_size=1), st.integers(0, 14))
def test_each_day_between_the_first_window_and_the_due_time_is_in_a_window_or_in_a_hole(days, due):
    windows = [day(each) for each in sorted(days, key=lambda each: -each)]
    found = holes(windows, START + due * DAY)
    for number in range(min(days), max(max(days) + 1, due)):
        in_hole = sum(each.start <= day(number).start and day(number).end <= each.end for each in found)
        assert in_hole == (number not in days)


def test_windows_that_overlap_leave_no_hole():
    assert holes([day(0, 5), day(1), day(2), day(5)], START + 6 * DAY) == []
    assert holes([], START) == []


def test_a_hole_of_whole_intervals_has_the_command_of_a_backfill_and_one_for_runs_that_have_succeeded():
    found = backfill_of(day(3, 4), "no window covers it", "customers", DAILY, fill)
    assert found.command == "backfill chargebee_export 04 07"
    *_, conf = shlex.split(found.single_run)
    assert found.single_run.startswith("airflow dags trigger chargebee_export --conf ")
    assert json.loads(conf) == {
        "window_start": "2026-11-04T00:00:00Z",
        "window_end": "2026-11-08T00:00:00Z",
        "resources": ["customers"],
    }


@pytest.mark.parametrize("cron", [None, "0 6 * * *"])
def test_a_hole_that_no_intervals_fill_has_the_command_of_one_run(cron):
    found = backfill_of(day(3), "no window covers it", "customers", Schedule("d", cron), fill)
    assert found.command == found.single_run


def test_a_window_that_has_run_has_the_command_of_one_run():
    assert backfill_of(day(3), "it is damaged", "customers", DAILY).command.startswith("airflow dags trigger")


def test_a_window_is_due_some_hours_after_its_end():
    now = datetime(2026, 11, 24, 6, tzinfo=UTC)
    assert DAILY.due(now - timedelta(minutes=1)) == datetime(2026, 11, 23, tzinfo=UTC)
    assert DAILY.due(now + timedelta(minutes=1)) == datetime(2026, 11, 24, tzinfo=UTC)
    assert Schedule("d", None).due(now) == now - DAY


def test_a_window_that_settles_for_long_is_due_later():
    slow = Schedule("d", "@daily", settle=12 * 3600)
    now = datetime(2026, 11, 24, 18, tzinfo=UTC)
    assert slow.due(now - timedelta(minutes=1)) == datetime(2026, 11, 23, tzinfo=UTC)
    assert slow.due(now + timedelta(minutes=1)) == datetime(2026, 11, 24, tzinfo=UTC)
    assert Schedule("d", None, settle=3600).due(now) == now - DAY - timedelta(hours=1)


def test_the_due_time_follows_the_schedule_s_zone():
    berlin = Schedule("d", "@daily", "Europe/Berlin")
    assert berlin.due(datetime(2026, 11, 24, 12, tzinfo=UTC)) == datetime(2026, 11, 23, 23, tzinfo=UTC)
