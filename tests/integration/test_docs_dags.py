"""DAG files of the pages, run by Airflow as they are printed: against the simulator and a real S3 server."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import airflow_runs
import pytest

from chargebee_simulator import Simulator, SimulatorSettings
from support.pages import blocks

KEY = "test_key_0123456789abcdef"
BUCKET = "my-bucket"  # as the pages have it


@pytest.fixture(scope="module")
def airflow(s3, airflow_db, tmp_path_factory) -> Iterator[Callable[..., list[str]]]:
    """Return a function that runs a DAG by its id and returns the keys that are then in the bucket."""
    folder = tmp_path_factory.mktemp("docs")
    shutil.copy(airflow_db, folder)
    client = s3.client()
    client.create_bucket(Bucket=BUCKET)
    with Simulator(SimulatorSettings(sites=(f"acme-test:{KEY}",), customers=60, job_seconds=1)) as simulator:
        environment = airflow_runs.airflow_environment(folder, SimpleNamespace(url=simulator.url), s3, KEY)
        (folder / "dags").mkdir()
        environment["AIRFLOW__CORE__DAGS_FOLDER"] = str(folder / "dags")
        for number, each in enumerate(blocks("python")):
            if "chargebee_operators import" in each.text and (
                "DAG(" in each.text or "chargebee_export_dag(" in each.text
            ):
                (folder / "dags" / f"page_{number}.py").write_text(each.text, encoding="utf-8")
        airflow_runs.prepare(environment, folder)

        def run(dag_id: str) -> list[str]:
            today = f"{datetime.now(UTC):%Y-%m-%d}"  # the latest run: others skip snapshots
            airflow_runs.airflow(["dags", "test", dag_id, today], environment, folder / f"{dag_id}.log")
            return keys()

        def keys() -> list[str]:
            return [each["Key"] for each in client.list_objects_v2(Bucket=BUCKET).get("Contents", [])]

        yield run
        for key in keys():
            client.delete_object(Bucket=BUCKET, Key=key)
        client.delete_bucket(Bucket=BUCKET)


def test_a_dag_of_your_own_writes_below_its_own_prefix(airflow: Any):
    written = airflow("invoices_by_date")
    below = "invoices_by_date/manifests/invoices/site=acme-test/window_start="
    assert any(each.startswith(below) and each.endswith(".json") for each in written)
    assert all(each.startswith("invoices_by_date/") for each in written), written


def test_the_dag_of_the_flat_keys_writes_them(airflow: Any):
    written = airflow("chargebee_flat")
    flat = {each for each in written if each.startswith("exports/")}
    assert flat == {"exports/Customers.csv", "exports/_manifests/customers.json"}, (
        "one object more than the old pipeline"
    )
