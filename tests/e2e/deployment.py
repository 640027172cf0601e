"""A real Airflow on this machine: its processes under supervision, PostgreSQL, an S3 server, the simulator over HTTPS."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any

import airflow_runs
import landed
import psutil
from e2e import processes
from e2e.processes import Service, wait_for
from e2e.rest import Rest
from e2e.settings import airflow_settings
from e2e.truth import write_big_zip

import stack
from chargebee_simulator.client import ControlClient
from support.pages import blocks

HERE = Path(__file__).resolve().parent
THREE = airflow_runs.airflow_version().startswith("3.")
PAGE_DAGS = ("new_customers", "changed_columns")
AUDIT = "chargebee_audit"
DAGS = ("chargebee_export", AUDIT, "e2e_days", "e2e_crashes", *PAGE_DAGS)
TELLING = re.compile(r"error|exception|critical|traceback|failed|\[warden\]", re.IGNORECASE)


class Deployment:
    """What the tests drive and look at. Made by ``deployed``.

    :param executor: ``LocalExecutor`` or ``CeleryExecutor``.
    """

    def __init__(self, folder: Path, executor: str, tasks: ExitStack) -> None:
        self.folder = folder
        self.executor = executor
        self.key = f"test_{secrets.token_hex(16)}"
        self._tasks = tasks
        self._services: dict[str, Service] = {}
        self.big_zip = write_big_zip(folder / "plans.zip")
        options = ["--site", f"{airflow_runs.SITE}:{self.key}", "--customers", "200", "--job-seconds", "1"]
        options += ["--serve-zip", f"plans={self.big_zip}", "--tls", "--tls-dir", str(folder / "tls")]
        self.simulator = tasks.enter_context(stack.simulator(folder, *options))
        self.control = ControlClient(self.simulator.control_url, self.simulator.ca_bundle)
        self.s3 = tasks.enter_context(stack.s3_server(folder))
        self.s3.client().create_bucket(Bucket=airflow_runs.BUCKET)
        self._port, database_port, redis_port = processes.reserve_ports(tasks, 3)
        self._services["postgres"] = tasks.enter_context(processes.postgres(folder, database_port))
        self.database = f"airflow@127.0.0.1:{database_port}/airflow"
        broker = ""
        if executor == "CeleryExecutor":
            self._services["redis"] = tasks.enter_context(processes.redis(folder, redis_port))
            broker = f"redis://127.0.0.1:{redis_port}/0"
        self.environment = self._environment(broker)
        self.rest = Rest(self._port, THREE)

    def _environment(self, broker: str) -> dict[str, str]:
        connection = {
            "conn_type": "generic",
            "login": airflow_runs.SITE,
            "password": self.key,
            "host": self.simulator.url,
        }
        extra = {"poll_interval": 1, "max_poll_interval": 3, "ca_bundle": self.simulator.ca_bundle}
        dags = self.folder / "dags"
        shutil.copytree(HERE / "dags", dags, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(stack.ROOT / "dags" / "chargebee_export.py", dags)
        # Without its schedule: a run of all resources would take minutes. The tests trigger runs of some.
        text = (stack.ROOT / "dags" / f"{AUDIT}.py").read_text(encoding="utf-8")
        unscheduled = re.sub(r'schedule="[^"]*"', "schedule=None", text)
        assert unscheduled != text
        (dags / f"{AUDIT}.py").write_text(unscheduled, encoding="utf-8")
        for name in PAGE_DAGS:
            # The examples of the docs that start when data is committed, as they are printed there.
            (found,) = (each.text for each in blocks("python") if f'dag_id="{name}"' in each.text)
            (dags / f"{name}.py").write_text(found, encoding="utf-8")
        return {
            **airflow_runs.airflow_environment(self.folder, self.simulator, self.s3, self.key),
            **airflow_settings(self._port, self.database, broker),
            "AIRFLOW_CONN_CHARGEBEE_DEFAULT": json.dumps({**connection, "extra": extra}),
            # Airflow 2 starts its tasks as `airflow`, wherever that is found.
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__EXECUTOR": self.executor,
            "AIRFLOW__CORE__FERNET_KEY": urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        }

    def bring_up(self) -> None:
        """Make the database, and start Airflow's processes."""
        self.airflow("db", "migrate")
        address = ["--port", str(self._port), "--workers", "1"]
        if THREE:
            self._start("api-server", "--host", "127.0.0.1", *address)
            self._start("dag-processor")
        else:
            user = ["-u", "admin", "-p", "admin", "-r", "Admin", "-f", "a", "-l", "b", "-e", "a@b.c"]
            self.airflow("users", "create", *user)
            self._start("webserver", "--hostname", "127.0.0.1", *address)
        # Airflow 3.0 fails the tasks that it starts before the API listens.
        wait_for("the API", self.rest.is_healthy, told=self.tails)
        self._start("scheduler", "--skip-serve-logs")
        self._start("triggerer", "--skip-serve-logs")
        if self.executor == "CeleryExecutor":
            quiet = ["--skip-serve-logs", "--without-mingle", "--without-gossip"]
            self._start("worker", *quiet, command=("celery", "worker"))
        for dag_id in DAGS:
            wait_for(f"DAG {dag_id}", lambda dag_id=dag_id: self.rest.has_dag(dag_id), told=self.tails)

    def _start(self, name: str, *options: str, command: tuple[str, ...] = ()) -> None:
        whole = [sys.executable, "-m", "airflow", *(command or (name,)), *options]
        served = processes.served(name, whole, self.folder, self.environment)
        self._services[name] = self._tasks.enter_context(served)

    def kill(self, name: str) -> None:
        """Kill -9 one of the servers with all that it has started; the supervisor starts it again."""
        self._services[name].kill()

    def kill_worker(self, port: int) -> None:
        """Kill -9 the worker whose task is connected to a port of the simulator, as soon as there is one.

        With Celery that is the whole worker, which the supervisor starts again. LocalExecutor's workers are processes
        below the scheduler: there, the task's process and its parent, which looks after it.
        """
        found = wait_for(f"a task that is connected to port {port}", lambda: self._connected(port), told=self.tails)
        if self.executor == "CeleryExecutor":
            self.kill("worker")
            return
        scheduler = self._services["scheduler"].pid
        parents = [parent for each in found if (parent := each.parent()) and parent.pid != scheduler]
        processes.kill([*parents, *found])

    def _connected(self, port: int) -> list[psutil.Process]:
        family = self._services["worker" if self.executor == "CeleryExecutor" else "scheduler"].family()
        found = []
        for each in family:
            with suppress(psutil.Error):
                if any(one.raddr and one.raddr.port == port for one in each.net_connections("tcp")):
                    found.append(each)
        return found

    def finished(self, dag_id: str, run_id: str, seconds: float = 400, state: str = "success") -> dict[str, str]:
        """Wait until a run has ended, see that it has a state, and return the state of each task."""
        ended = wait_for(
            f"{dag_id} {run_id}",
            lambda: (run := self.rest.run(dag_id, run_id))["state"] in ("success", "failed") and run,
            seconds,
            lambda: self.told(dag_id, run_id),
        )
        assert ended["state"] == state, f"{run_id} {ended['state']}: {self.told(dag_id, run_id)}"
        return self.rest.states(dag_id, run_id)

    def manifests(self, prefix: str = "") -> list[dict[str, Any]]:
        """Return the manifests of all partitions below a prefix."""
        return landed.manifests(self.s3, prefix)

    def audit_report(self, prefix: str) -> dict[str, Any]:
        """Return the latest report of an audit below a prefix."""
        keys = [each["Key"] for each in landed.objects(self.s3)]
        return landed.read(self.s3, max(each for each in keys if each.startswith(f"{prefix}/audit/reports/")))

    def airflow(self, *arguments: str) -> None:
        """Run an Airflow command."""
        airflow_runs.airflow(list(arguments), self.environment, self.folder / f"command-{'-'.join(arguments[:2])}.log")

    def dump(self) -> bytes:
        """Return the metadata database as text."""
        command = [processes.postgres_binaries() / "pg_dump", f"postgresql://{self.database}"]
        return subprocess.run(command, check=True, capture_output=True).stdout

    def secrets(self) -> dict[str, bytes]:
        """Return what must be found nowhere."""
        return {
            "API key": self.key.encode(),
            "API key in a header": b64encode(f"{self.key}:".encode()).rstrip(b"="),
            "signature of a download": b"X-Amz-Signature=",
            "S3 secret": self.s3.secret_key.encode(),
        }

    def told(self, dag_id: str, run_id: str) -> str:
        """Return the state of each task of a run, and the ends of the logs."""
        try:
            states: Any = self.rest.states(dag_id, run_id)
        except (OSError, HTTPException, ValueError) as error:
            states = f"the API does not answer: {error!r}"
        return f"{states}\n{self._long_transactions()}\n{self.tails()}"

    def _long_transactions(self) -> str:
        """Return what holds locks in the database, for Airflow's scheduler passes over a run that is locked."""
        query = "SELECT pid, state, now() - xact_start, left(query, 200) FROM pg_stat_activity"
        query += " WHERE datname = 'airflow' AND xact_start < now() - interval '5 seconds'"
        command = [str(processes.postgres_binaries() / "psql"), f"postgresql://{self.database}", "-Atc", query]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        return f"--- transactions of more than 5 s:\n{done.stdout}{done.stderr}"

    def tails(self) -> str:
        """Return the lines of the logs that tell most, and where all of them are."""
        told = []
        for path in sorted(self.folder.rglob("*.log"), key=lambda path: path.stat().st_mtime):
            lines = path.read_text(errors="replace").splitlines()
            if telling := [line[:400] for line in lines if TELLING.search(line) and "debug" not in line.lower()][-6:]:
                told.append(f"--- {path.relative_to(self.folder)}\n" + "\n".join(telling))
        return "\n".join([*told[-15:], f"--- all of it: {self.folder}"])


@contextmanager
def deployed(folder: Path, executor: str) -> Iterator[Deployment]:
    """Run a whole deployment for as long as the block does."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        # pytest takes a SystemExit for a failed test and goes on with the next; it ends as after Ctrl-C.
        signal.signal(number, signal.default_int_handler)
    with ExitStack() as tasks:
        deployment = Deployment(folder, executor, tasks)
        deployment.bring_up()
        yield deployment
