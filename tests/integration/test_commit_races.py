"""S3Partition against a real S3 server, with several runs of one partition at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

import pytest

from chargebee_operators.common.exceptions import UploadError
from support.landing import MB, attempt_of
from support.s3_proxy import PATIENCE

HOLD = ["data", "GetManifest", "CompleteMultipartUpload", "HeadObject", "ListObjects", "PutManifest", "DeleteObjects"]


@pytest.mark.parametrize(
    ("hold", "standing"),
    # Where nothing stands there is nothing to delete.
    [(hold, standing) for hold in HOLD for standing in (None, "e1", "e3") if standing or hold != "DeleteObjects"],
)
@pytest.mark.parametrize("other", ["e1", "e2"], ids=["same", "other"])
def test_two_runs_of_a_partition_end_with_one_that_is_whole(proxy, store, land, hold, other, standing):
    if standing:
        land(standing, {"a": b"standing", "addresses:b": b"standing"})
    gate, fetched = threading.Event(), threading.Event()

    def slow() -> Iterator[bytes]:
        yield bytes(8 * MB)  # a part, so that the upload has begun
        fetched.set()
        assert gate.wait(PATIENCE)

    held = proxy.rule(hold, hold=True)
    with ThreadPoolExecutor() as pool:
        one: Future[str] = pool.submit(
            land, "e1", {"a": slow() if hold == "data" else b"one", "addresses:b": b"one"}, worker=1
        )
        if hold == "data":
            assert fetched.wait(PATIENCE)
        else:
            held.wait_until_reached()
        with suppress(UploadError):
            land(other, {"a": b"other", "contacts:c": b"other"})
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
                    land(
                        f"e{(worker + number) % 3}", {"a": b"%d" % worker, "addresses:b": bytes(number)}, worker=worker
                    )
                )
        return landed

    with ThreadPoolExecutor(4) as pool:
        committed = [token for each in pool.map(run, range(4)) for token in each]
    assert attempt_of(store.check()) in committed
