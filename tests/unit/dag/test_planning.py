"""What a run exports: its window and its resources."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chargebee_operators.chargebee.windows import Window
from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.dag.planning import RunPlan, plan_run
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


def plan(params=None, interval=NEWEST, latest=NEWEST) -> RunPlan:
    return plan_run(params or {}, interval, latest, RESOURCES)


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
