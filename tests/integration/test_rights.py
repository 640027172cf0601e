"""S3 without the right to list, or to read the manifest, and servers that do not honour conditional writes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from chargebee_operators.common.exceptions import DestinationError, UploadError
from chargebee_operators.s3 import conditional_writes
from support.landing import attempt_of
from support.odd_exports import task_log_lines
from support.s3_proxy import PATIENCE


@pytest.fixture(autouse=True)
def new_process():
    """Let nothing be known of the server, as in a new process; and leave nothing for the next test."""
    conditional_writes.forget()
    yield
    conditional_writes.forget()


def without_list_right(proxy) -> None:
    proxy.rule("ListObjects", status=403, times=None)
    for operation in ("GetManifest", "HeadManifest"):
        proxy.rule(operation, missing=403, times=None)


def test_without_the_right_to_list_a_first_manifest_is_written_under_a_condition(proxy, store, land):
    without_list_right(proxy)
    first = land("e1", {"a": b"1"})
    assert attempt_of(store.manifest()) == first
    put = next(each for each in proxy.calls if each.operation == "PutManifest")
    assert put.headers["if-none-match"] == "*"
    second = land("e1", {"a": b"2"})
    assert attempt_of(store.check()) == second


def test_without_the_right_to_list_two_runs_at_once_end_with_one(proxy, store, land):
    without_list_right(proxy)
    held = proxy.rule("PutManifest", hold=True)
    with ThreadPoolExecutor() as pool:
        one = pool.submit(land, "e1", {"a": b"one"}, worker=1)
        held.wait_until_reached()
        second = land("e2", {"a": b"two"})
        held.release()
        with pytest.raises(UploadError, match="Another run has committed"):
            one.result(PATIENCE)
    assert attempt_of(store.check()) == second


def test_a_manifest_that_may_not_be_read_is_not_replaced_and_the_right_is_named(proxy, store, land):
    old = land("e0", {"a": b"old"})
    proxy.rule("GetManifest", status=403, times=None)
    with pytest.raises(DestinationError, match="exists and can't be read.* s3:GetObject"):
        land("e1", {"a": b"new"})
    assert attempt_of(store.check()) == old


def test_without_both_rights_the_manifest_stays_too(proxy, store, land):
    old = land("e0", {"a": b"old"})
    proxy.rule("GetManifest", status=403, times=None)
    proxy.rule("ListObjects", status=403, times=None)
    with pytest.raises(UploadError, match="no right s3:GetObject"):
        land("e1", {"a": b"new"})
    assert attempt_of(store.manifest()) == old


def test_a_server_that_honours_conditions_is_tried_once_and_nothing_is_left(proxy, store, land):
    with task_log_lines() as lines:
        for export in ("e0", "e1"):
            land(export, {"a": b"1"})
    assert proxy.count("PutWriteTest") == 3
    assert not [line for line in lines if "does not honour" in line]
    store.check()


def test_a_server_that_refuses_conditions_is_written_to_without_and_the_log_warns(proxy, store, land):
    for operation in ("PutManifest", "PutWriteTest"):
        proxy.rule(operation, status=501, times=None, conditional=True)
    with task_log_lines() as lines:
        land("e0", {"a": b"0"})
        last = land("e1", {"a": b"1"})
    assert len([line for line in lines if "does not honour If-Match" in line]) == 1
    assert attempt_of(store.check()) == last


@pytest.fixture
def ignoring(monkeypatch):
    """Let the client send no condition, which to a server is the same as ignoring it."""
    from chargebee_operators.s3.bucket import S3Bucket

    put = S3Bucket.put
    monkeypatch.setattr(S3Bucket, "put", lambda self, key, body, args, condition=None: put(self, key, body, args))


def test_a_server_that_ignores_conditions_is_found_out_and_unlisted_objects_stay(ignoring, proxy, store, land):
    unlisted = f"{store.prefix}/a-e1-0123abcd.csv"
    with task_log_lines() as lines:
        land("e0", {"a": b"0"})
        store.client.put_object(Bucket=store.bucket, Key=unlisted, Body=b"of a run that is about to commit")
        last = land("e1", {"a": b"1"})
    assert len([line for line in lines if "does not honour If-Match" in line]) == 1
    told = store.manifest()
    assert attempt_of(told) == last
    assert set(store.keys()) == {store.manifest_key, unlisted, *(each["key"] for each in told["files"])}


def test_racers_on_a_server_that_ignores_conditions_end_with_a_manifest_whose_objects_exist(
    ignoring, proxy, store, land
):
    land("e0", {"a": b"0"})

    def run(worker: int) -> None:
        for number in range(3):
            with suppress(UploadError):
                land(f"e{worker}{number}", {"a": b"%d" % worker, "addresses:b": bytes(number)}, worker=worker)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(run, range(1, 4)))
    told = store.manifest()
    assert {each["key"] for each in told["files"]} <= set(store.keys())
