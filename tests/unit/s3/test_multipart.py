"""Part sizes within S3's limits, the checksums of parts, and the arguments of each call."""

from __future__ import annotations

import threading
import time
from typing import Any

import botocore.session
import pytest
from boto3.s3.transfer import TransferConfig

from chargebee_operators.common.exceptions import SettingsError, UploadError
from chargebee_operators.s3 import multipart
from chargebee_operators.s3.bucket import composite, crc32
from chargebee_operators.s3.multipart import MAX_PART, MAX_PARTS, MIN_PART, Uploader, part_size, split
from chargebee_operators.s3.upload_args import (
    EVERY_CALL,
    EXTRA_ARGS,
    TRANSFER_CONFIG_ARGS,
    WITH_BYTES,
    check_extra_args,
    check_transfer_config_args,
    for_manifest,
)
from support.kills import Task, kill_everywhere

MB, GB, TB = 1 << 20, 1 << 30, 10**12
S3 = botocore.session.get_session().get_service_model("s3")


def sizes(length: int, preferred: int, bound: int | None = None) -> list[int]:
    """Return the sizes of the parts that an object of that length is sent in."""
    found, written = [], 0
    while written < length:
        found.append(min(part_size(len(found) + 1, written, preferred, bound), length - written))
        written += found[-1]
    return found


@pytest.mark.parametrize("bound", [None, 5 * TB], ids=["unknown", "known"])
@pytest.mark.parametrize("preferred", [1, MIN_PART, 8 * MB, 64 * MB, MAX_PART + 1])
def test_five_terabytes_fit(preferred, bound):
    found = sizes(5 * TB, preferred, bound)
    assert len(found) <= MAX_PARTS
    assert max(found) <= MAX_PART
    assert min(found[:-1]) >= MIN_PART


def test_the_largest_object_that_s3_takes_fits_when_its_length_is_known():
    assert sizes(MAX_PARTS * MAX_PART, 8 * MB, MAX_PARTS * MAX_PART) == [MAX_PART] * MAX_PARTS


@pytest.mark.parametrize("bound", [60 * 10**9, 90 * 10**9, TB])
def test_a_bound_that_was_too_low_by_a_factor_of_four_does_no_harm(bound):
    found = sizes(4 * bound, 5 * MB, bound)
    assert len(found) <= MAX_PARTS


@pytest.mark.parametrize(("bound", "size"), [(1, 8 * MB), (64 * 10**9, 8388608), (1 * TB, 125_000_000)])
def test_with_a_known_length_all_parts_are_of_one_size(bound, size):
    assert set(sizes(bound, 8 * MB, bound)[:-1]) <= {size}
    assert part_size(1, 0, 8 * MB, bound) == size


def test_without_one_parts_stay_small_as_long_as_they_can():
    found = sizes(100 * 10**9, 8 * MB)
    assert sum(each for each in found if each == 8 * MB) > 10 * 10**9
    assert max(found) <= 80 * 10**6


def test_a_length_that_was_told_wrong_costs_only_the_even_size():
    assert len(sizes(5 * TB, 8 * MB, 1 * GB)) <= MAX_PARTS


@pytest.mark.parametrize("bound", [None, 10])
def test_what_does_not_fit_is_refused(bound):
    with pytest.raises(UploadError, match="does not fit in S3's 10000 parts"):
        part_size(MAX_PARTS + 1, MAX_PARTS * MAX_PART, 8 * MB, bound)


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([], []),
        ([b""], []),
        ([b"a"], [1]),
        ([b"a" * MIN_PART], [MIN_PART]),
        ([b"a" * (MIN_PART - 1), b"", b"bcd"], [MIN_PART, 2]),
        ([b"a" * (2 * MIN_PART + 3)], [MIN_PART, MIN_PART, 3]),
    ],
    ids=lambda value: str(len(value)),
)
def test_pieces_of_any_size_become_parts_of_one(pieces, expected):
    parts = [bytes(part) for part in split(pieces, 1)]
    assert [len(part) for part in parts] == expected
    assert b"".join(parts) == b"".join(pieces)


def test_the_checksum_of_parts_is_the_one_that_s3_gives():
    # As the S3 server of the integration tests answered for these two parts.
    assert composite([crc32(b"a" * MIN_PART), crc32(b"bb")]) == "FVXc3g==-2"


def members(operation: str) -> set[str]:
    return set(S3.operation_model(operation).input_shape.members)


def test_every_argument_is_one_that_both_ways_to_make_an_object_take():
    both = members("CreateMultipartUpload") & members("PutObject")
    assert both >= EXTRA_ARGS
    unknown = {each for each in members("CreateMultipartUpload") - EXTRA_ARGS if not each.startswith("Checksum")}
    assert unknown == {"Bucket", "Key"}


@pytest.mark.parametrize(
    ("operation", "taken"),
    [
        ("UploadPart", WITH_BYTES),
        ("CompleteMultipartUpload", WITH_BYTES),
        ("HeadObject", WITH_BYTES),
        ("GetObject", WITH_BYTES),
        ("AbortMultipartUpload", EVERY_CALL),
        ("DeleteObjects", EVERY_CALL),
        ("ListMultipartUploads", EVERY_CALL),
        ("ListObjectsV2", EVERY_CALL),
    ],
)
def test_each_call_gets_all_that_it_takes_and_nothing_else(operation, taken):
    assert members(operation) & EXTRA_ARGS == taken


def test_the_manifest_is_encrypted_as_the_data_but_neither_encoded_nor_archived():
    given = {
        "ServerSideEncryption": "AES256",
        "ContentEncoding": "gzip",
        "StorageClass": "GLACIER",
        "ContentType": "a/b",
    }
    assert for_manifest(given) == {"ServerSideEncryption": "AES256", "ContentType": "application/json"}


def test_the_settings_of_a_transfer_are_those_of_boto3():
    assert TransferConfig(**dict.fromkeys(TRANSFER_CONFIG_ARGS, 1)).multipart_chunksize == 1


@pytest.mark.parametrize(
    ("check", "given", "message"),
    [
        (check_extra_args, {"StorageClas": "GLACIER"}, "did you mean 'StorageClass'"),
        (check_extra_args, {"ChecksumAlgorithm": "SHA256"}, "CRC-32 already; leave it out"),
        (check_extra_args, {"Checksumm": "SHA256"}, "'Checksumm' is nothing that an upload to S3 takes"),
        (check_extra_args, {"Key": "x"}, "'Key' is nothing that an upload to S3 takes"),
        (check_extra_args, '{"ACL": "private"}', "extra_args is no dict"),
        (check_extra_args, {"SSEKMSKeyId": None}, "'SSEKMSKeyId' is None: leave it out"),
        (check_extra_args, {"Metadata": {"owner": "Zoë"}}, "'Metadata' is no dict from text to text in ASCII"),
        (check_extra_args, {"Metadata": {"n": 1}}, "'Metadata' is no dict from text to text in ASCII"),
        (check_extra_args, {"Metadata": "team=billing"}, "'Metadata' is no dict from text to text in ASCII"),
        (check_transfer_config_args, {"max_bandwidth": 1}, "'max_bandwidth' has no effect on this upload"),
        (check_transfer_config_args, {"max_concurency": 1}, "did you mean 'max_concurrency'"),
        (check_transfer_config_args, {"max_concurrency": 0}, "give a whole number above 0"),
        (check_transfer_config_args, {"multipart_chunksize": "8MB"}, "'8MB': give a whole number"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_wrong_argument_is_named_with_the_right_one(check, given, message):
    with pytest.raises(SettingsError, match=message):
        check(given)


@pytest.mark.parametrize(
    "given",
    [
        None,
        {},
        {"SSEKMSKeyId": "k"},
        {"Metadata": {"a": "b"}},
        {"Metadata": "{{ var.json.meta }}"},
        {"Metadata": {"run": "{{ run_id }}"}},
        "{% include 'a' %}",
        "{{ var.json.extra_args }}",
    ],
)
def test_right_arguments_and_templates_pass(given):
    check_extra_args(given)


class OpenUploads:
    """The uploads that S3 would keep: what the calls of ``S3Bucket`` do to them, a moment later."""

    extra_args: dict[str, Any] = {}

    def __init__(self) -> None:
        self.ids: set[str] = set()
        self._lock = threading.Lock()

    def create_upload(self, key: str) -> str:
        with self._lock:
            self.ids.add(key)
        time.sleep(0.0002)
        return key

    def send_part(self, key: str, upload_id: str, *_: Any) -> str:
        time.sleep(0.0002)
        return "etag"

    def complete_upload(self, key: str, upload_id: str, _: Any) -> str:
        self.abort_upload(key, upload_id)
        return "etag"

    def abort_upload(self, key: str, upload_id: str) -> None:
        with self._lock:
            self.ids.discard(upload_id)


@pytest.mark.parametrize("threads", [True, False], ids=["threads", "no threads"])
def test_a_task_that_is_killed_at_any_line_aborts_its_uploads(monkeypatch, threads):
    monkeypatch.setattr(multipart, "MIN_PART", 4)

    def new_task() -> Task:
        bucket = OpenUploads()
        uploader = Uploader(bucket, 4, 1, threads)  # type: ignore[arg-type]

        def work() -> None:
            uploader.send("a", [b"0123456"])
            uploader.complete()

        def clean_up() -> None:
            uploader.abort()
            assert not bucket.ids
            uploader.close()

        return work, clean_up

    assert kill_everywhere(new_task, "s3/multipart.py", "common/calls.py") > 50
