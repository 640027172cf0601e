"""The one place that knows Airflow versions, 2.10 to 3.3. Everything else imports Airflow's names from here."""

from __future__ import annotations

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
else:
    # Its signal handler does no more than call ``on_kill``; that of 2.x raises an exception after it.
    RUNS_ON_AFTER_ON_KILL = True

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
    "aget_connection",
    "dag_ids_of_this_file",
    "params_are_overridden",
    "pendulum_utc",
    "states_of_run",
    "task",
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


def params_are_overridden() -> bool:
    """Return whether a run's configuration sets the DAG's parameters, as it does unless Airflow's options say otherwise."""
    return conf.getboolean("core", "dag_run_conf_overrides_params", fallback=True)


def xcom_of(ti_key: Any) -> Any:
    """Return the value that a task instance returned, for an operator link; None when there is none."""
    try:
        from airflow.sdk.execution_time.xcom import XCom
    except ImportError:  # 2.x
        from airflow.models import XCom
    return XCom.get_value(ti_key=ti_key, key="return_value")
