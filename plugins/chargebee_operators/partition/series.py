"""Whether a window meets the partition before it, or has time in common with a partition beside it.

A window that a person has typed belongs to no series: it closes a gap, but neither opens one nor counts as an overlap.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.chargebee.windows import Window, iso
from chargebee_operators.checks.columns import read_manifest
from chargebee_operators.checks.window_check import window_for
from chargebee_operators.common.foreign_text import clean
from chargebee_operators.common.wording import counted
from chargebee_operators.partition.before import earlier_keys, later_keys
from chargebee_operators.partition.commit import S3Partition
from chargebee_operators.partition.manifest import job_of

# A manifest's ``run`` says so when its window is the data interval of its run, and one of the schedule.
OF_SCHEDULE = "of_schedule"
# How many manifests before the window are read, and how many inside of it.
MOST_BEFORE, MOST_INSIDE = 20, 100


@dataclass(frozen=True)
class Overlap:
    """Time that is in two partitions.

    :param window: the time.
    :param key: of the other partition's manifest.
    """

    window: Window
    key: str


@dataclass(frozen=True)
class Series:
    """A window among those of its schedule.

    :param gap: the time between the partition before and this window that is in no partition; None when the two meet.
    :param overlaps: what the window shares with other partitions of a schedule.
    """

    gap: Window | None = None
    overlaps: tuple[Overlap, ...] = ()


@dataclass
class Findings:
    """What the manifest says of the window's neighbours.

    :param warnings: sentences for the log and the manifest.
    :param gap_before: as ``Manifest`` has it.
    :param overlaps: as ``Manifest`` has it.
    """

    warnings: list[str] = field(default_factory=list)
    gap_before: dict[str, str | None] | None = None
    overlaps: list[dict[str, str]] = field(default_factory=list)


def series_of(job: JobRecord, partition: S3Partition) -> Series:
    """Look at the partitions beside a window, as S3 has them.

    :param job: the job record; its window is the data interval of its run.
    :param partition: the one that is being written.
    """
    window, key = window_for(job), partition.manifest_key
    if window is None:
        return Series()
    gap, overlaps = _before(window, job, partition)
    for other in islice(later_keys(key, window, partition.neighbours), MOST_INSIDE):
        found = _neighbour(other, job, partition)
        if found is None:
            continue
        if found.window.start >= window.end:
            break
        if found.is_of_schedule:
            overlaps.append(_common(window, found))
    return Series(gap, tuple(overlaps))


def findings_of(series: Series, resource: str, command: str | None) -> Findings:
    """Put into words what a person has to know of a series.

    :param series: the window among its neighbours.
    :param resource: the export's.
    :param command: what fills the gap; None when no command does.
    """
    found = Findings()
    if gap := series.gap:
        found.gap_before = {"from": iso(gap.start), "to": iso(gap.end), "command": command}
        mend = f"Fill it: {command}" if command else "Export that window."
        found.warnings.append(
            f"No partition of {resource} has the time {gap}, right before this window: no run has exported it. {mend}"
        )
    if series.overlaps:
        found.overlaps = [
            {"from": iso(each.window.start), "to": iso(each.window.end), "manifest_key": each.key}
            for each in series.overlaps
        ]
        first, others = series.overlaps[0], counted(len(series.overlaps), "other partition")
        found.warnings.append(
            f"This window has time in common with {others}: {first.window} is also in {clean(first.key)}. Rows of that time are "
            "in both: read the latest version of each row, or give a changed schedule another prefix."
        )
    return found


@dataclass(frozen=True)
class _Neighbour:
    key: str
    window: Window
    is_of_schedule: bool


def _before(window: Window, job: JobRecord, partition: S3Partition) -> tuple[Window | None, list[Overlap]]:
    """Return what is missing before a window, and what a partition that starts before it has in common with it."""
    length, key = window.end - window.start, partition.manifest_key
    ends = []
    is_series = False
    for other in islice(earlier_keys(key, window.start, length, partition.neighbours), MOST_BEFORE):
        found = _neighbour(other, job, partition)
        if found is None or found.window.start >= window.start:
            continue
        ends.append(found.window.end)
        is_series = is_series or found.is_of_schedule
        if found.window.end >= window.start:
            is_overlap = found.is_of_schedule and found.window.end > window.start
            return None, [_common(window, found)] if is_overlap else []
    return (Window(max(ends), window.start), []) if is_series else (None, [])


def _neighbour(key: str, job: JobRecord, partition: S3Partition) -> _Neighbour | None:
    """Return a partition of the same series; None for another one, and for what is none."""
    manifest = read_manifest(partition.text(key))
    other = job_of(manifest)
    window = window_for(other) if other else None
    if other is None or window is None:
        return None
    if (other.site, other.resource, other.window_field) != (job.site, job.resource, job.window_field):
        return None
    return _Neighbour(key, window, _is_of_schedule(manifest))


def _is_of_schedule(manifest: Mapping[str, Any]) -> bool:
    run = manifest.get("run")
    return isinstance(run, Mapping) and run.get(OF_SCHEDULE) is True


def _common(window: Window, other: _Neighbour) -> Overlap:
    start, end = max(window.start, other.window.start), min(window.end, other.window.end)
    return Overlap(Window(start, end), other.key)
