"""What a run exports: its window and its resources."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chargebee_operators.chargebee.windows import Window
from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.dag.planning import Run, RunPlan, plan_run
from chargebee_operators.dag.settings import ResourceSettings

DAY = timedelta(days=1)
NEWEST = (datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC))
OLDER = (NEWEST[0] - 9 * DAY, NEWEST[1] - 9 * DAY)
NONE = (None, None)
TYPED = {"window_start": "2026-11-01T00:00:00Z", "window_end": "2026-11-03T00:00:00Z"}
RESOURCES = [
    ResourceSettings("customers"),
    ResourceSettings("differential_prices"),
    ResourceSettings("items", snapshot=True),
]
ALL = ("customers", "differential_prices", "items")


NOW = NEWEST[1] + timedelta(seconds=5)


def plan(params=None, interval=NEWEST, latest=NEWEST, *, is_backfill=False, now=NOW) -> RunPlan:
    return plan_run(Run(params or {}, interval, is_backfill), latest, RESOURCES, now)


@pytest.mark.parametrize(
    ("params", "interval", "latest", "window"),
    [
        ({}, NEWEST, NEWEST, NEWEST),
        ({}, OLDER, NEWEST, OLDER),
        ({}, NONE, NEWEST, NEWEST),
        ({}, (NEWEST[1], NEWEST[1]), NEWEST, NEWEST),
        ({}, OLDER, NONE, OLDER),
        ({"window_start": "", "window_end": None}, OLDER, NEWEST, OLDER),
        (TYPED, NEWEST, NEWEST, (datetime(2026, 11, 1), datetime(2026, 11, 3))),
        (TYPED, NONE, NONE, (datetime(2026, 11, 1), datetime(2026, 11, 3))),
        ({"snapshot": True}, OLDER, NEWEST, NEWEST),
        ({"snapshot": True}, OLDER, NONE, OLDER),
        ({"snapshot": True}, NONE, NONE, None),
        ({"snapshot": True}, (NEWEST[1], NEWEST[1]), NONE, None),
        ({"resources": ["items"]}, NONE, NONE, None),
    ],
    ids=[
        *(
            "scheduled",
            "backfill",
            "manual without interval",
            "interval of no length",
            "no schedule",
            "form left empty",
        ),
        *("typed", "typed without interval", "snapshot today", "snapshot without schedule"),
        *("snapshot without any interval", "snapshot in Airflow 2 without schedule", "whole resources alone"),
    ],
)
def test_the_window(params, interval, latest, window):
    assert plan(params, interval, latest).window == (window and Window(*window))


def test_every_resource_runs_in_the_latest_run():
    assert plan() == RunPlan(Window(*NEWEST), ALL, {})


def test_a_snapshot_is_skipped_in_any_run_but_the_latest():
    backfill = plan(interval=OLDER)
    assert backfill.resources == ("customers",)
    assert set(backfill.skipped) == {"differential_prices", "items"}
    assert all("only the latest run may do" in why for why in backfill.skipped.values())


@pytest.mark.parametrize("params", [{"snapshot": True}, {"window_start": "2026-11-01", "window_end": "2026-11-24"}])
def test_a_full_snapshot_or_a_window_up_to_now_skips_nothing(params):
    assert plan(params, OLDER).resources == ALL


def test_without_a_schedule_a_snapshot_is_taken_whatever_the_window():
    # Its partition is named after the time of the request, so nothing gets an old date.
    assert plan(TYPED, NONE, NONE).resources == ALL


@pytest.mark.parametrize("wanted", [["items", "customers"], "items, customers", ("items", "customers", "items")])
def test_a_subset_keeps_the_order_of_the_dag_and_says_why_the_others_are_left_out(wanted):
    chosen = plan({"resources": wanted})
    assert chosen.resources == ("customers", "items")
    assert chosen.skipped == {"differential_prices": "not among the resources of this run"}


@pytest.mark.parametrize("nothing", [None, [], ""])
def test_no_choice_is_every_resource(nothing):
    assert plan({"resources": nothing}).resources == ALL


@pytest.mark.parametrize(
    ("params", "interval", "latest", "message"),
    [
        (
            {"resources": ["customer"]},
            NEWEST,
            NEWEST,
            "resources: 'customer'.*did you mean 'customers'.*it has customers",
        ),
        ({"resources": ["invoices"]}, NEWEST, NEWEST, "resources: 'invoices' is not one that this DAG exports"),
        ({"window_start": "2026-11-01"}, NEWEST, NEWEST, "window_end is empty: give both"),
        ({"window_start": "soon", "window_end": "2026-11-01"}, NEWEST, NEWEST, "window_start 'soon' is not a date"),
        ({**TYPED, "snapshot": True}, NEWEST, NEWEST, "a snapshot has no window; empty the two, or untick it"),
        ({}, NONE, NONE, "no data interval, and the DAG no schedule: give window_start and window_end"),
    ],
)
def test_an_impossible_run_says_what_to_mend(params, interval, latest, message):
    with pytest.raises(SettingsError, match=message):
        plan(params, interval, latest)


@pytest.mark.parametrize(
    "latest", [(NEWEST[0], NEWEST[0]), (NEWEST[1], NEWEST[0]), NONE], ids=["empty", "backwards", "none"]
)
def test_a_run_with_an_interval_of_its_own_needs_no_latest_one(latest):
    assert plan(interval=OLDER, latest=latest).window == Window(*OLDER)


@pytest.mark.parametrize(
    ("params", "interval"),
    [
        ({"window_start": "2026-11-24", "window_end": "2030-01-01"}, NEWEST),
        ({"window_start": "2026-11-24", "window_end": NOW + timedelta(minutes=16)}, NEWEST),
        ({}, (NEWEST[1], NEWEST[1] + DAY)),
    ],
    ids=["years", "minutes", "an interval given by hand"],
)
def test_a_window_that_has_not_ended_is_refused(params, interval):
    with pytest.raises(
        SettingsError, match=r"The window \[2026-11-24T00:00:00Z, .* ends in the future \(it is 2026-11-24T0"
    ):
        plan(params, interval)


def test_a_window_up_to_now_is_taken_and_so_is_a_clock_that_is_a_little_behind():
    today = {"window_start": "2026-11-24T00:00:00Z", "window_end": NOW}
    assert plan(today).window == Window(NEWEST[1], NOW)
    assert plan(now=NEWEST[1] - timedelta(minutes=10)).window == Window(*NEWEST)


@pytest.mark.parametrize(
    ("params", "what"),
    [
        (TYPED, r"the window \[2026-11-01T00:00:00Z, 2026-11-03T00:00:00Z\)"),
        ({"snapshot": True}, "a snapshot of the present"),
    ],
)
def test_what_each_run_of_a_backfill_would_export_again_is_refused(params, what):
    with pytest.raises(
        SettingsError, match=f"run of a backfill, and each of its runs would export {what} once more: leave"
    ):
        plan(params, OLDER, is_backfill=True)


@pytest.mark.parametrize("params", [{}, {"resources": ["customers"], "prefix": "x", "snapshot": False}])
def test_a_run_of_a_backfill_takes_its_interval(params):
    assert plan(params, OLDER, is_backfill=True).window == Window(*OLDER)


def with_deletions(params=None, interval=NEWEST, latest=NEWEST) -> RunPlan:
    return plan_run(Run(params or {}, interval), latest, RESOURCES, NOW, deletions=True)


def test_deletions_are_listed_for_a_window():
    assert with_deletions().deletions and with_deletions(interval=OLDER).deletions and with_deletions(TYPED).deletions
    assert not plan().deletions


@pytest.mark.parametrize(
    ("params", "interval", "latest", "reason"),
    [
        ({"snapshot": True}, NEWEST, NEWEST, "a snapshot has no deletions"),
        ({"snapshot": True}, NONE, NONE, "it needs a window"),
        ({"resources": ["items", "deleted_records"]}, NONE, NONE, "it needs a window"),
        ({"resources": ["customers"]}, NEWEST, NEWEST, "not among the resources of this run"),
    ],
)
def test_why_deletions_are_not_listed(params, interval, latest, reason):
    found = with_deletions(params, interval, latest)
    assert not found.deletions and found.skipped["deleted_records"] == reason


def test_deletions_alone_need_a_window():
    alone = {"resources": ["deleted_records"]}
    assert with_deletions(alone).resources == () and with_deletions(alone).deletions
    with pytest.raises(SettingsError, match="give window_start and window_end"):
        with_deletions(alone, NONE, NONE)
