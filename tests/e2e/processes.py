"""Servers under a warden, ports that no other run takes, and waiting on conditions with a deadline."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any

import psutil

import stack

WARDEN = Path(__file__).with_name("warden.py")
# Below the ports that the kernel gives to outgoing connections.
PORTS = range(20000, 30000)


def wait_for(what: str, ready: Callable[[], Any], seconds: float = 300, told: Callable[[], str] = str) -> Any:
    """Return what ``ready`` gives once it gives something true; a server that does not answer counts as not yet.

    :param what: what is waited for, for the message.
    :param told: gives the end of the logs, for the message.
    :raises AssertionError: when the time is over.
    """
    deadline, last, pause = time.monotonic() + seconds, "", 0.1
    while time.monotonic() < deadline:
        try:
            if answer := ready():
                return answer
        except (OSError, HTTPException, ValueError) as error:
            last = f"the last look failed: {error!r}\n"
        time.sleep(pause)
        pause = min(1.0, 1.5 * pause)  # many looks would cost the web server as much as the run does
    raise AssertionError(f"{what}: not within {seconds:.0f} s\n{last}{told()}")


class Service:
    """A server that is started again whenever it ends, as in production."""

    def __init__(self, name: str, command: list[str], folder: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._pid_file = folder / f"{name}.warden"
        with self.log.open("wb") as output:
            self._warden = subprocess.Popen(
                [sys.executable, str(WARDEN), str(self._pid_file), *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=dict(environment),
                cwd=folder,
            )
        wait_for(f"{name}'s process", self._pid_file.exists)

    @property
    def pid(self) -> int:
        """The server's process id; another one after each start."""
        return int(self._pid_file.read_text())

    def family(self) -> list[psutil.Process]:
        """Return the server's process and everything below it, its orphans too."""
        return psutil.Process(self._warden.pid).children(recursive=True)

    def kill(self) -> None:
        """Kill -9 the server and all that it has started, as a lost container would, and wait for its next start."""
        before = self.pid
        kill(self.family())
        wait_for(f"{self.name}'s next start", lambda: self.pid != before, 60, self.tail)

    def stop(self) -> None:
        """End it for good."""
        assert self._warden.stdin
        self._warden.stdin.close()
        try:
            self._warden.wait(30)
        except subprocess.TimeoutExpired:
            kill([*self.family(), psutil.Process(self._warden.pid)])
            self._warden.wait(10)

    def tail(self, lines: int = 15) -> str:
        """Return the end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


@contextmanager
def served(name: str, command: list[str], folder: Path, environment: Mapping[str, str]) -> Iterator[Service]:
    """Run a server for as long as the block does."""
    service = Service(name, command, folder, environment)
    try:
        yield service
    finally:
        service.stop()


def kill(processes: list[psutil.Process]) -> None:
    """Kill -9 processes, some of which may be gone; psutil knows a reused id from the process that it saw."""
    for each in processes:
        with suppress(psutil.NoSuchProcess):
            each.send_signal(signal.SIGKILL)


def reserve_ports(held: ExitStack, count: int) -> list[int]:
    """Return ports that nothing listens on, and that no other run on this machine takes before ``held`` is closed."""
    ports: list[int] = []
    for port in random.sample(PORTS, len(PORTS)):
        if len(ports) == count:
            break
        # A name in the kernel: it goes when this process does.
        claim = held.enter_context(socket.socket(socket.AF_UNIX))
        with suppress(OSError), socket.socket() as probe:
            claim.bind(f"\0chargebee-e2e-{port}")
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            ports.append(port)
    return ports


@contextmanager
def postgres(folder: Path, port: int) -> Iterator[Service]:
    """Run a PostgreSQL of its own, with a database ``airflow`` that the user ``airflow`` needs no password for.

    :param folder: for its log.
    """
    binaries = postgres_binaries()
    as_user: list[str] = []
    data = Path(tempfile.mkdtemp(prefix="e2e-postgres-"))
    if os.getuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(data, "postgres", "postgres")
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]
    try:
        command = [*as_user, str(binaries / "initdb"), "-D", str(data / "db"), "-U", "airflow", "-A", "trust", "-N"]
        subprocess.run([*command, "-E", "UTF8"], check=True, capture_output=True, cwd="/")
        # Nothing waits for the disk, but a commit is with the kernel before it is answered: it outlives kill -9.
        options = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": data, "fsync": "off"}
        options |= {"full_page_writes": "off", "max_connections": 200}
        command = [*as_user, str(binaries / "postgres"), "-D", str(data / "db")]
        command += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with served("postgres", command, folder, os.environ) as service:
            address = ["-h", "127.0.0.1", "-p", str(port)]
            ready = [str(binaries / "pg_isready"), *address, "-q"]
            wait_for("PostgreSQL", lambda: subprocess.run(ready, check=False).returncode == 0, told=service.tail)
            create = [str(binaries / "createdb"), *address, "-U", "airflow", "airflow"]
            subprocess.run(create, check=True, capture_output=True)
            yield service
    finally:
        shutil.rmtree(data, ignore_errors=True)


def postgres_binaries() -> Path:
    """Return the folder of PostgreSQL's programs.

    :raises stack.StackError: when it is not installed.
    """
    versions = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    if found := max(versions, key=lambda path: float(path.parts[-3]), default=None) or shutil.which("initdb"):
        return Path(found).resolve().parent
    raise stack.StackError("PostgreSQL is not installed: run `apt-get install postgresql`, or put initdb on the PATH.")


@contextmanager
def redis(folder: Path, port: int) -> Iterator[Service]:
    """Run a Redis of its own, which keeps nothing on disk.

    :param folder: for its log.
    """
    command = [redis_program(), "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    with served("redis", command, folder, os.environ) as service:
        wait_for("Redis", lambda: socket.create_connection(("127.0.0.1", port), 5).close() or True, told=service.tail)
        yield service


def redis_program() -> str:
    """Return the path of Redis.

    :raises stack.StackError: when it is not installed.
    """
    if found := shutil.which("redis-server"):
        return found
    raise stack.StackError("Redis is not installed: run `apt-get install redis-server`.")
