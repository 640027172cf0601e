"""Starts and stops the servers of one machine: the Chargebee simulator and an S3 server (SeaweedFS).

Each runs in a session of its own and is stopped with all its children, whatever ends the program that started it.
"""

from __future__ import annotations

import atexit
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
WEED = ROOT / ".venv" / "tools" / "bin" / "weed"

# Of the S3 servers that install with pip, the one that refuses all that S3 refuses: a wrong checksum or secret, a part
# below 5 MiB, an existing object under If-None-Match.
START_TIMEOUT = 60.0
STOP_TIMEOUT = 10.0


class StackError(Exception):
    """A server did not start; the message holds the end of its log."""


@dataclass
class Server:
    """A process in a session of its own."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def stop(self) -> None:
        """End it and all its children; after ten seconds without asking."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, sign)
                self.process.wait(STOP_TIMEOUT)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        self.process.poll()

    def wait_until(self, ready: Callable[[], Any]) -> Any:
        """Return what ``ready`` gives, once it gives something.

        :raises StackError: when the process ends first, or a minute passes.
        """
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise StackError(f"{self.name} ended with {self.process.returncode}:\n{self.tail()}")
            if answer := ready():
                return answer
            time.sleep(0.05)
        raise StackError(f"{self.name} was not ready within {START_TIMEOUT:.0f} s:\n{self.tail()}")

    def tail(self, lines: int = 15) -> str:
        """Return the end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


@contextmanager
def running(
    name: str, command: list[str], folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Run a server for as long as the block does.

    :param name: for messages and the log's name.
    :param folder: where its log goes.
    :param environment: added to this process's own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, **(environment or {})},
        )
    server = Server(name, process, log)
    atexit.register(server.stop)
    try:
        yield server
    finally:
        server.stop()
        atexit.unregister(server.stop)


@dataclass(frozen=True)
class SimulatorAddress:
    """Where a simulator listens, from its state file."""

    url: str
    control_url: str
    ca_bundle: str | None


@contextmanager
def simulator(folder: Path, *options: str) -> Iterator[SimulatorAddress]:
    """Run the Chargebee simulator.

    :param folder: for its log and state.
    :param options: of its command line.
    """
    state = folder / "simulator.json"
    state.unlink(missing_ok=True)
    command = [
        sys.executable,
        "-m",
        "chargebee_simulator",
        "--state-file",
        str(state),
        "--parent-pid",
        str(os.getpid()),
    ]
    path = os.pathsep.join(filter(None, [str(ROOT / "local"), os.environ.get("PYTHONPATH")]))
    with running("simulator", [*command, *options], folder, {"PYTHONPATH": path}) as server:
        known = server.wait_until(lambda: state.exists() and json.loads(state.read_text()))
        yield SimulatorAddress(known["url"], known["control_url"], known.get("ca_bundle"))


@dataclass(frozen=True)
class S3Server:
    """Where an S3 server listens, and the only key that it takes."""

    endpoint_url: str
    access_key: str = "local-access-key"
    secret_key: str = field(default_factory=lambda: secrets.token_hex(20), repr=False)
    ca_bundle: str | None = None

    def client(self) -> Any:
        """Return a boto3 client, the same one each time: making one takes longer than most calls."""
        return self._client

    @cached_property
    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name="us-east-1",
            verify=self.ca_bundle,
            config=Config(proxies={}),  # the server is on this machine, whatever the environment says
        )

    def connection(self) -> str:
        """Return an Airflow connection to it, as JSON."""
        extra: dict[str, Any] = {"endpoint_url": self.endpoint_url, "region_name": "us-east-1"}
        if self.ca_bundle:
            extra["verify"] = self.ca_bundle
        return json.dumps({"conn_type": "aws", "login": self.access_key, "password": self.secret_key, "extra": extra})


@contextmanager
def s3_server(folder: Path, *, tls: bool = False) -> Iterator[S3Server]:
    """Run SeaweedFS with an empty store.

    :param folder: for its log, and its certificate with the CA that signed it.
    :param tls: listen on https.
    """
    if not WEED.exists():
        raise StackError(f"The S3 server is not installed: run `make tools` ({WEED.relative_to(ROOT)} is missing).")
    folder.mkdir(parents=True, exist_ok=True)
    names = ["master.port", "volume.port", "filer.port", "s3.port", "admin.port"]
    ports = dict(zip([*names, *(f"{name}.grpc" for name in names)], free_ports(2 * len(names)), strict=True))
    certificate = []
    if tls:
        from chargebee_simulator.tls import server_context

        server_context(folder)
        (ports["s3.port.https"],) = free_ports(1)
        certificate = [f"-s3.key.file={folder / 'server.key'}", f"-s3.cert.file={folder / 'server.pem'}"]
        s3 = S3Server(f"https://127.0.0.1:{ports['s3.port.https']}", ca_bundle=str(folder / "ca.pem"))
    else:
        s3 = S3Server(f"http://127.0.0.1:{ports['s3.port']}")
    with tempfile.TemporaryDirectory(prefix="seaweedfs-", dir=folder) as data, _no_sockets_left(ports.values()):
        command = [str(WEED), "-logtostderr=true", "mini", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
        command += [f"-{name}={port}" for name, port in ports.items()]
        command += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-admin.ui=false", "-webdav=false"]
        command += ["-s3.autoCreateBucket=false", "-master.telemetry=false", *certificate]
        key = {"AWS_ACCESS_KEY_ID": s3.access_key, "AWS_SECRET_ACCESS_KEY": s3.secret_key}
        with running("seaweedfs", command, folder, key) as server:
            server.wait_until(lambda: _answers(s3))
            yield s3


@contextmanager
def _no_sockets_left(ports: Iterable[int]) -> Iterator[None]:
    """Remove the socket files that SeaweedFS makes in the temporary folder, each named after a port, and leaves there."""
    try:
        yield
    finally:
        for port in ports:
            for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                path.unlink(missing_ok=True)


def _answers(s3: S3Server) -> bool:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        s3.client().list_buckets()
    except (BotoCoreError, ClientError):
        return False
    return True


def free_ports(count: int) -> list[int]:
    """Return ports that nothing listens on just now."""
    held = [socket.socket() for _ in range(count)]
    try:
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in held]
    finally:
        for each in held:
            each.close()


def without_proxy(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which no program asks a proxy for what is on this machine."""
    kept = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    hosts = ",".join(dict.fromkeys([*filter(None, kept.split(",")), "127.0.0.1", "localhost", "::1"]))
    # Some programs read the one and some the other.
    return {**environment, "no_proxy": hosts, "NO_PROXY": hosts}


def exit_on_signals() -> None:
    """Let SIGTERM and SIGHUP end the program the way Ctrl-C does, so that every server is stopped."""

    def leave(number: int, frame: Any) -> None:
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
