"""Lands exports through ``S3Partition``, and looks at what the bucket then holds."""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.partition.commit import S3Partition
from chargebee_operators.partition.manifest import FileEntry, Manifest, ObjectNames
from chargebee_operators.s3.connection import s3_hook

BUCKET = "commits"
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


@functools.cache
def hook_of(worker: int, settings: str) -> Any:
    """Return a worker's S3Hook: a client takes a while to make, and no two workers share one."""
    given = json.loads(settings)
    return s3_hook("aws_default", given.get("extra_args"), given.get("transfer"))


def land_in(
    store: Store,
    export: str,
    members: dict[str, bytes | Iterable[bytes]],
    template: str = UNIQUE,
    worker: int = 0,
    sole: bool = False,
    since: datetime | None = None,
    check: Callable[[Any], None] = lambda standing: None,
    manifest: str = "_manifest.json",
    **settings: Any,
) -> str:
    """Land an export, as one of several workers; return the try's token."""
    hook = hook_of(worker, json.dumps(settings))
    job = JobRecord(export, "customers", "acme", {}, None, None, None, "2026-11-24T00:00:00Z")
    names = ObjectNames(template, job, ".csv")
    key = f"{store.prefix}/{manifest}"
    with S3Partition(hook, store.bucket, store.prefix, key, names, sole=sole, since=since) as partition:
        files = []
        for member, data in members.items():
            written = partition.write(names.name(member), [data] if isinstance(data, bytes) else data)
            files.append(FileEntry(written.key, member, written.bytes, written.sha256, 0, []))
        partition.commit(Manifest(job.to_dict(), "1", {"attempt": names.attempt}, "csv", "now", files), check=check)
    return names.attempt


def attempt_of(told: dict[str, Any] | None) -> str | None:
    return told and told["run"]["attempt"]
