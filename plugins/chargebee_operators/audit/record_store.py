"""What is known of each record, on disk: its latest row in S3, its deletion, and whether the snapshot has it. Pure.

It is a database of SQLite in a file that the caller gives. Memory stays the same for any number of records.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from chargebee_operators.sql.deletion import is_newer_than_deletion

# Kilobytes of the database that are kept in memory.
_CACHE = 128 << 10
# Rows that are written at a time, sorted by id: neighbours are in the same page of the file.
_BATCH = 20_000
# Ids in one query; SQLite takes 999 parameters everywhere.
_IDS = 900

_TABLES = """
CREATE TABLE records (
  id TEXT PRIMARY KEY,
  -- Of the latest row in S3; all are NULL when no partition has the record. A missing version or time is -1.
  version INTEGER, updated INTEGER, current INTEGER, part INTEGER, shape INTEGER, digest BLOB,
  -- The partition that had it last, NULL when only one has had it; and one that has the id more than once.
  last_part INTEGER, repeated_in INTEGER,
  -- How often the snapshot has it, and whether its values are others there.
  seen INTEGER NOT NULL DEFAULT 0, differs INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE deletions (id TEXT PRIMARY KEY, at INTEGER, version INTEGER) WITHOUT ROWID;
CREATE TABLE undue (id TEXT PRIMARY KEY) WITHOUT ROWID;
-- What the snapshot itself calls deleted.
CREATE TABLE kept (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE later (part INTEGER PRIMARY KEY);
"""
_OF_LATEST = ("version", "updated", "current", "part", "shape", "digest")
_IS_NEWER = (
    "(excluded.version, excluded.updated, excluded.current) >= (records.version, records.updated, records.current)"
)
_ADD = f"""
INSERT INTO records (id, {", ".join(_OF_LATEST)}) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
  repeated_in = CASE WHEN coalesce(last_part, part) = excluded.part THEN excluded.part ELSE repeated_in END,
  last_part = excluded.part,
  {", ".join(f"{name} = CASE WHEN {_IS_NEWER} THEN excluded.{name} ELSE records.{name} END" for name in _OF_LATEST)}
"""
_DELETE = """
INSERT INTO deletions VALUES (?, ?, ?)
ON CONFLICT (id) DO UPDATE SET at = max(at, excluded.at), version = max(version, excluded.version)
"""
_SEE = """
INSERT INTO records (id, seen, differs) VALUES (?, 1, ?)
ON CONFLICT (id) DO UPDATE SET seen = seen + 1, differs = max(differs, excluded.differs)
"""
# Whether a view of the latest state shows the record.
_NEWER = is_newer_than_deletion(
    version="r.version", updated="r.updated", current="r.current", deleted_version="d.version", deleted_at="d.at"
)
_LIVE = f"(r.current IS NOT NULL AND (d.id IS NULL OR {_NEWER}))"
_FROM = """FROM records r LEFT JOIN deletions d ON d.id = r.id LEFT JOIN undue u ON u.id = r.id
  LEFT JOIN kept k ON k.id = r.id LEFT JOIN later l ON l.part = r.part"""
# A record that its deletion hides is rightly hidden if the snapshot has it as a deleted one.
_MISSING = f"(r.seen > 0 AND NOT {_LIVE} AND (k.id IS NULL OR d.id IS NULL))"
_GONE = f"(r.seen = 0 AND {_LIVE} AND l.part IS NULL)"
_DIFFERS = f"(r.seen > 0 AND {_LIVE} AND r.differs AND l.part IS NULL)"
_CONDITIONS = {
    "missing": f"{_MISSING} AND u.id IS NULL",
    "gone": f"{_GONE} AND u.id IS NULL",
    "differs": f"{_DIFFERS} AND u.id IS NULL",
    "repeated": "(r.seen > 1 OR r.repeated_in IS NOT NULL)",
    "not_yet_due": f"({_MISSING} OR {_GONE} OR {_DIFFERS}) AND u.id IS NOT NULL",
}


class LandedRow(NamedTuple):
    """One row of a partition.

    :param id: the record's.
    :param version: its ``resource_version``; -1 when the file has none.
    :param updated: its ``updated_at`` in epoch seconds, where it is an instant; else -1.
    :param current: until when the partition's rows are current, in epoch seconds.
    :param part: the number of the partition.
    :param shape: the number of the columns that the digest is made of.
    :param digest: of its values.
    """

    id: str
    version: int
    updated: int
    current: int
    part: int
    shape: int
    digest: bytes


@dataclass(frozen=True)
class Finding:
    """Records of one kind.

    :param count: how many.
    :param ids: of some of them.
    """

    count: int
    ids: tuple[str, ...]


class RecordStore:
    """The records of one resource.

    :param database: of SQLite, with nothing in it.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        database.execute("PRAGMA temp_store = FILE")
        database.execute(f"PRAGMA cache_size = -{_CACHE}")
        database.executescript(_TABLES)

    def add(self, rows: Iterable[LandedRow]) -> None:
        """Add rows of partitions, one partition after the other. The newest row of each record stays."""
        self._write(_ADD, rows)

    def add_deletions(self, rows: Iterable[tuple[str, int, int]]) -> None:
        """Add deletions: id, epoch seconds, and version or -1."""
        self._write(_DELETE, rows)

    def add_undue(self, ids: Iterable[str]) -> None:
        """Add ids of records that have changed too lately to be in S3 already."""
        self._write("INSERT OR IGNORE INTO undue VALUES (?)", ((each,) for each in ids))

    def add_kept(self, ids: Iterable[str]) -> None:
        """Add ids of records that the snapshot has with the status ``deleted``: Chargebee keeps some of them."""
        self._write("INSERT OR IGNORE INTO kept VALUES (?)", ((each,) for each in ids))

    def add_later(self, parts: Iterable[int]) -> None:
        """Add the numbers of partitions that are newer than the snapshot."""
        self._write("INSERT OR IGNORE INTO later VALUES (?)", ((each,) for each in parts))

    def landed(self, ids: Sequence[str]) -> dict[str, tuple[int, bytes]]:
        """Return the shape and the digest of the latest row of each record, for those that have one."""
        found: dict[str, tuple[int, bytes]] = {}
        for at in range(0, len(ids), _IDS):
            some = ids[at : at + _IDS]
            marks = ",".join("?" * len(some))
            query = f"SELECT id, shape, digest FROM records WHERE id IN ({marks}) AND digest IS NOT NULL"
            found.update((each[0], (each[1], each[2])) for each in self._database.execute(query, some))
        return found

    def see(self, rows: Iterable[tuple[str, bool]]) -> None:
        """Add records of the snapshot: id, and whether the values are others than those of the latest row."""
        self._write(_SEE, rows)

    def find(self, most: int) -> dict[str, Finding]:
        """Return what the comparison found.

        ``missing``: in the snapshot, and not in the latest state. ``gone``: the other way round, without a deletion.
        ``differs``: with other values. ``repeated``: more than once in the snapshot or in one partition. ``not_yet_due``:
        one of the first three, but changed lately.

        :param most: ids of each kind.
        """
        return {kind: self._finding(condition, most) for kind, condition in _CONDITIONS.items()}

    def repeated_in(self) -> list[int]:
        """Return the numbers of the partitions that have an id more than once."""
        query = "SELECT DISTINCT repeated_in FROM records WHERE repeated_in IS NOT NULL ORDER BY 1"
        return [each for (each,) in self._database.execute(query)]

    def count_of_shapes(self, shapes: Iterable[int]) -> int:
        """Return how many records of the snapshot have a latest row of one of these shapes."""
        query = "SELECT count(*) FROM records WHERE seen > 0 AND shape = ?"
        return sum(self._database.execute(query, (each,)).fetchone()[0] for each in shapes)

    def _finding(self, condition: str, most: int) -> Finding:
        ((count,),) = self._database.execute(f"SELECT count(*) {_FROM} WHERE {condition}")
        ids = self._database.execute(f"SELECT r.id {_FROM} WHERE {condition} LIMIT ?", (most,)) if count else ()
        return Finding(int(count), tuple(each for (each,) in ids))

    def _write(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        remaining = iter(rows)
        while batch := list(islice(remaining, _BATCH)):
            batch.sort(key=lambda row: row[0])  # type: ignore[arg-type, return-value]
            self._database.executemany(statement, batch)


@contextmanager
def record_store(folder: Path) -> Iterator[RecordStore]:
    """Open a new store in a folder that is removed later.

    :param folder: with room for about 150 bytes a record.
    """
    with closing(sqlite3.connect(folder / "records.sqlite", isolation_level=None)) as database:
        store = RecordStore(database)
        database.execute("BEGIN")
        yield store
