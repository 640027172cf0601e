"""A folder in the place of a bucket: exports of a simulator are written to it by the package's own landing, without S3."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from chargebee_operators.archive.zip_stream import ZipStream
from chargebee_operators.chargebee.deletions import DELETED_RECORDS, DELETION_EVENTS, deletions_csv
from chargebee_operators.chargebee.filters import export_fields
from chargebee_operators.chargebee.jobs import JobRecord, new_job
from chargebee_operators.chargebee.resources import get_resource
from chargebee_operators.chargebee.windows import Window
from chargebee_operators.formats.file_format import get_format
from chargebee_operators.formats.made_csv import MadeCsv
from chargebee_operators.hooks import ChargebeeHook
from chargebee_operators.partition.commit import Written
from chargebee_operators.partition.key_templates import KeyTemplates
from chargebee_operators.partition.keys import PartitionKeys
from chargebee_operators.partition.landing import Landing
from chargebee_operators.partition.verdict import Checks
from chargebee_operators.s3.bucket import S3CallError


class LocalPartition:
    """Takes the objects of one partition."""

    bucket = "local"

    def __init__(self, folder: Path, keys: PartitionKeys) -> None:
        self.keys = keys
        self._folder = folder

    def write(self, key: str, pieces: Iterable[bytes], bound: int | None = None) -> Written:
        data = b"".join(pieces)
        path = self._folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return Written(key, len(data), hashlib.sha256(data).hexdigest())


class LocalLake:
    """What was written, below a folder; it has the calls by which an audit reads a bucket.

    :param folder: in the place of the bucket.
    :param hook: of the simulator's site.
    """

    name = "local"

    def __init__(self, folder: Path, hook: ChargebeeHook) -> None:
        self.folder = folder
        self._hook = hook
        self._http = requests.Session()
        self._http.trust_env, self._http.auth = False, (hook.settings.api_key, "")
        self._number = 0

    def keys(self, prefix: str) -> set[str]:
        root = self.folder / prefix.rpartition("/")[0]
        return {str(each.relative_to(self.folder)) for each in root.rglob("*") if each.is_file()}

    def get(self, key: str) -> tuple[bytes, str]:
        return b"".join(self.stream(key)), ""

    def stream(self, key: str) -> Iterator[bytes]:
        path = self.folder / key
        if not path.exists():
            raise S3CallError(f"{key}: no such object.", status=404)
        yield path.read_bytes()

    def land(
        self, resource: str, window: Window | None, prefix: str = "chargebee", filters: dict[str, Any] | None = None
    ) -> str:
        """Export a window or a snapshot, and return the key of its manifest."""
        field = "updated_at" if window else None
        fields = export_fields(
            get_resource(resource), window=window, window_field=field, filters=filters, export_type=None
        )
        self._number += 1
        # Not by the hook: the SDK makes two TLS contexts for each request, and this is a year of them.
        answer = self._http.post(f"{self._hook.settings.base_url}/exports/{resource}", data=dict(fields))
        export = answer.json()["export"]
        job = new_job(
            export_id=export["id"],
            resource=resource,
            site=self._hook.settings.site,
            wire_fields=fields,
            window=window,
            window_field=field,
            requested_at=datetime.fromtimestamp(export["created_at"], UTC),
        )
        url = self._hook.get_export(export["id"]).download_url
        data = self._http.get(str(url), auth=lambda request: request).content

        def fill(landing: Landing) -> None:
            landing.send([data], ZipStream, lambda: len(data))

        return self._commit(job, prefix, fill)

    def land_deletions(self, resource: str, window: Window) -> str:
        """List a window's deletions, and return the key of the manifest."""
        kinds = [kind for kind, whose in DELETION_EVENTS.items() if whose == resource]
        self._number += 1
        job = new_job(
            export_id=f"events-{self._number}",
            resource=DELETED_RECORDS,
            site=self._hook.settings.site,
            wire_fields=(),
            window=window,
            window_field="occurred_at",
            requested_at=datetime.now(UTC),
        )
        made = MadeCsv(f"{DELETED_RECORDS}.csv", deletions_csv(self._hook.events(window, kinds)))
        return self._commit(job, "chargebee", lambda landing: landing.send_csv(made))

    def _commit(self, job: JobRecord, prefix: str, fill: Any) -> str:
        form = get_format("csv.gz")
        keys = PartitionKeys(KeyTemplates(prefix), job, form.suffix)
        landing = Landing(job, LocalPartition(self.folder, keys), form, Checks("off", column_changes="off"))  # type: ignore[arg-type]
        path = self.folder / keys.manifest_key
        replaced = [each["key"] for each in json.loads(path.read_text())["files"]] if path.exists() else []
        fill(landing)
        landing.judge()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(landing.manifest({}).to_json())
        for key in replaced:
            (self.folder / key).unlink()
        return keys.manifest_key
