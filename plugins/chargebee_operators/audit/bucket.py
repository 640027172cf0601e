"""What the audit reads from S3: the manifests of a resource, and a copy of one object at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chargebee_operators.audit.comparison import Copy
from chargebee_operators.audit.partitions import TableFile
from chargebee_operators.checks.columns import read_manifest
from chargebee_operators.common.calls import in_threads
from chargebee_operators.partition.keys import manifest_keys
from chargebee_operators.s3.bucket import S3Bucket, S3CallError

_AT_A_TIME = 16


class AuditBucket:
    """The bucket of the exports, for reading.

    :param bucket: calls S3.
    :param folder: for copies; its owner removes it.
    """

    def __init__(self, bucket: S3Bucket, folder: Path) -> None:
        self._bucket = bucket
        self._folder = folder

    def manifests(self, s3_prefix: str, manifest_name: str, resource: str, site: str) -> dict[str, Mapping[str, Any]]:
        """Return the manifests of a resource, by their keys.

        :param s3_prefix: the template of the uploads.
        :param manifest_name: likewise; it may still hold Jinja.
        :param resource: its name.
        :param site: the Chargebee site.
        """
        begin, pattern = manifest_keys(s3_prefix, manifest_name, resource, site)
        keys = sorted(key for key in self._bucket.keys(begin) if pattern.fullmatch(key))
        return dict(zip(keys, in_threads(self.manifest, keys, _AT_A_TIME, "audit-manifests"), strict=True))

    def manifest(self, key: str) -> Mapping[str, Any]:
        """Return one manifest; empty when it is none, or was removed meanwhile."""
        try:
            return read_manifest(self._bucket.get(key)[0].decode("utf-8", "replace"))
        except S3CallError as error:
            if error.status != 404:
                raise
            return {}

    @contextmanager
    def copy(self, file: TableFile) -> Iterator[Copy]:
        """Give a copy of an object for the time of the block.

        :raises UploadError: when S3 gives no answer, or another one than the object or that it does not exist.
        """
        path, digest = self._folder / "object", hashlib.sha256()
        try:
            try:
                with path.open("wb") as local:
                    for chunk in self._bucket.stream(file.key):
                        digest.update(chunk)
                        local.write(chunk)
            except S3CallError as error:
                if error.status != 404:
                    raise
                yield Copy(None)
                return
            yield Copy(path, not file.sha256 or digest.hexdigest() == file.sha256)
        finally:
            path.unlink(missing_ok=True)
