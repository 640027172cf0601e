"""Whether an export may be committed: its window and its columns, looked at as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.chargebee.resources import get_resource
from chargebee_operators.checks.clock_format import ClockFormat
from chargebee_operators.checks.columns import (
    BEFORE,
    REPLACED,
    Changes,
    absent_of,
    check_column_changes,
    columns_of_absent,
    compare_columns,
    files_of,
    judge_columns,
    lost_file,
    tell_files,
)
from chargebee_operators.checks.record_id import is_called_after
from chargebee_operators.checks.window_verdict import check_mode
from chargebee_operators.common.foreign_text import clean
from chargebee_operators.common.task_log import task_log
from chargebee_operators.partition.before import Before
from chargebee_operators.partition.earlier import is_earlier, is_later
from chargebee_operators.partition.manifest import FileEntry

log = task_log(__name__)


@dataclass(frozen=True)
class Checks:
    """What an export is checked for besides its bytes.

    :param window_check: ``fail`` on proof of rows outside the window, ``require`` a proof that they are inside, ``warn`` or
        ``off``.
    :param window_column: the column that holds the window's clock; None to look for it.
    :param window_format: how its times are written, for ``datetime.strptime``; None for any that is known.
    :param window_timezone: the IANA name of the zone of those that name none; None when it is not known.
    :param column_changes: columns that have come or gone: ``warn``, ``fail`` or ``off``.
    :raises SettingsError: for another mode.
    """

    window_check: str = "fail"
    window_column: str | None = None
    window_format: str | None = None
    window_timezone: str | None = None
    column_changes: str = "warn"

    def __post_init__(self) -> None:
        check_mode(self.window_check)
        check_column_changes(self.column_changes)
        _ = self.clock

    @property
    def clock(self) -> ClockFormat:
        """How the clock's times are written."""
        return ClockFormat(self.window_format, self.window_timezone)


@dataclass
class Verdict:
    """What was found of an export that may be committed, as ``Manifest`` has it."""

    warnings: list[str] = field(default_factory=list)
    column_changes: Changes = field(default_factory=dict)
    absent_files: dict[str, list[str]] = field(default_factory=dict)
    compared_with: str = ""


def judge_changes(job: JobRecord, before: Before, now: Sequence[Mapping[str, Any]], checks: Checks) -> Verdict:
    """Compare the columns with those of the partition before.

    :param before: that partition.
    :param now: ``member`` and ``columns`` of each file of this one.
    :raises ColumnsChangedError: when the columns are other ones, and ``column_changes`` is ``fail``.
    """
    if before.key:
        log.info("Export %s: its columns are compared with those in %s", job.export_id, before.key)
    else:
        log.info("Export %s: no partition before it has columns to compare with", job.export_id)
    files, absent = files_of(before.manifest), absent_of(before.manifest)
    changes = compare_columns(files, now, absent)
    earlier = is_earlier(before.manifest, job)
    other = BEFORE if earlier else REPLACED
    if told := tell_files(changes, other):
        log.info("Export %s: %s", job.export_id, told)
    # In a flat layout a backfill replaces the manifest of a later time, of which nothing was true before.
    carried = {} if is_later(before.manifest, job) else columns_of_absent(files, now, absent)
    is_own = partial(is_called_after, resource=get_resource(job.resource))
    lost = lost_file(files, now, absent, is_own) if any(map(_has_rows, now)) else None
    warnings = judge_columns(changes, checks.column_changes, other) + _lost_own_file(lost, job, earlier)
    return Verdict(warnings, changes, carried, before.key)


def _has_rows(file: Mapping[str, Any]) -> bool:
    """Return whether a file of a manifest has rows, or may have; one that was left out has none."""
    return any(rows != 0 for rows in (file.get("member_rows") or {"": file.get("rows", 0)}).values())


def _lost_own_file(kind: str | None, job: JobRecord, earlier: bool) -> list[str]:
    """Return the warning for what ``lost_file`` returns.

    :param earlier: whether this export was compared with a partition of an earlier time.
    """
    if kind is None:
        return []
    whose = "An earlier partition" if earlier else "Another export"
    return [
        f"{whose} has {clean(kind)}, the file of {job.resource} itself. This export has other files, but not this one. Export "
        "the window again. If the file is still missing, ask Chargebee."
    ]


def mixed_tables(files: Iterable[FileEntry]) -> list[str]:
    """Return a warning for each table whose files do not all have the same columns, which a reader of its folder needs."""
    first: dict[str, FileEntry] = {}
    mixed: dict[str, str] = {}
    for each in (one for one in files if one.columns):
        one = first.setdefault(each.table, each)
        if one.columns != each.columns and each.table not in mixed:
            mixed[each.table] = (
                f"Table {each.table}: {clean(one.member)} and {clean(each.member)} have different columns, or another order "
                "of them. Read them one by one."
            )
    return list(mixed.values())
