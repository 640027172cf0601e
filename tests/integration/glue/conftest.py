"""Glue at moto, behind a proxy that knows rights and outdated versions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import environment
import pytest

if TYPE_CHECKING:
    from support.glue_proxy import GlueProxy
    from support.glue_tables import Glue
    from support.landing import Store

# Nothing here imports Airflow: pytest loads this file also in the run of the tests that do without it.
collect_ignore_glob = [] if version("apache-airflow") == environment.newest_version() else ["test_spark.py"]


@pytest.fixture(scope="module")
def running_proxy_of_glue(moto: dict[str, str]) -> Iterator[GlueProxy]:
    from support.glue_proxy import glue_proxy

    with glue_proxy(moto["AWS_ENDPOINT_URL"]) as proxy:
        yield proxy


@pytest.fixture
def glue(aws: Any, store: Store, running_proxy_of_glue: GlueProxy, monkeypatch: pytest.MonkeyPatch) -> Glue:
    """``aws_default`` leads to the S3 server, and for Glue to moto."""
    import boto3

    from support.glue_tables import Glue

    proxy = running_proxy_of_glue
    proxy.calls.clear()
    proxy.denied.clear()
    proxy.before.clear()
    connection = json.loads(aws.connection())
    connection["extra"]["service_config"] = {"glue": {"endpoint_url": proxy.url}}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local", "region_name": "us-east-1"}
    return Glue(boto3.client("glue", endpoint_url=f"http://{proxy._target}", **keys), proxy, store)
