"""S3Partition against a real S3 server: what is visible when, whatever fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from chargebee_operators.chargebee.windows import iso
from chargebee_operators.common.exceptions import DestinationError, UploadError
from chargebee_operators.partition.leftovers import Leftovers
from support.landing import BIG, FOLDER, NO_ATTEMPT, NO_EXPORT, SHARED, attempt_of
from support.odd_exports import task_log_lines
from support.s3_proxy import PATIENCE

HOUR = timedelta(hours=1)


def test_nothing_can_be_seen_before_the_commit(store, land):
    def watched() -> Iterator[bytes]:
        yield BIG
        assert not store.keys()
        assert len(store.uploads()) == 2
        yield b"end"

    land("e1", {"first": b"1", "addresses:second": watched(), "contacts:empty": b""})
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
    old = land("e0", {"a": b"old", "addresses:b": b"old"})
    proxy.rule(operation, times=None, **fault)
    with pytest.raises(error):
        land("e1", {"a": b"new", "contacts:b": b"new"})
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
        with pytest.raises(
            UploadError,
            match="another program has replaced .* verify=False|6 bytes in S3, but 3 were",
        ):
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


def has_replaced(store, old: str) -> None:
    """See that another try's manifest is in the old one's place, with every object that it lists."""
    told = store.manifest()
    assert attempt_of(told) != old
    assert {each["key"] for each in told["files"]} < set(store.keys())


@pytest.mark.parametrize("status", [503, 403])
def test_a_try_that_can_not_look_whether_its_manifest_stands_leaves_its_objects(proxy, store, land, status):
    """Its answer was lost, and boto3's own second call was refused by the very manifest that the first had put there."""
    old = land("e0", {"a": b"old"})
    proxy.rule("PutManifest", cut="after")
    proxy.rule("GetManifest", status=status, skip=1, times=None)
    with pytest.raises(UploadError, match="can't be read, so it may be this run's or another's"):
        land("e1", {"a": b"new"})
    proxy.clear()
    has_replaced(store, old)
    land("e1", {"a": b"newer"})
    store.check()


@pytest.mark.parametrize(
    ("status", "code", "permanent"),
    [(400, "ExpiredToken", False), (403, "RequestTimeTooSkewed", False), (403, "InvalidAccessKeyId", True)],
)
def test_credentials_that_end_between_two_calls_of_one_commit_take_nothing_back(
    proxy, store, land, status, code, permanent
):
    """The answer of the first call was lost, though S3 had written the manifest. boto3's own second call was refused."""
    old = land("e0", {"a": b"old"})
    proxy.rule("PutManifest", cut="after")
    for operation, skip in (("PutManifest", 0), ("GetManifest", 1)):
        proxy.rule(operation, status=status, code=code, skip=skip, times=None)
    with pytest.raises(UploadError, match=code) as caught:
        land("e1", {"a": b"new"})
    assert caught.value.permanent is permanent
    proxy.clear()
    has_replaced(store, old)
    land("e1", {"a": b"newer"})
    store.check()


@pytest.mark.parametrize("readable", [True, False])
def test_a_right_that_is_taken_away_between_two_calls_of_one_commit_takes_nothing_back(proxy, store, land, readable):
    old = land("e0", {"a": b"old"})
    proxy.rule("PutManifest", cut="after")
    proxy.rule("PutManifest", status=403, code="AccessDenied", times=None)
    if not readable:
        proxy.rule("GetManifest", status=403, code="AccessDenied", skip=1, times=None)
        with pytest.raises(DestinationError, match=r"s3:PutObject.* clear this task"):
            land("e1", {"a": b"new"})
    else:
        assert land("e1", {"a": b"new"}) == attempt_of(store.check())
    proxy.clear()
    has_replaced(store, old)


@pytest.mark.parametrize(
    ("templates", "stays"),
    [
        ({}, False),
        (FOLDER, False),
        ({**SHARED, "manifest_name": "_manifests/{resource}-{window_start:.10}.json"}, True),
    ],
    ids=["tables", "folder", "shared"],
)
def test_what_a_dead_try_of_another_export_left_goes_where_the_keys_say_whose_it_is(
    proxy, store, land, templates, stays
):
    proxy.rule("PutManifest", cut="before", times=None)
    with pytest.raises(UploadError, match="no answer"):
        land("e1", {"a": b"first", "contacts:b": b"first"}, templates)
    left = set(store.keys())
    assert len(left) == 2
    proxy.clear()
    land("e2", {"a": b"second"}, templates)
    assert left & set(store.keys()) == (left if stays else set())


DEFAULT_KEY = "windows/customers{}/site=acme/window_start=20261123T000000Z/{}.csv"
NO_RESOURCE = "{partition}/_manifests/{resource}.json"


@pytest.mark.parametrize(
    ("templates", "name", "asked_for", "stays"),
    [
        pytest.param({}, DEFAULT_KEY.format("", "a-e1-0123abcd"), "after", False, id="earlier export"),
        pytest.param({}, DEFAULT_KEY.format("__x", "a-e1-0123abcd"), "after", False, id="earlier export, other table"),
        pytest.param({}, DEFAULT_KEY.format("", "a-e1-0123abcd"), "before", True, id="later export"),
        pytest.param({}, DEFAULT_KEY.format("_x", "a-e1-0123abcd"), "after", True, id="another resource"),
        pytest.param({}, DEFAULT_KEY.format("", "a"), "after", True, id="another's name"),
        pytest.param({}, DEFAULT_KEY.format("__x", "a-e2-0123abcd"), "before", False, id="own earlier try"),
        pytest.param(
            {**SHARED, "manifest_name": NO_RESOURCE},
            "window_start=20261123T000000Z/a-e1-0123abcd.csv",
            "after",
            True,
            id="shared prefix",
        ),
        # Whose it is shows by the export in its name, or by keys that say all that the manifest's key says.
        pytest.param(
            NO_ATTEMPT, "acme/customers/window_start=20261123T000000Z/a.csv", "before", False, id="own folder"
        ),
        pytest.param({"object_name": "{member}-{export_id}{suffix}"}, "a-e2.csv", "before", False, id="own export"),
        pytest.param({"object_name": "{member}-{export_id}{suffix}"}, "a-e1.csv", "before", True, id="other export"),
        pytest.param(
            {"object_name": "{member}{suffix}", "manifest_name": "_m/{resource}.json"},
            "invoices.csv",
            "before",
            True,
            id="flat",
        ),
        pytest.param(
            {"object_name": "{member}-{attempt}{suffix}"},
            "invoices-0123abcd.csv",
            "before",
            True,
            id="flat, with tries",
        ),
    ],
)
def test_the_upload_of_a_killed_run_is_aborted_by_the_next_export(store, land, templates, name, asked_for, stays):
    key = f"{store.root}{name}"
    store.client.create_multipart_upload(Bucket=store.bucket, Key=key)
    requested_at = iso(datetime.now(UTC) + (HOUR if asked_for == "after" else -HOUR))
    land("e2", {"a": b"new"}, templates, job={"requested_at": requested_at})
    assert store.uploads() == [key] * stays


@pytest.mark.parametrize("resource", ["customers", "invoices"])
def test_names_that_tell_no_export_are_not_taken_for_leftovers_where_others_write_too(store, land, resource):
    templates = {"object_name": "{member}-{attempt}{suffix}", "manifest_name": "_manifests/{resource}-{partition}.json"}
    land("e1", {"a": b"1"}, templates)
    before = set(store.keys())
    other = {"resource": resource, "window_start": "2026-11-24T00:00:00Z", "window_end": "2026-11-25T00:00:00Z"}
    land("e2", {"a": b"2"}, templates, job=other)
    land("e3", {"a": b"3"}, templates, job=other)
    assert before < set(store.keys())


@pytest.mark.parametrize(
    "templates", [{}, FOLDER, NO_EXPORT, NO_ATTEMPT], ids=["tables", "folder", "no-export", "no-try"]
)
def test_a_rerun_removes_the_objects_of_all_tables_and_leaves_other_windows_alone(store, land, templates):
    days = [
        {"window_start": f"2026-11-{each}T00:00:00Z", "window_end": f"2026-11-{each + 1}T00:00:00Z"}
        for each in (22, 24)
    ]
    for number, day in enumerate(days):
        land(f"d{number}", {"a": b"another day", "addresses:b": b"another day"}, templates, job=day)
    others = set(store.keys())
    land("e1", {"a": b"1", "addresses:b": b"1", "contacts:c": b"1"}, templates)
    assert len(store.keys()) == len(others) + 4
    land("e2", {"a": b"2", "orders:d": b"2"}, templates)
    assert others < set(store.keys())
    assert len(store.keys()) == len(others) + 3


def test_objects_that_could_not_be_removed_are_removed_by_the_next_run(proxy, store, land):
    land("e0", {"a": b"0"})
    proxy.rule("DeleteObjects", status=403, times=None)
    land("e1", {"a": b"1"})
    land("e2", {"a": b"2"})
    assert len(store.keys()) == 4
    proxy.clear()
    land("e3", {"a": b"3"})
    assert len(store.check()["replaced"]) == 3


def test_a_run_that_is_killed_after_its_commit_has_no_doubt_about_it(store, land, monkeypatch):
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    land("e0", {"a": b"0"})
    with monkeypatch.context() as patched, task_log_lines() as lines:
        patched.setattr(Leftovers, "remove", killed)
        with pytest.raises(KeyboardInterrupt):
            land("e1", {"a": b"1"})
    assert not [each for each in lines if "It is not known" in each]
    told = store.manifest()
    assert told["job"]["export_id"] == "e1"
    assert {each["key"] for each in told["files"]} < set(store.keys())
    land("e2", {"a": b"2"})
    store.check()


@pytest.mark.parametrize(
    ("operation", "status"),
    [
        ("ListMultipartUploads", 403),
        ("ListMultipartUploads", 501),
        ("ListObjects", 403),
        ("DeleteObjects", 501),
    ],
)
def test_without_the_right_to_look_the_run_lands_all_the_same(proxy, store, land, operation, status):
    old = land("e0", {"a": b"0"})
    proxy.rule(operation, times=None, status=status)
    assert land("e1", {"a": b"1"}) == attempt_of(store.manifest()) != old


def test_keys_outside_the_prefix_are_never_removed(store, land):
    root = store.root.removesuffix("/")
    outside = [
        f"{root}2/data.csv",
        f"{root}x/windows/customers/site=acme/window_start=20261123T000000Z/a-e1-0123abcd.csv",
    ]
    for key in outside:
        store.client.put_object(Bucket=store.bucket, Key=key, Body=b"not ours")
    land("e0", {"a": b"0"})
    forged = store.manifest()
    forged["files"] += [{"key": key} for key in [*outside, store.manifest_key]]
    store.client.put_object(Bucket=store.bucket, Key=store.manifest_key, Body=json.dumps(forged).encode())
    land("e1", {"a": b"1"})
    store.check()
    for key in outside:
        assert store.body(key) == b"not ours"


def test_names_that_tries_share_are_kept_when_a_manifest_lists_them(proxy, store, land):
    land("e0", {"a": b"old", "b": b"old"}, NO_ATTEMPT)
    before = store.keys()
    proxy.rule("PutManifest", status=403, times=None)
    with pytest.raises(DestinationError):
        land("e1", {"a": b"new", "c": b"new"}, NO_ATTEMPT)
    assert store.keys() == before
