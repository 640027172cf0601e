"""Whether each column that ``column_types`` names is known, from this export's files or from earlier manifests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.checks.columns import absent_of, files_of
from chargebee_operators.common.foreign_text import listed
from chargebee_operators.common.task_log import task_log
from chargebee_operators.formats.column_types import Column, ColumnTypes
from chargebee_operators.partition.before import Before
from chargebee_operators.partition.tables import Tables

log = task_log(__name__)


def judge_types(job: JobRecord, types: ColumnTypes, before: Before) -> list[str]:
    """Return what to warn of when ``column_types`` names columns that are not known.

    On the first export such a column may belong to a file that is missing today, so it is only logged.

    :param before: the partition before, whose columns are known too.
    :raises SettingsError: for a name that is misspelt.
    """
    unknown = types.unknown(_known_columns(job, before.manifest))
    if not unknown:
        return []
    found = f"column_types names {listed(unknown)}, but no column is called so in this export"
    if not before.key:
        log.info("Export %s: %s", job.export_id, found)
        return []
    return [f"{found} or in {before.key}."]


def _known_columns(job: JobRecord, manifest: Mapping[str, Any]) -> Iterator[Column]:
    """Yield the columns that a manifest knows."""
    tables = Tables(job, tuple)
    for file in files_of(manifest):
        table = str(file.get("table") or job.resource)
        yield from (Column(table, str(each)) for each in file.get("exported_columns") or file.get("columns") or ())
    for kind, columns in absent_of(manifest).items():
        table = tables.of(f"{kind}.csv").name
        yield from (Column(table, str(each)) for each in columns)
