"""S3Partition against a real S3 server: what is visible when, whatever fails, and whoever else is at it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from chargebee_operators.common.exceptions import DestinationError, UploadError
from support.landing import BIG, MB, UNIQUE, attempt_of
from support.s3_proxy import PATIENCE

HOUR = timedelta(hours=1)


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


@pytest.mark.parametrize("status", [503, 403])
def test_a_try_that_can_not_look_whether_its_manifest_stands_leaves_its_objects(proxy, store, land, status):
    """Its answer was lost, and boto3's own second call was refused by the very manifest that the first had put there."""
    old = land("e0", {"a": b"old"})
    proxy.rule("PutManifest", cut="after")
    proxy.rule("GetManifest", status=status, skip=1, times=None)
    with pytest.raises(UploadError, match="may be this run's or another's, for it can't be read"):
        land("e1", {"a": b"new"})
    proxy.clear()
    told = store.manifest()
    assert attempt_of(told) != old
    assert {each["key"] for each in told["files"]} < set(store.keys())
    land("e1", {"a": b"newer"})
    store.check()


@pytest.mark.parametrize("sole", [True, False])
def test_what_another_export_left_unlisted_goes_where_the_prefix_has_one_manifest(proxy, store, land, sole):
    proxy.rule("PutManifest", cut="before", times=None)
    with pytest.raises(UploadError, match="no answer"):
        land("e1", {"a": b"first"})
    (left,) = store.keys()
    proxy.clear()
    land("e2", {"a": b"second"}, sole=sole)
    after = store.keys()
    assert (left in after) == (not sole)


@pytest.mark.parametrize(
    ("template", "name", "asked_for", "sole", "stays"),
    [
        pytest.param(UNIQUE, "a-e1-0123abcd.csv", "after", True, False, id="earlier export"),
        pytest.param(UNIQUE, "a-e1-0123abcd.csv", "before", True, True, id="later export"),
        pytest.param(UNIQUE, "a-e1-0123abcd.csv", "after", False, True, id="shared prefix"),
        pytest.param(UNIQUE, "a.csv", "after", True, True, id="another's name"),
        pytest.param(UNIQUE, "a-e2-0123abcd.csv", "before", False, False, id="own earlier try"),
        # Whose it is shows by the export in its name, or by a prefix that has but one manifest.
        pytest.param("{member}{suffix}", "a.csv", "before", True, False, id="own prefix"),
        pytest.param("{member}-{export_id}{suffix}", "a-e2.csv", "before", False, False, id="own export"),
        pytest.param("{member}-{export_id}{suffix}", "a-e1.csv", "before", False, True, id="other export"),
        pytest.param("{member}{suffix}", "invoices.csv", "before", False, True, id="flat"),
        pytest.param(
            "{member}-{attempt}{suffix}", "invoices-0123abcd.csv", "before", False, True, id="flat, with tries"
        ),
    ],
)
def test_the_upload_of_a_killed_run_is_aborted_by_the_next_export(store, land, template, name, asked_for, sole, stays):
    key = f"{store.prefix}/{name}"
    store.client.create_multipart_upload(Bucket=store.bucket, Key=key)
    since = datetime.now(UTC) + (HOUR if asked_for == "after" else -HOUR)
    land("e2", {"a": b"new"}, template, sole=sole, since=since)
    assert store.uploads() == [key] * stays


def test_names_that_tell_no_export_are_not_taken_for_leftovers_where_others_write_too(store, land):
    template = "{member}-{attempt}{suffix}"
    land("e1", {"invoices": b"1"}, template, manifest="_manifests/invoices.json")
    before = set(store.keys())
    land("e2", {"customers": b"2"}, template, manifest="_manifests/customers.json")
    assert before < set(store.keys())


def test_objects_that_could_not_be_removed_are_removed_by_the_next_run(proxy, store, land):
    land("e0", {"a": b"0"})
    proxy.rule("DeleteObjects", status=403, times=None)
    land("e1", {"a": b"1"})
    land("e2", {"a": b"2"})
    assert len(store.keys()) == 4
    proxy.clear()
    land("e3", {"a": b"3"})
    assert len(store.check()["replaced"]) == 3


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


HOLD = ["data", "GetManifest", "CompleteMultipartUpload", "HeadObject", "ListObjects", "PutManifest", "DeleteObjects"]


@pytest.mark.parametrize(
    ("hold", "standing"),
    # Where nothing stands there is nothing to delete.
    [(hold, standing) for hold in HOLD for standing in (None, "e1", "e3") if standing or hold != "DeleteObjects"],
)
@pytest.mark.parametrize(("other", "sole"), [("e1", False), ("e2", False), ("e2", True)], ids=["same", "other", "sole"])
def test_two_runs_of_a_partition_end_with_one_that_is_whole(proxy, store, land, hold, other, sole, standing):
    if standing:
        land(standing, {"a": b"standing", "b": b"standing"})
    gate, fetched = threading.Event(), threading.Event()

    def slow() -> Iterator[bytes]:
        yield bytes(8 * MB)  # a part, so that the upload has begun
        fetched.set()
        assert gate.wait(PATIENCE)

    held = proxy.rule(hold, hold=True)
    with ThreadPoolExecutor() as pool:
        one: Future[str] = pool.submit(
            land, "e1", {"a": slow() if hold == "data" else b"one", "b": b"one"}, worker=1, sole=sole
        )
        if hold == "data":
            assert fetched.wait(PATIENCE)
        else:
            held.wait_until_reached()
        with suppress(UploadError):
            land(other, {"a": b"other", "c": b"other"}, sole=sole)
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
