"""The partition that this one's columns are compared with, as S3 has it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.chargebee.windows import parse_instant
from chargebee_operators.checks.columns import read_manifest
from chargebee_operators.checks.window_check import window_for
from chargebee_operators.partition.before import Before, partition_before
from chargebee_operators.partition.commit import S3Partition
from chargebee_operators.partition.manifest import job_of


def find_before(job: JobRecord, partition: S3Partition) -> Before:
    """Return the manifest of the partition before this one in time, else the one that this one replaces."""
    window, key = window_for(job), partition.manifest_key
    length = window.end - window.start if window else None

    def is_alike(manifest: Mapping[str, Any]) -> bool:
        other = job_of(manifest)
        same = other and (other.site, other.resource) == (job.site, job.resource)
        return bool(same and not is_later(manifest, job))

    before = partition_before(key, time_of(job), length, partition.neighbours, partition.text, is_alike)
    if before.key:
        return before
    replaced = read_manifest(partition.text(key))
    return Before(key if replaced else "", replaced)


def time_of(job: JobRecord) -> datetime:
    """Return the start of a job's window, or when its snapshot was taken."""
    window = window_for(job)
    return window.start if window else parse_instant(job.requested_at, "requested_at")


def is_later(manifest: Mapping[str, Any], job: JobRecord) -> bool:
    """Return whether a manifest is of a later time than a job."""
    other = job_of(manifest)
    return other is not None and time_of(other) > time_of(job)


def is_earlier(manifest: Mapping[str, Any], job: JobRecord) -> bool:
    """Return whether a manifest is of an earlier time than a job."""
    other = job_of(manifest)
    return other is not None and time_of(other) < time_of(job)
