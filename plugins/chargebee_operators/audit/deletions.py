"""The deletions of a resource's records: those that are written, and the latest ones, which Chargebee's events report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from chargebee_operators.audit.bucket import AuditBucket
from chargebee_operators.audit.partitions import Partition, TableFile
from chargebee_operators.audit.record_store import RecordStore
from chargebee_operators.audit.row_values import seconds_of, whole_number
from chargebee_operators.audit.table_files import UnreadableFileError, open_file
from chargebee_operators.chargebee.deletions import read_deletions
from chargebee_operators.chargebee.windows import Window
from chargebee_operators.checks.clock_format import ClockFormat
from chargebee_operators.checks.spot_check import LAG
from chargebee_operators.hooks import ChargebeeHook

# Columns of the table of deletions that are read.
_COLUMNS = ("resource", "id", "occurred_at", "resource_version")


class Deletions:
    """Adds the deletions to a store.

    ``count`` is how many are written, ``windows`` are those that they were listed for, and ``problems`` is as ``Problems`` has
    it.

    :param hook: of the site.
    :param bucket: of the exports.
    :param snapshot: the one that is compared.
    """

    def __init__(self, hook: ChargebeeHook, bucket: AuditBucket, snapshot: Partition) -> None:
        self.count = 0
        self.windows: dict[str, Window] = {}
        self.problems: dict[str, str] = {}
        self._hook = hook
        self._bucket = bucket
        self._job = snapshot.job
        # A snapshot that was requested right after a deletion may still have the record.
        self._sure = int((snapshot.requested_at - LAG).timestamp())

    def add(self, partitions: Iterable[Partition], due: datetime, store: RecordStore) -> None:
        """Add the deletions that are written, and take later ones as changed lately.

        :param partitions: of ``deleted_records``.
        :param due: up to when deletions should be written.
        :param store: takes them.
        """
        for partition in partitions:
            if partition.window:
                self.windows[partition.key] = partition.window
            for file in partition.files:
                try:
                    for rows in self._read(partition, file):
                        self.count += len(rows)
                        store.add_deletions(each for each in rows if each[1] < self._sure)
                        store.add_undue(each[0] for each in rows if each[1] >= self._sure)
                except (UnreadableFileError, ValueError):
                    self.problems[partition.key] = f"{file.key} can't be read as deletions"
        store.add_undue(self._latest(max([due, *(each.end for each in self.windows.values())])))

    def _read(self, partition: Partition, file: TableFile) -> Iterator[list[tuple[str, int, int]]]:
        """Yield the deletions of the resource's records in one file: id, epoch seconds, and version or -1."""
        with self._bucket.copy(file) as copy:
            if copy.path is None:
                self.problems[partition.key] = f"{file.key} does not exist"
                return
            if not copy.is_as_listed:
                self.problems[partition.key] = f"{file.key} has other bytes than its manifest says"
            opened = open_file(copy.path, file)
            whose, record_id, at, version = map(opened.exported.index, _COLUMNS)
            for batch in opened.batches:
                yield [
                    (str(row[record_id]), seconds_of(row[at], ClockFormat()) or 0, whole_number(row[version]))
                    for row in batch
                    if row[whose] == self._job.resource
                ]

    def _latest(self, since: datetime) -> Iterator[str]:
        """Yield the ids of records that were deleted since a time."""
        now = (self._hook.chargebee_time() or datetime.now(UTC)) + timedelta(seconds=1)
        if now - since < timedelta(seconds=2):
            return
        # Of every kind: the event of a customer's deletion also shows its deleted subscriptions.
        kinds = self._hook.deletion_kinds()
        events = self._hook.events(Window(since, now), kinds, business_entity_id=self._job.business_entity_id)
        deletions = (deletion for event in events for deletion in read_deletions(event))
        yield from (each.record_id for each in deletions if each.resource == self._job.resource)
