"""The two sides of ``polling.py``, and what one of them costs. Runs in a process of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any

from benchmarks.memory import memory

TICK = 0.001
FLAT_OUT_POLLERS, FLAT_OUT_SECONDS = 20, 5.0
IDLE = "idle"


@dataclass(frozen=True)
class Task:
    """What a measured process is told.

    :param side: a name of ``POLLERS``.
    :param exports: how many are waited for.
    :param interval: seconds between two looks at one.
    :param seconds: of each measured stretch.
    :param url: of the simulator, without /api/v2.
    """

    side: str
    exports: int
    interval: float
    seconds: float
    site: str
    key: str
    url: str
    ca_bundle: str | None = None


@dataclass(frozen=True)
class Polled:
    """What it cost.

    :param cpu_ms: of this process, for each poll, at the pace of the interval.
    :param core: share of one core that this took.
    :param polls: a second, at that pace.
    :param pause_ms: the event loop's longest, while polling.
    :param busiest_ms: most CPU time between two wake-ups of a ticker, which a busy machine lengthens less than a pause.
    :param start_pause_ms: the same while all of them begin.
    :param flat_out: polls a second when nobody pauses.
    :param flat_out_cpu_ms: for each of those.
    :param memory_mb: the process's highest.
    """

    cpu_ms: float
    core: float
    polls: float
    pause_ms: float
    busiest_ms: float
    start_pause_ms: float
    flat_out: float
    flat_out_cpu_ms: float
    memory_mb: float


@dataclass
class Side:
    """One way to wait for exports.

    :param wait: waits for one of them, for ever.
    :param look: looks at one of them, once.
    :param polls: says how many looks were answered so far.
    """

    wait: Callable[[str], Awaitable[Any]]
    look: Callable[[str], Awaitable[Any]]
    polls: Callable[[], int]


async def polled(task: Task) -> Polled:
    """Run one side: all at once, then at its pace, then flat out."""
    ids = await _exports(task.exports)
    async with AsyncExitStack() as until_done:
        side = await POLLERS[task.side](task, until_done)
        ticker = Ticker()
        waiting = [asyncio.create_task(side.wait(each)) for each in ids]
        try:
            start_pause, _ = await ticker.longest(task.interval * 0.5)  # before the first look
            await asyncio.sleep(task.interval * 2)  # until connections stand and the pace is even
            cpu, polls = time.process_time(), side.polls()
            wall = time.perf_counter()
            await asyncio.sleep(task.seconds)
            cpu, polls, wall = time.process_time() - cpu, side.polls() - polls, time.perf_counter() - wall
            # The ticker costs more than the polls do, so it has a stretch of its own.
            pause, busiest = await ticker.longest(task.seconds)
            if ended := [each for each in waiting if each.done()]:
                raise RuntimeError(f"{len(ended)} pollers ended early: {ended[0]}")
        finally:
            for each in waiting:
                each.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        flat_out, flat_out_cpu = await _flat_out(side, ids[:FLAT_OUT_POLLERS])
    peak = memory("VmHWM") / 10**6
    return Polled(
        cpu_ms=1000 * cpu / max(1, polls),
        core=cpu / wall,
        polls=polls / wall,
        pause_ms=1000 * pause,
        busiest_ms=1000 * busiest,
        start_pause_ms=1000 * start_pause,
        flat_out=flat_out,
        flat_out_cpu_ms=flat_out_cpu,
        memory_mb=peak,
    )


async def _exports(count: int) -> list[str]:
    """Return the ids of so many exports in process; the same for both sides, by their idempotency keys."""
    from chargebee_operators.chargebee.async_client import client_of

    async with client_of("chargebee_default") as client:
        asked = [client.create_export("customers", (), idempotency_key=f"poll-{number}") for number in range(count)]
        return [export.id for export in await asyncio.gather(*asked)]


async def _flat_out(side: Side, ids: list[str]) -> tuple[float, float]:
    """Return polls a second and CPU milliseconds a poll with a few that never pause."""
    ends = time.perf_counter() + FLAT_OUT_SECONDS

    async def look(export_id: str) -> int:
        count = 0
        while time.perf_counter() < ends:
            await side.look(export_id)
            count += 1
        return count

    cpu, wall = time.process_time(), time.perf_counter()
    polls = sum(await asyncio.gather(*(look(each) for each in ids)))
    return polls / (time.perf_counter() - wall), 1000 * (time.process_time() - cpu) / polls


class Ticker:
    """Wakes every millisecond, to see when the event loop lets it."""

    async def longest(self, seconds: float) -> tuple[float, float]:
        """Return the longest pause in so many seconds beyond the tick itself, and the most CPU seconds in any."""
        longest, busiest, ends = 0.0, 0.0, time.perf_counter() + seconds
        while (then := time.perf_counter()) < ends:
            cpu = time.thread_time()
            await asyncio.sleep(TICK)
            longest = max(longest, time.perf_counter() - then - TICK)
            busiest = max(busiest, time.thread_time() - cpu)
        return longest, busiest


async def _triggers(task: Task, until_done: AsyncExitStack) -> Side:
    """The package's own: an ExportReadyTrigger for each export."""
    from chargebee_operators.chargebee.async_client import client_of
    from chargebee_operators.triggers import ExportReadyTrigger

    client = await until_done.enter_async_context(client_of("chargebee_default"))

    async def wait(export_id: str) -> None:
        trigger = ExportReadyTrigger(
            chargebee_conn_id="chargebee_default",
            export_id=export_id,
            deadline=time.time() + 3600,
            poll_interval=task.interval,
            max_poll_interval=task.interval,
            outage_timeout=600,
        )
        async for event in trigger.run():
            raise RuntimeError(f"a trigger fired: {event}")

    polls = _counted(client)
    return Side(wait, client.get_export, polls)


def _counted(client: Any) -> Callable[[], int]:
    """Count a client's looks; a failed one is an error."""
    look, count = client.get_export, 0

    async def get_export(*arguments: Any) -> Any:
        nonlocal count
        export = await look(*arguments)
        count += 1
        return export

    client.get_export = get_export
    return lambda: count


async def _sdk(task: Task, until_done: AsyncExitStack) -> Side:
    """The SDK's async client, one for all, in as plain a loop as can be."""
    from chargebee import Chargebee

    Chargebee.ca_cert_path = task.ca_bundle
    sdk = Chargebee(task.key, task.site, use_async_client=True)
    sdk.env.api_endpoint = f"{task.url}/api/v2"
    count = 0

    async def look(export_id: str) -> None:
        nonlocal count
        await sdk.Export.retrieve(export_id)
        count += 1

    async def wait(export_id: str) -> None:
        while True:
            await asyncio.sleep(task.interval)
            with suppress(Exception):  # its timeouts are counted as polls that never were
                await look(export_id)

    return Side(wait, look, lambda: count)


async def _idle(task: Task, until_done: AsyncExitStack) -> Side:
    """Nobody polls: the pauses are the machine's own."""

    async def wait(export_id: str) -> None:
        await asyncio.Event().wait()

    async def look(export_id: str) -> None:
        await asyncio.sleep(TICK)

    return Side(wait, look, lambda: 0)


POLLERS: dict[str, Callable[[Task, AsyncExitStack], Awaitable[Side]]] = {
    IDLE: _idle,
    "triggers": _triggers,
    "sdk": _sdk,
}
