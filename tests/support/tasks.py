"""Runs an operator as Airflow would: in the worker, in the triggerer while it is deferred, and in the worker again."""

from __future__ import annotations

import asyncio
import importlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

try:
    from airflow.sdk.exceptions import TaskDeferred
except ImportError:  # Airflow 2 and 3.0
    from airflow.exceptions import TaskDeferred

try:
    from airflow.sdk.execution_time.context import OutletEventAccessors
except ImportError:  # Airflow 2
    from airflow.utils.context import OutletEventAccessors


@dataclass
class TaskInstance:
    """As much of a task instance as the operators look at."""

    dag_id: str = "dag"
    run_id: str = "run"
    task_id: str = "task"
    map_index: int = -1
    max_tries: int = 2
    try_number: int = 1
    pushed: dict[str, Any] = field(default_factory=dict)

    def xcom_push(self, key: str, value: Any) -> None:
        """Leave a value beside what the task returns."""
        self.pushed[key] = json.loads(json.dumps(value))


def context(**changes: Any) -> dict[str, Any]:
    """Return a task's context with a data interval of one day."""
    interval = {
        "data_interval_start": datetime(2026, 11, 23, tzinfo=UTC),
        "data_interval_end": datetime(2026, 11, 24, tzinfo=UTC),
    }
    return {"ti": TaskInstance(), "outlet_events": OutletEventAccessors(), "params": {}, **interval, **changes}


def run(operator: Any, task_context: dict[str, Any] | None = None, deferrals: list[str] | None = None) -> Any:
    """Run an operator to its end and return its result.

    :param deferrals: is given the class name of each trigger that the operator waited for.
    """
    task_context = task_context or context()
    step, arguments = operator.execute, {}
    while True:
        try:
            return step(task_context, **arguments)
        except TaskDeferred as deferred:
            if deferrals is not None:
                deferrals.append(type(deferred.trigger).__name__)
            event = event_of(deferred.trigger)
            step, arguments = getattr(operator, deferred.method_name), {**(deferred.kwargs or {}), "event": event}


def event_of(trigger: Any) -> Any:
    """Run a trigger in an event loop of its own, rebuilt from what Airflow stores, and return its only event."""
    path, kwargs = trigger.serialize()
    kwargs = json.loads(json.dumps(kwargs))  # Airflow stores it as JSON
    module, _, name = path.rpartition(".")
    rebuilt = getattr(importlib.import_module(module), name)(**kwargs)

    async def events() -> list[Any]:
        return [event.payload async for event in rebuilt.run()]

    (event,) = asyncio.run(events())
    return json.loads(json.dumps(event))
