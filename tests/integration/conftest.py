"""Real servers beside the simulator: SeaweedFS, a connection to it, and Airflow's own database."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator

import pytest

import stack

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
def aws(s3: stack.S3Server, monkeypatch: pytest.MonkeyPatch) -> stack.S3Server:
    """The S3 server, with ``aws_default`` pointing at it."""
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", s3.connection())
    return s3
