"""Runs as a user starts them: by schedule, by hand, as a backfill; and what they leave behind."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from e2e.deployment import THREE
from e2e.processes import wait_for
from e2e.truth import day, ids_between, window_of

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def test_a_scheduled_run_lands_every_resource(airflow):
    airflow.control.settings(job_seconds=30)  # longer than it takes to start a task, or nothing need be waited for
    airflow.rest.pause("chargebee_export", False)
    (run,) = wait_for("a scheduled run", lambda: airflow.rest.runs("chargebee_export"), told=airflow.tails)
    states = airflow.finished("chargebee_export", run["dag_run_id"])
    assert set(states.values()) == {"success"}
    landed = {each["job"]["resource"]: each for each in airflow.manifests("chargebee/")}
    assert len(landed) == 14
    made = {each["id"]: each for each in airflow.control.exports(ids=True)}
    for resource, manifest in landed.items():
        export = made[manifest["job"]["export_id"]]
        assert not export["ignored"]
        if resource != "differential_prices":
            assert window_of(manifest) == (day(TODAY, -1), day(TODAY, 0))
            assert sorted(export["ids"]) == ids_between(airflow, resource, *window_of(manifest))
    waits = {path.parent.name for path in airflow.folder.glob("logs/**/*.trigger.*.log")}
    for task in (".start", ".ready"):
        assert [each for each in waits if each.endswith(task)], f"no {task} was in the triggerer, only {waits}"
    assert airflow.control.stats()["most_in_process"] <= 5
    airflow.control.settings(job_seconds=2)


def test_a_run_by_hand_takes_the_resources_and_the_window_that_were_asked_for(airflow):
    start, end = day(TODAY, -9), day(TODAY, -6)
    conf = {"resources": ["customers", "invoices"], "window_start": start, "window_end": end, "prefix": "hand"}
    airflow.rest.trigger("chargebee_export", "by-hand", conf)
    states = airflow.finished("chargebee_export", "by-hand")
    assert {name for name, state in states.items() if state == "success"} == {
        "plan", *(f"{name}.{task}" for name in ("customers", "invoices") for task in ("start", "ready", "upload"))
    }  # fmt: skip
    assert set(states.values()) == {"success", "skipped"}
    landed = airflow.manifests("hand/")
    assert sorted(each["job"]["resource"] for each in landed) == ["customers", "invoices"]
    assert {window_of(each) for each in landed} == {(start, end)}


@pytest.mark.skipif(not THREE, reason="Airflow 2 gives every run a data interval")
def test_a_run_by_hand_without_a_date_takes_the_last_complete_interval(airflow):
    airflow.rest.trigger("chargebee_export", "no-date", {"resources": ["customers"], "prefix": "nodate"})
    airflow.finished("chargebee_export", "no-date")
    assert [window_of(each) for each in airflow.manifests("nodate/")] == [(day(TODAY, -1), day(TODAY, 0))]


def backfill(airflow, first: int, last: int) -> None:
    """Run the days from so many days ago, both included, and again where they have run before."""
    start, end = (f"{TODAY - timedelta(days=each):%Y-%m-%d}" for each in (first, last))
    if not THREE:
        command = ["dags", "backfill", "-s", start, "-e", end, "--reset-dagruns", "-y", "e2e_fast"]
        airflow.airflow(*command, AIRFLOW__CORE__EXECUTOR="SequentialExecutor")
        return
    command = ["backfill", "create", "--dag-id", "e2e_fast", "--from-date", start, "--to-date", end]
    airflow.airflow(*command, "--max-active-runs", "4", "--reprocess-behavior", "completed")


def backfilled(airflow, days: int, earlier: set[str]) -> dict[tuple[str, str], dict]:
    """Wait for new manifests of so many days, and return them by resource and window start."""

    def landed():
        found = [each for each in airflow.manifests("fast/") if each["job"]["window_start"] < day(TODAY, -1)]
        new = [each for each in found if each["job"]["export_id"] not in earlier]
        return {(each["job"]["resource"], window_of(each)[0]): each for each in new}

    wait_for(f"{days} days", lambda: len(landed()) >= 3 * days, 600, airflow.tails)
    wait_for("all runs", lambda: all(each["state"] == "success" for each in airflow.rest.runs("e2e_fast")), 120)
    return landed()


def test_a_backfill_lands_every_day_once_and_changes_nothing_the_second_time(airflow):
    airflow.rest.pause("e2e_fast", False)
    backfill(airflow, 5, 2)
    first = backfilled(airflow, 4, set())
    starts = {day(TODAY, -each) for each in range(2, 6)}
    assert set(first) == {(name, start) for name in ("customers", "invoices", "subscriptions") for start in starts}
    made = {each["id"]: each for each in airflow.control.exports(ids=True)}
    for name in ("customers", "invoices", "subscriptions"):
        rows = [row for (resource, _), each in first.items() if resource == name
                for row in made[each["job"]["export_id"]]["ids"]]  # fmt: skip
        assert sorted(rows) == ids_between(airflow, name, day(TODAY, -5), day(TODAY, -1))
    backfill(airflow, 5, 2)
    second = backfilled(airflow, 4, {each["job"]["export_id"] for each in first.values()})
    for where, manifest in second.items():
        contents = [[(file["member"], file["rows"], file["sha256"]) for file in each["files"]]
                    for each in (first[where], manifest)]  # fmt: skip
        assert contents[0] == contents[1], where
    assert airflow.control.stats()["most_in_process"] <= 5


def test_no_secret_is_left_anywhere(airflow):
    places = {str(path): path.read_bytes() for path in airflow.folder.rglob("*.log")}
    places |= {"the database": airflow.dump(), "manifests": json.dumps(airflow.manifests()).encode()}
    assert b"chargebee_export" in places["the database"]
    assert sum(b"customers" in held for held in places.values()) > 3
    found = [(name, place) for place, held in places.items() for name, it in airflow.secrets().items() if it in held]
    assert not found
