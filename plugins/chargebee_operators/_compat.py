"""The one place that knows Airflow versions, 2.10 to 3.3. Everything else imports Airflow's names from here."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from airflow.sdk import DAG, Asset, BaseHook, BaseOperator, BaseOperatorLink, Context, Param, TaskGroup, task
    from airflow.sdk.bases.sensor import BaseSensorOperator, PokeReturnValue
    from airflow.sdk.exceptions import (
        AirflowException,
        AirflowFailException,
        AirflowNotFoundException,
        AirflowSensorTimeout,
        AirflowSkipException,
    )
else:
    try:
        from airflow.sdk import DAG, Asset, BaseOperator, BaseOperatorLink, Context, Param, TaskGroup, task
        from airflow.sdk.bases.sensor import BaseSensorOperator, PokeReturnValue
    except ImportError:  # 2.x
        from airflow.datasets import Dataset as Asset
        from airflow.decorators import task
        from airflow.models import DAG, BaseOperator
        from airflow.models.baseoperatorlink import BaseOperatorLink
        from airflow.models.param import Param
        from airflow.sensors.base import BaseSensorOperator, PokeReturnValue
        from airflow.utils.context import Context
        from airflow.utils.task_group import TaskGroup

    try:
        from airflow.sdk import BaseHook
    except ImportError:  # 2.x and 3.0
        from airflow.hooks.base import BaseHook

    try:
        from airflow.sdk.exceptions import (
            AirflowException,
            AirflowFailException,
            AirflowNotFoundException,
            AirflowSensorTimeout,
            AirflowSkipException,
        )
    except ImportError:  # 2.x and 3.0
        from airflow.exceptions import (
            AirflowException,
            AirflowFailException,
            AirflowNotFoundException,
            AirflowSensorTimeout,
            AirflowSkipException,
        )

try:
    import airflow.sdk  # noqa: F401
except ImportError:  # 2.x
    RUNS_ON_AFTER_ON_KILL = False
    _BACKFILL = "airflow dags backfill {dag} --start-date {first} --end-date {last} --rerun-failed-tasks"
else:
    # Its signal handler does no more than call ``on_kill``; that of 2.x raises an exception after it.
    RUNS_ON_AFTER_ON_KILL = True
    _BACKFILL = (
        "airflow backfill create --dag-id {dag} --from-date {first} --to-date {last} --reprocess-behavior failed"
    )

from airflow.configuration import conf
from airflow.timetables.interval import CronDataIntervalTimetable
from airflow.triggers.base import BaseTrigger, TriggerEvent

T = TypeVar("T")

__all__ = [
    "DAG",
    "RUNS_ON_AFTER_ON_KILL",
    "AirflowException",
    "AirflowFailException",
    "AirflowNotFoundException",
    "AirflowSensorTimeout",
    "AirflowSkipException",
    "Asset",
    "BaseHook",
    "BaseOperator",
    "BaseOperatorLink",
    "BaseSensorOperator",
    "BaseTrigger",
    "Context",
    "CronDataIntervalTimetable",
    "Param",
    "PokeReturnValue",
    "TaskGroup",
    "TriggerEvent",
    "active_runs",
    "add_asset_partition",
    "aget_connection",
    "backfill_command",
    "dag_ids_of_this_file",
    "has_asset_partitions",
    "intervals_between",
    "is_backfill",
    "params_are_overridden",
    "pendulum_utc",
    "plugins_folder",
    "states_of_run",
    "task",
    "task_stats",
    "xcom_of",
]


async def aget_connection(conn_id: str, read: Callable[[Any], T]) -> T:
    """Look a connection up from inside the triggerer's event loop, and return what is read from it.

    A plain ``get_connection`` there blocks the loop in 2.x and raises RuntimeError in 3.0, and so does reading the extra
    in 3.0, which masks it. From 3.2 on both belong on the loop: a thread of ours may wait for it for ever.

    :param read: takes the connection.
    """
    if hasattr(BaseHook, "aget_connection"):
        return read(await BaseHook.aget_connection(conn_id))
    from asgiref.sync import sync_to_async

    # Thread-sensitive off: lookups of many triggers must not queue behind one another.
    return await sync_to_async(lambda: read(BaseHook.get_connection(conn_id)), thread_sensitive=False)()


def pendulum_utc(instant: datetime) -> Any:
    """Return an instant as timetables give it to Airflow: a ``pendulum.DateTime`` in UTC."""
    import pendulum

    return pendulum.instance(instant).in_timezone("UTC")


def plugins_folder() -> str:
    """Return Airflow's plugins folder."""
    return str(conf.get("core", "plugins_folder", fallback=""))


def dag_ids_of_this_file() -> set[str]:
    """Return the ids of the DAGs that the DAG file which Airflow parses at the moment has made so far."""
    try:
        from airflow.sdk.definitions._internal import contextmanager as module
    except ImportError:  # 2.x
        from airflow.models import dag as module  # type: ignore[no-redef]
    return {dag.dag_id for dag, _ in module.DagContext.autoregistered_dags}


def states_of_run(context: Context, task_ids: Collection[str]) -> dict[str, str]:
    """Return the states of a run's tasks, by task id; tasks without one are left out.

    :param context: of a task of the run.
    :param task_ids: which tasks.
    """
    ti: Any = context["ti"]
    if hasattr(ti, "get_task_states"):  # 3.x, where a task has no database
        found = ti.get_task_states(dag_id=ti.dag_id, task_ids=list(task_ids), run_ids=[ti.run_id]).get(ti.run_id, {})
    else:
        run: Any = context["dag_run"]
        found = {each.task_id: each.state for each in run.get_task_instances()}
    return {name: str(getattr(state, "value", state)) for name, state in found.items() if state and name in task_ids}


def backfill_command(dag_id: str, first: datetime, last: datetime) -> str:
    """Return the command that runs a DAG for the intervals of its schedule that lack a run, or whose run has failed.

    :param first: the start of the first interval, in UTC.
    :param last: the start of the last interval, in UTC; it is included.
    """
    return _BACKFILL.format(dag=shlex.quote(dag_id), first=first.isoformat(), last=last.isoformat())


def intervals_between(dag: Any, start: datetime, end: datetime, most: int = 10_000) -> list[tuple[datetime, datetime]]:
    """Return the intervals of a DAG's schedule that lie in a span of time, in order; none where it has no intervals.

    :param dag: the DAG, as a task's context has it.
    :param start: the span's first instant.
    :param end: the first instant after the span.
    :param most: how many.
    """
    timetable: Any = getattr(dag, "timetable", None)
    if not hasattr(timetable, "next_dagrun_info"):
        return []
    from airflow.timetables.base import TimeRestriction

    restriction = TimeRestriction(pendulum_utc(start), pendulum_utc(end), catchup=True)
    found: list[tuple[datetime, datetime]] = []
    interval = None
    while len(found) < most:
        info = timetable.next_dagrun_info(last_automated_data_interval=interval, restriction=restriction)
        interval = info.data_interval if info else None
        if interval is None or interval.end > end or interval.end <= interval.start:
            break
        found.append((interval.start, interval.end))
    return found


def active_runs(context: Context, logical_dates: Collection[datetime]) -> int:
    """Return how many of a DAG's runs of some logical dates are queued or running.

    :param context: of a task of the DAG.
    :param logical_dates: the dates, in UTC.
    """
    ti: Any = context["ti"]
    dates, states = sorted(set(logical_dates)), ["queued", "running"]
    if hasattr(ti, "get_dr_count"):  # 3.x, where a task has no database
        return int(ti.get_dr_count(dag_id=ti.dag_id, logical_dates=dates, states=states))
    run: Any = context["dag_run"]
    return sum(len(run.find(dag_id=ti.dag_id, execution_date=dates, state=state)) for state in states)


def params_are_overridden() -> bool:
    """Return whether a run's configuration sets the DAG's parameters, as it does unless Airflow's options say otherwise."""
    return conf.getboolean("core", "dag_run_conf_overrides_params", fallback=True)


def is_backfill(dag_run: Any) -> bool:
    """Return whether a run is one of a backfill.

    :param dag_run: that of the context; None when it has none.
    """
    kind = getattr(dag_run, "run_type", "")
    return getattr(kind, "value", kind) == "backfill"


def xcom_of(ti_key: Any, key: str = "return_value") -> Any:
    """Return a value that a task instance has left, for an operator link; None when there is none.

    :param key: of the value; by default that of what the task returned.
    """
    try:
        from airflow.sdk.execution_time.xcom import XCom
    except ImportError:  # 2.x
        from airflow.models import XCom
    return XCom.get_value(ti_key=ti_key, key=key)


def has_asset_partitions() -> bool:
    """Return whether a task can name the partition that the event of an asset is for, as it can from 3.3 on."""
    from airflow import __version__

    return [int(part) for part in __version__.split(".")[:2]] >= [3, 3]


def add_asset_partition(event: Any, key: str) -> None:
    """Name the partition that an asset's event is for.

    :param event: one of ``context["outlet_events"]``.
    """
    event.add_partitions(key)


def task_stats() -> Any:
    """Return Airflow's metrics as they work inside a task.

    From 3.2 on a task sets up those of the SDK alone (``airflow.sdk.execution_time.task_runner.main``). Those of
    ``airflow.observability`` are silent there.
    """
    try:
        from airflow.sdk.observability.stats import Stats
    except ImportError:  # before 3.2
        from airflow.stats import Stats
    return Stats
