"""deploy/iam: the policy has the actions that are used and no other, and what happens without each of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chargebee_operators import ChargebeeExportOperator
from chargebee_operators.common.exceptions import ChargebeeExportError, DestinationError
from chargebee_operators.dag.preflight import check_s3
from chargebee_operators.doctor.bucket import check_bucket_rights
from chargebee_operators.doctor.findings import Report
from chargebee_operators.s3 import conditional_writes
from chargebee_operators.s3.connection import s3_hook
from support.iam import Policy, actions, statements
from support.landing import BIG, attempt_of
from support.odd_exports import task_log_lines
from support.tasks import run
from support.uploads import upload

OF_S3 = statements()[:2]  # the third is for the connection


def policy_of(bucket: str, prefix: str, without: str = "") -> Policy:
    return Policy(statements(PARTITION="aws", EXPORT_BUCKET=bucket, PREFIX=prefix)[:2], without)


@pytest.fixture(autouse=True)
def known_server():
    """Let the server be tried anew, for the trial's calls need rights too."""
    conditional_writes.forget()
    yield
    conditional_writes.forget()


@pytest.fixture
def guard(proxy, store):
    """Put a policy in force below the store's prefix, with an action taken out."""

    def allow(without: str = "") -> Policy:
        proxy.guard = policy_of(store.bucket, store.root.strip("/"), without)
        return proxy.guard

    return allow


def broken() -> Iterator[bytes]:
    yield BIG
    raise ChargebeeExportError("so the test wants it")


def test_a_run_a_rerun_and_a_failure_use_the_actions_of_the_policy_and_no_other(guard, store, land):
    policy = guard()
    land("e0", {"a": b"1", "addresses:b": BIG})
    with pytest.raises(ChargebeeExportError, match="so the test wants it"):
        land("e1", {"a": broken()})
    last = land("e1", {"a": b"2"})
    assert attempt_of(store.check()) == last
    assert policy.used == actions(OF_S3)
    assert not policy.refused


def test_the_tasks_need_no_more_than_the_policy_has(connected, proxy, bucket):
    policy = proxy.guard = policy_of(bucket, "chargebee")
    job = run(ChargebeeExportOperator(task_id="start", resource="customers", snapshot=True))
    check_s3([{"s3_bucket": bucket, "aws_conn_id": "aws_default", "extra_args": {}}], "chargebee")
    for _ in range(2):
        landed = run(upload(job, bucket))
        assert not landed["warnings"]
    assert policy.used <= actions(OF_S3)
    assert not policy.refused


def test_the_doctor_needs_no_more_than_the_policy_has(proxy, bucket):
    policy, report = policy_of(bucket, "chargebee"), Report("acme-test")
    proxy.guard = policy
    check_bucket_rights(s3_hook("aws_default"), bucket, "chargebee", {}, report)
    assert policy.used == actions(OF_S3)
    assert not policy.refused
    assert not [each for each in report.findings if each.level == "wrong"]


def test_without_putobject_nothing_is_written_and_the_action_is_named(guard, store, land):
    guard("s3:PutObject")
    with pytest.raises(DestinationError, match="needs s3:PutObject on the objects below the prefix"):
        land("e0", {"a": b"1"})
    assert store.keys() == store.uploads() == []


def test_without_getobject_nothing_is_committed_and_the_action_is_named(guard, store, land):
    guard("s3:GetObject")
    with pytest.raises(DestinationError, match="head_object.* needs s3:GetObject"):
        land("e0", {"a": b"1"})
    assert store.keys() == store.uploads() == []


def test_without_deleteobject_the_run_is_committed_and_the_result_names_the_action(connected, proxy, s3, bucket):
    proxy.guard = policy_of(bucket, "chargebee", "s3:DeleteObject")
    job = run(ChargebeeExportOperator(task_id="start", resource="customers", snapshot=True))
    run(upload(job, bucket))
    (warning,) = run(upload(job, bucket))["warnings"]
    assert "Not removed; the next run of this partition tries again" in warning
    assert warning.endswith(
        "AccessDenied: AWS connection 'aws_default' needs s3:DeleteObject on the objects below the prefix."
    )
    proxy.guard = None
    assert not run(upload(job, bucket))["warnings"]
    keys = [each["Key"] for each in s3.client().list_objects_v2(Bucket=bucket)["Contents"]]
    assert len([each for each in keys if "/snapshots/" in each]) == 1, "the object of the last run"


def test_without_abortmultipartupload_the_upload_stays_until_a_run_has_the_right(guard, store, land):
    guard("s3:AbortMultipartUpload")
    with task_log_lines() as lines, pytest.raises(ChargebeeExportError, match="so the test wants it"):
        land("e0", {"a": broken()})
    assert any(
        "is left for the next try to abort" in line and "needs s3:AbortMultipartUpload" in line for line in lines
    )
    assert store.uploads()
    land("e0", {"a": b"1"})
    assert "needs s3:AbortMultipartUpload" in store.manifest()["warnings"][0]
    guard()
    land("e0", {"a": b"2"})
    assert not store.check()["warnings"]


def test_without_listbucket_the_manifest_is_written_under_a_condition_and_names_the_action(guard, proxy, store, land):
    guard("s3:ListBucket")
    land("e0", {"a": b"1"})
    assert next(each for each in proxy.calls if each.operation == "PutManifest").headers["if-none-match"] == "*"
    (warning,) = store.check()["warnings"]
    assert "Objects of earlier tries that no manifest lists may be left" in warning
    assert f"needs s3:ListBucket on bucket {store.bucket}" in warning
    assert attempt_of(store.manifest()) != land("e0", {"a": b"2"})
    puts = [each for each in proxy.calls if each.operation == "PutManifest"]
    assert all({"if-match", "if-none-match"} & set(each.headers) for each in puts)


def test_without_listbucketmultipartuploads_the_manifest_names_the_action(guard, store, land):
    guard("s3:ListBucketMultipartUploads")
    land("e0", {"a": b"1"})
    (warning,) = store.check()["warnings"]
    assert "Unfinished uploads of earlier tries may be left" in warning
    assert f"needs s3:ListBucketMultipartUploads on bucket {store.bucket}" in warning


def test_an_object_outside_the_prefix_is_refused(proxy, store, land):
    proxy.guard = policy_of(store.bucket, "another")
    with pytest.raises(DestinationError, match="needs s3:PutObject"):
        land("e0", {"a": b"1"})
