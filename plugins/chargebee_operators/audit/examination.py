"""Examines one resource: reads its manifests, its files and the latest deletions, and makes the report."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from chargebee_operators.audit.bucket import AuditBucket
from chargebee_operators.audit.comparison import Comparison
from chargebee_operators.audit.deletions import Deletions
from chargebee_operators.audit.latest_changes import add_latest_changes
from chargebee_operators.audit.partitions import Partition, partition_of, select
from chargebee_operators.audit.record_store import RecordStore, record_store
from chargebee_operators.audit.report import MOST_IDS, NOT_YET_DUE, AuditReport
from chargebee_operators.audit.windows import Backfill, Schedule, backfill_of, holes
from chargebee_operators.chargebee.deletions import DELETED_RECORDS
from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.checks.clock_format import ClockFormat
from chargebee_operators.common.exceptions import SettingsError, UploadError
from chargebee_operators.common.foreign_text import clean, listed
from chargebee_operators.common.spelling import nearest
from chargebee_operators.common.task_log import task_log
from chargebee_operators.common.wording import counted
from chargebee_operators.hooks import ChargebeeHook

log = task_log(__name__)


@dataclass(frozen=True)
class Question:
    """What is to be examined, and how.

    :param s3_prefix: the template of the uploads' keys.
    :param manifest_name: likewise.
    :param deletions_s3_prefix: that of the keys of ``deleted_records``.
    :param deletions_manifest_name: likewise.
    :param schedule: that of the DAG that exports the windows.
    :param due: up to when changes should be in S3.
    :param tolerance: so many faulty records are accepted.
    :param clock: how times are written.
    :param ignored: names of columns in snake case whose values are not compared.
    :param values: whether values are compared, and not only ids.
    :param window_field: the time field by which ``changes`` was exported.
    """

    s3_prefix: str
    manifest_name: str
    deletions_s3_prefix: str
    deletions_manifest_name: str
    schedule: Schedule
    due: datetime
    tolerance: int = 0
    clock: ClockFormat = field(default_factory=ClockFormat)
    ignored: Collection[str] = ()
    values: bool = True
    window_field: str = "updated_at"


class Examination:
    """The examination of one resource.

    :param hook: of the site.
    :param bucket: of the exports.
    :param question: what is to be examined.
    :param command: makes the command of a backfill, as ``backfill_of`` takes it.
    """

    def __init__(
        self,
        hook: ChargebeeHook,
        bucket: AuditBucket,
        question: Question,
        command: Callable[[str, datetime, datetime], str] | None = None,
    ) -> None:
        self._hook = hook
        self._bucket = bucket
        self._question = question
        self._command = command
        self._notes: list[str] = []

    def run(self, snapshot_key: str, changes_key: str | None, folder: Path) -> AuditReport:
        """Compare, and return the report.

        :param snapshot_key: of the snapshot's manifest.
        :param changes_key: of the manifest of what has changed since ``due``; None when that is not known.
        :param folder: for the database; its owner removes it.
        :raises UnreadableFileError: when the snapshot can't be read.
        :raises WindowCheckError: when Chargebee ignored the filter of the changes.
        :raises UploadError: when another run has replaced a partition meanwhile.
        """
        question, snapshot = self._question, self._partition(snapshot_key)
        job = snapshot.job
        partitions = self._selected(snapshot, changes_key)
        with record_store(folder) as store:
            comparison = Comparison(
                job.resource, store, self._bucket.copy, question.clock, question.ignored, values=question.values
            )
            deletions = self._add_deletions(store, snapshot)
            unproven = self._add_changes(store, comparison, changes_key)
            log.info("Audit of %s: reading %s partitions and the snapshot", job.resource, len(partitions))
            comparison.run(partitions, snapshot)
            problems = comparison.problems.every
            self._check_not_replaced(partitions, problems)
            findings = store.find(MOST_IDS)
            repeated = [partitions[number] for number in store.repeated_in()]
        self._note_findings(job.resource, repeated, findings["differs"].count > 0, comparison)
        if unproven and findings[NOT_YET_DUE].count:
            self._notes.append(
                "Nothing proves that Chargebee honoured the filter of the latest changes, so records that count as not yet due "
                f"may be at fault: {unproven}."
            )
        windows = sum(each.window is not None for each in partitions)
        return AuditReport(
            site=job.site,
            resource=job.resource,
            snapshot_key=snapshot_key,
            taken_at=snapshot.requested_at,
            due=question.due,
            counts={
                "snapshot_rows": comparison.snapshot_rows,
                "windows": windows,
                "snapshots": len(partitions) - windows,
                "rows": comparison.landed_rows,
                "deletions": deletions.count,
            },
            findings=findings,
            problems={**problems, **deletions.problems},
            backfills=self._backfills(partitions, problems, job, deletions),
            columns=sorted(comparison.compared),
            notes=self._notes,
            tolerance=question.tolerance,
        )

    def _selected(self, snapshot: Partition, changes_key: str | None) -> tuple[Partition, ...]:
        """Return what the snapshot is compared with, and note what is left out."""
        question, job = self._question, snapshot.job
        keys = question.s3_prefix, question.manifest_name
        selected = select(self._partitions(*keys, job.resource, job.site), snapshot)
        # Exports of the latest changes, by this audit and by earlier ones, are in one folder and are no windows.
        changes_folder = changes_key.rpartition("/")[0] + "/" if changes_key else "\0"
        others = [each for each in selected.others if not each.startswith(changes_folder)]
        if others:
            self._notes.append(
                f"Not compared, because their filters or business entity are others: {len(others)} partitions."
            )
        if not selected.partitions:
            self._notes.append(
                f"No partition of {job.resource} is below {question.s3_prefix!r}: check the prefix of the settings."
            )
        return selected.partitions

    def _add_changes(self, store: RecordStore, comparison: Comparison, changes_key: str | None) -> str:
        """Take the records that have changed since ``due`` as changed lately; return why that is not proven of them."""
        if not changes_key:
            return ""
        changes, question = self._partition(changes_key), self._question
        return add_latest_changes(
            self._hook, store, changes, comparison.ids(changes), question.due, question.window_field
        )

    def _note_findings(
        self, resource: str, repeated: Collection[Partition], differs: bool, comparison: Comparison
    ) -> None:
        if repeated:
            self._notes.append(
                f"These partitions have an id more than once: {listed((each.key for each in repeated), last=', ')}"
            )
        if differs:
            self._notes += unknown_columns(self._question.ignored, comparison, resource)
            self._notes += [
                f"Earlier files have {each} and later ones do not, so the earlier rows count as the newer ones, here and in "
                "views. Export into another prefix from now on."
                for each in sorted(comparison.lost_order)
            ]
        if comparison.hardly_compared:
            self._notes.append(
                f"Most values of {counted(comparison.hardly_compared, 'record')} were not compared: the file with its latest row "
                "has less than half of the snapshot's columns, because Chargebee or a setting has changed their names."
            )

    def _check_not_replaced(self, partitions: Collection[Partition], problems: Collection[str]) -> None:
        """Make sure that a damaged partition is not one that another run has replaced while it was read.

        :raises UploadError: when it is; the next try reads the new one.
        """
        for each in partitions:
            if each.key in problems:
                now = partition_of(each.key, self._bucket.manifest(each.key))
                if now is None or now.files != each.files:
                    raise UploadError(
                        f"Partition {each.key} was replaced while the audit read it. The next try of this task reads it again."
                    )

    def _partition(self, key: str) -> Partition:
        partition = partition_of(key, self._bucket.manifest(key))
        if partition is None:
            raise SettingsError(f"No manifest {key!r} is in the bucket: clear the upload before this task.")
        return partition

    def _partitions(self, s3_prefix: str, manifest_name: str, resource: str, site: str) -> list[Partition]:
        """Return all partitions of a resource."""
        found = self._bucket.manifests(s3_prefix, manifest_name, resource, site)
        each = (partition_of(key, manifest) for key, manifest in found.items())
        return [partition for partition in each if partition is not None and partition.job.resource == resource]

    def _add_deletions(self, store: RecordStore, snapshot: Partition) -> Deletions:
        """Add the deletions that are written, and take later ones as changed lately."""
        # A list of the whole site has the deletions of each business entity too.
        entities = (snapshot.job.business_entity_id, None)
        question = self._question
        keys = question.deletions_s3_prefix, question.deletions_manifest_name
        found = self._partitions(*keys, DELETED_RECORDS, snapshot.job.site)
        partitions = [each for each in found if each.job.business_entity_id in entities]
        if not partitions:
            self._notes.append("No deletions are written (deleted_records), so each deleted record counts as gone.")
        deletions = Deletions(self._hook, self._bucket, snapshot)
        deletions.add(partitions, question.due, store)
        self._check_not_replaced(partitions, deletions.problems)
        return deletions

    def _backfills(
        self, partitions: Collection[Partition], problems: Collection[str], job: JobRecord, deletions: Deletions
    ) -> list[Backfill]:
        """Return the time that has to be exported again, in order."""
        schedule, due = self._question.schedule, self._question.due
        # A window by another time has other records.
        windows = {
            each.key: each.window
            for each in partitions
            if each.window and each.job.window_field == self._question.window_field
        }
        missing = holes(windows.values(), due)
        found = [backfill_of(each, "no window covers it", job.resource, schedule, self._command) for each in missing]
        found += [
            backfill_of(each, "no window of deleted_records covers it", DELETED_RECORDS, schedule, self._command)
            for each in holes(deletions.windows.values(), due)
            if each not in missing
        ]
        found += [
            backfill_of(each.window, "its partition is damaged", job.resource, schedule)
            for each in partitions
            if each.key in problems and each.window
        ]
        found += [
            backfill_of(window, "its partition of deleted_records is damaged", DELETED_RECORDS, schedule)
            for key, window in deletions.windows.items()
            if key in deletions.problems
        ]
        return sorted(found, key=lambda each: each.window)


def unknown_columns(ignored: Collection[str], comparison: Comparison, resource: str) -> list[str]:
    """Return a note for each column that is to be ignored, and that no file has.

    One setting serves all resources of an audit, so a column that one of them lacks is usual. A wrong name matters only
    where values differ: call this there.

    :param ignored: names of columns in snake case.
    :param comparison: that has read all files.
    :param resource: its name.
    """
    return [
        f"ignored_columns has {clean(repr(each))}, and no file of {resource} has this column"
        f"{nearest(each, sorted(comparison.compared))}."
        for each in ignored
        if each not in comparison.columns
    ]
