"""Sends streams of unknown length to S3 in parts, several at a time, in bounded memory.

boto3's own uploader is not used: it keeps one part size whatever the length, so that a stream ends at 78 GiB, and it
makes each object visible at once. Here nothing is visible before ``complete``, which the partition calls when
everything was sent.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from chargebee_operators.common.calls import Calls
from chargebee_operators.common.exceptions import ChargebeeExportError, UploadError
from chargebee_operators.common.task_log import task_log
from chargebee_operators.common.wording import counted
from chargebee_operators.s3.bucket import S3Bucket, S3CallError, composite, crc32

log = task_log(__name__)

# S3's own limits. Together the last two make the largest object, 48.8 TiB.
MIN_PART, MAX_PART, MAX_PARTS = 5 << 20, 5 << 30, 10_000

# A part of a stream of unknown length is this share of what went before, so parts stay as asked for until that many
# are sent, and even those of 5 MiB come to 6.5 TiB before the 10,000 are used up.
GROWTH = 1250

# Of the 10,000 parts, those that hold a stream whose length is known. The others, growing, take four times as much more,
# should it have been wrong: Parquet can be longer than its CSV.
BOUND_PARTS = 8_000

# Seconds that parts on their way have to arrive before their uploads are aborted.
GRACE = 2.0


def part_size(number: int, written: int, preferred: int, bound: int | None = None) -> int:
    """Return the size in bytes of the next part.

    :param number: the part's, from 1.
    :param written: bytes in the parts before it.
    :param preferred: what is wanted, where S3's limits leave the choice.
    :param bound: about the most bytes that the object will have, where that is known; all parts are then of one size.
    :raises UploadError: when S3 takes no further part.
    """
    if number > MAX_PARTS:
        raise UploadError(f"An object of more than {written} bytes does not fit in S3's {MAX_PARTS} parts.")
    needed = -(-bound // BOUND_PARTS) if bound is not None and written < bound else written // GROWTH
    return min(max(preferred, needed, MIN_PART), MAX_PART)


class Part(bytearray):
    """A part's bytes. botocore logs each call's body at DEBUG, where the data of customers have no business."""

    def __repr__(self) -> str:
        return f"<{len(self)} bytes>"


def split(pieces: Iterable[bytes], preferred: int, bound: int | None = None) -> Iterator[Part]:
    """Yield the parts that a stream is sent in; none when it is empty."""
    part = Part()
    number, written, size = 0, 0, 0
    for piece in pieces:
        rest = memoryview(piece)
        while rest:
            if not part:
                number += 1
                size = part_size(number, written, preferred, bound)
            room = size - len(part)
            part += rest[:room]
            rest = rest[room:]
            if len(part) == size:
                yield part
                written += size
                part = Part()
    if part:
        yield part


@dataclass
class Upload:
    """One object on its way.

    :param upload_id: S3's; None as long as there is no part, and for good when the object is empty.
    :param parts: number -> (ETag, CRC-32).
    :param etag: the object's, once it is complete.
    :param completing: whether the object may be visible.
    """

    key: str
    upload_id: str | None = None
    size: int = 0
    sha256: str = ""
    parts: dict[int, tuple[str, str]] = field(default_factory=dict)
    etag: str = ""
    completing: bool = False


class Uploader:
    """The uploads of one run.

    :param bucket: where they go.
    :param preferred: bytes of a part.
    :param in_flight: the most parts on the wire at once. One more is filled meanwhile, so that memory is this plus
        one, times the part's size; larger parts go fewer at a time.
    :param threads: False sends each part before the next is filled.
    """

    def __init__(self, bucket: S3Bucket, preferred: int, in_flight: int, threads: bool = True) -> None:
        self.uploads: list[Upload] = []
        self._bucket = bucket
        self._preferred = max(preferred, MIN_PART)
        self._in_flight, self._threads = in_flight, threads
        self._calls = Calls(in_flight, "s3-part", threads)
        # SHA-256 takes the parts in order, so it has one thread, beside those that inflate and send.
        self._hashing = Calls(1, "sha-256", threads)

    def send(self, key: str, pieces: Iterable[bytes], bound: int | None = None) -> Upload:
        """Send one object's bytes and return when S3 has them all.

        :param bound: the most bytes that it will have, where that is known.
        :raises ChargebeeExportError: when S3 does not take them.
        """
        upload = Upload(key)
        self.uploads.append(upload)
        digest, number = hashlib.sha256(), 0
        for part in split(pieces, self._preferred, bound):
            if upload.upload_id is None:
                # In a thread as well: a signal that ends the task raises in this one, and would lose the id.
                self._calls.for_each(self._create, [upload])
            number += 1  # noqa: SIM113  enumerate() would hold on to a part
            upload.size += len(part)
            self._calls.leave_at_most(max(1, self._preferred * self._in_flight // len(part)) - 1)
            hashed = threading.Event()
            self._hashing.begin(_hash, digest.update, part, hashed)
            self._calls.begin(self._send_part, upload, number, part, hashed)
            del part  # or it would stay in memory while the next one is filled
        self._calls.leave_at_most(0)
        self._hashing.leave_at_most(0)
        upload.sha256 = digest.hexdigest()
        return upload

    def complete(self) -> None:
        """Make all objects visible."""
        self._calls.for_each(self._complete, self.uploads)

    def verify(self) -> None:
        """Ask S3 for each object, and compare its size, ETag and checksum with what was sent.

        :raises UploadError: when one is not there, or not as it was sent.
        """
        self._calls.for_each(self._verify, self.uploads)

    def abort(self) -> None:
        """Drop what was not completed. What is under way is waited for, but a killed task has five seconds."""
        if self._calls.end(GRACE):
            self._abort_unfinished()
            return
        # Some are still busy. S3 keeps a part that arrives behind an abort, so there is a second one.
        self._abort_unfinished()
        self._calls.end()
        self._abort_unfinished()

    def close(self) -> None:
        """End the threads."""
        self._calls.close()
        self._hashing.close()

    def _create(self, upload: Upload) -> None:
        upload.upload_id = self._bucket.create_upload(upload.key)

    def _send_part(self, upload: Upload, number: int, part: Part, hashed: threading.Event) -> None:
        assert upload.upload_id is not None
        crc = crc32(part)
        etag = self._bucket.send_part(upload.key, upload.upload_id, number, part, crc)
        upload.parts[number] = (etag, crc)
        hashed.wait()  # so that no more parts are in memory than are under way

    def _complete(self, upload: Upload) -> None:
        upload.completing = True
        if upload.upload_id is None:
            # S3 has no parts of no bytes, or at least not every look-alike has.
            upload.etag = self._bucket.put(upload.key, b"", self._bucket.extra_args)
            return
        parts = [(number, etag, crc) for number, (etag, crc) in sorted(upload.parts.items())]
        try:
            upload.etag = self._bucket.complete_upload(upload.key, upload.upload_id, parts)
        except S3CallError as error:
            if error.code != "NoSuchUpload":
                raise
            upload.etag = self._completed_before(upload)

    def _completed_before(self, upload: Upload) -> str:
        """Return the object's ETag when S3 knows no such upload because the first call's answer was lost."""
        try:
            found = self._bucket.head(upload.key)
        except S3CallError:
            found = {}
        if found.get("ContentLength") != upload.size:
            raise UploadError(f"The upload of {upload.key} is gone: another try of the same job has aborted it.")
        return found["ETag"]

    def _verify(self, upload: Upload) -> None:
        name = f"s3://{self._bucket.name}/{upload.key}"
        found = self._bucket.head(upload.key)
        if found["ContentLength"] != upload.size:
            raise UploadError(
                f"{name} has {counted(found['ContentLength'], 'byte')} in S3, but {upload.size} were sent."
            )
        if found["ETag"].strip('"') != upload.etag.strip('"'):
            raise UploadError(
                f"{name} has ETag {found['ETag']} in S3, but {upload.etag} was written: another program has replaced the "
                "object, or this S3 server gives another ETag to HEAD than to the write. If the server does, set verify=False."
            )
        told, sent = found.get("ChecksumCRC32", ""), composite(crc for _, (_, crc) in sorted(upload.parts.items()))
        # A checksum of another kind, over the whole object, is not ours to compare.
        if "-" in told and told != sent:
            raise UploadError(f"{name} has checksum {told} in S3, but {sent} was sent.")

    def _abort_unfinished(self) -> None:
        aborting = Calls(self._in_flight, "s3-abort", self._threads)
        aborting.for_each(self._abort, [each for each in self.uploads if each.upload_id and not each.etag])
        aborting.close()

    def _abort(self, upload: Upload) -> None:
        assert upload.upload_id is not None
        try:
            self._bucket.abort_upload(upload.key, upload.upload_id)
        except ChargebeeExportError as error:
            log.warning("The upload of %s is left for the next try to abort: %s", upload.key, error)


def _hash(update: Callable[[bytes], None], part: bytes, hashed: threading.Event) -> None:
    try:
        update(part)
    finally:
        hashed.set()
