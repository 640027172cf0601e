"""What an export may take the place of. Pure.

A run that replaces a manifest removes the objects that it lists. So it may do that to another run of the same export, to a
shorter window inside its own, and to nothing else unless the settings say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chargebee_operators.chargebee.deletions import DELETED_RECORDS
from chargebee_operators.chargebee.events import EVENT_KINDS
from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.chargebee.windows import Window
from chargebee_operators.checks.window_check import window_for
from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.partition.manifest import job_of


@dataclass(frozen=True)
class Replacing:
    """What the settings allow beside reruns.

    :param keep_latest_only: the layout has one manifest for all windows of a resource, and each run takes the place of the
        one before.
    :param other: anything may be replaced.
    """

    keep_latest_only: bool = False
    other: bool = False

    def check(self, document: Any, job: JobRecord, manifest_key: str) -> str:
        """Refuse to replace a manifest of something else.

        :param document: the manifest in S3; None when there is none.
        :param job: what is about to take its place.
        :param manifest_key: its key, for the error.
        :return: a sentence for the log when something else than a rerun is replaced; empty otherwise.
        :raises SettingsError: with what both hold, and what to do.
        """
        if document is None:
            return ""
        current = job_of(document)
        if current and _extent(current) == _extent(job) and _rest(current) == _rest(job):
            return ""
        sentence = (
            f"{manifest_key} holds {_held(current)}" if current else f"{manifest_key} is no manifest of an export"
        )
        if self.other:
            return f"{sentence}; this run replaces it, as replace_other_window is set."
        if current is None:
            raise SettingsError(
                f"{sentence}: choose another manifest_name, or set replace_other_window=True to overwrite it."
            )
        if _source(current) == _source(job):
            if _contains(job, current) and _rest(current) == _rest(job):
                return f"{sentence}; this run's window contains that one and replaces it."
            if self.keep_latest_only and current.partition != job.partition:
                if _moment(current) <= _moment(job):
                    return ""
                raise SettingsError(
                    f"{sentence}, which is later than this run's {_held(job)}. With keep_latest_only a run does not replace "
                    "later data; set replace_other_window=True for this run if it should."
                )
        raise SettingsError(
            f"{sentence}. This run's export is {_held(job)} and would replace it. {_mend(current, job)}"
        )


def _mend(current: JobRecord, job: JobRecord) -> str:
    by_hand = "If it should replace it, set replace_other_window=True on the upload task for this run."
    if _source(current) != _source(job):
        return f"Give each resource, site and business entity its own manifest_name or s3_prefix. {by_hand}"
    if current.partition != job.partition:
        return (
            "Put {partition} into manifest_name and object_name, so that each window has its own manifest. If this layout "
            "should keep the latest window only, set keep_latest_only=True."
        )
    return f"Give this export another s3_prefix. {by_hand}"


def _source(job: JobRecord) -> tuple[str, str, str | None]:
    return job.site, job.resource, job.business_entity_id


def _extent(job: JobRecord) -> object:
    """Return the window, or when the snapshot was taken."""
    return window_for(job) or job.partition


def _contains(job: JobRecord, other: JobRecord) -> bool:
    outer, inner = window_for(job), window_for(other)
    return bool(outer and inner and outer.start <= inner.start and inner.end <= outer.end)


def _moment(job: JobRecord) -> str:
    """Return a text that sorts as the start of the window, or the time of the snapshot, does."""
    return job.partition.rpartition("=")[2]


def _rest(job: JobRecord) -> tuple[object, ...]:
    """Return what makes an export beside its extent."""
    return *_source(job), job.window_field, _filters(job)


def _filters(job: JobRecord) -> tuple[tuple[str, str], ...]:
    """Return the filters, but for those that the window gives."""
    # The kinds of events are those that the package knows: a later version may know more of them.
    kinds = {EVENT_KINDS} if job.resource == DELETED_RECORDS else set()
    return tuple(sorted((name, value) for name, value in job.further_filters.items() if name not in kinds))


def _held(job: JobRecord) -> str:
    """Return what an export holds, in words."""
    window: Window | None = window_for(job)
    extent = f" with {job.window_field} in {window}" if window else f", {job.partition}"
    filters = "".join(f", {name}={value}" for name, value in _filters(job))
    entity = f" for business entity {job.business_entity_id}" if job.business_entity_id else ""
    return f"{job.resource} of {job.site}{entity}{extent}{filters}"
