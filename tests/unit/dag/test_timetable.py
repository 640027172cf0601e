"""The timetable in Airflow's hands: the windows of consecutive runs meet, also when clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pendulum
import pytest

from chargebee_operators.chargebee.windows import as_utc
from chargebee_operators.dag.timetable import ExportTimetable

airflow_interval = pytest.importorskip("airflow.timetables.interval")
HOUR = timedelta(hours=1)

CASES = [
    (cron, zone, day)
    for zone, days in {
        "Europe/Berlin": ("2026-03-28", "2026-10-24"),
        "America/New_York": ("2026-03-07", "2026-10-31"),
        "Australia/Lord_Howe": ("2026-04-03", "2026-10-02"),
    }.items()
    for day in days
    for cron in ("0 2 * * *", "30 2 * * *", "@daily", "@hourly", "15 1,2,3 * * *")
]


def scheduled(timetable, start: datetime, catchup: bool, monkeypatch) -> list:
    """Return the data intervals of the runs that Airflow's scheduler makes in three days from a start date on."""
    from airflow.timetables.base import TimeRestriction

    now, last, found = start + timedelta(minutes=1), None, []
    monkeypatch.setattr(airflow_interval, "utcnow", lambda: pendulum.instance(now))
    while now < start + timedelta(days=3):
        restriction = TimeRestriction(earliest=pendulum.instance(start), latest=None, catchup=catchup)
        info = timetable.next_dagrun_info(last_automated_data_interval=last, restriction=restriction)
        due = as_utc(info.run_after)
        if due > now:
            # The scheduler looks again and again, in the meantime too.
            now = min(due, now + 5 * HOUR)
            continue
        last = info.data_interval
        found.append(last)
        assert len(found) < 1000
    return found


@pytest.mark.parametrize("catchup", [True, False])
@pytest.mark.parametrize(("cron", "zone", "day"), CASES)
def test_the_windows_of_consecutive_runs_meet(cron, zone, day, catchup, monkeypatch):
    start = datetime.fromisoformat(day).replace(tzinfo=UTC)
    found = scheduled(ExportTimetable(cron, timezone=zone), start, catchup, monkeypatch)
    assert len(found) >= 2
    for before, after in pairwise(found):
        assert before.end == after.start < after.end


@pytest.mark.parametrize(("cron", "zone", "day"), CASES)
def test_a_run_by_hand_gets_the_last_complete_interval_at_any_time(cron, zone, day):
    timetable, start = ExportTimetable(cron, timezone=zone), datetime.fromisoformat(day).replace(tzinfo=UTC)
    for hours in range(9, 56, 3):
        now = pendulum.instance(start + hours * HOUR + HOUR * 3 / 4)
        interval = timetable.infer_manual_data_interval(run_after=now)
        assert interval.start < interval.end <= now


def test_far_from_a_change_of_clocks_it_is_airflows_own(monkeypatch):
    """So that a DAG that had Airflow's timetable before goes on where it was."""
    start = datetime(2026, 6, 1, tzinfo=UTC)
    for cron in ("0 2 * * *", "@weekly", "@monthly", "*/15 * * * *", "0 6 * * mon"):
        arguments = {"cron": cron, "timezone": "Europe/Berlin"}
        ours, theirs = ExportTimetable(**arguments), airflow_interval.CronDataIntervalTimetable(**arguments)
        for hours in range(0, 24 * 40, 31):
            now = pendulum.instance(start + hours * HOUR)
            assert ours.infer_manual_data_interval(run_after=now) == theirs.infer_manual_data_interval(run_after=now)


def test_airflow_can_store_it_and_make_it_again():
    try:
        from airflow.serialization.encoders import encode_timetable
    except ImportError:  # Airflow 2 and 3.0
        from airflow.serialization.serialized_objects import encode_timetable
    try:
        from airflow.serialization.decoders import decode_timetable
    except ImportError:
        from airflow.serialization.serialized_objects import decode_timetable
    timetable = ExportTimetable("30 2 * * *", timezone="Europe/Berlin")
    again = decode_timetable(encode_timetable(timetable))
    assert type(again) is ExportTimetable
    now = pendulum.datetime(2026, 3, 29, 12)
    assert again.infer_manual_data_interval(run_after=now) == timetable.infer_manual_data_interval(run_after=now)
    assert again == timetable
