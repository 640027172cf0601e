"""Time that jumps: an hour of waiting in an event loop passes in a moment, and all clocks agree that it was an hour."""

from __future__ import annotations

import asyncio
import contextlib
import selectors
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar
from unittest import mock

T = TypeVar("T")


class VirtualTime:
    """Clocks that do not move by themselves. They jump to the next timer when their event loop has nothing else to do.

    They replace those of the ``time`` module in the thread that made them. Other threads, such as a simulator's, keep
    the real ones.

    :param start: epoch seconds at which it begins; None for the present. With a start, what happens in a run depends on
        nothing but the program, as long as nothing in it takes real time.
    :param on_jump: is called with the seconds of each jump, to move another clock too.
    """

    def __init__(self, start: float | None = None, on_jump: Callable[[float], object] = lambda seconds: None) -> None:
        self._start = time.time() if start is None else start
        self._passed = 0.0
        self._on_jump = on_jump
        self._held = 0
        self._thread = threading.get_ident()

    @contextlib.contextmanager
    def installed(self) -> Iterator[VirtualTime]:
        """Put the clocks in the place of Python's, for as long as the block runs."""
        clocks = {
            "time": self._now,
            "time_ns": lambda: int(self._now() * 1e9),
            "monotonic": lambda: self._passed,
        }
        with mock.patch.multiple(time, **{name: self._here(name, clock) for name, clock in clocks.items()}):
            yield self

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in a loop of this time, like ``asyncio.run``."""
        with asyncio.Runner(loop_factory=lambda: _Loop(self)) as runner:
            return runner.run(main)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Allow no jump while something is under way that takes real time."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1

    def wait(self, seconds: float, ready: Callable[[float], Any]) -> Any:
        """Let time pass until a timer is due: at once, or for real while time is held and something may get ready.

        :param ready: waits so many real seconds and returns what has got ready.
        """
        if found := ready(seconds if self._held else 0):
            return found
        self._passed += seconds
        if not self._held:
            self._on_jump(seconds)
        return []

    def _now(self) -> float:
        return self._start + self._passed

    def _here(self, name: str, clock: Callable[[], float]) -> Callable[[], float]:
        real = getattr(time, name)
        return lambda: clock() if threading.get_ident() == self._thread else real()


class _Selector(selectors.DefaultSelector):  # type: ignore[valid-type, misc]
    def __init__(self, clock: VirtualTime) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None and len(self.get_map()) == 1:  # the loop's own pipe, and nothing to come from outside
            if found := super().select(0):
                return found
            raise RuntimeError("Everything waits, and nothing will ever happen.")
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        return self._clock.wait(timeout, super().select)


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, clock: VirtualTime) -> None:
        super().__init__(_Selector(clock))

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """Call a function here and now: time must not run on while a thread works."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future
