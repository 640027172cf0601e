"""S3Partition against a real S3 server: what is visible when, whatever fails, and whoever else is at it."""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from s3_proxy import PATIENCE, S3Proxy, s3_proxy

from chargebee_operators.exceptions import DestinationError, UploadError
from chargebee_operators.jobs import JobRecord
from chargebee_operators.manifest import FileEntry, Manifest, ObjectNames
from chargebee_operators.s3_partition import S3Partition, s3_hook

MB = 1 << 20
BIG = b"0123456789abcdef" * (12 * MB // 16)  # two parts
UNIQUE = "{member}-{export_id}-{attempt}{suffix}"


_numbers = itertools.count()


class Store:
    """What is below one prefix of a bucket, as its users see it; the partition is a part of it."""

    def __init__(self, client: Any, bucket: str) -> None:
        self.client = client
        self.bucket = bucket
        self.root = f"test-{next(_numbers)}/"
        self.prefix = f"{self.root}resource=customers"
        self.manifest_key = f"{self.prefix}/_manifest.json"

    def keys(self) -> list[str]:
        return [each["Key"] for each in self._list("list_objects_v2").get("Contents", [])]

    def uploads(self) -> list[str]:
        return [each["Key"] for each in self._list("list_multipart_uploads").get("Uploads") or []]

    def _list(self, operation: str) -> dict[str, Any]:
        return getattr(self.client, operation)(Bucket=self.bucket, Prefix=self.root)

    def body(self, key: str) -> bytes:
        return self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def manifest(self) -> dict[str, Any] | None:
        return json.loads(self.body(self.manifest_key)) if self.manifest_key in self.keys() else None

    def check(self) -> dict[str, Any]:
        """Check that the manifest's files are there as it says, and nothing else."""
        told = self.manifest()
        assert told is not None
        assert sorted(self.keys()) == sorted([self.manifest_key, *(each["key"] for each in told["files"])])
        for each in told["files"]:
            data = self.body(each["key"])
            assert (len(data), hashlib.sha256(data).hexdigest()) == (each["bytes"], each["sha256"])
        assert not self.uploads()
        return told


@pytest.fixture(scope="module")
def client(s3) -> Any:
    made = s3.client()
    made.create_bucket(Bucket="commits")
    return made


@pytest.fixture
def store(client) -> Store:
    return Store(client, "commits")


@pytest.fixture(scope="module")
def running_proxy(s3) -> Iterator[S3Proxy]:
    """The proxy, with ``aws_default`` pointing at it."""
    connection = json.loads(s3.connection())
    with s3_proxy(s3.endpoint_url) as running, pytest.MonkeyPatch.context() as patch:
        retries = {"retries": {"total_max_attempts": 2}}
        connection["extra"] |= {"endpoint_url": running.url, "config_kwargs": retries}
        patch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
        yield running


@pytest.fixture
def proxy(running_proxy) -> S3Proxy:
    """The proxy without rules."""
    running_proxy.clear()
    return running_proxy


@functools.cache
def hook_of(worker: int, settings: str) -> Any:
    """Return a worker's S3Hook: a client takes a while to make, and no two workers share one."""
    given = json.loads(settings)
    return s3_hook("aws_default", given.get("extra_args"), given.get("transfer"))


Land = Callable[..., str]


@pytest.fixture
def land(proxy, store) -> Land:
    """Land an export, as one of several workers; returns the try's token."""

    def run(
        export: str,
        members: dict[str, bytes | Iterable[bytes]],
        template: str = UNIQUE,
        worker: int = 0,
        **settings: Any,
    ) -> str:
        hook = hook_of(worker, json.dumps(settings))
        job = JobRecord(export, "customers", "acme", {}, None, None, None, "2026-11-24T00:00:00Z")
        names = ObjectNames(template, job, ".csv")
        with S3Partition(hook, store.bucket, store.prefix, store.manifest_key, names) as partition:
            files = []
            for member, data in members.items():
                written = partition.write(names.name(member), [data] if isinstance(data, bytes) else data)
                files.append(FileEntry(written.key, member, written.bytes, written.sha256, 0, []))
            made = Manifest(job.to_dict(), "1", {"attempt": names.attempt}, "csv", "now", files)
            partition.commit(made)
        return names.attempt

    return run


def attempt_of(told: dict[str, Any] | None) -> str | None:
    return told and told["run"]["attempt"]


def test_nothing_can_be_seen_before_the_commit(store, land):
    def watched() -> Iterator[bytes]:
        yield BIG
        assert not store.keys()
        assert len(store.uploads()) == 2
        yield b"end"

    land("e1", {"first": b"1", "second": watched(), "empty": b""})
    told = store.check()
    assert [each["bytes"] for each in told["files"]] == [1, len(BIG) + 3, 0]


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
            yield bytes(MB)
            if number == 5 * 4 - 1:
                # Three parts are held and the fourth is full: only their release lets it go.
                held.wait_until_reached()
                held.release()

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
    if (operation, fault) == ("CreateMultipartUpload", {"cut": "after"}):
        assert len(store.uploads()) == 1, "one that nobody here knows of; the next try or the next day finds it"
        proxy.clear()
        land("e1", {"big": BIG})
    assert store.check()["files"][0]["bytes"] == len(BIG)


def test_an_upload_is_aborted_only_when_its_last_part_has_ended(proxy, store, land):
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


@pytest.mark.parametrize(
    ("operation", "fault", "error"),
    [
        ("GetManifest", {"status": 500}, UploadError),
        ("CompleteMultipartUpload", {"status": 500, "skip": 1}, UploadError),
        ("CompleteMultipartUpload", {"status": 403, "skip": 1}, DestinationError),
        ("HeadObject", {"status": 403, "skip": 1}, DestinationError),
        ("HeadObject", {"cut": "before"}, UploadError),
        ("PutManifest", {"status": 403}, DestinationError),
    ],
)
def test_a_commit_that_fails_takes_everything_back(proxy, store, land, operation, fault, error):
    old = land("e0", {"a": b"old", "b": b"old"})
    proxy.rule(operation, times=None, **fault)
    with pytest.raises(error):
        land("e1", {"a": b"new", "b": b"new"})
    assert attempt_of(store.check()) == old


@pytest.mark.parametrize("other", [b"new", b"longer"], ids=["etag", "size"])
def test_an_object_that_is_not_what_was_sent_stops_the_commit(proxy, store, land, other):
    held = proxy.rule("HeadObject", hold=True)
    with ThreadPoolExecutor() as pool:
        running = pool.submit(land, "e1", {"a": b"old"})
        held.wait_until_reached()
        (key,) = store.keys()
        store.client.put_object(Bucket=store.bucket, Key=key, Body=other)
        held.release()
        with pytest.raises(UploadError, match="another object by now|6 bytes in S3, but 3 were sent"):
            running.result(PATIENCE)
    assert not store.keys()


@pytest.mark.parametrize("times", [1, None], ids=["once", "always"])
@pytest.mark.parametrize("old", [False, True], ids=["first", "rerun"])
def test_a_manifest_whose_answer_is_lost_is_committed(proxy, store, land, old, times):
    if old:
        land("e0", {"a": b"old"})
    proxy.rule("PutManifest", cut="after", times=times)
    assert land("e1", {"a": b"new"}) == attempt_of(store.check())


def test_a_try_that_can_not_tell_leaves_its_objects_to_the_next(proxy, store, land):
    old = land("e0", {"a": b"old"})
    proxy.rule("PutManifest", cut="before", times=None)
    with pytest.raises(UploadError, match="no answer"):
        land("e1", {"a": b"first"})
    assert attempt_of(store.manifest()) == old
    assert len(store.keys()) == 3
    proxy.clear()
    assert land("e1", {"a": b"second"}) == attempt_of(store.check())


def test_objects_that_could_not_be_removed_are_removed_by_the_next_run(proxy, store, land):
    land("e0", {"a": b"0"})
    proxy.rule("DeleteObjects", status=403, times=None)
    land("e1", {"a": b"1"})
    land("e2", {"a": b"2"})
    assert len(store.keys()) == 4
    proxy.clear()
    land("e3", {"a": b"3"})
    assert len(store.check()["replaced"]) == 3


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


@pytest.mark.parametrize(
    ("operation", "status"),
    [
        ("ListMultipartUploads", 403),
        ("ListMultipartUploads", 501),
        ("ListObjects", 403),
        ("GetManifest", 403),
        ("DeleteObjects", 501),
    ],
)
def test_without_the_right_to_look_the_run_lands_all_the_same(proxy, store, land, operation, status):
    old = land("e0", {"a": b"0"})
    proxy.rule(operation, times=None, status=status)
    assert land("e1", {"a": b"1"}) == attempt_of(store.manifest()) != old


def test_a_server_without_conditions_is_written_to_without(proxy, store, land):
    land("e0", {"a": b"0"})
    proxy.rule("PutManifest", status=501)
    assert land("e1", {"a": b"1"}) == attempt_of(store.check())


def test_keys_outside_the_partition_are_never_removed(store, land):
    for key in (f"{store.root}other/data.csv", f"{store.prefix}2/data.csv"):
        store.client.put_object(Bucket=store.bucket, Key=key, Body=b"not ours")
    forged = {
        "files": [
            {"key": f"{store.root}other/data.csv"},
            {"key": f"{store.prefix}2/data.csv"},
            {"key": store.manifest_key},
        ]
    }
    store.client.put_object(Bucket=store.bucket, Key=store.manifest_key, Body=json.dumps(forged).encode())
    land("e1", {"a": b"1"})
    assert {f"{store.root}other/data.csv", f"{store.prefix}2/data.csv", store.manifest_key} <= set(store.keys())


def test_names_that_tries_share_are_kept_when_a_manifest_lists_them(proxy, store, land):
    land("e0", {"a": b"old", "b": b"old"}, "{member}{suffix}")
    proxy.rule("PutManifest", status=403, times=None)
    with pytest.raises(DestinationError):
        land("e1", {"a": b"new", "c": b"new"}, "{member}{suffix}")
    assert sorted(store.keys()) == [store.manifest_key, f"{store.prefix}/a.csv", f"{store.prefix}/b.csv"]


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


HOLD = ["GetManifest", "CompleteMultipartUpload", "HeadObject", "ListObjects", "PutManifest", "DeleteObjects"]


@pytest.mark.parametrize("standing", [None, "e1", "e3"])
@pytest.mark.parametrize("other", ["e1", "e2"], ids=["same", "other"])
@pytest.mark.parametrize("hold", ["data", *HOLD])
def test_two_runs_of_a_partition_end_with_one_that_is_whole(proxy, store, land, hold, other, standing):
    if standing:
        land(standing, {"a": b"standing", "b": b"standing"})
    gate, fetched = threading.Event(), threading.Event()

    def slow() -> Iterator[bytes]:
        yield bytes(8 * MB)  # a part, so that the upload has begun
        fetched.set()
        assert gate.wait(PATIENCE)

    held = proxy.rule(hold, hold=True)
    with ThreadPoolExecutor() as pool:
        one: Future[str] = pool.submit(land, "e1", {"a": slow() if hold == "data" else b"one", "b": b"one"}, worker=1)
        if hold == "data":
            assert fetched.wait(PATIENCE)
        elif not (hold == "DeleteObjects" and standing is None):
            held.wait_until_reached()
        with suppress(UploadError):
            land(other, {"a": b"other", "c": b"other"})
        gate.set()
        held.release()
        with suppress(UploadError):
            one.result(PATIENCE)
    store.check()


@pytest.mark.parametrize("other", ["e1", "e2"], ids=["same", "other"])
def test_a_manifest_that_comes_late_does_not_bring_back_what_was_replaced(proxy, store, land, other):
    land("e0", {"a": b"standing"})
    held = proxy.rule("PutManifest", hold=True)
    with ThreadPoolExecutor() as pool:
        one = pool.submit(land, "e1", {"a": b"one"}, worker=1)
        held.wait_until_reached()
        second = land(other, {"a": b"other"})
        held.release()
        with pytest.raises(UploadError, match="Another run has committed"):
            one.result(PATIENCE)
    assert attempt_of(store.check()) == second


def test_many_runs_at_once_end_with_one_that_is_whole(store, land):
    def run(worker: int) -> list[str]:
        landed = []
        for number in range(3):
            with suppress(UploadError):
                landed.append(
                    land(f"e{(worker + number) % 3}", {"a": b"%d" % worker, "b": bytes(number)}, worker=worker)
                )
        return landed

    with ThreadPoolExecutor(4) as pool:
        committed = [token for each in pool.map(run, range(4)) for token in each]
    assert attempt_of(store.check()) in committed
