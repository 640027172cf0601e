"""Uploads to a server that takes a KMS key, as S3 does: moto, which confirms the encryption and keeps it with the object."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from chargebee_operators.doctor.bucket import check_bucket_rights
from chargebee_operators.doctor.findings import Report
from support.landing import BIG, Store, hook_of, land_in

BUCKET = "encrypted"


@pytest.fixture
def encrypted(moto: dict[str, str], moto_client: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Store:
    """A new prefix in a bucket of moto, with ``aws_default`` pointing at it."""
    # Some releases of moto answer with the checksum of a chunked body as it was sent. The tests compare SHA-256 themselves.
    monkeypatch.setenv("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_required")
    client = moto_client("s3")
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": moto["AWS_DEFAULT_REGION"]})
    extra = {"endpoint_url": moto["AWS_ENDPOINT_URL"], "region_name": moto["AWS_DEFAULT_REGION"]}
    connection = {"conn_type": "aws", "login": "local-key", "password": "local-secret", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    return Store(client, BUCKET)


@pytest.fixture
def kms(moto_client: Callable[..., Any]) -> dict[str, Any]:
    """The arguments of an upload that is encrypted with a key of one's own."""
    key = moto_client("kms").create_key()["KeyMetadata"]["Arn"]
    return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key, "BucketKeyEnabled": True}


def problems(report: Report) -> list[str]:
    """Return what is not ok. An older moto ignores conditional writes, which says nothing about encryption."""
    return [each.says for each in report.findings if each.level != "ok" and "If-None-Match" not in each.says]


def test_all_objects_of_a_partition_are_encrypted_with_the_key(encrypted, kms):
    for export in ("e1", "e2"):  # the second one replaces the first
        land_in(encrypted, export, {"big": BIG, "small": b"1"}, extra_args=kms)
        told = encrypted.check()
        for key in [encrypted.manifest_key, *(each["key"] for each in told["files"])]:
            head = encrypted.client.head_object(Bucket=BUCKET, Key=key)
            assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", kms["SSEKMSKeyId"])


def test_the_doctor_accepts_a_key_that_works_and_writes_its_report_with_it(encrypted, kms):
    report = Report("acme")
    accepted = check_bucket_rights(hook_of(98, "{}"), BUCKET, encrypted.root.strip("/"), kms, report)
    assert accepted == kms
    assert problems(report) == []
    (allowed,) = [each.says for each in report.findings if "allows" in each.says]
    assert "kms:GenerateDataKey, kms:Decrypt, s3:GetObject, s3:DeleteObject." in allowed
    assert (encrypted.keys(), encrypted.uploads()) == ([], []), "the probe is left behind"


def test_the_doctor_accepts_encryption_that_the_server_confirms(encrypted):
    report = Report("acme")
    wanted = {"ServerSideEncryption": "AES256"}
    assert check_bucket_rights(hook_of(98, "{}"), BUCKET, encrypted.root.strip("/"), wanted, report) == wanted
    assert problems(report) == []
