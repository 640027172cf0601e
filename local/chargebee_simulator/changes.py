"""What control calls have done to the records of one resource since they were made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Record = dict[str, Any]

_CLOCKS = ("updated_at", "created_at", "date", "order_date", "effective_from")
_EARLIEST = 1_388_534_400  # of a record without any time: the beginning of 2014


def resource_version(record: Mapping[str, Any]) -> int:
    """Return the number that grows with each change of a record: milliseconds since the epoch, as Chargebee has it."""
    version = record.get("resource_version")
    if isinstance(version, int):
        return version
    times = (record.get(clock) for clock in _CLOCKS)
    return 1000 * max((time for time in times if isinstance(time, int)), default=_EARLIEST)


@dataclass
class Changes:
    """Edits, deletions and new records, laid over the records as they were made."""

    edits: dict[str, Record] = field(default_factory=dict)  # id -> the fields that have other values now
    hidden: set[str] = field(default_factory=set)  # ids of records that are gone, or replaced by one in `born`
    born: dict[str, Record] = field(default_factory=dict)  # id -> a record that was created later
    last_versions: dict[str, int] = field(default_factory=dict)  # id of a deleted record -> its version then

    def copy(self) -> Changes:
        """Return the changes as they are now."""
        return Changes(dict(self.edits), set(self.hidden), dict(self.born))

    def over(self, made: Iterable[Record]) -> Iterator[Record]:
        """Yield the records as they are after the changes."""
        for record in made:
            if record["id"] not in self.hidden:
                yield self._edited(record)
        for record in self.born.values():
            yield self._edited(record)

    def edit(self, record: Record, at: int, fields: Record) -> Record:
        """Give a record other values and a higher version; return it as it is then. `at` is the time of the change."""
        version = max(resource_version(record) + 1, 1000 * at)
        self.edits[record["id"]] = {**self.edits.get(record["id"], {}), **fields, "resource_version": version}
        return {**record, **fields, "resource_version": version}

    def remove(self, record: Record, at: int) -> Record:
        """Let a record be gone; return it as its deletion shows it. `at` is the time of that."""
        identity = record["id"]
        version = max(resource_version(record) + 1, 1000 * at)
        self._hide(identity)
        self.last_versions[identity] = version
        return {**record, "resource_version": version}

    def create(self, record: Record, at: int) -> Record:
        """Add a record, in the place of a deleted one where its id was used before; return it as it is then."""
        identity = record["id"]
        version = max(self.last_versions.get(identity, 0) + 1, 1000 * at)
        self._hide(identity)
        self.born[identity] = {**record, "resource_version": version}
        return self.born[identity]

    def _hide(self, identity: str) -> None:
        self.hidden.add(identity)
        self.edits.pop(identity, None)
        self.born.pop(identity, None)

    def _edited(self, record: Record) -> Record:
        edits = self.edits.get(record["id"])
        return record if edits is None else {**record, **edits}
