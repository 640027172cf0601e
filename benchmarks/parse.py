"""Measures what the DAG file costs at each parse, Airflow's own import aside, beside imports that it does without.

    python benchmarks/parse.py

Airflow parses DAG files all day. Each figure is the median of fresh processes that have made another DAG
before.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNS = 7

_AIRFLOW = """
import airflow.configuration, airflow.hooks.base, airflow.timetables.interval, airflow.triggers.base
try:
    import airflow.sdk.bases.sensor
    from airflow.sdk import DAG, BaseOperator, Param, TaskGroup, task
except ImportError:
    from airflow.decorators import task
    from airflow.models import DAG, BaseOperator
    from airflow.models.param import Param
    from airflow.sensors.base import BaseSensorOperator

@task
def nothing():
    pass

# Airflow imports more of itself with the first DAG that has a task and a Param.
with DAG("plain", schedule=None, params={"number": Param(1, type="integer")}):
    nothing()
"""
_MEASURE = """
import json, time
wall, cpu = time.perf_counter(), time.process_time()
{work}
print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu]))
"""
WORK = {
    "`dags/chargebee_export.py`, with 14 resources": "import chargebee_export",
    "for comparison: `import chargebee`, which no task needs": "import chargebee",
    "for comparison: `import boto3`, which only tasks need": "import boto3",
    "for comparison: `S3Hook`, likewise": "from airflow.providers.amazon.aws.hooks.s3 import S3Hook",
}


@dataclass(frozen=True)
class Parse:
    """Medians in milliseconds."""

    name: str
    wall: float
    cpu: float


def measured() -> list[Parse]:
    """Run each import several times, by turns."""
    runs: dict[str, list[list[float]]] = {name: [] for name in WORK}
    for _ in range(RUNS):
        for name, work in WORK.items():
            runs[name].append(_once(work))
    medians = {
        name: [1000 * statistics.median(column) for column in zip(*each, strict=True)] for name, each in runs.items()
    }
    return [Parse(name, *each) for name, each in medians.items()]


def _once(work: str) -> list[float]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {
        "AIRFLOW_HOME": str(ROOT / ".local" / "benchmarks" / "airflow"),
        "AIRFLOW__CHARGEBEE_EXPORT__BUCKET": "benchmark",
        "PYTHONPATH": os.pathsep.join([str(ROOT / "plugins"), str(ROOT / "dags")]),
    }
    code = _AIRFLOW + _MEASURE.format(work=work)
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return list(json.loads(done.stdout.splitlines()[-1]))


def as_text(parses: list[Parse]) -> str:
    """Return a Markdown table."""
    lines = [f"| {each.name} | {each.wall:.0f} | {each.cpu:.0f} |" for each in parses]
    return "\n".join(["| import | wall ms | CPU ms |", "|---|---:|---:|", *lines])


if __name__ == "__main__":
    print(as_text(measured()))
