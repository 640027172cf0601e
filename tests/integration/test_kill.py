"""An upload that is told to end takes back what it has sent, by the signal handler of each Airflow."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from chargebee_operators import ChargebeeExportOperator
from support.tasks import run
from support.uploads import keys, upload

WITHIN = 60.0  # seconds until something must have happened
RATE = 3_000_000  # bytes a second, so that it takes a while
WORKER = """
import json, signal, sys
from support.tasks import run
from support.uploads import upload

from chargebee_operators._compat import RUNS_ON_AFTER_ON_KILL

job, bucket = json.loads(sys.argv[1])
operator = upload(job, bucket)

def on_term(*_):
    operator.on_kill()
    if not RUNS_ON_AFTER_ON_KILL:
        raise SystemExit("as Airflow 2 would")

signal.signal(signal.SIGTERM, on_term)
run(operator)
print("committed")
"""


def until(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + WITHIN
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def big_zip(tmp_path: Path) -> Path:
    """An export of 24 MB that does not deflate."""
    path = tmp_path / "big.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("customers.csv", b"id\n" + random.Random(1).randbytes(24 << 20))
    return path


def test_sigterm(make_simulator, connect, aws, bucket, big_zip):
    simulator = make_simulator(serve_zips={"customers": big_zip})
    connect(simulator)
    job = run(ChargebeeExportOperator(task_id="start", resource="customers", snapshot=True))
    simulator.control.fault(kind="slow", bytes_per_second=RATE, listener="download", times=None)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    arguments = json.dumps([job, bucket])
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        until(lambda: worker.poll() is not None or aws.client().list_multipart_uploads(Bucket=bucket).get("Uploads"))
        worker.send_signal(signal.SIGTERM)
        output, _ = worker.communicate(timeout=WITHIN)
    finally:
        worker.kill()
    assert worker.returncode != 0
    assert b"committed" not in output
    assert not keys(aws, bucket)
    assert not aws.client().list_multipart_uploads(Bucket=bucket).get("Uploads")


def test_after_its_end_nothing_is_left_to_kill(connected, aws, bucket):
    operator = upload(run(ChargebeeExportOperator(task_id="start", resource="customers", snapshot=True)), bucket)
    operator.on_kill()
    run(operator)
    operator.on_kill()
    assert keys(aws, bucket)
