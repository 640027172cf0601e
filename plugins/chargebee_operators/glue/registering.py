"""Registers what an upload has committed: the Glue table of each of its tables, with all columns and partitions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from chargebee_operators.checks.columns import files_of, read_manifest
from chargebee_operators.common.calls import in_threads
from chargebee_operators.common.exceptions import CatalogError, SettingsError
from chargebee_operators.common.task_log import task_log
from chargebee_operators.common.wording import counted
from chargebee_operators.glue.arguments import check_folder
from chargebee_operators.glue.catalog import Catalog, ChangedMeanwhileError
from chargebee_operators.glue.tables import check_is_ours, check_types, has_all, location_of, other_types, table_input
from chargebee_operators.partition.table_folders import TableFolder, table_folders
from chargebee_operators.s3.bucket import S3Bucket, S3CallError

log = task_log(__name__)

# How often a table is read again because another run has changed it in between.
ATTEMPTS = 10
_AT_A_TIME = 8
# A Hive partition in a manifest's key. The last one may end at the ending of the name: ``window_start=....json``.
_PARTITION = re.compile(r"(\w+)=([^/]+?)(?=/|\.\w+$)")

Values = dict[str, set[str]]


@dataclass(frozen=True)
class Registered:
    """A table after it was registered.

    :param table: its name in Glue.
    :param location: where its files are.
    :param columns: their number, without the partitions.
    :param change: ``created``, ``updated`` or ``unchanged``.
    """

    table: str
    location: str
    columns: int
    change: str


class Registration:
    """Registers the tables of one export.

    :param written: what the upload returned.
    :param catalog: the Glue database.
    :param bucket: that of the export.
    """

    def __init__(self, written: Mapping[str, Any], catalog: Catalog, bucket: S3Bucket) -> None:
        self._key = str(written["manifest_key"])
        self._resource = str(written["resource"])
        self._export_id = str(written["export_id"])
        self._catalog = catalog
        self._bucket = bucket
        self._own = self._read(self._key)
        self._manifests: dict[str, Mapping[str, Any]] = {self._key: self._own}
        self._listed: list[str] | None = None

    def run(self) -> list[Registered]:
        """Create or change the tables.

        :raises SettingsError: when the files can't be a table, or a column has two types.
        :raises CatalogRefusedError: when Glue refuses it, or a table is not this package's.
        :raises CatalogError: when Glue gives no answer.
        """
        own = table_folders([self._own])
        if not own:
            log.info("Export %s: it has no files, so there is no table to register", self._export_id)
        for folder in own:
            # Before the manifests of other windows are looked for: in a layout without folders they are anywhere.
            check_folder(
                folder, [str(each["key"]) for each in files_of(self._own) if each.get("table") == folder.table]
            )
        return [self._register(folder.name) for folder in own]

    def _register(self, name: str) -> Registered:
        for _ in range(ATTEMPTS):
            try:
                return self._try(name)
            except ChangedMeanwhileError as error:
                log.info("Export %s: %s Reading it again", self._export_id, error)
        raise CatalogError(
            f"Glue table {name} was changed by other runs {ATTEMPTS} times in a row. The task tries again."
        )

    def _try(self, name: str) -> Registered:
        table = self._catalog.table(name)
        folder = self._folder(name, self._unknown_to(table))
        if table is not None:
            check_is_ours(table, folder, self._bucket.name)
            if other_types(table, folder):
                # The files of other windows may have the old type still, which is another fault, and raises another error.
                check_types(table, self._folder(name, self._all()))
        wanted = table_input(folder, self._bucket.name, self._values(folder), table)
        change = "unchanged"
        if table is None and wanted is not None:
            self._catalog.create(wanted)
            change = "created"
        elif table is not None and wanted is not None:
            self._catalog.update(wanted, table.get("VersionId"))
            change = "updated"
        columns = len((wanted or table or {})["StorageDescriptor"]["Columns"])
        log.info("Export %s: Glue table %s is %s, with %s", self._export_id, name, change, counted(columns, "column"))
        return Registered(name, location_of(folder, self._bucket.name), columns, change)

    def _folder(self, name: str, keys: Iterable[str]) -> TableFolder:
        """Return a table as this export's manifest and those of these keys describe it."""
        wanted = [key for key in keys if key not in self._manifests]
        read = in_threads(self._read_other, wanted, _AT_A_TIME, "glue-manifests")
        self._manifests.update(zip(wanted, read, strict=True))
        described = [self._manifests[key] for key in sorted({self._key, *keys})]
        found = [each for each in table_folders(described) if each.name == name]
        if len(found) > 1:
            raise SettingsError(
                f"The files of table {name} are in two folders, {found[0].folder!r} and {found[1].folder!r}, and a Glue table "
                "is over one. Give the exports in the older folder another prefix, with their manifests."
            )
        return found[0]

    def _unknown_to(self, table: Mapping[str, Any] | None) -> list[str]:
        """Return the keys of the manifests of which a table may not have all; all keys when there is no table."""
        if table is None:
            return self._all()
        names = {each["Name"] for each in table.get("PartitionKeys") or ()}
        unknown = []
        for key in self._all():
            values = {name: {value} for name, value in _PARTITION.findall(key)}
            if names & values.keys() != names:
                # A window of another table: snapshots beside windows. Or a layout whose manifests name no partition.
                if not values:
                    unknown.append(key)
            elif not has_all(table, {name: values[name] for name in names}):
                unknown.append(key)
        return unknown

    def _values(self, folder: TableFolder) -> Values:
        """Return the values of each partition, from the files and from the keys of all manifests."""
        found: Values = {name: set(values) for name, values in folder.values.items()}
        names = set(folder.partition_keys)
        for key in self._all():
            values = dict(_PARTITION.findall(key))
            if names <= values.keys():
                for name in names:
                    found[name].add(values[name])
        return found

    def _all(self) -> list[str]:
        """Return the keys of all manifests of the resource, of every site and window."""
        if self._listed is None:
            first = _PARTITION.search(self._key)
            root = self._key[: first.start()] if first else self._key
            ending = self._key.rpartition(".")[2]
            keys = self._bucket.keys(root) if first else {self._key}
            self._listed = sorted(key for key in keys if key.endswith(f".{ending}"))
        return self._listed

    def _read_other(self, key: str) -> Mapping[str, Any]:
        """Read the manifest of another window; empty when it was removed since it was listed, or is of another resource."""
        try:
            return self._read(key)
        except S3CallError as error:
            if error.status == 404:
                return {}
            raise

    def _read(self, key: str) -> Mapping[str, Any]:
        data, _ = self._bucket.get(key)
        manifest = read_manifest(data.decode("utf-8", errors="replace"))
        job = manifest.get("job")
        return manifest if isinstance(job, dict) and job.get("resource") == self._resource else {}
