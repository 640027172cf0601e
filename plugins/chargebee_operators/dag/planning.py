"""What one run of the DAG exports: which window, and which resources. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chargebee_operators.chargebee.windows import Window, window_of
from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.common.spelling import nearest
from chargebee_operators.dag.settings import ResourceSettings

Interval = tuple[datetime | None, datetime | None]


@dataclass(frozen=True)
class RunPlan:
    """What one run exports.

    :param window: the span of time; None for a run of snapshots that has none.
    :param resources: the names of the resources to export.
    :param skipped: why each other resource is left out, by name.
    """

    window: Window | None
    resources: tuple[str, ...]
    skipped: Mapping[str, str]


def plan_run(
    params: Mapping[str, Any],
    interval: Interval,
    latest: Interval,
    resources: Sequence[ResourceSettings],
) -> RunPlan:
    """Decide what a run exports.

    :param params: ``resources``, ``window_start``, ``window_end`` and ``snapshot``, from the trigger form.
    :param interval: the run's data interval; Nones for a manual run that has none.
    :param latest: the schedule's last complete interval; Nones without a schedule.
    :param resources: what the DAG is set up for.
    :raises SettingsError: when there is no window, or a resource that the DAG does not have.
    """
    newest = None if None in latest else Window(*latest)  # type: ignore[arg-type]
    snapshot = bool(params.get("snapshot"))
    wanted = _wanted(params, [each.name for each in resources])
    window = _window(params, interval, newest, snapshot)
    if window is None and not snapshot and not all(each.is_snapshot for each in resources if each.name in wanted):
        raise SettingsError("This run has no data interval, and the DAG no schedule: give window_start and window_end.")
    skipped = {each.name: "not among the resources of this run" for each in resources if each.name not in wanted}
    if not snapshot and newest and window and window.end < newest.end:
        for each in resources:
            if each.is_snapshot and each.name in wanted:
                # Chargebee has the present only: each run of a backfill would land the same once more.
                skipped[each.name] = "it is exported whole, which only the latest run may do"
    chosen = tuple(each.name for each in resources if each.name not in skipped)
    return RunPlan(window, chosen, skipped)


def _window(params: Mapping[str, Any], interval: Interval, newest: Window | None, snapshot: bool) -> Window | None:
    typed = window_of(params.get("window_start"), params.get("window_end"))
    if typed and snapshot:
        raise SettingsError(
            "window_start and window_end with snapshot: a snapshot has no window; empty the two, or untick it."
        )
    if typed:
        return typed
    # A schedule of None gives a manual run an interval of no length in Airflow 2.
    span = None if None in interval or interval[0] == interval[1] else Window(*interval)  # type: ignore[arg-type]
    return newest or span if snapshot else span or newest


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
