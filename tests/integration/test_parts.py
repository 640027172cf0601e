"""Uploads in parts against a real S3 server: how they fail, what each call carries, and over TLS."""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.config import Config

import stack
from chargebee_operators.common.exceptions import DestinationError, UploadError
from chargebee_operators.s3 import multipart
from support.download_site import wait_until
from support.landing import BIG, BUCKET, MB, Store, attempt_of, hook_of, land_in
from support.s3_proxy import PATIENCE


@pytest.mark.parametrize(
    "transfer", [{}, {"use_threads": False}, {"max_concurrency": 1}, {"multipart_chunksize": 7 * MB}]
)
def test_bytes_arrive_as_they_were_sent_however_the_parts_are(proxy, store, land, transfer):
    land("e1", {"big": BIG}, transfer=transfer)
    assert store.body(store.check()["files"][0]["key"]) == BIG
    assert proxy.count("UploadPart") == 2


def test_no_more_parts_are_in_memory_than_are_in_flight_and_one(proxy, store, land):
    held = proxy.rule("UploadPart", hold=True, times=3)

    def ahead() -> int:
        return len([each for each in proxy.calls if each.operation == "UploadPart" and each.done])

    most = 0

    def pieces() -> Iterator[bytes]:
        nonlocal most
        for number in range(8 * 5):
            most = max(most, number - 5 * ahead())
            if number == 5 * 4 - 1:
                # Three parts are held and the fourth is all but full: only their release lets it go.
                held.wait_until_reached()
                held.release()
            yield bytes(MB)

    land("e1", {"big": pieces()}, transfer={"multipart_chunksize": 5 * MB, "max_concurrency": 3})
    assert most <= 5 * 4
    store.check()


@pytest.mark.parametrize("skip", [0, 1])
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"status": 500}, UploadError),
        ({"cut": "before"}, UploadError),
        ({"cut": "after"}, UploadError),
        ({"status": 403}, DestinationError),
    ],
    ids=["500", "cut", "no-answer", "denied"],
)
def test_a_part_that_fails_for_good_leaves_nothing_and_the_old_partition(proxy, store, land, fault, error, skip):
    old = land("e0", {"big": b"old"})
    proxy.rule("UploadPart", times=None, skip=skip, **fault)
    with pytest.raises(error):
        land("e1", {"big": BIG})
    assert attempt_of(store.check()) == old


@pytest.mark.parametrize("operation", ["CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "HeadObject"])
@pytest.mark.parametrize(
    "fault", [{"status": 500}, {"cut": "before"}, {"cut": "after"}], ids=["500", "cut", "no-answer"]
)
def test_what_fails_once_is_done_again(proxy, store, land, operation, fault):
    proxy.rule(operation, **fault)
    land("e1", {"big": BIG})
    assert store.check()["files"][0]["bytes"] == len(BIG)


def test_an_upload_is_aborted_only_when_its_last_part_has_ended(proxy, store, land, monkeypatch):
    monkeypatch.setattr(multipart, "GRACE", PATIENCE)
    late = proxy.rule("UploadPart", hold=True)
    proxy.rule("UploadPart", status=403, times=None)
    aborting = threading.Event()
    with ThreadPoolExecutor() as pool:
        running = pool.submit(land, "e1", {"big": BIG})
        late.wait_until_reached()
        # Long enough for an abort that does not wait; one that waits has to be let go.
        aborting.wait(0.5)
        assert not proxy.count("AbortMultipartUpload")
        late.release()
        with pytest.raises(DestinationError):
            running.result(PATIENCE)
    assert not store.keys() + store.uploads()


def test_a_part_that_takes_too_long_is_not_waited_for_and_does_not_stay(proxy, store, land, monkeypatch):
    monkeypatch.setattr(multipart, "GRACE", 0.0)
    late = proxy.rule("UploadPart", hold=True)
    proxy.rule("UploadPart", status=403, times=None)
    aborted = proxy.rule("AbortMultipartUpload", hold=True)
    with ThreadPoolExecutor() as pool:
        running = pool.submit(land, "e1", {"big": BIG})
        late.wait_until_reached()
        aborted.wait_until_reached()
        aborted.release()
        late.release()
        with pytest.raises(DestinationError):
            running.result(PATIENCE)
    assert proxy.count("AbortMultipartUpload") == 2
    assert not store.keys() + store.uploads()


@pytest.mark.parametrize("grace", [PATIENCE, 0.0], ids=["waited for", "late"])
def test_a_task_that_is_killed_while_an_upload_begins_does_not_leave_it(proxy, store, land, monkeypatch, grace):
    """Airflow raises in a signal handler, on the main thread, which may be the one that waits for S3."""

    class Killed(BaseException):
        pass

    killed = threading.Event()

    def handler(*_: Any) -> None:
        killed.set()
        raise Killed

    def kill() -> None:
        try:
            begun.wait_until_reached()
            os.kill(os.getpid(), signal.SIGUSR1)
            killed.wait(PATIENCE)
        finally:
            begun.release()

    monkeypatch.setattr(multipart, "GRACE", grace)
    begun = proxy.rule("CreateMultipartUpload", hold=True)
    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with ThreadPoolExecutor() as pool:
            killer = pool.submit(kill)
            with pytest.raises(Killed):
                land("e1", {"big": BIG})
            killer.result()
    finally:
        signal.signal(signal.SIGUSR1, before)
    wait_until(lambda: all(each.done for each in proxy.calls))
    assert not store.keys() + store.uploads()


def test_no_data_is_logged(store, land, caplog):
    with caplog.at_level(logging.DEBUG):
        land("e1", {"big": BIG})
    told = [each.getMessage() for each in caplog.records]
    assert any("UploadPart" in each for each in told)
    assert not [each for each in told if BIG[:16].decode() in each or len(each) > 100_000]


def begin_upload(store: Store, key: str) -> None:
    upload = store.client.create_multipart_upload(Bucket=store.bucket, Key=key)["UploadId"]
    store.client.upload_part(Bucket=store.bucket, Key=key, UploadId=upload, PartNumber=1, Body=b"left")


def test_uploads_that_a_killed_try_has_left_are_aborted_by_the_next(store, land):
    foreign = [
        f"{store.prefix}/a-e2-0123abcd.csv",
        f"{store.prefix}/notes.txt",
        f"{store.root}elsewhere/a-e1-0123abcd.csv",
    ]
    for key in [f"{store.prefix}/a-e1-0123abcd.csv", *foreign]:
        begin_upload(store, key)
    land("e1", {"a": b"1"})
    assert sorted(store.uploads()) == sorted(foreign)


def test_uploads_of_any_run_are_aborted_after_a_day(proxy, store, land):
    kept = [f"{store.prefix}/notes.txt", f"{store.root}elsewhere/a-e2-0123abcd.csv"]
    for key in [f"{store.prefix}/a-e2-0123abcd.csv", *kept]:
        begin_upload(store, key)
    proxy.rule("ListMultipartUploads", edit=lambda body: body.replace(b"<Initiated>20", b"<Initiated>19"))
    land("e1", {"a": b"1"})
    assert sorted(store.uploads()) == sorted(kept)


def test_extra_arguments_reach_the_calls_that_take_them(proxy, store, land):
    key = "k" * 32
    given = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": key, "Tagging": "a=b", "StorageClass": "STANDARD_IA"}
    for export in ("e0", "e1"):
        land(export, {"big": BIG, "empty": b""}, extra_args={**given, "Metadata": {"x": "y"}})
    customer = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": key}
    manifest = store.client.get_object(Bucket=store.bucket, Key=store.manifest_key, **customer)
    told = json.loads(manifest["Body"].read())
    found = store.client.get_object(Bucket=store.bucket, Key=told["files"][0]["key"], **customer)
    assert (found["Body"].read(), found["Metadata"]) == (BIG, {"x": "y"})
    assert len(store.keys()) == 3
    begun = next(each for each in proxy.calls if each.operation == "CreateMultipartUpload")
    assert (begun.headers["x-amz-storage-class"], begun.headers["x-amz-tagging"]) == ("STANDARD_IA", "a=b")
    put = next(each for each in proxy.calls if each.operation == "PutManifest")
    assert "x-amz-storage-class" not in put.headers


@pytest.mark.parametrize(
    ("given", "header", "operations"),
    [
        ({"ServerSideEncryption": "AES256"}, "x-amz-server-side-encryption", {"CreateMultipartUpload", "PutManifest"}),
        ({"ACL": "bucket-owner-full-control"}, "x-amz-acl", {"CreateMultipartUpload", "PutManifest"}),
        (
            {"RequestPayer": "requester"},
            "x-amz-request-payer",
            {
                "CreateMultipartUpload",
                "UploadPart",
                "CompleteMultipartUpload",
                "HeadObject",
                "GetManifest",
                "PutManifest",
            }
            | {"ListObjects", "ListMultipartUploads", "DeleteObjects"},
        ),
    ],
    ids=["SSE-S3", "ACL", "requester pays"],
)
def test_an_argument_goes_with_each_call_that_takes_it(proxy, store, land, given, header, operations):
    for export in ("e0", "e1"):
        land(export, {"a": b"1"}, extra_args=given)
    found = {each.operation for each in proxy.calls if header in each.headers}
    assert found - {"PutWriteTest"} == operations  # which is once a process


def test_the_key_of_kms_goes_with_the_upload(proxy, store, land):
    # Refused in S3's place, for this server has no KMS.
    proxy.rule("CreateMultipartUpload", status=400, times=None)
    given = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "alias/billing", "BucketKeyEnabled": True}
    with pytest.raises(UploadError):
        land("e1", {"a": b"1"}, extra_args=given)
    (call,) = (each for each in proxy.calls if each.operation == "CreateMultipartUpload")
    found = {name: value for name, value in call.headers.items() if name.startswith("x-amz-server-side-encryption")}
    sent = {name: value.lower() for name, value in found.items()}  # an older botocore writes True
    assert sent == {
        "x-amz-server-side-encryption": "aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id": "alias/billing",
        "x-amz-server-side-encryption-bucket-key-enabled": "true",
    }


def connect(monkeypatch, server: Any, endpoint: str, config: dict[str, Any]) -> None:
    connection = json.loads(server.connection())
    connection["extra"] |= {"endpoint_url": endpoint, "config_kwargs": config}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))


CONFIGS = [{}, {"request_checksum_calculation": "when_required"}]
if not hasattr(Config(), "request_checksum_calculation"):
    CONFIGS.pop()  # a botocore that adds no checksums by itself, and can't be told to leave them


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory) -> Iterator[stack.S3Server]:
    with stack.s3_server(tmp_path_factory.mktemp("s3-tls"), tls=True) as server:
        server.client().create_bucket(Bucket=BUCKET)
        yield server


@pytest.mark.parametrize("config", CONFIGS, ids=["checksums", "none"][: len(CONFIGS)])
def test_what_goes_over_tls_is_stored_without_any_frame(tls_server, proxy, monkeypatch, config):
    connect(monkeypatch, tls_server, tls_server.endpoint_url, config)
    store = Store(tls_server.client(), BUCKET)
    signed: list[str] = []
    hook_of(0, json.dumps({})).get_conn().meta.events.register(
        "before-send.s3.UploadPart", lambda request, **_: signed.append(str(request.headers["X-Amz-Content-SHA256"]))
    )
    land_in(store, "e1", {"big": BIG, "small": b"1", "empty": b""})
    # With a CRC-32 over TLS a SHA-256 in the signature would be one too many.
    assert {"UNSIGNED-PAYLOAD" in each for each in signed} == {not config}
    land_in(store, "e2", {"big": BIG, "small": b"1", "empty": b""})
    told = store.check()
    assert [store.body(each["key"]) for each in told["files"]] == [BIG, b"1", b""]


@pytest.mark.parametrize("config", CONFIGS, ids=["checksums", "none"][: len(CONFIGS)])
def test_checksums_are_headers_and_left_out_where_the_connection_says_so(s3, proxy, store, monkeypatch, config):
    connect(monkeypatch, s3, proxy.url, config)
    land_in(store, "e1", {"big": BIG, "empty": b""})
    sent = [each for each in proxy.calls if each.operation in ("UploadPart", "PutObject", "PutManifest")]
    assert len(sent) == 4
    for each in sent:
        assert ("x-amz-checksum-crc32" in each.headers) == (not config)
        assert not {"x-amz-trailer", "content-encoding", "transfer-encoding"} & set(each.headers)
    store.check()
