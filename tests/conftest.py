"""What every test runs in: an Airflow home of its own, nothing of this machine's environment, simulators at hand."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chargebee_simulator import Simulator, SimulatorSettings

ROOT = Path(__file__).resolve().parent.parent

# Before anything imports Airflow, which reads these once.
_home = tempfile.TemporaryDirectory(prefix="airflow-home-")
os.environ.update(
    AIRFLOW_HOME=_home.name,
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__DAGS_FOLDER=str(ROOT / "dags"),
    AIRFLOW__CORE__PLUGINS_FOLDER=str(ROOT / "plugins"),
    AIRFLOW__CORE__UNIT_TEST_MODE="False",
    AIRFLOW__CHARGEBEE_EXPORT__BUCKET="test-bucket",
)
for name in list(os.environ):
    foreign = name.startswith(("AIRFLOW_CONN_", "AWS_")) or name.lower().endswith("_proxy")
    if foreign or name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE"):
        del os.environ[name]

NOW = "2026-11-24T12:00:00Z"
SITE, KEY = "acme-test", "test_key_0123456789abcdef"


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
    """Point ``chargebee_default`` at a simulator, or at the address of another server."""

    def point(server: Simulator | str, **changes: Any) -> None:
        extra = {"poll_interval": 0.05, "max_poll_interval": 0.2, **changes.pop("extra", {})}
        host = server if isinstance(server, str) else server.url
        if isinstance(server, Simulator) and server.ca_bundle:
            extra.setdefault("ca_bundle", str(server.ca_bundle))
        connection = {"conn_type": "generic", "login": SITE, "password": KEY, "host": host, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_CHARGEBEE_DEFAULT", json.dumps({**connection, **changes}))

    return point


@pytest.fixture
def connected(simulator: Simulator, connect: Callable[..., None]) -> Simulator:
    """The simulator, with ``chargebee_default`` pointing at it."""
    connect(simulator)
    return simulator
