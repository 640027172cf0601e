"""Lands exports through ``S3Partition``, and looks at what the bucket then holds."""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from chargebee_operators.archive.zip_stream import ZipStream
from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.formats.file_format import get_format
from chargebee_operators.formats.parquet import ParquetSettings
from chargebee_operators.partition.commit import S3Partition
from chargebee_operators.partition.key_templates import KeyTemplates
from chargebee_operators.partition.keys import PartitionKeys
from chargebee_operators.partition.landing import Landing
from chargebee_operators.partition.manifest import FileEntry, Manifest
from chargebee_operators.partition.replacing import Replacing
from chargebee_operators.partition.tables import Table
from chargebee_operators.partition.verdict import Checks
from chargebee_operators.s3.connection import s3_hook
from support.buckets import WORKER
from support.zips import cut

BUCKET = "commits"
MB = 1 << 20
BIG = b"0123456789abcdef" * (12 * MB // 16)  # two parts
# Other layouts than the default one. In the last two an object's key does not say which manifest lists it.
FOLDER = {"object_name": "{partition}/{member}-{export_id}-{attempt}{suffix}", "manifest_name": "{partition}/_m.json"}
NO_EXPORT = {"object_name": "{site}/{resource}/{partition}/{member}-{attempt}{suffix}"}
NO_ATTEMPT = {"object_name": "{site}/{resource}/{partition}/{member}{suffix}"}
SHARED = {"object_name": "{partition}/{member}-{export_id}-{attempt}{suffix}"}
FLAT = {"object_name": "{member}{suffix}", "manifest_name": "_manifests/{resource}.json"}
_numbers = itertools.count()


class Store:
    """What is below one prefix of a bucket, as its users see it: one partition, and what a test puts beside it."""

    def __init__(self, client: Any, bucket: str) -> None:
        self.client = client
        self.bucket = bucket
        self.root = f"test-{WORKER}-{next(_numbers)}/"
        # The folder of the export's own table, in the default layout.
        self.prefix = f"{self.root}windows/customers/site=acme/window_start=20261123T000000Z"
        self.manifest_key = f"{self.root}manifests/customers/site=acme/window_start=20261123T000000Z.json"

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


def hook_of(worker: int, settings: str) -> Any:
    """Return a worker's S3Hook: a client takes a while to make, and no two workers share one."""
    return _hook(worker, settings, os.environ["AIRFLOW_CONN_AWS_DEFAULT"])


@functools.cache
def _hook(worker: int, settings: str, connection: str) -> Any:
    given = json.loads(settings)
    return s3_hook("aws_default", given.get("extra_args"), given.get("transfer"))


def job_of(export: str, **changes: Any) -> JobRecord:
    """Return the job record of an export of one day's customers."""
    window = {
        "window_start": "2026-11-23T00:00:00Z",
        "window_end": "2026-11-24T00:00:00Z",
        "window_field": "updated_at",
    }
    fields = {"resource": "customers", "site": "acme", "filters": {}, "requested_at": "2026-11-24T00:00:00Z", **window}
    return JobRecord(export, **{**fields, **changes})


def table_of(member: str) -> Table:
    """Return a table: ``addresses:a`` is a file of the table ``customers__addresses``."""
    kind, colon, _ = member.rpartition(":")
    return Table(kind, f"customers__{kind}") if colon else Table("customers", "customers")


def land_in(
    store: Store,
    export: str,
    members: dict[str, bytes | Iterable[bytes]],
    templates: Mapping[str, str] | None = None,
    worker: int = 0,
    job: Mapping[str, Any] | None = None,
    replacing: Replacing | None = None,
    **settings: Any,
) -> str:
    """Land an export, as one of several workers; return the try's token.

    :param members: by name, their bytes; ``table_of`` says which table each belongs to.
    :param templates: of the keys, where they are not the default ones.
    """
    hook, record = hook_of(worker, json.dumps(settings)), job_of(export, **(job or {}))
    keys = PartitionKeys(KeyTemplates(store.root, **(templates or {})), record, ".csv")
    with S3Partition(hook, store.bucket, keys, record, replacing) as partition:
        files = []
        for member, data in members.items():
            table = table_of(member)
            written = partition.write(keys.key(member, table), [data] if isinstance(data, bytes) else data)
            files.append(FileEntry(written.key, table.name, member, written.bytes, written.sha256, 0, []))
        partition.commit(Manifest(record.to_dict(), "1", {"attempt": keys.attempt}, "csv", "now", files))
    return keys.attempt


def land_archive(
    store: Store,
    job: JobRecord,
    data: bytes,
    file_format: str = "csv",
    templates: Mapping[str, str] | None = None,
    replacing: Replacing | None = None,
    names_ahead: Callable[[], Iterable[str] | None] = lambda: None,
    parquet: ParquetSettings | None = None,
    **checks: Any,
) -> dict[str, Any]:
    """Land a zip as the operator does, and return its manifest.

    :param checks: those of ``Checks``.
    """
    form = get_format(file_format)
    keys = PartitionKeys(KeyTemplates(store.root, **(templates or {})), job, form.suffix)
    with S3Partition(hook_of(99, "{}"), store.bucket, keys, job, replacing) as partition:
        landing = Landing(job, partition, form, Checks(**checks), parquet)
        landing.send(cut(data, 1000), ZipStream, lambda: len(data), names_ahead)
        landing.judge()
        partition.commit(landing.manifest({}))
    return json.loads(store.body(keys.manifest_key))


def attempt_of(told: dict[str, Any] | None) -> str | None:
    return told and told["run"]["attempt"]
