"""What a committed partition says of itself. Pure.

The manifest is written after all data objects: a partition without one does not exist yet.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from os.path import commonprefix
from typing import Any

from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.common.exceptions import SettingsError

SCHEMA_VERSION = 2


@dataclass
class FileEntry:
    """One object of a partition.

    :param key: its S3 key.
    :param table: the table that it belongs to: ``invoices``, or ``invoices__line_items``.
    :param member: the name of the zip member that it holds; the zip's members, comma-separated, for format zip.
    :param bytes: its size.
    :param sha256: hex digest of its bytes.
    :param rows: records in it, the header aside; None where their number is unknown, of which ``warnings`` say why. For
        format zip those of the export's own files.
    :param columns: the header's names, in order; for Parquet as they are in the file.
    :param window_check: for each member, what the comparison of its rows with the window came to (``WindowResult``);
        empty when it was off.
    :param member_columns: for format zip, the header's names of each member, by its name; empty for the others.
    :param member_rows: for format zip, the records of each member, by its name; empty for the others.
    :param exported_columns: for Parquet, the header's names, in the order of ``columns``; empty for the others.
    :param column_types: for Parquet, the types of the columns that are not text, as the operator's ``column_types`` has
        them, by the names in the file; empty for the others.
    """

    key: str
    table: str
    member: str
    bytes: int
    sha256: str
    rows: int | None
    columns: list[str]
    window_check: list[Mapping[str, Any]] = field(default_factory=list)
    member_columns: dict[str, list[str]] = field(default_factory=dict)
    member_rows: dict[str, int | None] = field(default_factory=dict)
    exported_columns: list[str] = field(default_factory=list)
    column_types: dict[str, str] = field(default_factory=dict)


@dataclass
class LeftOut:
    """A file of the zip that gave no object.

    :param member: its name.
    :param reason: why.
    :param table: the table that it belongs to; None for what belongs to none.
    :param columns: the names in its header, where it was read.
    """

    member: str
    reason: str
    table: str | None = None
    columns: list[str] | None = None


@dataclass
class Manifest:
    """What the manifest holds.

    :param job: the job record.
    :param package_version: of this package.
    :param run: dag_id, run_id, task_id and try_number of the task that wrote it; ``of_schedule``, whether the window is an
        interval of the DAG's schedule; and ``attempt``, a token of this try alone, so that no two manifests are alike.
    :param format: ``csv``, ``csv.gz``, ``parquet`` or ``zip``.
    :param committed_at: ISO 8601 UTC.
    :param files: the objects, in the zip's order; empty when the export had no rows.
    :param left_out: the files of the zip that gave no object. For format zip they are in the object, but not in its rows
        and columns.
    :param replaced: keys of earlier runs' objects, which are removed after this manifest is written. Should this run die
        before it has, the next one finds them here.
    :param warnings: sentences for the readers of the data.
    :param window_proof: what confirms that the rows belong to the window: ``by`` (``column``, ``spot_check``, ``empty`` or
        ``none``), ``confirmed``, and ``says``, a sentence. None without a window, or with ``window_check="off"``.
    :param column_changes: kind of file -> columns ``added`` and ``removed`` since the partition before; both are empty
        for a kind that has come or gone itself, whose ``file`` is ``added`` or ``removed``.
    :param absent_files: kind of file -> its columns when it was last there, for at most 50 kinds that partitions before
        this one had and this one has not. When one is back, its columns are compared with these.
    :param compared_with: key of the manifest whose columns these were compared with; None when there was none.
    :param gap_before: the time right before the window that is in no partition: ``from`` and ``to``, and the ``command`` that
        exports it, which may be None. None when the window meets the partition before it.
    :param overlaps: time of the window that is in other partitions too: ``from``, ``to`` and their ``manifest_key``.
    :param events_from: for ``deleted_records``, the time of the oldest event that Chargebee still had, ISO 8601 UTC; None
        for other tables, and when Chargebee had no event at all.
    :param schema_version: grows when a field goes or means something else, not when one is added.
    """

    job: Mapping[str, Any]
    package_version: str
    run: Mapping[str, Any]
    format: str
    committed_at: str
    files: list[FileEntry] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    window_proof: Mapping[str, Any] | None = None
    column_changes: Mapping[str, Any] = field(default_factory=dict)
    absent_files: Mapping[str, list[str]] = field(default_factory=dict)
    compared_with: str | None = None
    gap_before: Mapping[str, str | None] | None = None
    overlaps: list[dict[str, str]] = field(default_factory=list)
    events_from: str | None = None
    schema_version: int = SCHEMA_VERSION

    @property
    def tables(self) -> dict[str, dict[str, Any]]:
        """Table -> its ``rows`` (None when one of its files can't be counted), ``bytes``, ``files`` and ``prefix``.

        The prefix is what the keys of the table's files begin with, up to a slash; None when it has no file. That is so
        for a table whose only file had no rows.
        """
        of_table: dict[str, list[FileEntry]] = {}
        for each in self.files:
            of_table.setdefault(each.table, []).append(each)
        for left in self.left_out:
            if left.table:
                of_table.setdefault(left.table, [])
        return {
            table: {
                "rows": total_rows(each.rows for each in files),
                "bytes": sum(each.bytes for each in files),
                "files": len(files),
                "prefix": _folder([each.key for each in files]) if files else None,
            }
            for table, files in of_table.items()
        }

    @property
    def bytes(self) -> int:
        """Bytes of all files."""
        return sum(each.bytes for each in self.files)

    def to_json(self) -> str:
        """Return the manifest as text."""
        document = {**asdict(self), "tables": self.tables, "bytes": self.bytes}
        return json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n"


def _folder(keys: list[str]) -> str:
    """Return what all keys begin with, up to a slash."""
    same = commonprefix(keys)
    return same[: same.rfind("/") + 1]


def total_rows(counts: Iterable[int | None]) -> int | None:
    """Return the sum of counts of rows; None where one is unknown."""
    known = list(counts)
    return None if None in known else sum(each for each in known if each is not None)


def known_keys(document: Any) -> set[str]:
    """Return the keys that an earlier manifest lists as its own or as replaced; none when it can't be read as one."""
    try:
        return {str(each["key"]) for each in document["files"]} | {str(key) for key in document.get("replaced", ())}
    except (AttributeError, TypeError, KeyError):
        return set()


def job_of(document: Any) -> JobRecord | None:
    """Return the job record that a manifest holds; None when it holds none."""
    try:
        return JobRecord.from_dict(document["job"])
    except (SettingsError, TypeError, KeyError):
        return None
