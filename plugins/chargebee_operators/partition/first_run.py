"""Which run is the first of a resource: the one that finds no manifest, and takes the mark before any other.

The mark is a small object. S3 takes it under a condition only, so that of two first runs at once one is the first. It names
the run, so that a retry of it is the first again. Runs after it read the mark alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from itertools import islice
from typing import Any

from chargebee_operators.checks.columns import read_manifest
from chargebee_operators.common.exceptions import ChargebeeExportError
from chargebee_operators.common.task_log import task_log
from chargebee_operators.partition.current_manifest import read_current_manifest
from chargebee_operators.partition.key_templates import KeyTemplates, join
from chargebee_operators.partition.keys import manifest_keys
from chargebee_operators.partition.manifest import job_of
from chargebee_operators.s3.bucket import S3Bucket, S3CallError
from chargebee_operators.s3.upload_args import for_manifest

log = task_log(__name__)

# Objects like manifests that are looked at.
_MOST = 50
# What S3 answers when another run was faster.
_TAKEN = (409, 412)


class FirstRun:
    """Finds out whether a run is the first of a resource.

    :param bucket: where its partitions go.
    :param templates: of their keys. Only ``manifest_name`` may have something left for Jinja: it can be another text in each
        run, and the manifests of all runs count.
    :param site: the site's name.
    :param run: ``dag_id`` and ``run_id``.
    """

    def __init__(self, bucket: S3Bucket, templates: KeyTemplates, site: str, run: Mapping[str, str]) -> None:
        self._s3 = bucket
        self._templates = templates
        self._site = site
        self._run = dict(run)

    def is_first(self, resource: str) -> bool:
        """Return whether this run is the first one, and leave the mark.

        :raises ChargebeeExportError: when S3 does not say.
        """
        key = self.mark_key(resource)
        found = read_current_manifest(self._s3, key)
        if found.document is not None:
            return bool(found.document.get("first_run") == self._run)
        is_new = not self._has_partition(resource)
        mark = {"resource": resource, "site": self._site, "first_run": self._run if is_new else None}
        try:
            self._s3.put(key, json.dumps(mark).encode(), for_manifest(self._s3.extra_args), found.condition)
        except S3CallError as error:
            if error.status not in _TAKEN:
                raise
            # By another run, or by this one, whose first answer was lost.
            taken = read_current_manifest(self._s3, key).document
            if taken is None:
                raise  # S3 answers 409 for a write beside another one that failed too: the next try finds out
            is_new = taken.get("first_run") == self._run
        log.info("%s: this run is %s", resource, "its first one" if is_new else "not its first one")
        return is_new

    def mark_key(self, resource: str) -> str:
        """Return the key of the mark. It is the same for all windows."""
        whole = self._templates.s3_prefix.strip("/")
        prefix, brace, _ = whole.partition("{")
        root = prefix.rpartition("/")[0] if brace else prefix
        # Two templates may differ only behind the first placeholder. Each has a first run of its own.
        which = f"-{hashlib.sha256(whole.encode()).hexdigest()[:8]}" if brace else ""
        return join(root.strip("/"), f"first_runs/{resource}/site={self._site}{which}.json")

    def _has_partition(self, resource: str) -> bool:
        begin, pattern = manifest_keys(self._templates.s3_prefix, self._templates.manifest_name, resource, self._site)
        keys = (key for key in self._s3.keys(begin) if pattern.fullmatch(key))
        return any(self._is_of(key, resource) for key in islice(keys, _MOST))

    def _is_of(self, key: str, resource: str) -> bool:
        document: Any = {}
        try:
            document = read_manifest(self._s3.get(key)[0].decode(errors="replace"))
        except ChargebeeExportError as error:
            log.info("%s can't be read: %s", key, error)
        job = job_of(document)
        return job is not None and (job.resource, job.site) == (resource, self._site)
