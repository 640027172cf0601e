"""Runs Airflow's commands in a home of their own, against the servers of this machine, and reports each task of a run."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import stack

sys.path.insert(0, str(stack.ROOT / "plugins"))

from chargebee_operators.chargebee.settling import SETTLE

DAG_ID = "chargebee_export"
BUCKET = "chargebee-demo"
SITE = "acme-test"
# A run takes about a minute; this is for one that hangs.
TIMEOUT_SECONDS = 900
_LOOK_SECONDS = 0.5
_ENDS = ("success", "failed", "upstream_failed", "skipped")


class AirflowFailed(Exception):
    """An Airflow command failed; the message has the lines of its log that matter."""


@dataclass(frozen=True)
class TaskEnd:
    """A task that has ended. Times are in seconds since the epoch, None where Airflow has none."""

    task_id: str
    state: str
    began: float | None
    ended: float | None


def airflow_version() -> str:
    """Return the version of the Airflow in this environment."""
    from importlib.metadata import version

    return version("apache-airflow")


def airflow_environment(
    folder: Path, chargebee: stack.SimulatorAddress, s3: stack.S3Server, key: str
) -> dict[str, str]:
    """Return the environment in which Airflow finds the project, the servers and nothing else.

    :param folder: Airflow's home.
    :param key: the API key of the simulator's site.
    """
    connection = {
        "conn_type": "generic",
        "login": SITE,
        "password": key,
        "host": chargebee.url,
        "extra": {"poll_interval": 1},
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "AWS_"))}
    # Airflow's many processes need their compiled modules.
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return {
        **stack.without_proxy(kept),
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__DAGS_FOLDER": str(stack.ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(stack.ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CHARGEBEE_EXPORT__BUCKET": BUCKET,
        "AIRFLOW_CONN_CHARGEBEE_DEFAULT": json.dumps(connection),
        "AIRFLOW_CONN_AWS_DEFAULT": s3.connection(),
    }


def prepare(environment: Mapping[str, str], folder: Path, python: Path | str = sys.executable) -> None:
    """Make Airflow's database, unless it exists.

    :param python: of the environment with Airflow.
    """
    if not (folder / "airflow.db").exists():
        airflow(["db", "migrate"], environment, folder / "db-migrate.log", python=python)
    if airflow_version().startswith("3.0."):
        # There `dags test` refuses the tasks of a DAG whose assets no DAG processor has seen yet.
        airflow(["dags", "reserialize"], environment, folder / "dags-reserialize.log", python=python)


def run_dag(
    environment: Mapping[str, str],
    folder: Path,
    conf: Mapping[str, Any],
    on_end: Callable[[TaskEnd], object] = lambda end: None,
    python: Path | str = sys.executable,
) -> float:
    """Run the DAG for the last complete day, with its log in ``run.log``, and return the seconds that it took.

    Right after midnight that is the day before: the DAG would wait ``settle`` seconds for the day that has just ended.

    :param conf: the run's configuration.
    :param on_end: is called when a task has ended.
    :param python: of the environment with Airflow.
    :raises AirflowFailed: when the run fails.
    """
    today = datetime.fromtimestamp(time.time() - SETTLE, UTC).strftime("%Y-%m-%d")
    arguments = ["dags", "test", DAG_ID, today, "--conf", json.dumps(dict(conf))]
    began, reported = time.monotonic(), set[str]()

    def look() -> None:
        for end in ended_tasks(folder / "airflow.db"):
            if end.task_id not in reported:
                reported.add(end.task_id)
                on_end(end)

    try:
        airflow(arguments, environment, folder / "run.log", look, python)
    finally:
        look()
    return time.monotonic() - began


def airflow(
    arguments: list[str],
    environment: Mapping[str, str],
    log: Path,
    look: Callable[[], object] = lambda: None,
    python: Path | str = sys.executable,
) -> None:
    """Run an Airflow command.

    :param look: is called every half second while it runs.
    :raises AirflowFailed: when it fails, with the lines of its log that matter.
    """
    name = f"`airflow {' '.join(arguments[:2])}`"
    with log.open("wb") as output:
        command = [str(python), "-m", "airflow", *arguments]
        process = subprocess.Popen(command, env=dict(environment), stdout=output, stderr=subprocess.STDOUT)
        try:
            _wait(process, look)
        except subprocess.TimeoutExpired:
            raise AirflowFailed(f"{name} did not end within {TIMEOUT_SECONDS} s; see {log}.") from None
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    if process.returncode:
        lines = log.read_text(errors="replace").splitlines()
        telling = [line for line in lines if "Error" in line or "Exception" in line][-8:] or lines[-8:]
        raise AirflowFailed(f"{name} failed; {log} ends:\n" + "\n".join(telling))


def _wait(process: subprocess.Popen[bytes], look: Callable[[], object]) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while True:
        try:
            process.wait(_LOOK_SECONDS)
            return
        except subprocess.TimeoutExpired:
            if time.monotonic() > deadline:
                raise
            look()


def ended_tasks(database: Path) -> Iterator[TaskEnd]:
    """Yield the tasks that have ended, the earliest first, from the SQLite database that Airflow writes."""
    question = "SELECT task_id, state, start_date, end_date FROM task_instance ORDER BY end_date"
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=1)) as connection:
            rows = connection.execute(question).fetchall()
    except sqlite3.Error:  # Airflow is writing to it; the next look will see it
        return
    for task_id, state, began, ended in rows:
        if state in _ENDS:
            yield TaskEnd(task_id, state, _seconds(began), _seconds(ended))


def _seconds(text: str | None) -> float | None:
    """Return the time of a text as SQLite has it: ISO 8601 in UTC, without a zone or with one."""
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
