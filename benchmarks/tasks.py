"""Measures what a task's process costs: processor time and memory of a start, a ready and an upload task.

    python benchmarks/tasks.py

Each figure is the median of fresh processes, which have loaded Airflow and the DAG file before they run one task against the
simulator. The task "empty" does nothing, so what it takes is Airflow's own. The exports have a few rows: an upload of much
data is measured by ``upload.py``.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "local")]

import stack  # noqa: E402

RUNS = 5
BUCKET = "benchmark"
TASKS = ("empty", "start", "ready", "upload")
_TASK = """
import json, sys, time
from pathlib import Path
import chargebee_export
from benchmarks.memory import memory
from chargebee_operators import ChargebeeExportOperator, ChargebeeExportToS3Operator, ExportReadySensor
from chargebee_operators._compat import BaseOperator
from support.tasks import run

class Empty(BaseOperator):
    def execute(self, context):
        return None

name, record = sys.argv[1], Path(sys.argv[2])
job = json.loads(record.read_text()) if record.exists() else None
make = {
    "empty": lambda: Empty(task_id="empty"),
    "start": lambda: ChargebeeExportOperator(task_id="start", resource="customers"),
    "ready": lambda: ExportReadySensor(task_id="ready", job=job),
    "upload": lambda: ChargebeeExportToS3Operator(task_id="upload", job=job, s3_bucket="benchmark"),
}
before = time.process_time()
returned = run(make[name]())
seconds = time.process_time() - before
if name == "start":
    record.write_text(json.dumps(returned))
print(json.dumps([seconds, memory("VmHWM") / 2**20]))
"""


def measured() -> dict[str, list[float]]:
    """Return the CPU seconds and the peak memory in MB of each task, medians, by its name."""
    runs: dict[str, list[list[float]]] = {name: [] for name in TASKS}
    with tempfile.TemporaryDirectory(prefix="benchmark-tasks-") as name:
        folder = Path(name)
        site = ("--site", "acme-test:test_key", "--customers", "3000", "--job-seconds", "0")
        with stack.simulator(folder, *site) as chargebee, stack.s3_server(folder) as s3:
            s3.client().create_bucket(Bucket=BUCKET)
            environment = _environment(folder, chargebee, s3)
            for _ in range(RUNS):
                for task in TASKS:
                    runs[task].append(_once(task, folder / "job.json", environment))
    return {task: [statistics.median(column) for column in zip(*each, strict=True)] for task, each in runs.items()}


def _environment(folder: Path, chargebee: stack.SimulatorAddress, s3: stack.S3Server) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    site = {"conn_type": "generic", "login": "acme-test", "password": "test_key", "host": chargebee.url}
    return stack.without_proxy(kept) | {
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CHARGEBEE_EXPORT__BUCKET": BUCKET,
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "AIRFLOW_CONN_CHARGEBEE_DEFAULT": json.dumps(site),
        "AIRFLOW_CONN_AWS_DEFAULT": s3.connection(),
        "PYTHONPATH": os.pathsep.join(str(ROOT / each) for each in ("plugins", "dags", "tests", "")),
    }


def _once(task: str, record: Path, environment: dict[str, str]) -> list[float]:
    command = [sys.executable, "-W", "ignore", "-c", _TASK, task, str(record)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"The task {task} failed:\n{done.stderr[-2000:]}")
    return list(json.loads(done.stdout.splitlines()[-1]))


def as_text(tasks: dict[str, list[float]]) -> str:
    """Return a Markdown table."""
    lines = [f"| {name} | {seconds:.2f} | {peak:.0f} |" for name, (seconds, peak) in tasks.items()]
    return "\n".join(["| task | CPU s | peak MB |", "|---|---:|---:|", *lines])


if __name__ == "__main__":
    print(as_text(measured()))
