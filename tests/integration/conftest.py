"""Real servers beside the simulator: SeaweedFS, a connection to it, Airflow's own database, and sites to download from."""

from __future__ import annotations

import fcntl
import functools
import inspect
import itertools
import json
import logging
import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import aws_services
import botocore.session
import httpx
import pytest

import stack
from chargebee_simulator import Simulator, SimulatorSettings
from support import download_site, landing
from support.buckets import WORKER, new_bucket
from support.s3_proxy import S3Proxy, s3_proxy
from support.shared_server import shared_s3_server
from support.simulator_calls import FORBIDDEN_KEY, KEY, OTHER_KEY, OTHER_SITE, SITE, Caller

_numbers = itertools.count()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The temporary folder of all of pytest-xdist's workers."""
    own = tmp_path_factory.getbasetemp()
    return own if worker_id == "master" else own.parent


@pytest.fixture(scope="session")
def s3(shared: Path) -> Iterator[stack.S3Server]:
    """SeaweedFS, one for all workers."""
    with shared_s3_server(shared) as server:
        yield server


@pytest.fixture(scope="session", autouse=True)
def _made_once() -> Iterator[None]:
    """Let all clients of a process share what the first one has made: a test makes as many of them as several tasks do."""
    with pytest.MonkeyPatch.context() as patch:
        # Megabytes of JSON that describe AWS, and the names of its events.
        patch.setattr(botocore.session, "create_loader", functools.cache(botocore.session.create_loader))
        _share_the_names_of_events(patch)
        # The TLS context of the SDK's calls over plain HTTP, which don't use it: each would read all authorities again.
        patch.setattr(httpx._transports.default, "create_ssl_context", _shared_unless_given(httpx.create_ssl_context))
        # For each client the Amazon provider looks up the stack for the name of the operator, not for modules and lines.
        patch.setattr(inspect, "stack", _stack)
        yield


def _share_the_names_of_events(patch: pytest.MonkeyPatch) -> None:
    names: dict[str, str] = {}
    init = botocore.hooks.EventAliaser.__init__

    def sharing(self: Any, event_emitter: Any, event_aliases: Any = None) -> None:
        init(self, event_emitter, event_aliases)
        self._alias_name_cache = names

    patch.setattr(botocore.hooks.EventAliaser, "__init__", sharing)


def _stack(context: int = 1) -> list[inspect.FrameInfo]:
    frames, frame = [], sys._getframe(1)
    while frame:
        code = frame.f_code
        frames.append(inspect.FrameInfo(frame, code.co_filename, frame.f_lineno, code.co_name, None, None))
        frame = frame.f_back
    return frames


def _shared_unless_given(create: Callable[..., ssl.SSLContext]) -> Callable[..., ssl.SSLContext]:
    default = functools.cache(create)
    return lambda **given: (default if given["verify"] is True else create)(**given)


@pytest.fixture(scope="session")
def airflow_db(shared: Path) -> Path:
    """Airflow's own database, migrated: one of this process, copied from one for all of pytest-xdist's workers."""
    with (shared / "airflow-db.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = shared / "airflow.db"
        if not made.exists():
            home = shared / "airflow-home"
            command = [sys.executable, "-m", "airflow", "db", "migrate"]
            subprocess.run(command, env={**os.environ, "AIRFLOW_HOME": str(home)}, check=True, capture_output=True)
            (home / made.name).replace(made)
    return Path(shutil.copy(made, os.environ["AIRFLOW_HOME"]))


@pytest.fixture
def bucket(s3: stack.S3Server) -> Iterator[str]:
    """The name of a new and empty bucket, which ends with the test, for SeaweedFS has room for some seventy."""
    with new_bucket(s3.client(), f"test-{WORKER}-{next(_numbers)}") as name:
        yield name


@pytest.fixture
def aws(s3: stack.S3Server, monkeypatch: pytest.MonkeyPatch) -> stack.S3Server:
    """The S3 server, with ``aws_default`` pointing at it."""
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", s3.connection())
    return s3


@pytest.fixture(scope="session")
def commits(s3: stack.S3Server) -> Any:
    """A client, and the bucket that all tests of commits share."""
    made = s3.client()
    with suppress(made.exceptions.BucketAlreadyOwnedByYou):  # another worker's
        made.create_bucket(Bucket=landing.BUCKET)
    return made


@pytest.fixture
def store(commits: Any) -> landing.Store:
    """A prefix of its own in that bucket."""
    return landing.Store(commits, landing.BUCKET)


@pytest.fixture(scope="session")
def running_proxy(s3: stack.S3Server) -> Iterator[S3Proxy]:
    """A proxy in front of the S3 server, one for the session."""
    with s3_proxy(s3) as running:
        yield running


@pytest.fixture
def proxy(s3: stack.S3Server, running_proxy: S3Proxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Proxy]:
    """The proxy without rules, with ``aws_default`` pointing at it."""
    running_proxy.clear()
    connection = json.loads(s3.connection())
    retries = {"retries": {"total_max_attempts": 2}}
    connection["extra"] |= {"endpoint_url": running_proxy.url, "config_kwargs": retries}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    yield running_proxy
    running_proxy.clear()


@pytest.fixture
def land(proxy: S3Proxy, store: landing.Store) -> Callable[..., str]:
    """Land an export in the store, through the proxy."""
    return functools.partial(landing.land_in, store)


@pytest.fixture(scope="module", params=["http", "https"])
def any_site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[download_site.Site]:
    """A simulator with one export of random bytes, over each scheme."""
    path = tmp_path_factory.mktemp("zip") / "export.zip"
    path.write_bytes(download_site.ZIP)
    settings = SimulatorSettings(
        serve_zips={"coupons": path}, job_seconds=0, rate_limit=0, customers=1, tls=request.param == "https"
    )
    with Simulator(settings) as simulator:
        yield download_site.Site(simulator)


@pytest.fixture
def site(any_site: download_site.Site) -> Iterator[download_site.Site]:
    """That simulator as new; the test must leave no thread of a download behind."""
    any_site.renew()
    yield any_site
    assert not download_site.workers()


@pytest.fixture
def nothing_of_a_url_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail the test if a line of any log, down to DEBUG, quotes a download URL or the API key."""
    logging.getLogger("airflow.task").propagate = True
    caplog.set_level(logging.DEBUG)
    yield
    for record in caplog.get_records("call"):
        if not record.name.startswith(("asyncio", "aiohttp")):
            assert not any(secret in record.getMessage() for secret in ("X-Amz", "Signature", "export.zip", KEY))


@pytest.fixture(scope="module")
def two_sites() -> Iterator[Simulator]:
    """A simulator of two companies, whose present is the first of June 2024."""
    sites = (f"{SITE}:{KEY}", f"{SITE}:{FORBIDDEN_KEY}:forbidden", f"{OTHER_SITE}:{OTHER_KEY}")
    settings = SimulatorSettings(
        sites=sites, customers=80, now="2024-06-01T12:00:00Z", job_seconds=2, rate_limit=0, profile="api"
    )
    with Simulator(settings) as running:
        yield running


@pytest.fixture
def sim(two_sites: Simulator) -> Simulator:
    """That simulator, with every job of the test before ended and every setting as it began."""
    two_sites.control.clear_faults()
    two_sites.control.reset_settings()
    two_sites.control.advance(3600)
    two_sites.control.clear_requests()
    return two_sites


@pytest.fixture
def acme(sim: Simulator) -> Caller:
    """A caller of its first site."""
    return Caller(sim)


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """AWS services other than S3, on loopback: the environment that leads there."""
    with aws_services.moto(tmp_path_factory.mktemp("moto")) as environment:
        yield environment


@pytest.fixture
def moto_client(moto: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Make boto3 clients that lead to moto, which forgets what the test before has left."""
    import boto3

    httpx.post(f"{moto['AWS_ENDPOINT_URL']}/moto-api/reset", trust_env=False).raise_for_status()
    for name, value in moto.items():
        monkeypatch.setenv(name, value)
    return boto3.client
