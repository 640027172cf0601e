"""Partitions of customers in local files, and their comparison with a snapshot."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chargebee_operators.audit.comparison import Comparison, Copy
from chargebee_operators.audit.partitions import Partition, TableFile
from chargebee_operators.audit.record_store import record_store
from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.chargebee.windows import parse_instant

HEADER = ("customer[id]", "customer[first_name]", "customer[updated_at]")
MEMBER = "Customers.csv"


def seconds(instant: str) -> int:
    return int(parse_instant(instant, "instant").timestamp())


class Written:
    """A folder in the place of a bucket."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.changed: set[str] = set()  # keys whose bytes are not those of the manifest
        self._numbers = iter(range(1_000_000))

    def window(self, start: str, end: str, *files: Sequence[Sequence[Any]], at: str = "", **how: Any) -> Partition:
        return self._partition(files, how, window_start=start, window_end=end, window_field="updated_at", at=at or end)

    def snapshot(self, at: str, *files: Sequence[Sequence[Any]], **how: Any) -> Partition:
        return self._partition(files, how, window_start=None, window_end=None, window_field=None, at=at)

    def _partition(self, files: Sequence[Any], how: dict[str, Any], at: str, **window: Any) -> Partition:
        job = JobRecord(export_id="e", resource="customers", site="acme", filters={}, requested_at=at, **window)
        number = next(self._numbers)
        return Partition(f"manifest-{number}.json", job, tuple(self._file(rows, **how) for rows in files))

    def _file(
        self, rows: Any, form: str = "csv.gz", header: Sequence[str] = HEADER, types: dict[str, Any] | None = None
    ) -> TableFile:
        key = f"{next(self._numbers)}.{form}"
        path = self.folder / key
        if form == "parquet":
            import pyarrow as pa
            import pyarrow.parquet

            from chargebee_operators.formats.column_names import column_names

            names, kinds = column_names(header), {name: kind for name, (kind, _) in (types or {}).items()}
            arrow = {name: kind for name, (_, kind) in (types or {}).items()}
            columns = list(zip(*rows, strict=True)) or [[] for _ in names]
            arrays = [
                pa.array(column, arrow.get(name, pa.string())) for name, column in zip(names, columns, strict=True)
            ]
            pa.parquet.write_table(pa.table(arrays, names=names), path)
            return TableFile(key, MEMBER, "", form, tuple(names), tuple(header), kinds)
        text = io.StringIO(newline="")
        csv.writer(text).writerows([header, *rows])
        data = text.getvalue().encode()
        path.write_bytes(gzip.compress(data) if form == "csv.gz" else data)
        return TableFile(key, MEMBER, "", form, tuple(header), tuple(header))

    @contextmanager
    def fetch(self, file: TableFile) -> Iterator[Copy]:
        path = self.folder / file.key
        yield Copy(path if path.exists() else None, file.key not in self.changed)

    def compare(
        self,
        partitions: Sequence[Partition],
        snapshot: Partition,
        deletions: Sequence[tuple[str, int, int]] = (),
        undue: Sequence[str] = (),
        **how: Any,
    ) -> tuple[Comparison, dict[str, Any]]:
        """Compare, and return the comparison with what it found."""
        for each in self.folder.glob("records.sqlite*"):
            each.unlink()
        with record_store(self.folder) as store:
            store.add_deletions(deletions)
            store.add_undue(undue)
            comparison = Comparison("customers", store, self.fetch, **how)
            comparison.run(partitions, snapshot)
            found = store.find(20)
            comparison.repeated = store.repeated_in()  # type: ignore[attr-defined]
        return comparison, {kind: set(each.ids) for kind, each in found.items() if each.count}
