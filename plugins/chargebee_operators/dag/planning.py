"""What one run of the DAG exports: which window, and which resources. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from chargebee_operators.chargebee.deletions import DELETED_RECORDS
from chargebee_operators.chargebee.windows import Window, as_utc, iso, window_of
from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.common.spelling import nearest
from chargebee_operators.dag.resource_settings import ResourceSettings

Interval = tuple[datetime | None, datetime | None]

NO_INTERVAL: Interval = (None, None)

# The clocks of the scheduler and of a worker may differ by so much: a run of the schedule starts right at its window's end.
CLOCKS_DIFFER = timedelta(minutes=15)


@dataclass(frozen=True)
class Run:
    """What Airflow says of a run.

    :param params: ``resources``, ``window_start``, ``window_end`` and ``snapshot``, from the trigger form.
    :param interval: the data interval; Nones for a manual run that has none.
    :param is_backfill: whether it is one of the runs of a backfill.
    """

    params: Mapping[str, Any] = field(default_factory=dict)
    interval: Interval = NO_INTERVAL
    is_backfill: bool = False


@dataclass(frozen=True)
class RunPlan:
    """What one run exports.

    :param window: the span of time; None for a run of snapshots that has none.
    :param resources: the names of the resources to export.
    :param skipped: why each other resource is left out, by name; ``deleted_records`` too.
    :param deletions: whether to list what was deleted.
    """

    window: Window | None
    resources: tuple[str, ...]
    skipped: Mapping[str, str]
    deletions: bool = False


def plan_run(
    run: Run, latest: Interval, resources: Sequence[ResourceSettings], now: datetime, deletions: bool = False
) -> RunPlan:
    """Decide what a run exports.

    :param run: what Airflow says of it.
    :param latest: the schedule's last complete interval; Nones without a schedule.
    :param resources: what the DAG is set up for.
    :param now: the present.
    :param deletions: whether the DAG lists what was deleted.
    :raises SettingsError: when there is no window, or one that has not ended; for a resource that the DAG does not have; for
        a window or a snapshot that each run of a backfill would export again.
    """
    newest = _newest(latest)
    snapshot = bool(run.params.get("snapshot"))
    known = [*(each.name for each in resources), *([DELETED_RECORDS] if deletions else [])]
    wanted = _wanted(run.params, known)
    window = _window(run, newest, snapshot)
    needs_window = any(not each.is_snapshot for each in resources if each.name in wanted)
    if window is None and not snapshot and (needs_window or wanted == [DELETED_RECORDS]):
        raise SettingsError("This run has no data interval, and the DAG no schedule: give window_start and window_end.")
    if window:
        _check_has_ended(window, now)
    skipped = dict.fromkeys((each for each in known if each not in wanted), "not among the resources of this run")
    if not snapshot and newest and window and window.end < newest.end:
        for each in resources:
            if each.is_snapshot and each.name in wanted:
                # Chargebee has the present only: each run of a backfill would land the same once more.
                skipped[each.name] = "it is exported whole, which only the latest run may do"
    if deletions and DELETED_RECORDS in wanted and (snapshot or window is None):
        skipped[DELETED_RECORDS] = "it needs a window" if window is None else "a snapshot has no deletions"
    chosen = tuple(each.name for each in resources if each.name not in skipped)
    return RunPlan(window, chosen, skipped, deletions and DELETED_RECORDS not in skipped)


def _newest(latest: Interval) -> Window | None:
    """Return the last complete interval as a window; None when there is none, which stops no run that has its own."""
    start, end = latest
    return Window(start, end) if start and end and start < end else None


def _window(run: Run, newest: Window | None, snapshot: bool) -> Window | None:
    typed = window_of(run.params.get("window_start"), run.params.get("window_end"))
    if typed and snapshot:
        raise SettingsError(
            "window_start and window_end with snapshot: a snapshot has no window; empty the two, or untick it."
        )
    if run.is_backfill and (typed or snapshot):
        what = f"the window {typed}" if typed else "a snapshot of the present"
        raise SettingsError(
            f"This is a run of a backfill, and each of its runs would export {what} once more: leave window_start, "
            "window_end and snapshot out of the backfill, or trigger one run with them."
        )
    if typed:
        return typed
    # A schedule of None gives a manual run an interval of no length in Airflow 2.
    span = None if None in run.interval or run.interval[0] == run.interval[1] else Window(*run.interval)  # type: ignore[arg-type]
    return newest or span if snapshot else span or newest


def _check_has_ended(window: Window, now: datetime) -> None:
    """Refuse a window whose rows are not all there yet: what changes after the export would be in no partition."""
    if window.end > as_utc(now) + CLOCKS_DIFFER:
        raise SettingsError(
            f"The window {window} ends in the future (it is {iso(now)} now): rows that change after the export would be "
            "in no partition. Give a window_end that has passed."
        )


def _wanted(params: Mapping[str, Any], known: list[str]) -> list[str]:
    wanted = params.get("resources") or known
    if isinstance(wanted, str):
        wanted = [each.strip() for each in wanted.split(",") if each.strip()]
    for name in wanted:
        if name not in known:
            raise SettingsError(
                f"resources: {name!r} is not one that this DAG exports{nearest(name, known)}; it has {', '.join(known)}."
            )
    return list(wanted)
