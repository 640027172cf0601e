"""The doctor's look at the bucket: each action, tags, keys and locks of ``extra_args``, and conditional writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chargebee_operators.doctor.bucket import check_bucket_rights
from chargebee_operators.doctor.findings import Report
from support.landing import hook_of

Found = Callable[[str], list[str]]


@pytest.fixture
def rights(proxy: Any, store: Any) -> Callable[[dict[str, Any]], Found]:
    """Try the bucket with such arguments; return what gives the findings of a level."""

    def tried(extra_args: dict[str, Any]) -> Found:
        report = Report("acme")
        check_bucket_rights(hook_of(98, "{}"), store.bucket, store.root.strip("/"), extra_args, report)
        assert (store.keys(), store.uploads()) == ([], []), "the probe is left behind"
        return lambda level: [f"{each.says} {each.do}".strip() for each in report.findings if each.level == level]

    return tried


def one(found: Found, level: str, words: str) -> str:
    """Return the only finding of a level with these words."""
    (only,) = [each for each in found(level) if words in each]
    return only


KMS = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "arn:aws:kms:eu-west-1:1:key/k"}
TAGS = {"Tagging": "team=data"}
LOCK = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": "2030-01-01T00:00:00Z"}
AWS_SAYS = "User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: {} on resource: x"


@pytest.mark.parametrize(
    ("extra_args", "operation", "rule", "action"),
    [
        (TAGS, "CreateMultipartUpload", {"header": "x-amz-tagging"}, "s3:PutObjectTagging"),
        ({"ACL": "private"}, "CreateMultipartUpload", {"header": "x-amz-acl"}, "s3:PutObjectAcl"),
        (KMS, "CreateMultipartUpload", {"header": "x-amz-server-side-encryption"}, "kms:GenerateDataKey"),
        (LOCK, "CreateMultipartUpload", {"header": "x-amz-object-lock-mode"}, "s3:PutObjectRetention"),
        (
            {"ObjectLockLegalHoldStatus": "ON"},
            "CreateMultipartUpload",
            {"header": "x-amz-object-lock-legal-hold"},
            "s3:PutObjectLegalHold",
        ),
        (TAGS, "GetObject", {"message": AWS_SAYS.format("kms:Decrypt")}, "kms:Decrypt"),
        ({}, "UploadPart", {"message": AWS_SAYS.format("kms:GenerateDataKey")}, "kms:GenerateDataKey"),
    ],
)
def test_the_missing_action_of_an_argument_is_named(rights, proxy, extra_args, operation, rule, action):
    proxy.rule(operation, status=403, times=None, **rule)
    found = rights(extra_args)
    refused = [each for each in found("wrong") if "is refused" in each]
    assert refused == [f"{action} is refused. Allow {action} for the role of the AWS connection."]
    assert "s3:ListBucket" in one(found, "ok", "allows")


def test_a_refused_customer_key_may_be_the_settings_of_the_bucket(rights, proxy):
    algorithm = "x-amz-server-side-encryption-customer-algorithm"
    proxy.rule("CreateMultipartUpload", status=403, times=None, header=algorithm)
    found = rights({"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32})
    assert "S3 blocks SSE-C in new buckets" in one(found, "wrong", "s3:PutObject is refused")


def test_the_right_to_use_a_kms_key_again_is_named(rights, proxy):
    proxy.rule("UploadPart", status=403, times=None)
    found = rights(KMS)
    assert one(found, "wrong", "kms:Decrypt is refused")
    assert "kms:GenerateDataKey" in one(found, "ok", "allows")


def test_tags_that_are_accepted_are_on_each_write_and_leave_nothing_behind(rights, proxy):
    found = rights(TAGS)
    assert "s3:PutObjectTagging" in one(found, "ok", "allows")
    tagged = [each for each in proxy.calls if "x-amz-tagging" in each.headers]
    assert {each.operation for each in tagged} == {"CreateMultipartUpload", "PutObject"}
    assert proxy.count("CreateMultipartUpload") == proxy.count("AbortMultipartUpload") + 1


def test_a_lock_that_the_bucket_does_not_have_is_wrong(rights, proxy):
    proxy.rule("CreateMultipartUpload", status=400, code="InvalidRequest", times=None, header="x-amz-object-lock-mode")
    found = rights(LOCK)
    told = one(found, "wrong", "ObjectLockMode and ObjectLockRetainUntilDate of extra_args (InvalidRequest)")
    assert told.endswith("Enable object lock for the bucket, or leave the lock out of extra_args.")


def test_encryption_that_the_server_does_not_confirm_is_wrong(rights, proxy):
    found = rights({"ServerSideEncryption": "AES256"})
    assert "S3's answer does not confirm it" in one(found, "wrong", "'AES256'")


def test_a_server_that_ignores_conditions_is_wrong(rights, proxy):
    proxy.rule("PutObject", unconditional=True, times=None)
    assert one(rights({}), "wrong", "The server ignores If-None-Match")
