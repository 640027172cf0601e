"""Real servers: the simulator in this process, SeaweedFS beside it, and connections to both."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import stack
from chargebee_simulator import Simulator, SimulatorSettings

NOW = "2026-11-24T12:00:00Z"
SITE, KEY = "acme-test", "test_key_0123456789abcdef"
_numbers = itertools.count()


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stack.S3Server]:
    """SeaweedFS, one for the session."""
    with stack.s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="session")
def airflow_db() -> None:
    """Airflow's own database, migrated."""
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, capture_output=True)


@pytest.fixture
def bucket(s3: stack.S3Server) -> str:
    """The name of a new and empty bucket."""
    name = f"test-{next(_numbers)}"
    s3.client().create_bucket(Bucket=name)
    return name


@pytest.fixture
def make_simulator() -> Iterator[Callable[..., Simulator]]:
    """Start simulators; each ends with the test."""
    running: list[Simulator] = []

    def start(**settings: Any) -> Simulator:
        defaults = {"sites": (f"{SITE}:{KEY}",), "customers": 60, "job_seconds": 0, "now": NOW, "rate_limit": 0}
        simulator = Simulator(SimulatorSettings(**{**defaults, **settings}))
        simulator.__enter__()
        running.append(simulator)
        return simulator

    yield start
    for each in running:
        each.__exit__(None, None, None)


@pytest.fixture
def simulator(make_simulator: Callable[..., Simulator]) -> Simulator:
    """A simulator with one site, whose jobs end at once."""
    return make_simulator()


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Point ``chargebee_default`` at a simulator."""

    def point(simulator: Simulator, **changes: Any) -> None:
        extra = {"poll_interval": 0.05, "max_poll_interval": 0.2, **changes.pop("extra", {})}
        if simulator.ca_bundle:
            extra.setdefault("ca_bundle", str(simulator.ca_bundle))
        connection = {"conn_type": "generic", "login": SITE, "password": KEY, "host": simulator.url, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_CHARGEBEE_DEFAULT", json.dumps({**connection, **changes}))

    return point


@pytest.fixture
def connected(simulator: Simulator, connect: Callable[..., None]) -> Simulator:
    """The simulator, with ``chargebee_default`` pointing at it."""
    connect(simulator)
    return simulator


@pytest.fixture
def aws(s3: stack.S3Server, monkeypatch: pytest.MonkeyPatch) -> stack.S3Server:
    """The S3 server, with ``aws_default`` pointing at it."""
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", s3.connection())
    return s3
