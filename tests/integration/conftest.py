"""Real servers beside the simulator: SeaweedFS, a connection to it, and Airflow's own database."""

from __future__ import annotations

import functools
import itertools
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import landing
import pytest
from s3_proxy import S3Proxy, s3_proxy

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
def bucket(s3: stack.S3Server) -> Iterator[str]:
    """The name of a new and empty bucket, which ends with the test, for SeaweedFS has room for some seventy."""
    name, client = f"test-{next(_numbers)}", s3.client()
    client.create_bucket(Bucket=name)
    yield name
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=name):
        for each in page.get("Contents", []):
            client.delete_object(Bucket=name, Key=each["Key"])
    client.delete_bucket(Bucket=name)


@pytest.fixture
def aws(s3: stack.S3Server, monkeypatch: pytest.MonkeyPatch) -> stack.S3Server:
    """The S3 server, with ``aws_default`` pointing at it."""
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", s3.connection())
    return s3


@pytest.fixture(scope="session")
def commits(s3: stack.S3Server) -> Any:
    """A client, and the bucket that all tests of commits share."""
    made = s3.client()
    made.create_bucket(Bucket=landing.BUCKET)
    return made


@pytest.fixture
def store(commits: Any) -> landing.Store:
    """A prefix of its own in that bucket."""
    return landing.Store(commits, landing.BUCKET)


@pytest.fixture(scope="session")
def running_proxy(s3: stack.S3Server) -> Iterator[S3Proxy]:
    """A proxy in front of the S3 server, one for the session."""
    with s3_proxy(s3.endpoint_url) as running:
        yield running


@pytest.fixture
def proxy(s3: stack.S3Server, running_proxy: S3Proxy, monkeypatch: pytest.MonkeyPatch) -> S3Proxy:
    """The proxy without rules, with ``aws_default`` pointing at it."""
    running_proxy.clear()
    connection = json.loads(s3.connection())
    retries = {"retries": {"total_max_attempts": 2}}
    connection["extra"] |= {"endpoint_url": running_proxy.url, "config_kwargs": retries}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    return running_proxy


@pytest.fixture
def land(proxy: S3Proxy, store: landing.Store) -> Callable[..., str]:
    """Land an export in the store, through the proxy."""
    return functools.partial(landing.land_in, store)
