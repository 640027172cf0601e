"""Compares a snapshot with the partitions that were written before it. Pure; the caller gives it the files.

Each file is read once. What is kept of a row is its id and a digest, in a store on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chargebee_operators.audit.outside_rows import OutsideRows
from chargebee_operators.audit.partitions import Partition, TableFile
from chargebee_operators.audit.record_store import LandedRow, RecordStore
from chargebee_operators.audit.row_values import (
    Digests,
    Layout,
    Shape,
    layout_of,
    seconds_of,
    shape_of,
    status_place,
    whole_number,
)
from chargebee_operators.audit.table_files import OpenFile, UnreadableFileError, open_file
from chargebee_operators.chargebee.resources import get_resource
from chargebee_operators.checks.clock_format import ClockFormat
from chargebee_operators.checks.record_id import plain_id
from chargebee_operators.formats.column_names import column_names


@dataclass(frozen=True)
class Copy:
    """A copy of an object on this machine.

    :param path: of the copy; None when the object does not exist.
    :param is_as_listed: whether its bytes are those that the manifest names.
    """

    path: Path | None
    is_as_listed: bool = True


# Gives a copy of an object for the time of a ``with`` block.
Fetch = Callable[[TableFile], AbstractContextManager[Copy]]


@dataclass
class Problems:
    """What is wrong with partitions, whatever their rows: manifest key -> what was found, a sentence."""

    lost: dict[str, str] = field(default_factory=dict)
    replaced: dict[str, str] = field(default_factory=dict)
    outside: dict[str, str] = field(default_factory=dict)

    @property
    def every(self) -> dict[str, str]:
        """All of them."""
        return {**self.outside, **self.replaced, **self.lost}


class Comparison:
    """Compares one resource.

    :param resource: its name.
    :param store: for what is known of each record.
    :param fetch: gives a copy of an object.
    :param clock: the format and the zone of times that name none.
    :param ignored: names of columns in snake case whose values are not compared.
    :param values: whether values are compared, and not only ids.
    """

    def __init__(
        self,
        resource: str,
        store: RecordStore,
        fetch: Fetch,
        clock: ClockFormat | None = None,
        ignored: Collection[str] = (),
        *,
        values: bool = True,
    ) -> None:
        self.problems = Problems()
        self.landed_rows = 0
        self.snapshot_rows = 0
        self.compared: set[str] = set()
        # Of all files, in snake case.
        self.columns: set[str] = set()
        # Records whose latest row is in a file with less than half of the snapshot's columns: the names were other ones then.
        self.hardly_compared = 0
        # What earlier files have to tell which of two rows is newer, and later ones do not have.
        self.lost_order: set[str] = set()
        self._order: set[str] = set()
        self._resource = get_resource(resource)
        self._store = store
        self._fetch = fetch
        self._clock = clock or ClockFormat()
        self._ignored = ignored
        self._values = values
        self._shapes: dict[Shape, int] = {}

    def run(self, partitions: Sequence[Partition], snapshot: Partition) -> None:
        """Read all files.

        :param partitions: what was written before; their numbers in the store are their places here.
        :param snapshot: what is true.
        :raises UnreadableFileError: when a file of the snapshot can't be read, or has no column for the records' ids.
        """
        whole = self._snapshot_layout(snapshot)
        self._store.add_later(
            number for number, each in enumerate(partitions) if each.requested_at >= snapshot.requested_at
        )
        for number, partition in enumerate(partitions):
            self._read_partition(number, partition, whole)
        for file in snapshot.files:
            with self._opened(file) as opened:
                self._read_snapshot(file, opened)
        if whole and self._values:
            columns = set(whole.names).difference(self._ignored)
            self.hardly_compared = self._store.count_of_shapes(
                number for shape, number in self._shapes.items() if 2 * len(shape) < len(columns)
            )

    def ids(self, partition: Partition) -> Iterator[str]:
        """Yield the ids of a partition's rows.

        :param partition: for example of an export of what has changed lately.
        :raises UnreadableFileError: as ``run`` does for the snapshot.
        """
        for file in partition.files:
            with self._opened(file) as opened:
                at = self._layout(file, opened.exported, opened.kinds).id_at
                yield from (plain_id(str(row[at])) for batch in opened.batches for row in batch if row[at])

    def _snapshot_layout(self, snapshot: Partition) -> Layout | None:
        """Return a layout with the columns that all files of the snapshot have; None when it has no file."""
        layouts = [self._layout(each, each.exported, _kinds(each)) for each in snapshot.files]
        if not layouts:
            return None
        common = set.intersection(*(set(each.names) for each in layouts))
        names = tuple(each for each in layouts[0].names if each in common)
        return Layout(names, layouts[0].kinds, 0)

    def _read_partition(self, number: int, partition: Partition, whole: Layout | None) -> None:
        outside = 0
        for file in partition.files:
            with self._fetch(file) as copy:
                if copy.path is None:
                    self.problems.lost[partition.key] = f"{file.key} does not exist"
                    continue
                if not copy.is_as_listed:
                    self.problems.replaced[partition.key] = f"{file.key} has other bytes than its manifest says"
                try:
                    opened = open_file(copy.path, file)
                    layout = self._layout(file, opened.exported, opened.kinds)
                    self._note_order(layout)
                    counter = OutsideRows(partition, opened.exported, file.member, self._resource, self._clock)
                    self._store.add(self._rows(number, partition, opened, layout, whole, counter))
                    outside += counter.count
                except UnreadableFileError as error:
                    self.problems.lost[partition.key] = f"{file.key}: {error}"
        if outside := max(outside, partition.outside):
            self.problems.outside[partition.key] = f"{outside} of its rows are not of its window: a filter was ignored"
        elif partition.is_refuted:
            self.problems.outside[partition.key] = "its upload found records of another time: a filter was ignored"

    def _rows(
        self,
        number: int,
        partition: Partition,
        opened: OpenFile,
        layout: Layout,
        whole: Layout | None,
        counter: OutsideRows,
    ) -> Iterator[LandedRow]:
        shape = shape_of(layout, whole, self._ignored) if whole and self._values else ()
        self.compared.update(name for name, _ in shape)
        number_of_shape = self._shapes.setdefault(shape, len(self._shapes))
        digest = Digests(layout, shape, self._clock).of
        current = partition.current
        for batch in opened.batches:
            counter.look(batch)
            self.landed_rows += len(batch)
            for row in batch:
                if not row[layout.id_at]:
                    continue
                version = -1 if layout.version_at is None else whole_number(row[layout.version_at])
                updated = None if layout.updated_at is None else seconds_of(row[layout.updated_at], self._clock)
                yield LandedRow(
                    plain_id(str(row[layout.id_at])),
                    version,
                    -1 if updated is None else updated,
                    current,
                    number,
                    number_of_shape,
                    digest(row),
                )

    def _read_snapshot(self, file: TableFile, opened: OpenFile) -> None:
        layout = self._layout(file, opened.exported, opened.kinds)
        self._note_order(layout)
        digests = [Digests(layout, shape, self._clock) for shape in self._shapes]

        def seen(batch: Sequence[Sequence[Any]]) -> Iterator[tuple[str, bool]]:
            rows = [(plain_id(str(row[layout.id_at])), row) for row in batch if row[layout.id_at]]
            known = self._store.landed([record_id for record_id, _ in rows])
            for record_id, row in rows:
                found = known.get(record_id)
                yield record_id, found is not None and digests[found[0]].of(row) != found[1]

        status = status_place(opened.exported, self._resource)
        for batch in opened.batches:
            self.snapshot_rows += len(batch)
            self._store.see(seen(batch))
            if status is not None:
                self._store.add_kept(plain_id(str(row[layout.id_at])) for row in batch if row[status] == "deleted")

    @contextmanager
    def _opened(self, file: TableFile) -> Iterator[OpenFile]:
        with self._fetch(file) as copy:
            if copy.path is None or not copy.is_as_listed:
                raise UnreadableFileError(f"{file.key} is not as its manifest says: another run has replaced it")
            yield open_file(copy.path, file)

    def _layout(self, file: TableFile, exported: Sequence[str], kinds: Mapping[str, str]) -> Layout:
        found = layout_of(exported, file.member, self._resource, kinds)
        if found is None:
            raise UnreadableFileError(f"no column is known to hold the id of a {self._resource.record}")
        self.columns.update(found.names)
        return found

    def _note_order(self, layout: Layout) -> None:
        """Take note of what a file has to tell which of two rows is newer; to be called in the order of the files."""
        places = {"resource_version": layout.version_at, "updated_at": layout.updated_at}
        has = {name for name, place in places.items() if place is not None}
        self.lost_order |= self._order - has
        self._order |= has


def _kinds(file: TableFile) -> dict[str, str]:
    """Return the types of a file's columns by their names in snake case."""
    named = zip(column_names(file.exported), file.names, strict=False)
    return {name: file.kinds[given] for name, given in named if given in file.kinds}
