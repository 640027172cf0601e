"""What every test runs in: an Airflow home of its own, nothing of this machine's environment, simulators at hand."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import chargebee_simulator.jobs
from chargebee_simulator import Simulator, SimulatorSettings
from support import airflow_free

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


def pytest_configure(config: pytest.Config) -> None:
    """Keep Airflow out of a run of the tests that do without it."""
    if runs_without_airflow(config):
        airflow_free.keep_airflow_out()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import only the modules of the part that runs: without Airflow the others could not be imported, and each takes time."""
    wanted = {airflow_free.MARKER: True, f"not {airflow_free.MARKER}": False}.get(config.option.markexpr)
    if wanted is None or not collection_path.is_file():
        return None
    return True if airflow_free.knows_no_airflow(collection_path) != wanted else None


def runs_without_airflow(config: pytest.Config) -> bool:
    """Return whether the command says ``-m airflow_free`` and no more."""
    return config.option.markexpr == airflow_free.MARKER


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what knows no Airflow; ``make test-all`` runs that on two of the five versions."""
    if airflow_free.knows_no_airflow(item.path):
        item.add_marker(airflow_free.MARKER)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let pytest-xdist begin with what takes longest in one piece, or one worker would wait for it at the end."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: item.path.name != "test_whole_run.py")


# A job of no seconds has ended by the next request, also where a busy machine takes long for its ZIP.
chargebee_simulator.jobs.PATIENCE = 60

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
