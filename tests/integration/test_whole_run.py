"""The DAG as Airflow runs it, with everything logged and most things going wrong; and no secret anywhere."""

from __future__ import annotations

import base64
import json
import shutil
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import airflow_runs
import landed
import pytest

from chargebee_operators.chargebee.windows import compact, iso
from support.buckets import new_bucket
from support.landing import job_of

KEY = "test_key_0123456789abcdef"  # of the simulator that the fixtures start
SECRETS = {
    "API key": KEY,
    "API key in a header": base64.b64encode(f"{KEY}:".encode()).decode().rstrip("="),
    "API key in a header, as a fragment": base64.b64encode(KEY.encode()).decode()[:20],
    "signature of a download URL": "X-Amz-Signature",
    "policy of a download URL": "X-Amz-Credential",
}


TODAY = datetime.fromtimestamp(time.time() - airflow_runs.SETTLE, UTC).replace(
    hour=0, minute=0, second=0, microsecond=0
)
# How many days ago the last partition of each resource ended: both have a gap before the run's window, which is yesterday.
LAST = {"customers": 4, "invoices": 2}


def pause(s3: Any, folder: Path) -> None:
    """Leave the partitions of a DAG that was paused; for the only day that invoices lack, a run is queued."""
    for resource, ago in LAST.items():
        start, end = (TODAY - timedelta(days=days) for days in (ago + 1, ago))
        job = job_of("old", site=airflow_runs.SITE, resource=resource, window_start=iso(start), window_end=iso(end))
        key = f"chargebee/manifests/{resource}/site={airflow_runs.SITE}/window_start={compact(start)}.json"
        body = json.dumps({"job": job.to_dict(), "run": {"of_schedule": True}, "files": []})
        s3.client().put_object(Bucket=airflow_runs.BUCKET, Key=key, Body=body.encode())
    date = (TODAY - timedelta(days=LAST["invoices"])).strftime("%Y-%m-%d %H:%M:%S.%f")
    queued = {"dag_id": airflow_runs.DAG_ID, "run_id": "queued", "run_type": "scheduled", "state": "queued"}
    with closing(sqlite3.connect(folder / "airflow.db")) as database:
        known = {row[1] for row in database.execute("PRAGMA table_info(dag_run)")}
        queued |= {name: date for name in ("execution_date", "logical_date", "run_after") if name in known}
        columns, values = ", ".join(queued), ", ".join("?" * len(queued))
        database.execute(f"INSERT INTO dag_run ({columns}) VALUES ({values})", list(queued.values()))
        database.commit()


@pytest.fixture(scope="module")
def whole_run(s3, airflow_db, tmp_path_factory) -> Any:
    """One run at DEBUG level: a full house, a failed job, an outage, a cut download."""
    from chargebee_simulator import Simulator, SimulatorSettings

    folder = tmp_path_factory.mktemp("whole-run")
    shutil.copy(airflow_db, folder)
    settings = SimulatorSettings(sites=(f"acme-test:{KEY}",), customers=60, job_seconds=3)
    with new_bucket(s3.client(), airflow_runs.BUCKET), Simulator(settings) as simulator:
        for fault in (
            {"kind": "status", "status": 429, "method": "POST", "times": 1, "retry_after": 1},
            {"kind": "drop_after", "method": "POST", "times": 1},
            {"kind": "fail_job", "times": 1},
            {"kind": "status", "status": 503, "text": True, "method": "GET", "times": 1},
            {"kind": "cut_download", "after_bytes": 200, "times": 1},
        ):
            simulator.control.add_faults([fault])
        address = SimpleNamespace(url=simulator.url)
        environment = airflow_runs.airflow_environment(folder, address, s3, KEY)
        environment["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "DEBUG"
        # What the triggers carry is logged nowhere by itself, so have Airflow log every statement that stores it.
        environment["AIRFLOW__DATABASE__SQL_ALCHEMY_ENGINE_ARGS"] = '{"echo": true}'
        airflow_runs.prepare(environment, folder)
        pause(s3, folder)
        airflow_runs.run_dag(environment, folder, {"resources": ["customers", "invoices"]})
        manifests = [each for each in landed.manifests(s3) if "committed_at" in each]
        yield SimpleNamespace(folder=folder, simulator=simulator, manifests=manifests)


def test_both_resources_are_committed(whole_run):
    assert sorted(each["job"]["resource"] for each in whole_run.manifests) == ["customers", "invoices"]


def test_a_gap_is_told_with_its_command_unless_all_its_runs_are_under_way(whole_run):
    gaps = {each["job"]["resource"]: each["gap_before"] for each in whole_run.manifests}
    start, end = (TODAY - timedelta(days=days) for days in (LAST["customers"], 1))
    assert (gaps["customers"]["from"], gaps["customers"]["to"]) == (iso(start), iso(end))
    assert gaps["invoices"] is None
    log = (Path(whole_run.folder) / "run.log").read_text(errors="replace")
    assert f"No partition of customers has the time [{iso(start)}, {iso(end)})" in log
    assert f"No run has exported the time from {iso(start)} to {iso(end)} of customers. Fill it: airflow" in log
    assert "No partition of invoices" not in log


def test_each_file_says_how_many_rows_it_has(whole_run):
    for manifest in whole_run.manifests:
        resource = manifest["job"]["resource"]
        start, end = manifest["job"]["window_start"], manifest["job"]["window_end"]
        truth = whole_run.simulator.control.records(resource)
        expected = sum(1 for record in truth if between(record, start, end))
        assert manifest["tables"][resource]["rows"] == expected


def between(record: dict[str, Any], start: str, end: str) -> bool:
    low, high = (datetime.fromisoformat(each).timestamp() for each in (start, end))
    return record["updated_at"] is not None and low <= record["updated_at"] < high


def test_the_faults_were_all_met(whole_run):
    assert not [fault for fault in whole_run.simulator.control.faults() if fault.get("times")]
    assert max(each["restarts"] for each in (manifest["job"] for manifest in whole_run.manifests)) == 1


@pytest.mark.parametrize("name", SECRETS)
def test_no_secret_is_in_anything_that_the_run_left_behind(whole_run, name):
    secret = SECRETS[name].encode()
    files = [path for path in Path(whole_run.folder).rglob("*") if path.is_file()]
    assert {"airflow.db", "run.log"} <= {path.name for path in files}
    for path in files:
        lines = [line for line in path.read_bytes().splitlines() if secret in line]
        # Airflow 3's `dags test` logs its own masking of a connection's password, at DEBUG; nothing else may.
        assert not [line for line in lines if b"msg=MaskSecret(" not in line], path.name
    assert secret not in json.dumps(whole_run.manifests).encode()


def test_the_log_is_at_debug_level_and_tells_the_story(whole_run):
    log = (Path(whole_run.folder) / "run.log").read_text(errors="replace")
    assert "DEBUG" in log.upper()
    for line in (
        "waits in the triggerer and tries again",
        "Chargebee failed it. It was requested again as",
        "resuming",
        "committed s3://",
    ):
        assert line in log, line
    assert "INSERT INTO xcom" in log, "the statements that store XComs are part of what is searched"
