"""What others learn of a run: OpenLineage's own provider, with a file as its transport, and a DAG that waits for the asset."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace
from typing import Any

import airflow_runs
import pytest

from chargebee_simulator import Simulator, SimulatorSettings
from support.buckets import new_bucket
from support.pages import block

BUCKET = "lineage"
KEY = "test_key_0123456789abcdef"
CONSUMER = "new_customers"  # a DAG of docs/data.md
DAG_FILE = f"""
from chargebee_operators import ExportDagSettings, chargebee_export_dag

# For Airflow's search: airflow.
dag = chargebee_export_dag(ExportDagSettings(
    s3_bucket="{BUCKET}",
    resources=["customers"],
    file_format="parquet",
    column_types={{"*created_at": "timestamp[s]"}},
))
"""


@pytest.fixture(scope="module")
def told(s3, airflow_db, observers, tmp_path_factory) -> Any:
    """The events of one run, and the manifests that it left."""
    folder = tmp_path_factory.mktemp("lineage")
    shutil.copy(airflow_db, folder)
    events = folder / "events.jsonl"
    client, settings = s3.client(), SimulatorSettings(sites=(f"acme-test:{KEY}",), customers=60, job_seconds=1)
    with new_bucket(client, BUCKET), Simulator(settings) as simulator:
        environment = airflow_runs.airflow_environment(folder, SimpleNamespace(url=simulator.url), s3, KEY)
        environment |= {
            "PYTHONPATH": str(observers),
            "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
            "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(
                {"type": "file", "log_file_path": str(events), "append": True}
            ),
        }
        (folder / "dags").mkdir()
        (folder / "dags" / "one_resource.py").write_text(DAG_FILE)
        airflow_runs.prepare(environment, folder)
        if airflow_runs.airflow_version().startswith("2."):
            # There `dags test` keeps no event of an asset that Airflow has not stored before.
            airflow_runs.airflow(["dags", "reserialize"], environment, folder / "reserialize.log")
        airflow_runs.run_dag(environment, folder, {"snapshot": True})
        (folder / "dags" / "consumer.py").write_text(block("python", CONSUMER, "docs/data.md"))
        airflow_runs.airflow(["dags", "test", CONSUMER, "2026-11-24"], environment, folder / "consumer.log")
        keys = [each["Key"] for each in client.list_objects_v2(Bucket=BUCKET)["Contents"]]
        (key,) = [each for each in keys if each.endswith(".json")]
        manifest = json.load(client.get_object(Bucket=BUCKET, Key=key)["Body"])
        yield SimpleNamespace(
            events=[json.loads(line) for line in events.read_text().splitlines()], manifest=manifest, folder=folder
        )


def of(told: Any, step: str, kind: str) -> list[dict[str, Any]]:
    """Return the events of a task."""
    name = f"{airflow_runs.DAG_ID}.customers.{step}"
    return [each for each in told.events if each["job"]["name"] == name and each["eventType"] == kind]


@pytest.mark.parametrize("step", ["start", "ready", "upload"])
def test_each_task_names_the_resource_of_the_site_as_its_input(told, step):
    (event,) = of(told, step, "COMPLETE")
    assert [(each["namespace"], each["name"]) for each in event["inputs"]] == [("chargebee://acme-test", "customers")]


def test_the_upload_names_each_table_with_columns_rows_bytes_and_files(told):
    (event,) = of(told, "upload", "COMPLETE")
    tables = told.manifest["tables"]
    found = {each["name"]: each for each in event["outputs"]}
    assert found.keys() == {f"chargebee/snapshots/{name}" for name, table in tables.items() if table["files"]}
    assert found
    for name, table in tables.items():
        output = found[f"chargebee/snapshots/{name}"]
        assert output["namespace"] == f"s3://{BUCKET}"
        statistics = output["outputFacets"]["outputStatistics"]
        assert (statistics["rowCount"], statistics["size"]) == (table["rows"], table["bytes"])
        assert statistics["fileCount"] == table["files"]
        (file,) = [each for each in told.manifest["files"] if each["table"] == name]
        fields = output["facets"]["schema"]["fields"]
        types = [(each, file["column_types"].get(each, "string")) for each in file["columns"]]
        assert [(each["name"], each["type"]) for each in fields] == types


def test_no_event_has_a_secret(told):
    text = json.dumps(told.events)
    assert KEY not in text and "X-Amz" not in text


def test_the_consumer_of_the_docs_reads_the_event_of_the_upload(told):
    log = (told.folder / "consumer.log").read_text(errors="replace")
    for name, table in told.manifest["tables"].items():
        if table["files"]:
            assert f"{table['rows']} rows in s3://{BUCKET}/{table['prefix']}, table {name}" in log
