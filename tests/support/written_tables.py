"""Parquet files and manifests in a folder, as a bucket has them after exports."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.chargebee.windows import iso
from chargebee_operators.formats.column_types import ColumnTypes
from chargebee_operators.formats.parquet import ParquetFile, ParquetSettings
from chargebee_operators.partition.key_templates import KeyTemplates
from chargebee_operators.partition.keys import PartitionKeys
from chargebee_operators.partition.manifest import FileEntry, Manifest
from chargebee_operators.partition.tables import Table

Rows = Sequence[Sequence[Any]]


class Bucket:
    """A folder that has what a bucket would have."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.site = "acme"
        self._numbers = 0

    def window(self, resource: str, start: datetime, end: datetime, tables: Mapping[str, Rows], **how: Any) -> None:
        """Write a window's rows.

        :param tables: table -> header and rows.
        """
        self._write(self._job(resource, start, end, "updated_at", end), tables, **how)

    def snapshot(self, resource: str, taken_at: datetime, tables: Mapping[str, Rows], **how: Any) -> None:
        """Write a snapshot."""
        self._write(self._job(resource, None, None, None, taken_at), tables, **how)

    def _job(
        self, resource: str, start: datetime | None, end: datetime | None, field: str | None, requested: datetime
    ) -> JobRecord:
        self._numbers += 1
        times = [each and iso(each) for each in (start, end)]
        return JobRecord(f"exp{self._numbers}", resource, self.site, {}, times[0], times[1], field, iso(requested))

    def _write(
        self,
        job: JobRecord,
        tables: Mapping[str, Rows],
        types: Mapping[str, str] | None = None,
        column_names: str = "snake_case",
        file_format: str = "parquet",
        templates: KeyTemplates | None = None,
    ) -> None:
        keys = PartitionKeys(templates or KeyTemplates(), job, f".{file_format}")
        manifest = Manifest(job.to_dict(), "1", {}, file_format, f"{self._numbers:06}")
        for table, rows in tables.items():
            key = keys.key(f"{table}.csv", Table(table.rpartition("__")[2], table))
            path = self.folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            data = as_csv(rows)
            entry = FileEntry(key, table, f"{table}.csv", 0, "", len(rows) - 1, list(rows[0]))
            if file_format == "parquet":
                settings = ParquetSettings(ColumnTypes(types), column_names, "UTC")
                made = ParquetFile(f"{table}.csv", table, settings, keys.partitioned_by)
                data = b"".join(made.pieces([data]))
                entry.columns, entry.exported_columns, entry.column_types = (
                    made.columns,
                    made.exported_columns,
                    made.types,
                )
            path.write_bytes(data)
            manifest.files.append(entry)
        path = self.folder / keys.manifest_key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(manifest.to_json())


def as_csv(rows: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def day(number: float) -> datetime:
    """Return a time so many days after the 23rd of November 2026, in UTC."""
    return datetime.fromtimestamp(datetime(2026, 11, 23, tzinfo=UTC).timestamp() + round(number * 86400), UTC)
