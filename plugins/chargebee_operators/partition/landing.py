"""One export on its way into a partition: every file is sent, counted and looked at, and the whole judged at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import Any

from chargebee_operators._version import __version__
from chargebee_operators.archive.companions import HIDDEN, companion_of
from chargebee_operators.archive.member import Member
from chargebee_operators.archive.zip_stream import ZipStream
from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.chargebee.windows import iso
from chargebee_operators.checks.columns import files_of
from chargebee_operators.checks.spot_check import Fetch
from chargebee_operators.checks.window_check import WindowCheck, check_for
from chargebee_operators.checks.window_proof import WindowProof
from chargebee_operators.checks.window_verdict import judge_window
from chargebee_operators.common.task_log import task_log
from chargebee_operators.common.wording import counted
from chargebee_operators.formats.csv_facts import CsvFacts
from chargebee_operators.formats.file_format import Format, member_bytes, whole_zip
from chargebee_operators.formats.made_csv import MadeCsv
from chargebee_operators.formats.parquet import ParquetFile, ParquetSettings
from chargebee_operators.partition.before import Before
from chargebee_operators.partition.commit import S3Partition
from chargebee_operators.partition.earlier import find_before
from chargebee_operators.partition.known_columns import judge_types
from chargebee_operators.partition.manifest import FileEntry, LeftOut, Manifest, total_rows
from chargebee_operators.partition.series import Findings
from chargebee_operators.partition.tables import Table, Tables
from chargebee_operators.partition.verdict import Checks, Verdict, judge_changes, mixed_tables

log = task_log(__name__)

# What is known of a file once it is sent.
Facts = CsvFacts | ParquetFile

# Bytes of a zip whose members surely fit in 10,000 parts of any size, whatever they inflate to.
LARGE = 256 << 20
# Bytes that are held back until a file's first row is seen; a longer header is not read.
MOST_HELD = 2 << 20


class Landing:
    """Sends an export's files into a partition, and says whether they may be committed.

    ``files`` are those that were sent, ``left_out`` those that gave no object; ``warnings`` and ``verdict`` are what was
    found. Who sends a CSV that was made here sets ``window_proof`` and ``events_from``, as the manifest is to have them.

    :param job: the job record.
    :param partition: where they go.
    :param file_format: that of the objects.
    :param checks: what is looked at.
    :param parquet: for Parquet, how the objects are written.
    """

    def __init__(
        self,
        job: JobRecord,
        partition: S3Partition,
        file_format: Format,
        checks: Checks,
        parquet: ParquetSettings | None = None,
    ) -> None:
        self.files: list[FileEntry] = []
        self.left_out: list[LeftOut] = []
        self.warnings: list[str] = []
        self.window_proof: WindowProof | None = None
        self.events_from: str | None = None
        self.verdict = Verdict()
        self._neighbours = Findings()
        self._job = job
        self._partition = partition
        self._format = file_format
        self._checks = checks
        self._parquet = parquet or ParquetSettings()
        self._windows: dict[Member | MadeCsv, WindowCheck] = {}
        self._windows_of: list[list[WindowCheck]] = []  # for each of the files

    def send(
        self,
        chunks: Iterable[bytes],
        open_archive: Callable[[Iterable[bytes]], ZipStream],
        size: Callable[[], int | None],
        names_ahead: Callable[[], Iterable[str] | None] = lambda: None,
    ) -> None:
        """Send the members, or the whole zip.

        :param chunks: the zip's bytes.
        :param open_archive: reads them.
        :param size: gives the zip's size, if it is known, once its first bytes are here.
        :param names_ahead: as ``Tables`` takes it.
        """
        if self._format.name == "zip":
            facts: dict[Member, CsvFacts] = {}
            self._send_zip(whole_zip(chunks, open_archive, facts, self._observer_of_data), facts, size)
            return
        tables = Tables(self._job, names_ahead)
        for member in open_archive(chunks).members():
            if self._is_companion(member):
                continue
            self._send_file(member, tables.of(member.name), partial(self._bound, member, size))

    def send_csv(self, made: MadeCsv) -> None:
        """Send a CSV that was made here: the only file of the table that has the resource's name.

        Its window must have been checked before, so ``checks`` need ``window_check="off"``.
        """
        self._send_file(made, Table(self._job.resource, self._job.resource), lambda: None)

    def judge(self, fetch: Fetch | None = None) -> None:
        """Look at the export as a whole; to be called before the commit.

        :param fetch: retrieves a record by its id, for the spot check; None where Chargebee has no such call.
        :raises WindowCheckError: when Chargebee has ignored the filter, and ``window_check`` is ``fail``.
        :raises ColumnsChangedError: when the columns are other ones, and ``column_changes`` is ``fail``.
        :raises SettingsError: when a column's name is misspelt in ``column_types``.
        """
        if self._checks.window_check != "off":
            checks = list(self._windows.values())
            self.window_proof, found = judge_window(checks, self._checks.window_check, self._job, fetch)
            if self.window_proof:
                log.info("Export %s: %s", self._job.export_id, self.window_proof.says)
            for entry, its_checks in zip(self.files, self._windows_of, strict=True):
                entry.window_check = [each.result.to_dict() for each in its_checks]
            self.warnings += found
        before = Before("", {})
        if self._checks.column_changes != "off" or self._parquet.types.unused:
            before = find_before(self._job, self._partition)
        if self._format.name == "parquet" and self._parquet.types.unused:
            self.warnings += judge_types(self._job, self._parquet.types, before)
        if self._checks.column_changes != "off":
            now = files_of({"files": [asdict(each) for each in self.files], "left_out": [*map(asdict, self.left_out)]})
            self.verdict = judge_changes(self._job, before, now, self._checks)
            self.warnings += self.verdict.warnings
        self.warnings += mixed_tables(self.files)
        for each in self.warnings:
            log.warning("Export %s: %s", self._job.export_id, each)

    def take_neighbours(self, found: Findings) -> None:
        """Take and log what was found of the windows beside this one; to be called after ``judge``."""
        self._neighbours = found
        self.warnings += found.warnings
        for each in found.warnings:
            log.warning("Export %s: %s", self._job.export_id, each)

    def manifest(self, run: Mapping[str, Any]) -> Manifest:
        """Return what the partition is to say of itself; to be called after ``judge``.

        :param run: who lands it, as ``Manifest`` has it, the attempt aside.
        """
        return Manifest(
            job=self._job.to_dict(),
            package_version=__version__,
            run={**run, "attempt": self._partition.keys.attempt},
            format=self._format.name,
            committed_at=iso(datetime.now(UTC)),
            files=self.files,
            left_out=self.left_out,
            warnings=self.warnings,
            column_changes=self.verdict.column_changes,
            window_proof=self.window_proof.to_dict() if self.window_proof else None,
            absent_files=self.verdict.absent_files,
            compared_with=self.verdict.compared_with or None,
            gap_before=self._neighbours.gap_before,
            overlaps=self._neighbours.overlaps,
            events_from=self.events_from,
        )

    def _is_companion(self, member: Member) -> bool:
        """Leave out what a program has put beside the data; what is hidden for another reason is warned of."""
        reason = companion_of(member.name)
        if reason:
            self._leave_out(LeftOut(member.name, reason))
        if reason == HIDDEN:
            self.warnings.append(f"{member.name} was left out: {reason}.")
        return reason is not None

    def _observer_of_data(self, member: Member) -> CsvFacts | None:
        return None if self._is_companion(member) else self._observer(member)

    def _observer(self, member: Member | MadeCsv) -> CsvFacts:
        return CsvFacts(self._new_check(member))

    def _new_check(self, member: Member | MadeCsv) -> WindowCheck | None:
        if self._checks.window_check == "off":
            return None
        check = check_for(self._job, member.name, self._checks.window_column, self._checks.clock)
        self._windows[member] = check
        return check

    def _bound(self, member: Member, zip_size: Callable[[], int | None]) -> int | None:
        """Return about the most bytes that a member's object will have, so that its parts fit; None if all sizes do."""
        known = zip_size()
        if self._format.name == "csv.gz" and member.is_deflate:
            return known  # what passes through as it is can't be longer than the zip
        return member.size_ahead(known) if known is not None and known > LARGE else None

    def _send_file(self, member: Member | MadeCsv, table: Table, bound: Callable[[], int | None]) -> None:
        if self._format.name != "parquet":
            observer = self._observer(member)
            self._send_member(member, table, member_bytes(member, self._format, observer), observer, bound)
            return
        # Its rows are counted, and looked at, as they are parsed.
        keys = self._partition.keys.partitioned_by
        file = ParquetFile(member.name, table.name, self._parquet, keys, self._new_check(member))
        self._send_member(member, table, member_bytes(member, self._format, parquet=file), file, bound)

    def _send_member(
        self,
        member: Member | MadeCsv,
        table: Table,
        pieces: Iterator[bytes],
        facts: Facts,
        bound: Callable[[], int | None],
    ) -> None:
        first = self._until_rows(pieces, facts)  # which starts the download, and tells its size
        if first is None:
            reason = "it has no rows" if facts.columns else "it is empty"
            self._leave_out(LeftOut(member.name, reason, table.name, facts.columns))
            self.warnings += [f"{member.name}: {each}" for each in facts.warnings]
            return
        written = self._partition.write(self._partition.keys.key(member.name, table), chain(first, pieces), bound())
        columns, size, digest = facts.columns, written.bytes, written.sha256
        entry = FileEntry(written.key, table.name, member.name, size, digest, facts.rows, columns)
        if isinstance(facts, ParquetFile):
            entry.exported_columns, entry.column_types = facts.exported_columns, facts.types
        self._add(entry, {member: facts})

    def _send_zip(
        self, pieces: Iterator[bytes], facts: Mapping[Member, CsvFacts], size: Callable[[], int | None]
    ) -> None:
        own = Table(self._job.resource, self._job.resource)
        first = next(pieces, b"")
        written = self._partition.write(
            self._partition.keys.key(self._job.resource, own), chain([first], pieces), size()
        )
        names = [each.name for each in facts]
        tables = Tables(self._job, lambda: names)
        rows: dict[str, int | None] = {each.name: found.rows for each, found in facts.items()}
        mine = [rows[name] for name in rows if tables.of(name) == own]
        entry = FileEntry(
            written.key,
            own.name,
            ", ".join(names),
            written.bytes,
            written.sha256,
            total_rows(mine) if mine or not rows else None,
            [column for each in facts.values() for column in each.columns],
            member_columns={each.name: found.columns for each, found in facts.items()},
            member_rows=rows,
        )
        self._add(entry, facts)

    def _until_rows(self, pieces: Iterator[bytes], facts: Facts) -> list[bytes] | None:
        """Return an object's first pieces; None when there will be no object.

        A CSV without rows stops readers: DuckDB takes its header for a row, pyarrow finds no type for its columns, and one
        without any bytes is an error to both. A Parquet file without rows has columns with types, and is read as it should.
        """
        first: list[bytes] = []
        held = 0
        for piece in pieces:
            first.append(piece)
            held += len(piece)
            if self._format.name == "parquet" or _has_rows(facts) or held > MOST_HELD:
                return first
        return first if first and _has_rows(facts) else None

    def _add(self, entry: FileEntry, facts: Mapping[Any, Facts]) -> None:
        log.info(
            "Export %s: sent s3://%s/%s, %s, %s bytes",
            self._job.export_id,
            self._partition.bucket,
            entry.key,
            counted(entry.rows, "row"),
            entry.bytes,
        )
        self.files.append(entry)
        self._windows_of.append([self._windows[each] for each in facts if each in self._windows])
        self.warnings += [f"{member.name}: {each}" for member, found in facts.items() for each in found.warnings]

    def _leave_out(self, left: LeftOut) -> None:
        log.info("Export %s: %s is left out: %s", self._job.export_id, left.member, left.reason)
        self.left_out.append(left)


def _has_rows(facts: Facts) -> bool:
    """Return whether a file has rows, or may have."""
    return facts.rows != 0
