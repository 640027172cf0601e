"""The tables that manifests describe: where each one's files are, and its columns over time. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from chargebee_operators.chargebee.windows import parse_instant
from chargebee_operators.checks.columns import files_of
from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.common.foreign_text import clean

TEXT = "string"
# The Hive partition of a snapshot.
SNAPSHOT = "taken_at"

_PARTITION = re.compile(r"(\w+)=([^/]*)/")


class Column(NamedTuple):
    """One column of a table.

    :param exported: its last known name in the CSV's header.
    :param kind: its type, as the operator's ``column_types`` has it; ``string`` for text.
    """

    exported: str
    kind: str


@dataclass
class TableFolder:
    """A folder whose files are one table.

    :param table: ``invoices``, or ``invoices__line_items``.
    :param resource: that whose exports filled it.
    :param folder: what the keys of all files begin with, up to the first Hive partition; with a slash at its end.
    :param partition_keys: the names of the Hive partitions, in the order of the key.
    :param format: ``parquet``, ``csv.gz`` or ``csv``.
    :param columns: by name, in the order in which they first appeared: none is ever left out.
    :param windows: site and ``window_start`` as they are in the keys -> seconds of the window. The site is empty where the keys
        have no partition for it.
    :param values: the values of each Hive partition.
    """

    table: str
    resource: str
    folder: str
    partition_keys: tuple[str, ...]
    format: str
    columns: dict[str, Column] = field(default_factory=dict)
    windows: dict[tuple[str, str], int] = field(default_factory=dict)
    values: dict[str, set[str]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the table is called in a database, where a table and its snapshots are two."""
        return f"{self.table}__snapshots" if SNAPSHOT in self.partition_keys else self.table


def table_folders(manifests: Iterable[Mapping[str, Any]]) -> list[TableFolder]:
    """Return the folders of all tables, sorted by table.

    :param manifests: of any resources and windows, in any order. What is no manifest is passed over, and so are exports
        that were kept as a zip.
    :raises SettingsError: when a column has two types, or a folder holds files of two formats: no reader takes that.
    """
    found: dict[str, TableFolder] = {}
    for manifest in sorted(manifests, key=lambda each: str(each.get("committed_at"))):
        if manifest.get("format") == "zip" or not isinstance(manifest.get("job"), dict):
            continue
        for file in files_of(manifest):
            if file.get("key") and file.get("table"):
                _add(found, manifest, file)
    return sorted(found.values(), key=lambda each: (each.table, each.folder))


def folder_of(key: str) -> str:
    """Return the folder of an object's table: its key up to the first Hive partition, with a slash at its end."""
    first = _PARTITION.search(key)
    return key[: first.start()] if first else key.rpartition("/")[0] + "/"


def _add(found: dict[str, TableFolder], manifest: Mapping[str, Any], file: Mapping[str, Any]) -> None:
    key, job, form = str(file["key"]), manifest["job"], str(manifest.get("format"))
    partitions = _PARTITION.findall(key)
    root = folder_of(key)
    names = tuple(name for name, _ in partitions)
    folder = found.setdefault(root, TableFolder(str(file["table"]), str(job.get("resource")), root, names, form))
    for what, one, other in [
        ("table", folder.table, file["table"]),
        ("format", folder.format, form),
        ("partitions", folder.partition_keys, names),
    ]:
        if one != other:
            raise SettingsError(
                f"The folder {root!r} holds files of two {what.rstrip('s')}s, {one!r} and {other!r}. Give each its own prefix."
            )
    _add_columns(folder, file, key)
    values = dict(partitions)
    for name, value in values.items():
        folder.values.setdefault(name, set()).add(value)
    if "window_start" in values and (seconds := _seconds(job)) is not None:
        folder.windows[values.get("site", ""), values["window_start"]] = seconds


def _add_columns(folder: TableFolder, file: Mapping[str, Any], key: str) -> None:
    names = [str(each) for each in file.get("columns") or ()]
    exported = [str(each) for each in file.get("exported_columns") or names]
    types = file.get("column_types") or {}
    for name, spelled in zip(names, exported, strict=False):
        kind = str(types.get(name, TEXT))
        known = folder.columns.get(name)
        if known and known.kind != kind:
            raise SettingsError(
                f"Column {clean(name)!r} of table {folder.table} is {known.kind} in earlier files and {kind} in {key}. "
                "Give it one type in column_types, and export the other windows again."
            )
        folder.columns[name] = Column(spelled, kind)


def _seconds(job: Mapping[str, Any]) -> int | None:
    try:
        start, end = (parse_instant(str(job[name]), name) for name in ("window_start", "window_end"))
    except (KeyError, SettingsError):
        return None
    return round((end - start).total_seconds())
