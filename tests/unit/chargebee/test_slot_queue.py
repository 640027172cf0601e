"""The line before a site's export slots: the oldest start asks, alone, and nobody is forgotten."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_time import VirtualTime

from chargebee_operators.chargebee.slot_queue import SlotQueue

LONG = 10_000.0


def in_virtual_time(main: Any) -> Any:
    """Run a coroutine function with a new line and the present, and return its result and the seconds it took."""
    with VirtualTime().installed() as clock:
        begun = time.time()
        return clock.run(main(SlotQueue(), begun)), time.time() - begun


async def wait_in(slots: SlotQueue, since: float, not_before: float, begun: float) -> float:
    """Stand in line and return after how many seconds the turn came."""
    with slots.place(since, not_before) as place:
        assert await slots.turn(place, begun + LONG)
        return round(time.time() - begun, 3)


def test_alone_it_is_ones_turn_at_once():
    async def main(slots: SlotQueue, begun: float) -> float:
        return await wait_in(slots, begun, begun, begun)

    assert in_virtual_time(main) == (0.0, 0.0)


def test_nobody_asks_before_its_time():
    async def main(slots: SlotQueue, begun: float) -> float:
        return await wait_in(slots, begun - 500, begun + 7, begun)

    assert in_virtual_time(main)[0] == 7.0


def test_the_oldest_goes_first_and_arrival_settles_a_tie():
    async def main(slots: SlotQueue, begun: float) -> list[str]:
        order: list[str] = []

        async def stand(name: str, since: float) -> None:
            with slots.place(since, begun + 1) as place:
                assert await slots.turn(place, begun + LONG)
                order.append(name)

        starts = {"young": 3, "old": 1, "middle": 2, "as young": 3, "as old": 1}
        await asyncio.gather(*(stand(name, begun + since) for name, since in starts.items()))
        return order

    assert in_virtual_time(main)[0] == ["old", "as old", "middle", "young", "as young"]


def test_a_younger_start_may_ask_while_the_oldest_may_not_yet():
    async def main(slots: SlotQueue, begun: float) -> list[float]:
        return await asyncio.gather(
            wait_in(slots, begun - 9, begun + 50, begun), wait_in(slots, begun - 1, begun + 5, begun)
        )

    assert in_virtual_time(main)[0] == [50.0, 5.0]


def test_a_refusal_holds_everybody_back():
    async def main(slots: SlotQueue, begun: float) -> list[float]:
        slots.refused(30)
        return await asyncio.gather(*(wait_in(slots, begun - age, begun, begun) for age in (1, 2)))

    assert in_virtual_time(main)[0] == [30.0, 30.0]


def test_an_export_that_ends_lets_the_oldest_ask_at_once():
    async def main(slots: SlotQueue, begun: float) -> float:
        slots.refused(3000)
        waiting = asyncio.create_task(wait_in(slots, begun, begun, begun))
        await asyncio.sleep(100)
        slots.freed()
        return await waiting

    assert in_virtual_time(main)[0] == 100.0


@pytest.mark.parametrize(("asked", "turn"), [(None, 10.0), (0, 10.0), (5, 10.0), (60, 60.0), (3600, 70.0)])
def test_an_export_that_ends_does_not_end_a_pause_that_the_site_asked_for(asked, turn):
    async def main(slots: SlotQueue, begun: float) -> float:
        slots.refused(70, asked)
        waiting = asyncio.create_task(wait_in(slots, begun, begun, begun))
        await asyncio.sleep(10)
        slots.freed()
        return await waiting

    assert in_virtual_time(main)[0] == turn


@pytest.mark.parametrize("seconds", [-1, 0, 40])
def test_the_deadline_ends_the_waiting(seconds):
    async def main(slots: SlotQueue, begun: float) -> bool:
        slots.refused(LONG)
        with slots.place(begun, begun) as place:
            return await slots.turn(place, begun + seconds)

    turn, took = in_virtual_time(main)
    assert (turn, round(took, 3)) == (False, max(0, seconds))


def test_who_stands_behind_another_gives_up_at_its_own_deadline():
    async def main(slots: SlotQueue, begun: float) -> bool:
        with slots.place(begun - 1, begun), slots.place(begun, begun) as second:
            return await slots.turn(second, begun + 40)

    turn, took = in_virtual_time(main)
    assert (turn, round(took, 3)) == (False, 40.0)


def test_who_leaves_the_line_lets_the_next_one_go():
    async def main(slots: SlotQueue, begun: float) -> float:
        async def stand_still() -> None:
            with slots.place(begun - 1, begun) as place:
                assert await slots.turn(place, begun + LONG)
                await asyncio.sleep(LONG)

        oldest = asyncio.create_task(stand_still())
        await asyncio.sleep(0)
        waiting = asyncio.create_task(wait_in(slots, begun, begun, begun))
        await asyncio.sleep(20)
        assert not waiting.done()
        oldest.cancel()
        return await waiting

    assert in_virtual_time(main)[0] == 20.0


starts = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 200)), min_size=1, max_size=12)


@given(starts, st.lists(st.booleans(), max_size=20))
@settings(max_examples=60)
def test_nobody_is_overtaken_or_forgotten(line, refusals):
    """Starts of any age, with or without a time before which they must not ask, against any luck with the slots."""

    async def main(slots: SlotQueue, begun: float) -> list[int]:
        served: list[int] = []
        luck = iter(refusals)

        async def stand(number: int, age: int, wait: int) -> None:
            with slots.place(begun - age, begun + wait) as place:
                while True:
                    assert await slots.turn(place, begun + LONG)
                    now = time.time() - begun
                    assert now >= wait - 0.001
                    ahead = [i for i, (older, theirs) in enumerate(line) if (-older, i) < (-age, number)]
                    assert not [i for i in ahead if i not in served and line[i][1] <= now - 0.001], "overtaken"
                    if not next(luck, False):
                        served.append(number)
                        return
                    slots.refused(10)

        await asyncio.gather(*(stand(i, age, wait) for i, (age, wait) in enumerate(line)))
        return served

    served, took = in_virtual_time(main)
    assert sorted(served) == list(range(len(line)))
    assert took <= max(wait for _, wait in line) + 10 * len(refusals) + 0.1
