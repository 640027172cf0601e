"""Code blocks of the pages that need servers, run as they are printed: the simulator, and reading from S3."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import environment
import pytest

import stack
from chargebee_operators._compat import DAG
from support.buckets import new_bucket
from support.pages import block, blocks
from support.tasks import TaskInstance, context, run
from support.uploads import rows_of, upload

SIMULATOR = "local/chargebee_simulator/README.md"
MIGRATE = "docs/migrate-from-lambda.md"
NEEDS = ("import boto3", "import duckdb", "from chargebee_simulator import")
RUN_HERE = {
    ("docs/completeness.md", "import duckdb"),
    ("docs/data.md", "import boto3"),
    ("docs/data.md", "import duckdb"),
    ("docs/monitoring.md", "import boto3"),
    (MIGRATE, "import duckdb"),
    ("docs/tutorial.md", "import duckdb"),
    (SIMULATOR, "from chargebee_simulator import"),
}


def test_no_other_block_needs_a_server():
    need = {(each.page, what) for each in blocks("python") for what in NEEDS if what in each.text}
    assert need == RUN_HERE


def execute(code: str, folder: Path, **environment: str) -> str:
    """Run a block in a process of its own and return what it prints."""
    path = os.pathsep.join(str(stack.ROOT / each) for each in ("plugins", "local"))
    command = [sys.executable, "-W", "ignore", "-c", code]
    env = {**os.environ, "PYTHONPATH": path, **environment}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_the_simulator_in_tests(tmp_path):
    execute(block("python", "Simulator(", SIMULATOR), tmp_path)


def test_the_simulator_by_hand(tmp_path):
    make, start = map(shlex.split, block("bash", "-m chargebee_simulator", SIMULATOR).splitlines())
    assert make == ["make", "environment"]
    assert start[:4] == ["PYTHONPATH=local", ".venv/airflow-3.3.1/bin/python", "-m", "chargebee_simulator"]
    (port,) = stack.free_ports(1)
    options = [str(port) if each == "8090" else each for each in start[4:]]
    with stack.simulator(tmp_path, *options) as simulator:
        assert simulator.url.endswith(f":{port}")
        request = block("bash", "curl", SIMULATOR).replace(":8090/", f":{port}/")
        shown = subprocess.run(["bash", "-ec", request], capture_output=True, text=True, check=True).stdout
    assert json.loads(shown)["export"]["status"] == "in_process"


@pytest.fixture
def one_partition(connected, aws, s3):
    """The partition that docs/data.md reads, in the bucket that it names; returns its manifest's files."""
    from chargebee_operators import ChargebeeExportOperator

    connected.control.touch("customers", count=3, at="2026-11-23T12:00:00Z")
    start = ChargebeeExportOperator(task_id="start", resource="customers")
    with new_bucket(s3.client(), "my-bucket") as bucket:
        yield run(upload(run(start), bucket))


def with_s3(s3: stack.S3Server, code: str, folder: Path) -> str:
    """Run a block that finds the S3 server where boto3 looks for AWS."""
    keys = {"AWS_ACCESS_KEY_ID": s3.access_key, "AWS_SECRET_ACCESS_KEY": s3.secret_key}
    return execute(code, folder, AWS_ENDPOINT_URL=s3.endpoint_url, AWS_DEFAULT_REGION="us-east-1", **keys)


def test_the_age_of_the_data(one_partition, s3, tmp_path):
    shown = with_s3(s3, block("python", "import boto3", "docs/monitoring.md"), tmp_path)
    assert shown == "customers 0.0\n"


def test_reading_a_partition(one_partition, s3, tmp_path):
    shown = with_s3(s3, block("python", "import boto3", "docs/data.md"), tmp_path)
    lines = [line.rsplit(" ", 1) for line in shown.splitlines()]
    assert len(lines) == one_partition["files"] > 0
    assert sum(int(rows) for _, rows in lines) == rows_of(one_partition) > 0


@pytest.mark.parametrize("file_format", ["csv.gz", "csv", "parquet"])
def test_the_objects_that_hold_an_id(connected, aws, s3, bucket, tmp_path, file_format):
    from chargebee_operators import ChargebeeDeletedRecordsOperator, ChargebeeExportOperator

    customers = connected.control.touch("customers", count=2, at="2026-11-23T12:00:00Z")
    start = ChargebeeExportOperator(task_id="start", resource="customers")
    landed = run(upload(run(start), bucket, file_format=file_format))
    connected.control.remove("customers", [customers[0]], at="2026-11-23T13:00:00Z")
    run(ChargebeeDeletedRecordsOperator(task_id="deleted", s3_bucket=bucket, file_format=file_format))
    for each in s3.client().list_objects_v2(Bucket=bucket)["Contents"]:
        path = tmp_path / each["Key"]
        path.parent.mkdir(parents=True, exist_ok=True)
        s3.client().download_file(bucket, each["Key"], str(path))
    (tmp_path / "chargebee" / "old.csv.gz").write_bytes(gzip.compress(f"id\n{customers[1]}\n".encode()))
    others = f'id,owners\n\'+4917,\n7,"x, {customers[1]}"\n8,{customers[1]}-2\n9,x{customers[1]}\n'
    (tmp_path / "chargebee" / "odd.csv.gz").write_bytes(gzip.compress(others.encode()))
    (tmp_path / "chargebee" / "old.zip").touch()
    code = block("python", "import duckdb", "docs/completeness.md")
    assert "AbC123" in code and rows_of(landed) >= 2

    def found(record_id: str) -> set[str]:
        lines = execute(code.replace("AbC123", record_id), tmp_path).splitlines()
        return {line.removeprefix("chargebee/").removeprefix("windows/").partition("/")[0] for line in lines}

    zips = "old.zip was not read: unzip it"
    assert found(customers[0]) == {"customers", "deleted_records", zips}
    assert found(customers[1]) == {"customers", "old.csv.gz 1", "odd.csv.gz 1", zips}
    assert found("+4917") == {"odd.csv.gz 1", zips}
    assert found(customers[0][:-1]) == {zips}


def alert(containing: str) -> Callable[[dict[str, Any]], Any]:
    """Return the ``on_failure_callback`` that a block of docs/monitoring.md sets."""
    names: dict[str, Any] = {}
    exec(block("python", containing, "docs/monitoring.md"), names)
    return names["settings"].default_args["on_failure_callback"]


def failed() -> dict[str, Any]:
    """Return the context that Airflow gives to a callback of a failed task."""
    ti = TaskInstance(dag_id="chargebee_export", run_id="a-run", task_id="customers.upload")
    error = ValueError("Bucket 'my-bucket' does not exist.")
    return context(ti=ti, dag=DAG("chargebee_export", schedule=None), exception=error)


def test_an_alert_through_sns(moto_client, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps({"conn_type": "aws"}))
    send = alert("SnsNotifier(")
    topic = moto_client("sns").create_topic(Name="data-alerts")["TopicArn"]
    assert topic in block("python", "SnsNotifier(", "docs/monitoring.md")
    queue = moto_client("sqs").create_queue(QueueName="alerts")["QueueUrl"]
    attributes = moto_client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    moto_client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=attributes["QueueArn"])
    send(failed())
    (message,) = moto_client("sqs").receive_message(QueueUrl=queue)["Messages"]
    sent = json.loads(message["Body"])
    assert sent["Subject"] == "Chargebee export failed"
    assert "chargebee_export, customers.upload, a-run: Bucket 'my-bucket' does not exist." in sent["Message"]


def test_an_alert_through_slack(monkeypatch):
    received: list[dict[str, Any]] = []

    class Slack(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Slack) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        connection = {
            "conn_type": "slackwebhook",
            "host": f"http://127.0.0.1:{server.server_port}",
            "password": "T/B/x",
        }
        monkeypatch.setenv("AIRFLOW_CONN_SLACKWEBHOOK", json.dumps(connection))
        alert("SlackWebhookNotifier(")(failed())
        server.shutdown()
    assert [each["text"] for each in received] == [
        "Failed: chargebee_export, customers.upload, a-run: Bucket 'my-bucket' does not exist."
    ]


def test_the_old_pipeline_s_parameters_become_a_connection(moto, moto_client):
    store = moto_client("ssm")
    store.put_parameter(Name="chargebee-sitename", Value="acme-test", Type="SecureString")
    store.put_parameter(Name="chargebee-apikey", Value="test_Key0123", Type="SecureString")
    path = os.pathsep.join([str(environment.VENVS / "tools" / "bin"), os.environ["PATH"]])
    script = block("bash", "chargebee-sitename", MIGRATE)
    done = subprocess.run(
        ["bash", "-ec", script], env={**os.environ, **moto, "PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "test_Key0123" not in done.stdout
    stored = store.get_parameter(Name="/airflow/connections/chargebee_default", WithDecryption=True)["Parameter"]
    assert stored["Type"] == "SecureString"
    assert json.loads(stored["Value"]) == {"conn_type": "generic", "login": "acme-test", "password": "test_Key0123"}
    store.delete_parameters(Names=["chargebee-sitename", "chargebee-apikey", "/airflow/connections/chargebee_default"])


def test_two_files_are_compared(tmp_path):
    """The first line break in quotes comes after the rows from which DuckDB guesses what a CSV looks like."""
    same = "".join(f"{number},a;b\n" for number in range(100, 300_000))
    for folder, rows in (("old", f"1,a\n2,b\n{same}"), ("new", f'2,b\n{same}3,"two\nlines, ""q"""\n')):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "customers.csv").write_text(f"id,name\n{rows}")
    shown = execute(block("python", "import duckdb", MIGRATE), tmp_path)
    assert shown.splitlines() == ["1 only in the old file: [('1',)]", "1 only in the new file: [('3',)]"]


def test_the_tutorial_s_query_reads_the_copy_of_the_demo_s_bucket(connected, aws, s3, bucket, tmp_path):
    """Some invoices changed in both windows, and count once."""
    from chargebee_operators import ChargebeeExportOperator

    windows = [{"window_start": f"2026-11-{day}", "window_end": f"2026-11-{day + 1}"} for day in (22, 23)]
    for window in windows:
        connected.control.touch("invoices", count=5, at=f"{window['window_start']}T12:00:00Z")
        start = ChargebeeExportOperator(task_id="start", resource="invoices", **window)
        run(upload(run(start), bucket))
    for each in s3.client().list_objects_v2(Bucket=bucket)["Contents"]:
        path = tmp_path / ".local/demo/airflow-3.3.1/bucket" / each["Key"]
        path.parent.mkdir(parents=True, exist_ok=True)
        s3.client().download_file(bucket, each["Key"], str(path))
    find = subprocess.run(["bash", "-ec", block("bash", "find", "docs/tutorial.md")], cwd=tmp_path, capture_output=True)
    assert b"window_start=20261123T000000Z.json" in find.stdout
    shown = execute(block("python", "import duckdb", "docs/tutorial.md"), tmp_path)
    assert "20261123T000000Z" in shown and "Currency" in shown
    rows = re.findall(r"^│ [A-Z]{3} +│ .+? +│ +(\d+) │", shown, re.MULTILINE)
    exported = [
        (each["Invoice Number"], path.parent.name)
        for path in tmp_path.rglob("windows/invoices/**/*.csv.gz")
        for each in csv.DictReader(io.StringIO(gzip.decompress(path.read_bytes()).decode(), newline=""))
    ]
    numbers = {number for number, _ in exported}
    assert sum(map(int, rows)) == len(numbers) < len(exported)
