"""An AWS connection that can't be used: each operator fails with a sentence, also in a DAG without the task plan."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from chargebee_operators import (
    ChargebeeAuditOperator,
    ChargebeeDeletedRecordsOperator,
    ChargebeeExportOperator,
)
from chargebee_operators._compat import AirflowFailException
from chargebee_operators.common.exceptions import UploadError
from stack import free_ports
from support.tasks import run
from support.uploads import upload


def audit(bucket: str) -> ChargebeeAuditOperator:
    snapshot = {"manifest_key": "chargebee/manifests/customers/site=acme-test/taken_at=20261124T120000Z.json"}
    return ChargebeeAuditOperator(task_id="compare", snapshot=snapshot, s3_bucket=bucket, due="2026-11-23T00:00:00Z")


@pytest.fixture
def tasks(connected, aws, bucket) -> dict[str, Callable[[], Any]]:
    """Run each operator that needs S3."""
    job = run(ChargebeeExportOperator(task_id="start", resource="customers"))
    return {
        "upload": lambda: run(upload(job, bucket)),
        "deletions": lambda: run(ChargebeeDeletedRecordsOperator(task_id="deleted", s3_bucket=bucket)),
        "audit": lambda: run(audit(bucket)),
    }


every_task = pytest.mark.parametrize("name", ["upload", "deletions", "audit"])


@every_task
def test_no_keys_anywhere(tasks, monkeypatch, tmp_path, name):
    monkeypatch.delenv("AIRFLOW_CONN_AWS_DEFAULT")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for variable in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(variable, str(tmp_path / "none"))
    with pytest.raises(
        AirflowFailException, match=r"'aws_default' gives no credentials \(NoCredentialsError\): put an"
    ):
        tasks[name]()


@every_task
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"login": "unknown"}, r"does not know its access key ID.*\(403 InvalidAccessKeyId\)"),
        ({"password": "wrong"}, r"its secret access key is wrong.*\(403 SignatureDoesNotMatch\)"),
    ],
)
def test_wrong_keys(tasks, aws, monkeypatch, name, changes, says):
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps({**json.loads(aws.connection()), **changes}))
    with pytest.raises(AirflowFailException, match=says):
        tasks[name]()


@every_task
def test_nobody_answers(tasks, aws, monkeypatch, name):
    connection = json.loads(aws.connection())
    (port,) = free_ports(1)
    connection["extra"] |= {
        "endpoint_url": f"http://127.0.0.1:{port}",
        "config_kwargs": {"retries": {"total_max_attempts": 1}},
    }
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    with pytest.raises(UploadError, match="EndpointConnectionError"):
        tasks[name]()
