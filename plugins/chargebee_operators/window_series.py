"""What an upload says of the windows beside its own: a gap, with the command that fills it, and overlaps."""

from __future__ import annotations

import json
import shlex
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chargebee_operators._compat import active_runs, backfill_command, intervals_between
from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.chargebee.windows import Window, as_utc, iso
from chargebee_operators.checks.window_check import window_for
from chargebee_operators.common.task_log import task_log
from chargebee_operators.partition.commit import S3Partition
from chargebee_operators.partition.series import Findings, Series, findings_of, series_of

if TYPE_CHECKING:
    from chargebee_operators._compat import Context

log = task_log(__name__)

# Runs of these kinds follow one another. Those of a backfill come in any order, beside runs that fill other windows.
_KINDS = ("scheduled", "manual")
# No DAG has more runs under way. All their dates are asked for in one call.
_MOST = 50


def is_of_schedule(context: Context, job: JobRecord) -> bool:
    """Return whether a job's window is the data interval of its run, and one of the schedule; not if it was typed."""
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    window = window_for(job)
    if not (window and start and end and (as_utc(start), as_utc(end)) == (window.start, window.end)):
        return False
    # A person may give a manual run any data interval.
    return _kind(context) != "manual" or _intervals(context, window) == [(window.start, window.end)]


def look_around(context: Context, job: JobRecord, partition: S3Partition) -> Findings:
    """Look whether the windows of a schedule meet; nothing is found for a window of another kind.

    :param context: of the upload task.
    :param job: the job record.
    :param partition: the one that is being written.
    """
    if _kind(context) not in _KINDS or not is_of_schedule(context, job):
        return Findings()
    series = series_of(job, partition)
    if series.gap is None:
        return findings_of(series, job.resource, None)
    intervals = _intervals(context, series.gap)
    if _is_under_way(context, series.gap, intervals):
        log.info("Export %s: the runs of the time %s have not ended yet", job.export_id, series.gap)
        return findings_of(Series(None, series.overlaps), job.resource, None)
    return findings_of(series, job.resource, _command(context, series.gap, intervals))


def _kind(context: Context) -> str:
    kind: Any = getattr(context.get("dag_run"), "run_type", "")
    return getattr(kind, "value", kind)


def _intervals(context: Context, window: Window) -> list[tuple[datetime, datetime]]:
    """Return the intervals of the DAG's schedule in a window."""
    found = intervals_between(context.get("dag"), window.start, window.end)
    return [(as_utc(start), as_utc(end)) for start, end in found]


def _is_under_way(context: Context, gap: Window, intervals: list[tuple[datetime, datetime]]) -> bool:
    """Return whether runs are queued or running for all of a gap, so that it is none."""
    dates = [start for start, _ in intervals] if _fill(intervals, gap) else [gap.start]
    if len(dates) > _MOST:
        return False
    try:
        return active_runs(context, dates) >= len(dates)
    except Exception as error:  # the report of a gap is worth less than the upload
        log.info("Could not find out whether earlier runs are under way (%s)", type(error).__name__)
        return False


def _fill(intervals: list[tuple[datetime, datetime]], gap: Window) -> bool:
    """Return whether intervals of the schedule are exactly a gap."""
    return bool(intervals) and (intervals[0][0], intervals[-1][1]) == (gap.start, gap.end)


def _command(context: Context, gap: Window, intervals: list[tuple[datetime, datetime]]) -> str | None:
    """Return the command that exports a gap and nothing else; None for a DAG that takes no window."""
    dag_id = context["ti"].dag_id
    if _fill(intervals, gap):
        return backfill_command(dag_id, gap.start, intervals[-1][0])
    if "window_start" not in context["params"]:
        return None
    # Intervals of the schedule do not fill it, as after a change of the schedule. One run with a window does.
    window = json.dumps({"window_start": iso(gap.start), "window_end": iso(gap.end)})
    return f"airflow dags trigger {shlex.quote(dag_id)} --conf {shlex.quote(window)}"
