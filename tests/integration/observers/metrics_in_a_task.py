"""Sends the metrics of an upload from a task, and prints what StatsD received. A script of test_metrics.py.

In Airflow 3 the task runs in a process of its own, under the supervisor that executors use. In Airflow 2 a task's process
sets nothing up for metrics, so this process is as good.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import uuid
from pathlib import Path

LANDED = {
    "site": "acme-test",
    "resource": "customers",
    "export_id": "AbC123",
    "tables": {"customers": {"rows": 1200}, "customers__addresses": {"rows": 7}},
    "bytes": 20480,
    "files": 2,
    "warnings": ["one"],
    "seconds": 1.5,
}
DAG_FILE = f"""
from airflow.sdk import DAG, task

with DAG("metrics", schedule=None):

    @task
    def send():
        from chargebee_operators.signals import send_metrics

        send_metrics({LANDED!r})

    send()
"""


def in_a_supervised_task(folder: Path) -> None:
    """Run the task under Airflow 3's supervisor, with an API server that knows this one run."""
    import httpx
    from airflow.executors.workloads import TaskInstance
    from airflow.executors.workloads.base import BundleInfo
    from airflow.sdk.api.client import Client
    from airflow.sdk.execution_time.supervisor import supervise_task

    (folder / "metrics.py").write_text(DAG_FILE)
    time = "2026-11-24T00:00:00Z"
    run = dict.fromkeys(("logical_date", "data_interval_start", "data_interval_end", "run_after", "start_date"), time)
    run |= {"dag_id": "metrics", "run_id": "r", "run_type": "manual", "state": "running", "end_date": None}
    run |= {"consumed_asset_events": [], "partition_key": None}

    def answer(request: httpx.Request) -> httpx.Response:
        started = request.url.path.endswith("/run")
        return httpx.Response(
            200, json={"dag_run": run, "max_tries": 0, "should_retry": False} if started else {"ok": "yes"}
        )

    ids = {"id": uuid.uuid4(), "dag_version_id": uuid.uuid4(), "task_id": "send", "dag_id": "metrics", "run_id": "r"}
    rest = {"try_number": 1, "map_index": -1, "pool_slots": 1, "priority_weight": 1, "queue": "default"}
    client = Client(base_url=None, dry_run=True, token="", transport=httpx.MockTransport(answer))
    code = supervise_task(
        ti=TaskInstance(**ids, **rest),
        bundle_info=BundleInfo(name="dags-folder", version=None),
        dag_rel_path="metrics.py",
        token="",
        client=client,
    )
    assert code == 0


def main() -> None:
    """Send, receive and print."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as statsd:
        statsd.bind(("127.0.0.1", 0))
        statsd.settimeout(5)
        os.environ["AIRFLOW__METRICS__STATSD_ON"] = "True"
        os.environ["AIRFLOW__METRICS__STATSD_HOST"] = "127.0.0.1"
        os.environ["AIRFLOW__METRICS__STATSD_PORT"] = str(statsd.getsockname()[1])
        import airflow

        if airflow.__version__.startswith("2."):
            from chargebee_operators.signals import send_metrics

            send_metrics(LANDED)
        else:
            in_a_supervised_task(Path(sys.argv[1]))
        received = []
        while not any("upload_time" in each for each in received):
            received.append(statsd.recv(1000).decode())
    print(json.dumps([each for each in received if "chargebee" in each]))


if __name__ == "__main__":
    main()
