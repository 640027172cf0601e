"""DAG files of the pages, run by Airflow as they are printed: against the simulator and a real S3 server."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace

import airflow_runs
import pytest

from chargebee_simulator import Simulator, SimulatorSettings
from support.buckets import new_bucket
from support.pages import blocks

KEY = "test_key_0123456789abcdef"
BUCKET = "my-bucket"  # as the pages have it


DAGS = ("invoices_by_date", "chargebee_flat")
# One process for both: making Airflow 3's API within the process takes longer than a run.
TEST_DAGS = """
import sys
from airflow.__main__ import main

day, dag_ids = sys.argv[1], sys.argv[2:]
for dag_id in dag_ids:
    sys.argv = ["airflow", "dags", "test", dag_id, day]
    main()
"""


@pytest.fixture(scope="module")
def written(s3, airflow_db, tmp_path_factory) -> Iterator[list[str]]:
    """The keys in the bucket after a run of each DAG."""
    folder = tmp_path_factory.mktemp("docs")
    shutil.copy(airflow_db, folder)
    client, settings = s3.client(), SimulatorSettings(sites=(f"acme-test:{KEY}",), customers=60, job_seconds=1)
    with new_bucket(client, BUCKET), Simulator(settings) as simulator:
        environment = airflow_runs.airflow_environment(folder, SimpleNamespace(url=simulator.url), s3, KEY)
        (folder / "dags").mkdir()
        environment["AIRFLOW__CORE__DAGS_FOLDER"] = str(folder / "dags")
        for number, each in enumerate(blocks("python")):
            if "chargebee_operators import" in each.text and (
                "DAG(" in each.text or "chargebee_export_dag(" in each.text
            ):
                (folder / "dags" / f"page_{number}.py").write_text(each.text, encoding="utf-8")
        airflow_runs.prepare(environment, folder)
        today = f"{datetime.now(UTC):%Y-%m-%d}"  # the latest run: others skip snapshots
        with (folder / "runs.log").open("wb") as log:
            command = [sys.executable, "-c", TEST_DAGS, today, *DAGS]
            done = subprocess.run(command, env=environment, stdout=log, stderr=subprocess.STDOUT, check=False)
        assert not done.returncode, (folder / "runs.log").read_text(errors="replace")[-5000:]
        yield [each["Key"] for each in client.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def test_a_dag_of_your_own_writes_below_its_own_prefix(written):
    own = [each for each in written if not each.startswith("exports_new/")]
    below = "invoices_by_date/manifests/invoices/site=acme-test/window_start="
    assert any(each.startswith(below) and each.endswith(".json") for each in own)
    assert all(each.startswith("invoices_by_date/") for each in own), own


def test_the_dag_of_the_flat_keys_writes_them(written):
    assert {"exports_new/Customers.csv", "exports_new/_manifests/customers.json"} <= set(written)
