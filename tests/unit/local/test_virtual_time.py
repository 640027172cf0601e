"""Time that jumps: what the tests of waiting and the simulation of a year stand on."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from virtual_time import VirtualTime

START = 1_790_000_000.0


def test_all_clocks_agree_that_time_has_passed():
    jumps: list[float] = []

    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        begun = time.time(), time.time_ns() / 1e9, time.monotonic(), loop.time()
        await asyncio.sleep(3600)
        ended = time.time(), time.time_ns() / 1e9, time.monotonic(), loop.time()
        return [later - earlier for earlier, later in zip(begun, ended, strict=True)]

    with VirtualTime(START, on_jump=jumps.append).installed() as clock:
        assert clock.run(main()) == pytest.approx([3600] * 4)
        assert time.time() == START + 3600
    assert sum(jumps) == 3600


def test_other_threads_and_the_time_after_it_are_real():
    seen: list[float] = []
    before = time.time()
    with VirtualTime(START).installed() as clock:
        clock.run(asyncio.sleep(3600))
        other = threading.Thread(target=lambda: seen.append(time.time()))
        other.start()
        other.join()
    assert before <= seen[0] <= time.time()


def test_a_function_that_is_left_to_a_thread_takes_no_time():
    async def main() -> float:
        await asyncio.to_thread(sum, range(1000))
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(divmod, 1, 0)
        return time.time()

    with VirtualTime(START).installed() as clock:
        assert clock.run(main()) == START


def test_when_everything_waits_for_ever_it_says_so():
    async def main() -> None:
        await asyncio.Event().wait()

    with VirtualTime().installed() as clock, pytest.raises(RuntimeError, match="nothing will ever happen"):
        clock.run(main())
