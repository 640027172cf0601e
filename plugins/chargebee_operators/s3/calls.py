"""Does the calls of one run in threads, so many at a time, and knows when none is left."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, ThreadPoolExecutor, wait
from typing import Any


class Calls:
    """Calls that are under way, and those that wait for a thread.

    An exception of a signal's handler may end the caller at any point, also while it hands a call over. So each call
    counts itself: what ``end`` waits for does not depend on what the caller has noted.

    :param most: how many at once.
    :param threads: False does each call before ``begin`` returns.
    """

    def __init__(self, most: int, threads: bool = True) -> None:
        self._pool: Executor = ThreadPoolExecutor(most, "s3-part") if threads else AtOnce()
        self._most = most
        self._pending: set[Future[Any]] = set()
        self._running = 0
        self._ended = False
        self._changed = threading.Condition()

    def begin(self, action: Callable[..., Any], *args: Any) -> None:
        """Do ``action(*args)`` in a thread. What it raises is raised by ``leave_at_most``."""
        self._pending.add(self._pool.submit(self._do, action, args))

    def leave_at_most(self, count: int) -> None:
        """Wait until no more calls than that are under way.

        :raises ChargebeeExportError: the first that one of them ended with.
        """
        while self._pending:
            done = {each for each in self._pending if each.done()}
            if not done and len(self._pending) <= count:
                return
            if not done:
                done, _ = wait(self._pending, return_when=FIRST_COMPLETED)
            self._pending -= done
            for each in done:
                each.result()

    def for_each(self, action: Callable[[Any], None], items: list[Any]) -> None:
        """Do ``action(item)`` for each item, and return when all are done.

        :raises ChargebeeExportError: the first that one of them ended with.
        """
        for each in items:
            self.begin(action, each)
            self.leave_at_most(self._most)
        self.leave_at_most(0)

    def end(self, seconds: float | None = None) -> bool:
        """Begin no further calls, and wait for those under way.

        :param seconds: the longest wait; None waits as long as they take.
        :return: whether all have ended.
        """
        with self._changed:
            self._ended = True
            return self._changed.wait_for(lambda: not self._running, seconds)

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()

    def _do(self, action: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        with self._changed:
            if self._ended:
                raise CancelledError
            self._running += 1
        try:
            return action(*args)
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()


class AtOnce(Executor):
    """Does what it is given before it returns: for callers that want no threads."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future
