"""One export on its way into a partition: every file is sent, counted and looked at, and the whole judged at the end."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import Any

from chargebee_operators._version import __version__
from chargebee_operators.archive.member import Member
from chargebee_operators.archive.zip_stream import ZipStream
from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.chargebee.windows import iso, parse_instant
from chargebee_operators.checks.clock_format import ClockFormat
from chargebee_operators.checks.columns import (
    Changes,
    absent_of,
    check_column_changes,
    columns_of_absent,
    compare_columns,
    files_of,
    judge_columns,
    read_manifest,
)
from chargebee_operators.checks.window_check import WindowCheck, check_for, window_for
from chargebee_operators.checks.window_verdict import check_mode, judge_window, settle
from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.formats.column_names import unique_names
from chargebee_operators.formats.csv_facts import CsvFacts
from chargebee_operators.formats.file_format import Format, member_bytes, whole_zip
from chargebee_operators.formats.parquet import ColumnTypes
from chargebee_operators.partition.before import Before, partition_before
from chargebee_operators.partition.commit import S3Partition
from chargebee_operators.partition.manifest import FileEntry, Manifest, ObjectNames

# Below "airflow.task", or Airflow 2 would leave its lines out of the task log.
log = logging.getLogger(f"airflow.task.{__name__}")

# Bytes of a zip whose members surely fit in 10,000 parts of any size, whatever they inflate to.
LARGE = 256 << 20


@contextmanager
def prompt_threads() -> Iterator[None]:
    """Let the threads that fetch and send have their turn within half a millisecond, for as long as the block runs.

    Python's own five are longer than each piece of work here, so that they would wait most of the time for the one that
    counts and inflates.
    """
    usual = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


@dataclass(frozen=True)
class Checks:
    """What an export is checked for besides its bytes.

    :param window_check: rows outside the window: ``fail``, ``warn`` or ``off``.
    :param window_column: the column that holds the window's clock; None to look for it.
    :param window_format: how its times are written, for ``datetime.strptime``; None for any that is known.
    :param window_timezone: the IANA name of the zone of those that name none; None when it is not known.
    :param column_changes: columns that have come or gone: ``warn``, ``fail`` or ``off``.
    :raises SettingsError: for another mode.
    """

    window_check: str = "fail"
    window_column: str | None = None
    window_format: str | None = None
    window_timezone: str | None = None
    column_changes: str = "warn"

    def __post_init__(self) -> None:
        check_mode(self.window_check)
        check_column_changes(self.column_changes)
        _ = self.clock

    @property
    def clock(self) -> ClockFormat:
        """How the clock's times are written."""
        return ClockFormat(self.window_format, self.window_timezone)


class Landing:
    """Sends an export's files into a partition, and says whether they may be committed.

    ``files`` are those that were sent, ``warnings`` and ``column_changes`` what ``judge`` has found, ``absent_files`` and
    ``compared_with`` (a key, or empty) as the manifest has them.

    :param job: the job record.
    :param partition: where they go.
    :param names: of its objects.
    :param file_format: that of the objects.
    :param checks: what is looked at.
    :param column_types: for Parquet, the columns that are not text.
    """

    def __init__(
        self,
        job: JobRecord,
        partition: S3Partition,
        names: ObjectNames,
        file_format: Format,
        checks: Checks,
        column_types: Mapping[str, str] | None = None,
    ) -> None:
        self.files: list[FileEntry] = []
        self.warnings: list[str] = []
        self.column_changes: Changes = {}
        self.absent_files: dict[str, list[str]] = {}
        self.compared_with = ""
        self._job = job
        self._partition = partition
        self._names = names
        self._format = file_format
        self._checks = checks
        self._types = ColumnTypes(column_types)
        self._windows: dict[Member, WindowCheck] = {}
        self._windows_of: list[list[WindowCheck]] = []  # for each of the files

    def send(
        self,
        chunks: Iterable[bytes],
        open_archive: Callable[[Iterable[bytes]], ZipStream],
        size: Callable[[], int | None],
    ) -> None:
        """Send the members, or the whole zip.

        :param chunks: the zip's bytes.
        :param open_archive: reads them.
        :param size: gives the zip's size, if it is known, once its first bytes are here.
        """
        facts: dict[Member, CsvFacts] = {}
        if self._format.name == "zip":
            self._file(self._job.resource, whole_zip(chunks, open_archive, facts, self._observer), facts, size)
            return
        for member in open_archive(chunks).members():
            facts = {member: self._observer(member)}
            pieces = member_bytes(member, self._format, facts[member], column_types=self._types)
            bound = partial(self._bound, member, size)
            self._file(member.name, pieces, facts, bound)

    def judge(self) -> None:
        """Look at the export as a whole; to be called before the commit.

        :raises WindowCheckError: when Chargebee has ignored the filter, and ``window_check`` is ``fail``.
        :raises ColumnsChangedError: when the columns are other ones, and ``column_changes`` is ``fail``.
        :raises SettingsError: when ``column_types`` names a column that there is not.
        """
        self._types.check_seen()
        if self._checks.window_check != "off":
            results = settle(self._windows.values())
            for entry, checks in zip(self.files, self._windows_of, strict=True):
                entry.window_check = [each.result.to_dict() for each in checks]
            self.warnings += judge_window(results, self._checks.window_check, self._job)
        if self._checks.column_changes != "off":
            self.compared_with, before = self._before()
            told = (
                f"are compared with {self.compared_with}"
                if self.compared_with
                else "have none before to be compared with"
            )
            log.info("Export %s: the columns %s", self._job.export_id, told)
            files, absent, now = files_of(before), absent_of(before), [asdict(each) for each in self.files]
            self.column_changes = compare_columns(files, now, absent)
            # In a flat layout a backfill replaces the manifest of a later time, of which nothing was true before.
            if not _is_later(before, self._job):
                self.absent_files = columns_of_absent(files, now, absent)
            self.warnings += judge_columns(self.column_changes, self._checks.column_changes)
        for each in self.warnings:
            log.warning("Export %s: %s", self._job.export_id, each)

    def manifest(self, run: Mapping[str, Any]) -> Manifest:
        """Return what the partition is to say of itself; to be called after ``judge``.

        :param run: who lands it, as ``Manifest`` has it, the attempt aside.
        """
        return Manifest(
            job=self._job.to_dict(),
            package_version=__version__,
            run={**run, "attempt": self._names.attempt},
            format=self._format.name,
            committed_at=iso(datetime.now(UTC)),
            files=self.files,
            warnings=self.warnings,
            column_changes=self.column_changes,
            absent_files=self.absent_files,
            compared_with=self.compared_with or None,
        )

    def _observer(self, member: Member) -> CsvFacts:
        if self._checks.window_check == "off":
            return CsvFacts()
        self._windows[member] = check_for(self._job, member.name, self._checks.window_column, self._checks.clock)
        return CsvFacts(self._windows[member])

    def _bound(self, member: Member, zip_size: Callable[[], int | None]) -> int | None:
        """Return about the most bytes that a member's object will have, so that its parts fit; None if all sizes do."""
        known = zip_size()
        if self._format.name == "csv.gz" and member.is_deflate:
            return known  # what passes through as it is can't be longer than the zip
        return member.size_ahead(known) if known is not None and known > LARGE else None

    def _file(
        self,
        name: str,
        pieces: Iterator[bytes],
        facts: Mapping[Member, CsvFacts],
        bound: Callable[[], int | None],
    ) -> None:
        first = next(pieces, None)  # which starts the download, and tells its size
        if first is None and self._format.name == "parquet":
            log.info("Export %s: %s has no columns, so there is no Parquet of it", self._job.export_id, name)
            return
        written = self._partition.write(self._names.name(name), chain([first or b""], pieces), bound())
        rows, is_zip = sum(each.rows for each in facts.values()), self._format.name == "zip"
        log.info("Sent s3://%s/%s: %s rows, %s bytes", self._partition.bucket, written.key, rows, written.bytes)
        self.files.append(
            FileEntry(
                key=written.key,
                member=", ".join(member.name for member in facts),
                bytes=written.bytes,
                sha256=written.sha256,
                rows=rows,
                columns=[column for each in facts.values() for column in self._column_names(each.columns)],
                member_columns={each.name: found.columns for each, found in facts.items()} if is_zip else {},
            )
        )
        self._windows_of.append([self._windows[each] for each in facts if each in self._windows])
        self.warnings += [f"{member.name}: {each}" for member, counted in facts.items() for each in counted.warnings]

    def _column_names(self, header: Sequence[str]) -> Sequence[str]:
        """Return the names that the columns have in the object."""
        if self._format.name != "parquet":
            return header
        return unique_names(header)

    def _before(self) -> Before:
        """Return the manifest of the partition before this one in time, else that which this one replaces."""
        window, key = window_for(self._job), self._partition.manifest_key
        length = window.end - window.start if window else None

        def is_alike(manifest: Mapping[str, Any]) -> bool:
            job = _job_of(manifest)
            same = job and (job.site, job.resource) == (self._job.site, self._job.resource)
            return bool(same and not _is_later(manifest, self._job))

        before = partition_before(
            key, _time_of(self._job), length, self._partition.neighbours, self._partition.text, is_alike
        )
        if before.key:
            return before
        replaced = read_manifest(self._partition.text(key))
        return Before(key if replaced else "", replaced)


def _time_of(job: JobRecord) -> datetime:
    """Return the start of a job's window, or when its snapshot was taken."""
    window = window_for(job)
    return window.start if window else parse_instant(job.requested_at, "requested_at")


def _job_of(manifest: Mapping[str, Any]) -> JobRecord | None:
    try:
        return JobRecord.from_dict(manifest.get("job"))
    except SettingsError:
        return None


def _is_later(manifest: Mapping[str, Any], job: JobRecord) -> bool:
    other = _job_of(manifest)
    return other is not None and _time_of(other) > _time_of(job)
