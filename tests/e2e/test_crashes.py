"""Processes die and Chargebee is away; the run succeeds all the same, without a hand on it.

Whatever ends, killed by the test or for want of its database, is started again by its supervisor, as in production
(``warden.py``). Everything else is left to Airflow's own retries.
"""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from datetime import UTC, datetime
from urllib.parse import urlsplit

import airflow_runs
import pytest
from e2e.deployment import THREE
from e2e.processes import wait_for
from e2e.truth import day, ids_between, landed_files, landed_ids, places_with_a_secret, window_of

EXECUTOR = "CeleryExecutor" if THREE else "LocalExecutor"
RESOURCES = ["customers", "invoices", "subscriptions"]
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
WINDOW = (day(TODAY, -60), day(TODAY, 0))
IN_PROCESS = 900  # seconds of the simulator's clock, which the test moves
MANY = Counter(GET=10, POST=3)  # looks, and tries to start an export


class Run:
    """A run of the DAG ``e2e_crashes``, started by hand."""

    def __init__(self, airflow, run_id: str, resources: list[str]) -> None:
        self.airflow, self.run_id, self.resources = airflow, run_id, resources
        self._before = len(airflow.control.exports())
        start, end = WINDOW
        conf = {"resources": resources, "prefix": run_id, "window_start": start, "window_end": end}
        airflow.rest.trigger("e2e_crashes", run_id, conf)

    def exports(self) -> list[dict]:
        """Return the exports that Chargebee was made to prepare since the run's start."""
        made = self.airflow.control.exports()[self._before :]
        return [each for each in made if each["resource"] in self.resources]

    def wait(self, what: str, ready) -> None:
        """Wait for a condition."""
        wait_for(f"{self.run_id}: {what}", ready, told=lambda: self.airflow.told("e2e_crashes", self.run_id))

    def until_all_wait(self) -> None:
        """Wait until every export is in process and every sensor in the triggerer."""
        waiting = [f"{name}.ready" for name in self.resources]

        def all_wait() -> bool:
            states = self.airflow.rest.states("e2e_crashes", self.run_id)
            return [states.get(each) for each in waiting] == ["deferred"] * len(waiting)

        self.wait("every sensor is deferred", all_wait)
        assert self.airflow.control.stats()["in_process"] == len(waiting)

    def lands_once(self) -> dict[str, int]:
        """See the run succeed with every partition whole and no export made twice; return each task's tries."""
        self.airflow.finished("e2e_crashes", self.run_id)
        landed = {each["job"]["resource"]: each for each in self.airflow.manifests(f"{self.run_id}/")}
        assert sorted(landed) == sorted(self.resources)
        assert {each["resource"]: each["id"] for each in self.exports()} == {
            name: each["job"]["export_id"] for name, each in landed.items()
        }
        assert len(self.exports()) == len(self.resources), "no export was made twice"
        for resource, manifest in landed.items():
            assert window_of(manifest) == WINDOW
            if resource == "plans":
                with zipfile.ZipFile(self.airflow.big_zip) as archive:
                    assert landed_files(self.airflow, manifest) == {"plans.csv": archive.read("plans.csv")}
            else:
                assert landed_ids(self.airflow, manifest) == ids_between(self.airflow, resource, *WINDOW)
        tasks = self.airflow.rest.tasks("e2e_crashes", self.run_id)
        return {name: task["try_number"] for name, task in tasks.items()}


@pytest.fixture(autouse=True)
def calm(airflow):
    """Begin without faults and with quick jobs."""
    airflow.control.clear_faults()
    airflow.control.settings(job_seconds=1)
    airflow.rest.pause("e2e_crashes", False)


@pytest.fixture
def waiting(airflow, request) -> Run:
    """A run whose exports are in process until the simulator's clock is moved."""
    airflow.control.settings(job_seconds=IN_PROCESS)
    run = Run(airflow, request.node.name, RESOURCES)
    run.until_all_wait()
    return run


def port(airflow, listener: str) -> int:
    """Return the port of the simulator's API or download host."""
    return urlsplit(json.loads((airflow.folder / "simulator.json").read_text())[listener]).port


def test_the_triggerer_is_killed_while_exports_are_in_process(airflow, waiting):
    airflow.kill("triggerer")
    airflow.control.advance(IN_PROCESS)
    waiting.lands_once()


def test_the_scheduler_is_killed_while_exports_are_in_process(airflow, waiting):
    airflow.kill("scheduler")
    airflow.control.advance(IN_PROCESS)
    waiting.lands_once()


def test_the_database_is_killed_while_exports_are_in_process(airflow, waiting):
    airflow.kill("postgres")
    airflow.control.advance(IN_PROCESS)
    waiting.lands_once()


def test_chargebee_answers_none_of_many_calls(airflow, waiting):
    for method in ("GET", "POST"):
        airflow.control.fault("drop_before", method=method, times=None)
    calls = len(airflow.control.requests())
    late = Run(airflow, "started-while-chargebee-is-away", ["plans"])
    late.wait("both runs have met silence again and again", lambda: unanswered(airflow, calls) >= MANY)
    assert not late.exports()
    airflow.control.clear_faults()
    airflow.control.settings(job_seconds=1)
    airflow.control.advance(IN_PROCESS)
    for run in (waiting, late):
        run.lands_once()


def unanswered(airflow, after: int) -> Counter[str]:
    """Count the calls to the API that got no answer, by their method, of those after the first so many."""
    calls = airflow.control.requests()[after:]
    return Counter(each["method"] for each in calls if each["listener"] == "api" and each["status"] is None)


def test_a_worker_is_killed_after_the_post_took_effect(airflow):
    airflow.control.fault("slow_after", delay=3600, resource="customers")
    replays = airflow.control.stats()["replays"]
    run = Run(airflow, "killed-after-post", ["customers"])
    run.wait("the export is made, though nobody was told", run.exports)
    airflow.kill_worker(port(airflow, "url"))
    tries = run.lands_once()
    assert tries["customers.start"] >= 2
    assert airflow.control.stats()["replays"] > replays


@pytest.fixture
def crawling(airflow, request) -> Run:
    """A run whose upload has sent S3 its first part, while the rest of the download takes its time."""
    airflow.control.fault("slow", bytes_per_second=250_000, listener="download", times=None)
    run = Run(airflow, request.node.name, ["plans"])
    run.wait("an upload is under way", lambda: uploads(airflow))
    return run


def uploads(airflow) -> list[dict]:
    """Return the uploads in parts that are neither complete nor aborted."""
    return airflow.s3.client().list_multipart_uploads(Bucket=airflow_runs.BUCKET).get("Uploads", [])


def test_a_worker_is_killed_in_mid_upload(airflow, crawling):
    airflow.kill_worker(port(airflow, "download_url"))
    airflow.control.clear_faults()
    assert not airflow.manifests(f"{crawling.run_id}/")
    tries = crawling.lands_once()
    assert tries["plans.upload"] >= 2
    assert not uploads(airflow), "the next try takes back what the killed one had sent"


def test_a_person_fails_a_running_upload(airflow, crawling):
    airflow.rest.fail("e2e_crashes", crawling.run_id, "plans.upload")
    crawling.wait("what it has sent is taken back", lambda: not uploads(airflow))
    assert airflow.rest.states("e2e_crashes", crawling.run_id)["plans.upload"] == "failed"
    s3 = airflow.s3.client()
    assert not s3.list_objects_v2(Bucket=airflow_runs.BUCKET, Prefix=f"{crawling.run_id}/").get("Contents")


def test_no_secret_is_left_anywhere(airflow):
    assert not places_with_a_secret(airflow)
