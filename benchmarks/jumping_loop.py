"""An event loop that never waits: its clock jumps to the next timer, and the ``time`` module follows."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar
from unittest import mock

T = TypeVar("T")


class _JumpingSelector(selectors.DefaultSelector):
    """Instead of waiting for input, of which a simulation has none, moves the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if not events and timeout is None:
            raise RuntimeError("Everything waits, and nothing will ever happen.")
        self.now += 0.0 if events else max(0.0, timeout or 0.0)
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose seconds cost nothing. What others would do in a thread is done at once."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Return the seconds since the loop was made."""
        return self._jumping.now

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Call a function here and now: the clock must not run on while a thread works."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future


def run(main: Callable[[], Coroutine[Any, Any, T]], start: float) -> T:
    """Run a coroutine in virtual time.

    :param main: makes the coroutine.
    :param start: epoch seconds at which it begins, for ``time.time``.
    """
    loop = VirtualLoop()

    def now() -> float:
        return start + loop.time()

    def now_ns() -> int:  # the simulator draws its ids from it
        return int(now() * 1e9)

    with (
        asyncio.Runner(loop_factory=lambda: loop) as runner,
        mock.patch("time.time", now),
        mock.patch("time.time_ns", now_ns),
        mock.patch("time.monotonic", loop.time),
    ):
        return runner.run(main())
