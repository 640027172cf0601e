"""Processes that are stopped with all their descendants, and waiting on conditions with a deadline."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

import stack


def wait_for(what: str, ready: Callable[[], Any], seconds: float = 120, told: Callable[[], str] = str) -> Any:
    """Return what ``ready`` gives once it gives something true.

    :param what: what is waited for, for the message.
    :param told: gives the end of the logs, for the message.
    :raises AssertionError: when the time is over.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := ready():
            return answer
        time.sleep(0.2)
    raise AssertionError(f"{what}: not within {seconds:.0f} s\n{told()}")


def end_tree(server: stack.Server) -> None:
    """Stop a server, and those of its descendants that are in sessions or groups of their own."""
    try:
        family = psutil.Process(server.process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        family = []
    server.stop()
    for each in family:
        with_kill(each)


def kill_tree(server: stack.Server) -> None:
    """Kill -9 a server and all its descendants at once, as a lost machine would."""
    parent = psutil.Process(server.process.pid)
    for each in [parent, *parent.children(recursive=True)]:
        with_kill(each)
    server.process.wait(10)


def with_kill(process: psutil.Process) -> None:
    """Kill a process that may be gone already; psutil knows a reused id from the process that it saw."""
    with suppress(psutil.NoSuchProcess):
        process.send_signal(signal.SIGKILL)


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """Run a PostgreSQL of its own and give its address, without a driver's name.

    :param folder: for its log.
    """
    binaries = postgres_binaries()
    as_user: list[str] = []
    data = Path(tempfile.mkdtemp(prefix="e2e-postgres-"))
    if os.getuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(data, "postgres", "postgres")
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]
    (port,) = stack.free_ports(1)
    try:
        command = [*as_user, str(binaries / "initdb"), "-D", str(data / "db"), "-U", "airflow", "-A", "trust", "-N"]
        subprocess.run([*command, "-E", "UTF8"], check=True, capture_output=True, cwd="/")
        options = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": data, "fsync": "off"}
        options |= {"full_page_writes": "off", "synchronous_commit": "off", "max_connections": 200}
        command = [*as_user, str(binaries / "postgres"), "-D", str(data / "db")]
        command += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with stack.running("postgres", command, folder) as server:
            ready = [str(binaries / "pg_isready"), "-h", "127.0.0.1", "-p", str(port), "-q"]
            server.wait_until(lambda: subprocess.run(ready, check=False).returncode == 0)
            create = [str(binaries / "createdb"), "-h", "127.0.0.1", "-p", str(port), "-U", "airflow", "airflow"]
            subprocess.run(create, check=True, capture_output=True)
            yield f"airflow@127.0.0.1:{port}/airflow"
    finally:
        shutil.rmtree(data, ignore_errors=True)


def postgres_binaries() -> Path:
    """Return the folder of PostgreSQL's programs.

    :raises stack.StackError: when it is not installed.
    """
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    raise stack.StackError("PostgreSQL is not installed: run `apt-get install postgresql`, or put initdb on the PATH.")
