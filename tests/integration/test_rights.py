"""S3 without the right to list, or to read the manifest, and servers that do not honour conditional writes."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from chargebee_operators.common.exceptions import DestinationError, UploadError
from chargebee_operators.s3 import conditional_writes
from support.landing import attempt_of
from support.odd_exports import task_log_lines
from support.s3_proxy import PATIENCE, Call


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
def ignoring(proxy) -> None:
    """A server that takes conditional writes as if they had no condition."""
    for operation in ("PutManifest", "PutWriteTest"):
        proxy.rule(operation, times=None, unconditional=True)


def test_a_server_that_ignores_conditions_is_found_out_and_unlisted_objects_stay(ignoring, store, land):
    unlisted = f"{store.prefix}/a-e1-0123abcd.csv"
    with task_log_lines() as lines:
        land("e0", {"a": b"0"})
        store.client.put_object(Bucket=store.bucket, Key=unlisted, Body=b"of a run that is about to commit")
        last = land("e1", {"a": b"1"})
    assert len([line for line in lines if "does not honour If-Match" in line]) == 1
    told = store.manifest()
    assert attempt_of(told) == last
    assert set(store.keys()) == {store.manifest_key, unlisted, *(each["key"] for each in told["files"])}


def test_racers_on_a_server_that_ignores_conditions_are_warned_of_once_and_remove_only_what_a_manifest_lists(
    ignoring, proxy, store, land
):
    with task_log_lines() as lines:
        land("e0", {"a": b"0"})

        def run(worker: int) -> list[str]:
            return [
                land(f"e{worker}{number}", {"a": b"%d" % worker, "addresses:b": bytes(number)}, worker=worker)
                for number in range(3)
            ]

        with ThreadPoolExecutor(3) as pool:
            committed = [token for each in pool.map(run, range(1, 4)) for token in each]
    assert len(committed) == 9, "on such a server no run is refused"
    assert all({"if-match", "if-none-match"} & set(each.headers) == set() for each in committed_puts(proxy)), (
        "after the try"
    )
    assert len([line for line in lines if "does not honour If-Match" in line]) == 1
    told = store.manifest()
    assert attempt_of(told) in committed
    assert {each["key"] for each in told["files"]} <= set(store.keys())
    listed = {each["key"] for put in committed_puts(proxy) for each in json.loads(put.body)["files"]}
    assert removed(proxy) and removed(proxy) <= listed


def committed_puts(proxy) -> list[Call]:
    return [each for each in proxy.calls if each.operation == "PutManifest"]


def removed(proxy) -> set[str]:
    """Return the keys that were removed, but for those of the try of conditions."""
    bodies = [each.body.decode() for each in proxy.calls if each.operation == "DeleteObjects"]
    keys = {key for body in bodies for key in re.findall("<Key>(.*?)</Key>", body)}
    return {key for key in keys if ".write-test-" not in key}
