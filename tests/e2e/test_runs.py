"""Runs as a user starts them: by schedule, by hand, as a backfill; and what they leave behind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from e2e.deployment import AUDIT, PAGE_DAGS, THREE
from e2e.processes import wait_for
from e2e.truth import day, ids_between, landed_ids, places_with_a_secret, what_landed, window_of

# The 2.x backfill command hands its tasks to the executor itself: with Celery to the workers, as on MWAA.
EXECUTOR = "LocalExecutor" if THREE else "CeleryExecutor"
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
LATEST = (day(TODAY, -1), day(TODAY, 0))
DAYS = 9  # more than may run at a time


def test_a_scheduled_run_lands_every_resource_through_five_slots(airflow):
    # In process until the clock is moved; and a refused start shall not wait as long as that.
    airflow.control.settings(job_seconds=900, retry_after=False)
    gone = airflow.control.remove("customers", count=2, at=LATEST[0])
    airflow.rest.pause("chargebee_export", False)
    (run,) = wait_for("the run", lambda: airflow.rest.runs("chargebee_export"), told=airflow.tails)
    run_id = run["dag_run_id"]

    def deferred() -> tuple[int, int]:
        states = airflow.rest.states("chargebee_export", run_id).items()
        return tuple(
            sum(state == "deferred" and name.endswith(task) for name, state in states) for task in (".start", ".ready")
        )

    wait_for(
        "nine starts and five sensors in the triggerer",
        lambda: deferred() == (9, 5),
        seconds=600,
        told=lambda: airflow.told("chargebee_export", run_id),
    )
    site = airflow.control.stats()
    assert site["created"] == site["in_process"] == 5 and site["refused_429"] >= 9
    airflow.control.settings(job_seconds=1)
    airflow.control.advance(900)
    assert set(airflow.finished("chargebee_export", run_id).values()) == {"success"}
    landed = {each["job"]["resource"]: each for each in airflow.manifests("chargebee/")}
    assert landed_ids(airflow, landed.pop("deleted_records")) == ["customers", "customers"]
    assert len(landed) == 14 and len(gone) == 2
    made = {each["id"]: each for each in airflow.control.exports()}
    for resource, manifest in landed.items():
        assert not made[manifest["job"]["export_id"]]["ignored"]
        assert window_of(manifest) == LATEST
        if resource != "differential_prices":
            assert landed_ids(airflow, manifest) == ids_between(airflow, resource, *LATEST)
    assert airflow.control.stats()["created"] == 14


def test_a_run_by_hand_takes_the_resources_and_the_window_that_were_asked_for(airflow):
    start, end = day(TODAY, -9), day(TODAY, -6)
    conf = {"resources": ["customers", "invoices"], "window_start": start, "window_end": end, "prefix": "hand"}
    airflow.rest.trigger("chargebee_export", "by-hand", conf)
    states = airflow.finished("chargebee_export", "by-hand")
    asked = {f"{name}.{task}" for name in ("customers", "invoices") for task in ("start", "ready", "upload")}
    assert {name for name, state in states.items() if state == "success"} == {"a_plan", "summary", *asked}
    assert set(states.values()) == {"success", "skipped"}
    landed = {each["job"]["resource"]: each for each in airflow.manifests("hand/")}
    assert sorted(landed) == ["customers", "invoices"]
    for resource, manifest in landed.items():
        assert window_of(manifest) == (start, end)
        assert landed_ids(airflow, manifest) == ids_between(airflow, resource, start, end)


def test_an_audit_fails_for_what_no_window_has_and_the_next_one_finds_it_in_its_snapshot(airflow):
    (written,) = (each for each in airflow.manifests("hand/") if each["job"]["resource"] == "customers")
    others = {each["id"] for each in airflow.control.records("customers")} - set(landed_ids(airflow, written))
    airflow.control.settings(job_seconds=0)
    airflow.rest.pause(AUDIT, False)

    def audit(run_id: str, state: str) -> tuple[dict[str, str], dict[str, Any], dict[str, int]]:
        airflow.rest.trigger(AUDIT, run_id, {"resources": ["customers"], "prefix": "hand"})
        states = airflow.finished(AUDIT, run_id, state=state)
        report = airflow.audit_report("hand")
        return states, report, {kind: each["count"] for kind, each in report["findings"].items()}

    states, report, found = audit("audit-1", "failed")
    exports = {f"customers.{part}{task}" for part in ("", "changes_") for task in ("start", "ready", "upload")}
    assert {name for name, state in states.items() if state == "success"} == {"a_plan", *exports}
    assert [name for name, state in states.items() if state not in ("success", "skipped")] == ["customers.compare"]
    assert found["missing"] > 0 and set(report["findings"]["missing"]["ids"]) <= others
    assert found["missing"] + found["not_yet_due"] == len(others)
    assert found["gone"] == found["differs"] == found["repeated"] == 0 and not report["problems"]
    (hole,) = (each for each in report["backfills"] if each["why"] == "no window covers it")
    assert hole["from"] == written["job"]["window_end"] and "chargebee_export" in hole["command"]
    states, report, found = audit("audit-2", "success")
    assert states["customers.compare"] == "success"
    assert report["passed"] and report["counts"]["snapshots"] == 1 and not any(found.values())


def test_the_dags_of_the_docs_start_when_data_is_committed(airflow):
    airflow.rest.pause("chargebee_export", False)

    def scheduled() -> list[dict[str, Any]]:
        return [each for each in airflow.rest.runs("chargebee_export") if each["run_type"] == "scheduled"]

    (run,) = wait_for("the scheduled run", scheduled, told=airflow.tails)
    airflow.finished("chargebee_export", run["dag_run_id"])  # whose commits start nothing yet
    for name in PAGE_DAGS:
        airflow.rest.pause(name, False)
    conf = {"resources": ["customers"], "prefix": "consumed"}

    def commit(run_id: str) -> dict[str, str]:
        """Commit customers, and return the state in which each of the DAGs ends that start then."""
        before = {name: len(airflow.rest.runs(name)) for name in PAGE_DAGS}
        airflow.rest.trigger("chargebee_export", run_id, conf)
        airflow.finished("chargebee_export", run_id)

        def ended() -> dict[str, str] | None:
            runs = {name: airflow.rest.runs(name)[before[name] :] for name in PAGE_DAGS}
            states = {name: each[0]["state"] for name, each in runs.items() if each}
            return states if len(states) == 2 and set(states.values()) <= {"success", "failed"} else None

        return wait_for("the DAGs of the docs", ended, told=airflow.tails)

    assert commit("consumed-1") == {"new_customers": "success", "changed_columns": "success"}
    airflow.control.settings(profile="epoch")  # other columns
    try:
        assert commit("consumed-2") == {"new_customers": "success", "changed_columns": "failed"}
    finally:
        airflow.control.reset_settings()


@pytest.mark.skipif(not THREE, reason="Airflow 2 gives every run a data interval")
def test_a_run_by_hand_without_a_date_takes_the_last_complete_interval(airflow):
    airflow.rest.trigger("chargebee_export", "no-date", {"resources": ["customers"], "prefix": "nodate"})
    assert airflow.rest.run("chargebee_export", "no-date")["logical_date"] is None
    airflow.finished("chargebee_export", "no-date")
    (landed,) = airflow.manifests("nodate/")
    assert window_of(landed) == LATEST
    assert landed_ids(airflow, landed) == ids_between(airflow, "customers", *LATEST)


def backfill(airflow) -> list[dict]:
    """Backfill the days before the latest; return their manifests, by window."""
    first, last = (f"{TODAY - timedelta(days=each):%Y-%m-%d}" for each in (DAYS + 1, 2))
    if THREE:
        command = ["backfill", "create", "--dag-id", "e2e_days", "--from-date", first, "--to-date", last]
        airflow.airflow(*command, "--max-active-runs", "8", "--reprocess-behavior", "completed")
        wait_for("the backfill's end", lambda: airflow.rest.backfills_are_over("e2e_days"), 600, airflow.tails)
    else:
        airflow.airflow("dags", "backfill", "-s", first, "-e", last, "--reset-dagruns", "-y", "e2e_days")
    runs = [each for each in airflow.rest.runs("e2e_days") if each["run_type"] == "backfill"]
    assert [each["state"] for each in runs] == ["success"] * DAYS, airflow.tails()
    for each in runs:
        states = airflow.rest.states("e2e_days", each["dag_run_id"])
        assert {name for name, state in states.items() if state == "skipped"} == {
            f"differential_prices.{task}" for task in ("start", "ready", "upload")
        }, states
    landed = [each for each in airflow.manifests("days/") if window_of(each) != LATEST]
    return sorted(landed, key=window_of)


def test_a_backfill_lands_every_day_once_and_a_second_one_changes_nothing(airflow):
    before = airflow.control.stats()
    airflow.control.settings(job_seconds=3)  # so that the slots are all taken now and then
    airflow.rest.pause("e2e_days", False)
    first = backfill(airflow)
    windows = [(day(TODAY, -each), day(TODAY, 1 - each)) for each in range(DAYS + 1, 1, -1)]
    assert sorted(map(window_of, first)) == windows
    rows = [landed_ids(airflow, each) for each in first]
    assert rows == [ids_between(airflow, "customers", *window_of(each)) for each in first]
    every_row = sorted(row for each in rows for row in each)
    assert every_row == ids_between(airflow, "customers", windows[0][0], windows[-1][1])
    assert len(every_row) == len(set(every_row)) > 0
    contents = [what_landed(airflow, each) for each in first]
    airflow.control.settings(job_seconds=0)
    second = backfill(airflow)
    assert [(window_of(each), what_landed(airflow, each)) for each in second] == [*zip(windows, contents, strict=True)]
    exports = {each["job"]["export_id"] for each in [*first, *second]}
    assert len(exports) == 2 * DAYS, "the second backfill asked anew"
    latest_run(airflow)
    # Those of each backfill, and two of the latest run.
    assert airflow.control.stats()["created"] - before["created"] == 2 * DAYS + 2


def latest_run(airflow) -> dict[str, str]:
    """Wait for the scheduled run of the DAG that is backfilled, and return its tasks' states."""
    (run,) = [each for each in airflow.rest.runs("e2e_days") if each["run_type"] == "scheduled"]
    return airflow.finished("e2e_days", run["dag_run_id"])


def test_the_latest_run_takes_the_snapshot_that_the_backfill_skipped(airflow):
    assert set(latest_run(airflow).values()) == {"success"}
    landed = {each["job"]["resource"]: each for each in airflow.manifests("days/") if window_of(each) == LATEST}
    assert sorted(landed) == ["customers", "differential_prices"]
    assert landed["differential_prices"]["tables"]["differential_prices"]["rows"] == len(
        airflow.control.records("differential_prices")
    )


def test_no_secret_is_left_anywhere(airflow):
    assert not places_with_a_secret(airflow)
