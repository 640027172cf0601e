"""As much of Airflow as decides when a task asks Chargebee: workers, triggerers, runs, and the time between states.

The triggers are the package's own. What the operators do in a worker is told again here, call by call, for they speak
through the SDK, which needs a socket.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar
from unittest import mock
from urllib.parse import urlsplit

from benchmarks.simulation.site import KEY, SITE, Session, SimulatedSite, settings_of
from chargebee_operators import waiting_trigger
from chargebee_operators.chargebee import async_client
from chargebee_operators.chargebee.api import Export, ExportStatus
from chargebee_operators.chargebee.async_client import AsyncExportsClient
from chargebee_operators.chargebee.jobs import JobRecord, idempotency_key, new_job, restart_key
from chargebee_operators.chargebee.trigger_events import Outcome, read_event
from chargebee_operators.common.exceptions import ThrottledError, UnavailableError
from chargebee_operators.triggers import ExportReadyTrigger, ExportSlotTrigger

T = TypeVar("T")
TWELVE_HOURS = 12 * 3600.0
POLL_INTERVAL, MAX_POLL_INTERVAL, OUTAGE_TIMEOUT = 10.0, 60.0, 1800.0
MAX_RESTARTS = 1
RETRIES, RETRY_DELAY = 3, 60.0
FIELDS = (("customer[updated_at][between]", "[1795392000,1795478399]"),)


class TaskFailed(Exception):
    """A task failed; ``final`` when Airflow would not retry it."""

    def __init__(self, why: str, *, final: bool) -> None:
        super().__init__(why)
        self.final = final


@dataclass(frozen=True)
class Latencies:
    """Seconds that Airflow takes, each drawn evenly between two figures.

    :param scheduling: from a task's being runnable to its place at a worker.
    :param start_up: of the task's process.
    :param deferral: from the worker's end to the trigger's start.
    :param resumption: from the trigger's event to the task's being runnable again.
    :param upload: of an export, in the worker.
    """

    scheduling: tuple[float, float] = (1.0, 5.0)
    start_up: tuple[float, float] = (2.0, 4.0)
    deferral: tuple[float, float] = (1.0, 5.0)
    resumption: tuple[float, float] = (0.5, 3.0)
    upload: tuple[float, float] = (3.0, 30.0)


@dataclass
class Tally:
    """What went wrong.

    :param failed: tasks that failed for good, and why.
    :param failed_twice: exports that Chargebee failed as often as they may be asked for; their tasks have to fail.
    :param retries: of tasks, by Airflow.
    """

    failed: list[str] = field(default_factory=list)
    failed_twice: int = 0
    retries: int = 0


class SimulatedAirflow:
    """Workers and triggerers before one site.

    :param workers: tasks that run at once.
    :param triggerers: that know nothing of each other.
    """

    def __init__(self, site: SimulatedSite, *, workers: int, triggerers: int, seed: int) -> None:
        self._site = site
        self._workers = asyncio.Semaphore(workers)
        self._triggerers = [f"triggerer-{number}" for number in range(1, triggerers + 1)]
        self._dice = random.Random(seed)
        self._times = Latencies()
        self._worker = AsyncExportsClient(settings_of("worker"), Session(site, "worker"))  # type: ignore[arg-type]
        self.tally = Tally()

    @contextmanager
    def deployed(self) -> Iterator[None]:
        """Let the triggers find a connection for each triggerer, and the site behind it."""
        connections = {
            f"AIRFLOW_CONN_{_conn_id(name).upper()}": json.dumps(
                {"conn_type": "generic", "login": SITE, "password": KEY, "host": f"http://{name}"}
            )
            for name in self._triggerers
        }
        with (
            mock.patch.dict("os.environ", connections),
            mock.patch.object(
                async_client,
                "open_session",
                lambda settings: Session(self._site, str(urlsplit(settings.base_url).hostname)),
            ),
            mock.patch.object(waiting_trigger, "LOG_EVERY", float("inf")),  # a year of waiting writes a million lines
        ):
            yield

    async def export(self, dag_id: str, run_id: str, resource: str) -> None:
        """Run one resource's three tasks."""
        name = f"{dag_id}/{run_id}/{resource}"
        try:
            job = await self._retried(lambda: self._start(name, resource))
            job = await self._retried(lambda: self._ready(job))
            await self._retried(lambda: self._upload(job))
        except TaskFailed as error:
            self.tally.failed.append(f"{name}: {error}")

    async def _retried(self, task: Callable[[], Awaitable[T]]) -> T:
        for number in range(RETRIES + 1):
            try:
                return await task()
            except TaskFailed as error:
                if error.final or number == RETRIES:
                    raise
                self.tally.retries += 1
                await asyncio.sleep(RETRY_DELAY * 2**number)
        raise AssertionError("the last try returns or raises")

    async def _start(self, name: str, resource: str) -> JobRecord:
        key = idempotency_key(name)

        async def ask() -> Export | ThrottledError | UnavailableError:
            return await _caught(self._worker.create_export(resource, FIELDS, idempotency_key=key))

        asked = await self._in_worker(ask)
        if isinstance(asked, Export):
            return _record(asked.id, resource)
        details = await self._wait_for_slot(resource, key, asked.retry_after, time.time(), time.time() + TWELVE_HOURS)
        return _record(details["export_id"], resource)

    async def _wait_for_slot(
        self, resource: str, key: str, retry_after: float | None, since: float, deadline: float
    ) -> dict[str, Any]:
        return await self._deferred(
            lambda conn_id: ExportSlotTrigger(
                chargebee_conn_id=conn_id,
                resource=resource,
                wire_fields=dict(FIELDS),
                idempotency_key=key,
                retry_interval=POLL_INTERVAL,
                retry_after=retry_after,
                deadline=deadline,
                since=since,
            ),
            Outcome.CREATED,
        )

    async def _ready(self, job: JobRecord) -> JobRecord:
        since = time.time()
        deadline = since + TWELVE_HOURS

        async def look() -> Export | ThrottledError | UnavailableError:
            return await _caught(self._worker.get_export(job.export_id))

        looked = await self._in_worker(look)
        status = looked.status if isinstance(looked, Export) else ExportStatus.IN_PROCESS
        while status is not ExportStatus.COMPLETED:
            if status is ExportStatus.FAILED:
                job = await self._restart(job, since, deadline)
            status = await self._wait_until_ready(job, since, deadline)
        return job

    async def _wait_until_ready(self, job: JobRecord, since: float, deadline: float) -> ExportStatus:
        details = await self._deferred(
            lambda conn_id: ExportReadyTrigger(
                chargebee_conn_id=conn_id,
                export_id=job.export_id,
                poll_interval=POLL_INTERVAL,
                max_poll_interval=MAX_POLL_INTERVAL,
                outage_timeout=OUTAGE_TIMEOUT,
                deadline=deadline,
                since=since,
            ),
            Outcome.COMPLETED,
            Outcome.FAILED,
        )
        return ExportStatus(details["outcome"])

    async def _restart(self, job: JobRecord, since: float, deadline: float) -> JobRecord:
        if job.restarts >= MAX_RESTARTS:
            self.tally.failed_twice += 1
            raise TaskFailed(f"Chargebee failed export {job.export_id} again", final=True)
        key = restart_key(job)
        asked = await _caught(self._worker.create_export(job.resource, FIELDS, idempotency_key=key))
        if isinstance(asked, Export):
            return job.restarted(asked.id, asked.created_at)
        details = await self._wait_for_slot(job.resource, key, asked.retry_after, since, deadline)
        return _record(details["export_id"], job.resource, restarts=job.restarts + 1)

    async def _upload(self, job: JobRecord) -> None:
        async def land() -> None:
            for failures in range(6):
                if isinstance(await _caught(self._worker.get_export(job.export_id)), Export):
                    break
                await asyncio.sleep(2**failures)
            else:
                raise TaskFailed("no fresh URL", final=False)
            await asyncio.sleep(self._dice.uniform(*self._times.upload))

        await self._in_worker(land)

    async def _in_worker(self, work: Callable[[], Awaitable[T]]) -> T:
        await asyncio.sleep(self._dice.uniform(*self._times.scheduling))
        async with self._workers:
            await asyncio.sleep(self._dice.uniform(*self._times.start_up))
            return await work()

    async def _deferred(self, make: Callable[[str], Any], *wanted: Outcome) -> dict[str, Any]:
        """Run a trigger in one of the triggerers, from what Airflow stores of it, and its task's last bit after it."""
        trigger = make(_conn_id(self._dice.choice(self._triggerers)))
        await asyncio.sleep(self._dice.uniform(*self._times.deferral))
        path, kwargs = trigger.serialize()
        module, _, name = path.rpartition(".")
        rebuilt = getattr(importlib.import_module(module), name)(**json.loads(json.dumps(kwargs)))
        (event,) = [event.payload async for event in rebuilt.run()]
        await asyncio.sleep(self._dice.uniform(*self._times.resumption))
        await self._in_worker(_nothing)
        outcome, details = read_event(event)
        if outcome not in wanted:
            raise TaskFailed(
                f"{outcome}: {details.get('message')}", final=outcome in (Outcome.REJECTED, Outcome.TIMED_OUT)
            )
        return details


async def _nothing() -> None:
    pass


async def _caught(call: Awaitable[Export]) -> Export | ThrottledError | UnavailableError:
    try:
        return await call
    except (ThrottledError, UnavailableError) as error:
        return error


def _conn_id(triggerer: str) -> str:
    return f"chargebee_{triggerer.replace('-', '_')}"


def _record(export_id: str, resource: str, restarts: int = 0) -> JobRecord:
    job = new_job(
        export_id=export_id,
        resource=resource,
        site=SITE,
        wire_fields=FIELDS,
        window=None,
        window_field="updated_at",
        requested_at=datetime.fromtimestamp(time.time(), UTC),
    )
    return job if not restarts else job.restarted(export_id, datetime.fromtimestamp(time.time(), UTC))
