"""Airflow's REST API, as far as the tests use it: version 2 in Airflow 3, version 1 in Airflow 2."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from base64 import b64encode
from typing import Any
from urllib.parse import quote


class Rest:
    """Calls the API on a port of this machine."""

    def __init__(self, port: int, three: bool) -> None:
        self._root = f"http://127.0.0.1:{port}"
        self._three = three
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._header = "" if three else f"Basic {b64encode(b'admin:admin').decode()}"

    def is_healthy(self) -> bool:
        """Return whether the server answers."""
        path = "/api/v2/monitor/health" if self._three else "/health"
        try:
            self._send("GET", path)
            if self._three:
                self._header = f"Bearer {self._send('GET', '/auth/token')['access_token']}"
        except (OSError, ValueError):
            return False
        return True

    def has_dag(self, dag_id: str) -> bool:
        """Return whether the DAG is known."""
        try:
            self.call("GET", f"dags/{dag_id}")
        except urllib.error.HTTPError:
            return False
        return True

    def pause(self, dag_id: str, paused: bool) -> None:
        """Pause or unpause a DAG."""
        self.call("PATCH", f"dags/{dag_id}", {"is_paused": paused})

    def trigger(self, dag_id: str, run_id: str, conf: dict[str, Any]) -> None:
        """Start a run by hand; in Airflow 3 without a logical date, and so without a data interval."""
        body = {"dag_run_id": run_id, "conf": conf, **({"logical_date": None} if self._three else {})}
        self.call("POST", f"dags/{dag_id}/dagRuns", body)

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """Return the runs of a DAG."""
        return list(self.call("GET", f"dags/{dag_id}/dagRuns?limit=100")["dag_runs"])

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Return a run."""
        return dict(self.call("GET", f"dags/{dag_id}/dagRuns/{quote(run_id)}"))

    def backfills_are_over(self, dag_id: str) -> bool:
        """Return whether every backfill of a DAG is complete; Airflow 3 only."""
        return all(each["completed_at"] for each in self.call("GET", f"backfills?dag_id={dag_id}")["backfills"])

    def tasks(self, dag_id: str, run_id: str) -> dict[str, dict[str, Any]]:
        """Return the tasks of a run, by id."""
        path = f"dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances?limit=100"
        return {each["task_id"]: each for each in self.call("GET", path)["task_instances"]}

    def fail(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Mark a task failed, as a person does in the UI."""
        path = f"dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances/{quote(task_id)}"
        self.call(
            "PATCH", path, {"new_state": "failed", "dry_run": False} if not self._three else {"new_state": "failed"}
        )

    def states(self, dag_id: str, run_id: str) -> dict[str, str]:
        """Return the state of each task of a run."""
        return {name: each["state"] for name, each in self.tasks(dag_id, run_id).items()}

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Return the answer to a call."""
        return self._send(method, f"/api/{'v2' if self._three else 'v1'}/{path}", body)

    def _send(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Content-Type": "application/json", **({"Authorization": self._header} if self._header else {})}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self._root}{path}", data, headers, method=method)
        with self._opener.open(request, timeout=30) as answer:
            return json.load(answer)
