"""Time that jumps: an hour of waiting in an event loop passes in a moment, and all clocks agree that it was an hour."""

from __future__ import annotations

import asyncio
import contextlib
import selectors
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any
from unittest import mock


class VirtualTime:
    """Clocks that stand still, and jump to the next timer whenever their event loop has nothing else to do.

    They stand in for ``time.time`` and ``time.monotonic`` of the thread that made them; other threads, a simulator's
    say, keep the real ones.

    :param on_jump: is told the seconds of each jump, to move another clock along.
    """

    def __init__(self, on_jump: Callable[[float], object] = lambda seconds: None) -> None:
        self._passed = 0.0
        self._on_jump = on_jump
        self._held = 0
        self._thread = threading.get_ident()
        self._real = {"time": time.time, "monotonic": time.monotonic}

    @contextlib.contextmanager
    def installed(self) -> Iterator[VirtualTime]:
        """Put the clocks in the place of Python's, for as long as the block runs."""
        clocks = {name: self._clock(real) for name, real in self._real.items()}
        with mock.patch.multiple(time, **clocks):
            yield self

    def run(self, main: Coroutine[Any, Any, Any]) -> Any:
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

    def _clock(self, real: Callable[[], float]) -> Callable[[], float]:
        begun = real()
        return lambda: begun + self._passed if threading.get_ident() == self._thread else real()


class _Selector(selectors.DefaultSelector):  # type: ignore[valid-type, misc]
    def __init__(self, clock: VirtualTime) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        return self._clock.wait(timeout, super().select)


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, clock: VirtualTime) -> None:
        super().__init__(_Selector(clock))
        self._virtual = clock

    def run_in_executor(self, *args: Any) -> Any:
        """Run a function in a thread, and hold time until it is done."""
        hold = contextlib.ExitStack()
        hold.enter_context(self._virtual.held())
        future = super().run_in_executor(*args)
        future.add_done_callback(lambda _: hold.close())
        return future
