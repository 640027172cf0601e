"""One partition in S3: data objects first, the manifest last, then what an earlier run left.

Readers that follow ``_manifest.json`` never see a partition half written.
"""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chargebee_operators.exceptions import DestinationError, UploadError
from chargebee_operators.manifest import FileEntry, Manifest, listed_keys

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

# Below "airflow.task", or Airflow 2 would leave its lines out of the task log.
log = logging.getLogger(f"airflow.task.{__name__}")

# Part size times the parts in flight is what an upload holds in memory.
TRANSFER_DEFAULTS = {"multipart_threshold": 8 << 20, "multipart_chunksize": 8 << 20, "max_concurrency": 4}
PARTS_IN_MEMORY = 4


@dataclass(frozen=True)
class Written:
    """One object as it was sent: its key, size and SHA-256 (hex)."""

    key: str
    bytes: int
    sha256: str


def s3_hook(
    aws_conn_id: str | None,
    extra_args: Mapping[str, Any] | None = None,
    transfer_config_args: Mapping[str, Any] | None = None,
) -> S3Hook:
    """Return Airflow's S3 hook, set up to upload streams in bounded memory.

    :param aws_conn_id: the AWS connection; None for boto3's own search for credentials.
    :param extra_args: as ``upload_fileobj`` takes them: encryption, ACL, storage class, tagging...
    :param transfer_config_args: as ``boto3.s3.transfer.TransferConfig`` takes them; over the defaults.
    """
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    hook = S3Hook(
        aws_conn_id=aws_conn_id,
        extra_args=dict(extra_args or {}),
        transfer_config_args={**TRANSFER_DEFAULTS, **(transfer_config_args or {})},
    )
    # boto3's default holds ten parts of a stream, which at 8 MB is more than the rest of the task.
    hook.transfer_config.max_in_memory_upload_chunks = PARTS_IN_MEMORY
    return hook


def check_bucket(hook: S3Hook, bucket: str) -> None:
    """Make sure that the bucket exists.

    :raises DestinationError: when it does not. A refusal to tell is left for the upload to find out.
    """
    from botocore.exceptions import ClientError

    try:
        hook.get_conn().head_bucket(Bucket=bucket)
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if status == 404:
            raise DestinationError(
                f"Bucket {bucket!r} does not exist, or not for the AWS connection {hook.aws_conn_id!r}: create it, or "
                "name the right one."
            ) from None
        log.warning("Bucket %s: could not be looked at (%s); the upload will tell.", bucket, status)


class S3Partition:
    """A partition that is being replaced.

    :param hook: from ``s3_hook``.
    :param bucket: the bucket's name.
    :param manifest_key: where the manifest goes.
    """

    def __init__(self, hook: S3Hook, bucket: str, manifest_key: str) -> None:
        self.bucket = bucket
        self.manifest_key = manifest_key
        self._hook = hook
        self._client = hook.get_conn()
        self._written: list[str] = []
        self._earlier = self._earlier_keys()

    def write(self, key: str, pieces: Iterable[bytes]) -> Written:
        """Upload one object from its bytes.

        :raises DestinationError: when S3 refuses for want of the bucket or the right to write.
        """
        reader = _Reader(pieces)
        self._written.append(key)
        self._refusals(lambda: self._hook.load_file_obj(reader, key=key, bucket_name=self.bucket, replace=True))
        return Written(key, reader.size, reader.digest.hexdigest())

    def verify(self, files: Iterable[FileEntry]) -> None:
        """Ask S3 for each object that was written, and compare the sizes.

        :raises UploadError: when an object is not there, or not whole.
        """
        from botocore.exceptions import ClientError

        for each in files:
            try:
                size = self._client.head_object(Bucket=self.bucket, Key=each.key)["ContentLength"]
            except ClientError as error:
                status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
                raise UploadError(
                    f"s3://{self.bucket}/{each.key} was written, but S3 answers {status} for it."
                ) from None
            if size != each.bytes:
                raise UploadError(f"s3://{self.bucket}/{each.key} has {size} bytes in S3, but {each.bytes} were sent.")

    def commit(self, manifest: Manifest) -> None:
        """Write the manifest, then remove what the earlier one listed and this one does not."""
        args = {**self._hook.extra_args, "ContentType": "application/json"}
        body = manifest.to_json().encode()
        self._refusals(lambda: self._client.put_object(Bucket=self.bucket, Key=self.manifest_key, Body=body, **args))
        stale = sorted(self._earlier - {each.key for each in manifest.files})
        if stale:
            log.info("Removing %s objects of the earlier run of %s", len(stale), self.manifest_key)
            self._hook.delete_objects(bucket=self.bucket, keys=stale)

    def discard(self) -> None:
        """Remove what this run has written, as far as possible; what is committed stays."""
        mine = [key for key in self._written if key not in self._earlier]
        if mine:
            # The error that led here matters more than one of the clean-up.
            with suppress(Exception):
                self._hook.delete_objects(bucket=self.bucket, keys=mine)

    def _earlier_keys(self) -> set[str]:
        from botocore.exceptions import ClientError

        try:
            answer = self._client.get_object(Bucket=self.bucket, Key=self.manifest_key)
            return set(listed_keys(answer["Body"].read().decode()))
        except (ClientError, UnicodeDecodeError):
            # No manifest, or none that may be read: then there is nothing known to be stale.
            return set()

    def _refusals(self, call: Any) -> None:
        """Make a call and turn S3's refusals into a sentence that says what to mend."""
        from boto3.exceptions import S3UploadFailedError
        from botocore.exceptions import ClientError

        try:
            call()
        except (ClientError, S3UploadFailedError) as error:
            text = str(error)
            if "NoSuchBucket" in text:
                raise DestinationError(
                    f"Bucket {self.bucket!r} does not exist: create it, or name the right one."
                ) from error
            if "AccessDenied" in text:
                raise DestinationError(
                    f"AWS connection {self._hook.aws_conn_id!r} may not write to bucket {self.bucket!r}: it needs "
                    "s3:PutObject, s3:GetObject, s3:DeleteObject and s3:AbortMultipartUpload there."
                ) from error
            raise


class _Reader(io.RawIOBase):
    """A stream over an iterable of bytes, as the uploader needs it.

    It fills each ``read(n)`` to the end: the uploader takes a short answer for the end of the data. And it cannot
    seek, or the uploader would read everything once to measure it and once more to send it.
    """

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._held = b""
        self.size = 0
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def read(self, size: int = -1) -> bytes:
        parts, have = [self._held], len(self._held)
        while size < 0 or have < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            parts.append(piece)
            have += len(piece)
        data = b"".join(parts)
        self._held = b""
        if 0 <= size < have:
            data, self._held = data[:size], data[size:]
        self.size += len(data)
        self.digest.update(data)
        return data
