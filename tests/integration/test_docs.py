"""Code blocks of the pages that need servers, run as they are printed: the simulator, and reading from S3."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import stack
from support.pages import block, blocks
from support.tasks import run
from support.uploads import upload

SIMULATOR = "local/chargebee_simulator/README.md"
RUN_HERE = {("docs/data.md", "import boto3"), (SIMULATOR, "from chargebee_simulator import")}


def test_no_other_block_needs_a_server():
    need = {
        (each.page, what)
        for each in blocks("python")
        for what in ("import boto3", "from chargebee_simulator import")
        if what in each.text
    }
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
    start = shlex.split(block("bash", "-m chargebee_simulator", SIMULATOR))
    assert start[:4] == ["PYTHONPATH=local", "python", "-m", "chargebee_simulator"]
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

    s3.client().create_bucket(Bucket="my-bucket")
    connected.control.touch("customers", count=3, at="2026-11-23T12:00:00Z")
    start = ChargebeeExportOperator(task_id="start", resource="customers")
    yield run(upload(run(start), "my-bucket"))
    for each in s3.client().list_objects_v2(Bucket="my-bucket").get("Contents", []):
        s3.client().delete_object(Bucket="my-bucket", Key=each["Key"])
    s3.client().delete_bucket(Bucket="my-bucket")


def test_reading_a_partition(one_partition, s3, tmp_path):
    shown = execute(
        block("python", "import boto3", "docs/data.md"),
        tmp_path,
        AWS_ENDPOINT_URL=s3.endpoint_url,
        AWS_ACCESS_KEY_ID=s3.access_key,
        AWS_SECRET_ACCESS_KEY=s3.secret_key,
        AWS_DEFAULT_REGION="us-east-1",
    )
    lines = [line.rsplit(" ", 1) for line in shown.splitlines()]
    assert len(lines) == one_partition["files"] > 0
    assert sum(int(rows) for _, rows in lines) == one_partition["rows"] > 0
