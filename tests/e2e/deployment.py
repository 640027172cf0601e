"""A real Airflow on this machine: PostgreSQL, scheduler, triggerer, API, simulator over HTTPS and an S3 server."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import demo
from e2e.processes import end_tree, kill_tree, postgres, postgres_binaries, wait_for
from e2e.rest import Rest

import stack
from chargebee_simulator.client import ControlClient

HERE = Path(__file__).resolve().parent
THREE = demo.airflow_version().startswith("3.")
TELLING = re.compile(r"error|exception|critical|traceback|failed", re.IGNORECASE)


class Deployment:
    """What the tests drive and look at. Made by ``deployed``."""

    def __init__(self, folder: Path, tasks: ExitStack) -> None:
        self.folder = folder
        self.key = f"test_{secrets.token_hex(16)}"
        self._tasks = tasks
        self._servers: dict[str, stack.Server] = {}
        options = ["--site", f"{demo.SITE}:{self.key}", "--customers", "300", "--job-seconds", "2-4"]
        options += ["--tls", "--tls-dir", str(folder / "tls")]
        self.simulator = tasks.enter_context(stack.simulator(folder, *options))
        self.control = ControlClient(self.simulator.control_url, self.simulator.ca_bundle)
        self.s3 = tasks.enter_context(stack.s3_server(folder))
        self.s3.client().create_bucket(Bucket=demo.BUCKET)
        self.database = tasks.enter_context(postgres(folder))
        self.port, *self._ports = stack.free_ports(4)
        self.environment = self._environment()
        self.rest = Rest(self.port, THREE)

    def _environment(self) -> dict[str, str]:
        connection = {"conn_type": "generic", "login": demo.SITE, "password": self.key, "host": self.simulator.url}
        extra = {"poll_interval": 1, "ca_bundle": self.simulator.ca_bundle}
        dags = self.folder / "dags"
        shutil.copytree(HERE / "dags", dags, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(stack.ROOT / "dags" / "chargebee_export.py", dags)
        secret = secrets.token_hex(32)
        api = f"http://127.0.0.1:{self.port}"
        worker_log, trigger_log, _ = map(str, self._ports)
        return {
            **demo.airflow_environment(self.folder, self.simulator, self.s3, self.key),
            "AIRFLOW_CONN_CHARGEBEE_DEFAULT": json.dumps({**connection, "extra": extra}),
            # Airflow 2 starts its tasks as `airflow`, wherever that is found.
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__FERNET_KEY": urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{api}/execution/",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{self.database}",
            "AIRFLOW__API__SECRET_KEY": secret,
            "AIRFLOW__API__BASE_URL": api,
            "AIRFLOW__API__AUTH_BACKENDS": "airflow.api.auth.backend.basic_auth",
            "AIRFLOW__API_AUTH__JWT_SECRET": secret,
            "AIRFLOW__WEBSERVER__SECRET_KEY": secret,
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": worker_log,
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": trigger_log,
            # Without it, Airflow 3 may fail a task that is resumed within seconds of its deferral.
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
            # A task that was killed is noticed within seconds, not minutes.
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
            "AIRFLOW__SCHEDULER__SCHEDULER_ZOMBIE_TASK_THRESHOLD": "20",
            "AIRFLOW__SCHEDULER__ZOMBIE_DETECTION_INTERVAL": "5",
            "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
            "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
            "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
        }

    def bring_up(self) -> None:
        """Make the database, and start Airflow's processes."""
        demo.airflow(["db", "migrate"], self.environment, self.folder / "migrate.log")
        if THREE:
            self.start("api-server", "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1")
        else:
            user = ["users", "create", "-u", "admin", "-p", "admin", "-r", "Admin", "-f", "a", "-l", "b", "-e", "a@b.c"]
            demo.airflow(user, self.environment, self.folder / "user.log")
            self.start("webserver", "--hostname", "127.0.0.1", "--port", str(self.port), "--workers", "1")
        wait_for("the API", self.rest.is_healthy, told=self.tails)
        for name in ("scheduler", "triggerer", *(["dag-processor"] if THREE else [])):
            self.start(name)
        for dag_id in ("chargebee_export", "e2e_fast"):
            wait_for(f"DAG {dag_id}", lambda dag_id=dag_id: self.rest.has_dag(dag_id), told=self.tails)

    def start(self, name: str, *options: str) -> None:
        """Start one of Airflow's processes; its earlier log, if any, is kept beside."""
        log = self.folder / f"{name}.log"
        if log.exists():
            log.rename(self.folder / f"{name}-{log.stat().st_mtime_ns}.log")
        command = [sys.executable, "-m", "airflow", name, *options]
        clean = {name: "" for name in os.environ if name == "PYTHONDONTWRITEBYTECODE"}
        server = self._tasks.enter_context(stack.running(name, command, self.folder, {**self.environment, **clean}))
        self._tasks.callback(end_tree, server)
        self._servers[name] = server

    def kill(self, name: str) -> None:
        """Kill one of Airflow's processes, with all that it started, without asking."""
        kill_tree(self._servers[name])

    def process(self, name: str) -> stack.Server:
        """Return one of Airflow's processes."""
        return self._servers[name]

    def finished(self, dag_id: str, run_id: str, seconds: float = 300, state: str = "success") -> dict[str, str]:
        """Wait until a run has ended as it should, and return the state of each task."""
        ended = wait_for(
            f"{dag_id} {run_id}",
            lambda: self._ended(dag_id, run_id),
            seconds,
            lambda: f"{self.rest.states(dag_id, run_id)}\n{self.tails()}",
        )
        states = self.rest.states(dag_id, run_id)
        assert ended["state"] == state, f"{run_id} {ended['state']}: {states}\n{self.tails()}"
        return states

    def _ended(self, dag_id: str, run_id: str) -> dict[str, Any] | None:
        run = self.rest.run(dag_id, run_id)
        return run if run["state"] in ("success", "failed") else None

    def manifests(self, prefix: str = "") -> list[dict[str, Any]]:
        """Return the manifests of all partitions below a prefix."""
        found = demo.manifests(self.s3)
        return [each for each in found if all(file["key"].startswith(prefix) for file in each["files"])]

    def airflow(self, *arguments: str, **environment: str) -> None:
        """Run an Airflow command."""
        log = self.folder / f"command-{'-'.join(arguments[:2])}.log"
        demo.airflow(list(arguments), {**self.environment, **environment}, log)

    def dump(self) -> bytes:
        """Return the metadata database as text."""
        url = f"postgresql://{self.database}"
        return subprocess.run([postgres_binaries() / "pg_dump", url], check=True, capture_output=True).stdout

    def secrets(self) -> dict[str, bytes]:
        """Return what must be found nowhere."""
        return {
            "API key": self.key.encode(),
            "API key in a header": b64encode(f"{self.key}:".encode()).rstrip(b"="),
            "signature": b"X-Amz-Signature",
        }

    def tails(self) -> str:
        """Return the lines of the logs that tell most."""
        told = []
        for path in sorted(self.folder.rglob("*.log")):
            lines = path.read_text(errors="replace").splitlines()
            if telling := [line[:400] for line in lines if TELLING.search(line) and "debug" not in line.lower()][-6:]:
                told.append(f"--- {path.relative_to(self.folder)}\n" + "\n".join(telling))
        return "\n".join(told[-15:])


@contextmanager
def deployed(folder: Path) -> Iterator[Deployment]:
    """Run a whole deployment for as long as the block does."""
    stack.exit_on_signals()
    with ExitStack() as tasks:
        deployment = Deployment(folder, tasks)
        deployment.bring_up()
        yield deployment
