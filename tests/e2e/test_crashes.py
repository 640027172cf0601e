"""Processes die and Chargebee is away; the run succeeds all the same, without a hand on it."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import demo
import psutil
import pytest
from e2e.processes import wait_for, with_kill

RESOURCES = ["customers", "invoices", "subscriptions"]
NOW = datetime.now(UTC)
# Long enough for a zip that takes a while at a slow pace.
WINDOW = {"window_start": f"{NOW - timedelta(days=60):%Y-%m-%dT00:00:00Z}", "window_end": f"{NOW:%Y-%m-%dT00:00:00Z}"}


@pytest.fixture(autouse=True)
def calm(airflow):
    """Begin without faults and with quick jobs."""
    airflow.control.clear_faults()
    airflow.control.settings(job_seconds=2)
    airflow.rest.pause("e2e_fast", False)


def begin(airflow, run_id: str, resources: list[str]) -> list[dict]:
    """Start a run by hand; return the exports there were before it."""
    before = airflow.control.exports()
    airflow.rest.trigger("e2e_fast", run_id, {"resources": resources, "prefix": run_id, **WINDOW})
    return before


def landed_once(airflow, run_id: str, resources: list[str], before: list[dict]) -> None:
    """Check that every partition is complete, and that each was exported once."""
    airflow.finished("e2e_fast", run_id)
    manifests = {each["job"]["resource"]: each for each in airflow.manifests(f"{run_id}/")}
    assert sorted(manifests) == sorted(resources)
    made = [each for each in airflow.control.exports() if each["id"] not in {one["id"] for one in before}]
    mine = {(each["resource"], each["idempotency_key"]) for each in made if each["resource"] in resources}
    assert len([each for each in made if each["id"] in {one["job"]["export_id"] for one in manifests.values()}]) == len(
        resources
    )
    assert len(mine) == len([each for each in made if each["resource"] in resources]), "no job was made twice"
    keys = {each["Key"]: each["Size"] for each in objects_of(airflow)}
    for manifest in manifests.values():
        for file in manifest["files"]:
            assert keys[file["key"]] == file["bytes"]


def objects_of(airflow) -> list[dict]:
    """Return every object in the bucket."""
    return demo.objects(airflow.s3.client())


def in_state(airflow, run_id: str, task_id: str, state: str) -> None:
    """Wait until a task is in a state."""
    wait_for(
        f"{task_id} {state}",
        lambda: airflow.rest.states("e2e_fast", run_id).get(task_id) == state,
        120,
        lambda: f"{airflow.rest.states('e2e_fast', run_id)}\n{airflow.tails()}",
    )


def test_the_triggerer_is_killed_while_exports_are_in_process(airflow):
    airflow.control.settings(job_seconds=20)
    before = begin(airflow, "no-triggerer", RESOURCES)
    in_state(airflow, "no-triggerer", "customers.ready", "deferred")
    assert airflow.control.stats()["in_process"]
    airflow.kill("triggerer")
    airflow.start("triggerer")
    landed_once(airflow, "no-triggerer", RESOURCES, before)


def test_chargebee_is_away_for_a_while(airflow):
    airflow.control.settings(job_seconds=5)
    before = begin(airflow, "away", RESOURCES)
    in_state(airflow, "away", "customers.ready", "deferred")
    airflow.control.fault("status", status=503, times=None)
    seen = len(airflow.control.requests(status=503))
    began = time.monotonic()
    wait_for(
        "refused calls for a while",
        lambda: time.monotonic() - began > 20 and len(airflow.control.requests(status=503)) > seen,
    )
    airflow.control.clear_faults()
    landed_once(airflow, "away", RESOURCES, before)


def test_a_task_is_killed_in_mid_upload(airflow):
    airflow.control.fault("slow", bytes_per_second=200, times=1, resource="customers")
    before = begin(airflow, "no-upload", ["customers"])
    in_state(airflow, "no-upload", "customers.upload", "running")
    found = wait_for("the upload's process", lambda: uploading(airflow), 60, airflow.tails)
    assert not airflow.manifests("no-upload/")
    for each in found:
        with_kill(each)
    landed_once(airflow, "no-upload", ["customers"], before)
    task = airflow.rest.tasks("e2e_fast", "no-upload")["customers.upload"]
    assert task["try_number"] >= 2


def uploading(airflow) -> list[psutil.Process]:
    """Return the processes below the scheduler that download: the one that runs the task."""
    below = psutil.Process(airflow.process("scheduler").process.pid).children(recursive=True)
    return [each for each in below if each.is_running() and holds_download(airflow, each)]


def holds_download(airflow, process: psutil.Process) -> bool:
    """Return whether a process is connected to the simulator's download host."""
    told = json.loads((airflow.folder / "simulator.json").read_text())
    try:
        peers = [each.raddr.port for each in process.net_connections("tcp") if each.raddr]
    except psutil.Error:
        return False
    return urlsplit(told["download_url"]).port in peers


def test_the_scheduler_is_killed_in_mid_run(airflow):
    airflow.control.settings(job_seconds=8)
    before = begin(airflow, "no-scheduler", RESOURCES)
    in_state(airflow, "no-scheduler", "customers.ready", "deferred")
    airflow.kill("scheduler")
    airflow.start("scheduler")
    landed_once(airflow, "no-scheduler", RESOURCES, before)
