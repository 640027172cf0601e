"""The triggers' timing, in virtual time against the simulator's own rules: what is asked of Chargebee, and when."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from virtual_time import VirtualTime

from benchmarks.simulation.airflow import FIELDS, SimulatedAirflow
from benchmarks.simulation.site import Chances, SimulatedSite
from chargebee_operators.chargebee.async_client import client_of
from chargebee_operators.triggers import ExportReadyTrigger, ExportSlotTrigger

BEGINNING = 1_790_000_000.0
CONN_ID = "chargebee_triggerer_1"


def in_virtual_time(
    story: Callable[[SimulatedSite], Awaitable[Any]],
    *,
    job_seconds: float,
    failing: float = 0.0,
    retry_after: bool = False,
) -> Any:
    """Run a story against a site whose jobs take so many seconds."""
    chances = Chances(shortest=job_seconds, longest=job_seconds, failing=failing)

    @asynccontextmanager
    async def deployed() -> AsyncIterator[SimulatedSite]:
        with tempfile.TemporaryDirectory() as folder:
            site = SimulatedSite(Path(folder), chances, retry_after=retry_after, latency=0.0)
            try:
                with SimulatedAirflow(site, workers=1, triggerers=1, seed=1).deployed():
                    yield site
            finally:
                site.close()

    async def main() -> Any:
        async with deployed() as site:
            return await story(site)

    with VirtualTime(BEGINNING).installed() as clock:
        return clock.run(main())


async def asked_for(key: str = "key") -> str:
    async with client_of(CONN_ID) as client:
        return (await client.create_export("customers", FIELDS, idempotency_key=key)).id


def ready(export_id: str, **changes: Any) -> ExportReadyTrigger:
    arguments = {
        "chargebee_conn_id": CONN_ID,
        "export_id": export_id,
        "poll_interval": 10,
        "max_poll_interval": 60,
        "outage_timeout": 600,
        "deadline": time.time() + 3600,
    }
    return ExportReadyTrigger(**{**arguments, **changes})


def slot(key: str, **changes: Any) -> ExportSlotTrigger:
    arguments = {
        "chargebee_conn_id": CONN_ID,
        "resource": "customers",
        "wire_fields": dict(FIELDS),
        "idempotency_key": key,
        "retry_interval": 10,
        "deadline": time.time() + 3600,
    }
    return ExportSlotTrigger(**{**arguments, **changes})


async def event_of(trigger: Any) -> dict[str, Any]:
    (event,) = [event.payload async for event in trigger.run()]
    return event


def looks(site: SimulatedSite) -> list[float]:
    """Seconds after the beginning at which the site was asked how an export stands."""
    return [call.at - BEGINNING for call in site.calls if call.key is None]


def test_the_first_look_comes_one_poll_interval_after_the_start_and_the_next_ones_back_off():
    async def story(site: SimulatedSite) -> list[float]:
        event = await event_of(ready(await asked_for()))
        assert event["outcome"] == "completed"
        assert 1500 <= event["took"] <= 1570
        return looks(site)

    times = in_virtual_time(story, job_seconds=1500)
    gaps = [later - earlier for earlier, later in zip([0.0, *times], times, strict=False)]
    assert 10 <= gaps[0] <= 11.6
    assert all(10 <= gap <= 66.5 for gap in gaps)
    assert all(60 <= gap <= 66.5 for gap in gaps[-5:])
    assert all(gap <= 11.6 for gap, at in zip(gaps, times, strict=True) if at <= 100)


def test_a_crowd_that_starts_at_once_spreads_its_looks_and_shares_wake_ups():
    async def story(site: SimulatedSite) -> list[float]:
        ids = [await asked_for("one")] * 100
        waiting = [asyncio.create_task(event_of(ready(each))) for each in ids]
        await asyncio.sleep(13)
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return looks(site)

    times = in_virtual_time(story, job_seconds=1000)
    assert len(times) == 100
    assert max(times) - min(times) >= 1.0
    assert len({round(at, 3) for at in times}) <= 5, "half a second apart: a twentieth of the interval"


def test_even_a_job_that_is_done_is_not_seen_before_the_first_interval_is_over():
    async def story(site: SimulatedSite) -> list[float]:
        await event_of(ready(await asked_for()))
        return looks(site)

    (first,) = in_virtual_time(story, job_seconds=0)
    assert first >= 10


def test_the_deadline_is_absolute_and_the_last_look_is_at_it():
    async def story(site: SimulatedSite) -> tuple[dict[str, Any], list[float], float]:
        event = await event_of(ready(await asked_for(), deadline=BEGINNING + 100))
        return event, looks(site), time.time()

    event, times, ended = in_virtual_time(story, job_seconds=1500)
    assert event["outcome"] == "timed_out"
    assert times[-1] == pytest.approx(100, abs=0.01)
    assert ended - BEGINNING == pytest.approx(100, abs=0.01)


def test_another_triggerer_goes_on_with_the_same_deadline_and_age():
    async def story(site: SimulatedSite) -> tuple[dict[str, Any], list[float]]:
        trigger = ready(await asked_for(), deadline=BEGINNING + 1000)
        first = asyncio.create_task(event_of(trigger))
        await asyncio.sleep(600)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        _, kwargs = trigger.serialize()
        return await event_of(ExportReadyTrigger(**kwargs)), looks(site)

    event, times = in_virtual_time(story, job_seconds=1500)
    assert event["outcome"] == "timed_out"
    assert "gave up after 1000 s" in event["message"]
    after = [at for at in times if at > 600]
    assert 610 <= after[0] <= 611.6, "one poll interval after the restart"
    assert 60 <= after[1] - after[0] <= 66.5, "then the pace of the job's age, not of the trigger's"


def test_a_start_keeps_its_place_when_its_trigger_moves_and_one_at_a_time_asks():
    async def story(site: SimulatedSite) -> list[str]:
        for number in range(5):
            await asked_for(f"running-{number}")
        order: list[str] = []

        async def wait(trigger: ExportSlotTrigger) -> None:
            assert (await event_of(trigger))["outcome"] == "created"
            order.append(trigger.idempotency_key)

        oldest = slot("oldest")
        moved = asyncio.create_task(event_of(oldest))
        await asyncio.sleep(30)
        others = [asyncio.create_task(wait(slot(f"younger-{number}"))) for number in range(3)]
        await asyncio.sleep(30)
        moved.cancel()
        _, kwargs = oldest.serialize()
        await asyncio.gather(wait(ExportSlotTrigger(**kwargs)), *others)
        return order

    assert in_virtual_time(story, job_seconds=200)[0] == "oldest"


def test_however_many_wait_the_calls_stay_few():
    async def story(site: SimulatedSite) -> int:
        for number in range(5):
            await asked_for(f"running-{number}")
        waiting = [asyncio.create_task(event_of(slot(f"waiting-{number}"))) for number in range(200)]
        await asyncio.sleep(600)
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return len(site.calls)

    assert in_virtual_time(story, job_seconds=3600) <= 5 + 600 / 7.5 + 1


def test_the_end_of_an_export_is_told_to_the_first_in_line():
    async def story(site: SimulatedSite) -> float:
        ids = [await asked_for(f"running-{number}") for number in range(5)]
        sensor = asyncio.create_task(event_of(ready(ids[0], deadline=BEGINNING + 9999)))
        start = asyncio.create_task(event_of(slot("waiting", retry_interval=500, deadline=BEGINNING + 9999)))
        await sensor
        seen = time.time()
        await start
        return time.time() - seen

    # Long before its own next try, hundreds of seconds later.
    assert in_virtual_time(story, job_seconds=1000) <= 1.0


def test_the_end_of_an_export_does_not_end_a_pause_that_chargebee_asked_for():
    async def story(site: SimulatedSite) -> list[float]:
        await asked_for("oldest")
        await asyncio.sleep(60)
        for number in range(4):
            await asked_for(f"running-{number}")
        start = asyncio.create_task(event_of(slot("waiting")))
        await asyncio.sleep(30)  # refused, with the oldest's end as the time to ask again
        async with client_of(CONN_ID) as client:
            client.slots.freed()  # as if another export had ended: one of a person's, say
        await start
        return [call.at - BEGINNING for call in site.calls if call.key == "waiting"]

    refused, granted = in_virtual_time(story, job_seconds=1000, retry_after=True)
    assert refused < 90
    assert granted >= 1000
