"""The figures of an upload reach StatsD from inside a task, by Airflow's own way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from support.pages import ROOT


def test_the_figures_of_an_upload_reach_statsd_from_a_task(observers, tmp_path):
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, (observers, ROOT / "plugins"))),
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    script = Path(__file__).with_name("metrics_in_a_task.py")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    *gauges, timing = json.loads(done.stdout.splitlines()[-1])
    assert gauges == [
        "airflow.chargebee.rows.acme-test.customers:1200|g",
        "airflow.chargebee.bytes.acme-test.customers:20480|g",
        "airflow.chargebee.files.acme-test.customers:2|g",
        "airflow.chargebee.warnings.acme-test.customers:1|g",
    ]
    assert timing.startswith("airflow.chargebee.upload_time.acme-test.customers:1500.0") and timing.endswith("|ms")
