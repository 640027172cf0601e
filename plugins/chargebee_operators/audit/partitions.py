"""The partitions of one resource as their manifests list them, and which of them a snapshot is compared with. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.chargebee.windows import Window, parse_instant
from chargebee_operators.checks.columns import files_of
from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.partition.manifest import job_of


@dataclass(frozen=True)
class TableFile:
    """One object of a resource's own table.

    :param key: its S3 key.
    :param member: the name of the file in the export.
    :param sha256: hex digest of its bytes.
    :param format: ``csv``, ``csv.gz`` or ``parquet``.
    :param names: the columns' names in the file.
    :param exported: the same as Chargebee exported them, in the same order.
    :param kinds: the types of the columns that are not text, by their names in the file.
    """

    key: str
    member: str
    sha256: str
    format: str
    names: tuple[str, ...]
    exported: tuple[str, ...]
    kinds: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Partition:
    """One committed partition.

    :param key: of its manifest.
    :param job: the job record.
    :param files: those of the resource's own table.
    :param outside: rows that the upload found outside of the window.
    :param is_refuted: whether the upload proved, by rows or by the API, that Chargebee ignored the filter.
    """

    key: str
    job: JobRecord
    files: tuple[TableFile, ...] = ()
    outside: int = 0
    is_refuted: bool = False

    @property
    def window(self) -> Window | None:
        """Its window; None for a snapshot."""
        return self.job.window

    @property
    def requested_at(self) -> datetime:
        """When its export was requested, by Chargebee's clock."""
        return parse_instant(self.job.requested_at, "requested_at")

    @property
    def current(self) -> int:
        """Until when its rows are current, in epoch seconds: the window's end, or the time of the snapshot."""
        return int((self.window.end if self.window else self.requested_at).timestamp())


@dataclass(frozen=True)
class Selection:
    """What a snapshot is compared with.

    :param partitions: windows and earlier snapshots, the oldest first.
    :param others: keys of manifests of the same resource that hold other records, by their filters or business entity.
    """

    partitions: tuple[Partition, ...]
    others: tuple[str, ...]


def partition_of(key: str, manifest: Mapping[str, Any]) -> Partition | None:
    """Return the partition that a manifest describes; None when it can't be read as one.

    :param key: of the manifest.
    :raises SettingsError: when the export was kept as a zip, whose rows can't be compared.
    """
    job = job_of(manifest)
    if job is None or not isinstance(manifest.get("files"), list):
        return None
    if manifest.get("format") == "zip":
        raise SettingsError(
            f"Partition {key} is of file_format 'zip', and an audit can't read that: leave {job.resource} out of the audit, or "
            "choose csv.gz, csv or parquet."
        )
    listed = [each for each in files_of(manifest) if each.get("key") and each.get("table") == job.resource]
    files = tuple(_file(each, str(manifest.get("format"))) for each in listed)
    proof = manifest.get("window_proof")
    is_refuted = (
        isinstance(proof, Mapping) and proof.get("by") in ("column", "spot_check") and not proof.get("confirmed")
    )
    return Partition(key, job, files, sum(_outside(each) for each in listed), is_refuted)


def select(partitions: Iterable[Partition], snapshot: Partition) -> Selection:
    """Return the partitions that hold the same kind of records as a snapshot, the snapshot aside.

    :param partitions: of any resources and sites.
    """
    alike = [
        each
        for each in partitions
        if each.key != snapshot.key and (each.job.site, each.job.resource) == (snapshot.job.site, snapshot.job.resource)
    ]
    same = [each for each in alike if _holds(each.job) == _holds(snapshot.job)]
    return Selection(
        tuple(sorted(same, key=lambda each: (each.current, each.key))),
        tuple(sorted(each.key for each in alike if each not in same)),
    )


def _holds(job: JobRecord) -> tuple[object, ...]:
    """Return what decides which records an export holds, the window aside."""
    return job.business_entity_id, sorted(job.further_filters.items())


def _file(file: Mapping[str, Any], form: str) -> TableFile:
    names = _texts(file.get("columns"))
    kinds = file.get("column_types")
    return TableFile(
        str(file["key"]),
        str(file.get("member") or ""),
        str(file.get("sha256") or ""),
        form,
        names,
        _texts(file.get("exported_columns")) or names,
        {str(name): str(kind) for name, kind in kinds.items()} if isinstance(kinds, Mapping) else {},
    )


def _outside(file: Mapping[str, Any]) -> int:
    """Return how many rows the check of the window found outside of it."""
    checks = file.get("window_check")
    found = [each.get("outside") for each in checks if isinstance(each, Mapping)] if isinstance(checks, list) else []
    return sum(each for each in found if isinstance(each, int))


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(map(str, values)) if isinstance(values, Sequence) and not isinstance(values, str) else ()
