"""Does calls in threads, so many at a time, for a caller that may be killed at any point."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Calls:
    """Calls that are under way, and those that wait for a thread.

    Airflow ends a task by an exception of a signal's handler, at any point of its main thread. So the caller takes no lock
    that would stay taken (``SimpleQueue`` needs none), each call counts itself, and a process that ends waits for no thread.

    :param most: how many at once. One at once are done in the order in which they were begun.
    :param name: what the threads' names begin with.
    :param threads: False does each call before ``begin`` returns, which raises what the call raises.
    """

    def __init__(self, most: int, name: str, threads: bool = True) -> None:
        self._most = most
        self._name = name
        self._threads = threads
        self._begun: SimpleQueue[tuple[Callable[..., Any], tuple[Any, ...]] | None] = SimpleQueue()
        self._done: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
        self._under_way = 0  # as the caller counts
        self._started = 0  # threads
        self._running = 0  # as the calls count
        self._ended = False
        self._changed = threading.Condition()

    def begin(self, action: Callable[..., Any], *args: Any) -> None:
        """Do ``action(*args)`` in a thread. What it returns or raises comes out of ``leave_at_most``.

        :raises RuntimeError: after ``end`` or ``close``.
        """
        if self._ended:
            raise RuntimeError("No call is begun after the end.")
        self._under_way += 1
        if not self._threads:
            self._done.put((action(*args), None))
            return
        if self._started < min(self._most, self._under_way):
            self._started += 1
            threading.Thread(target=self._work, name=f"{self._name}-{self._started}", daemon=True).start()
        self._begun.put((action, args))

    def leave_at_most(self, count: int) -> list[Any]:
        """Wait until no more calls than that are under way, and return what those that have ended returned.

        :raises BaseException: the first that one of them ended with.
        """
        results = []
        while self._under_way > count or not self._done.empty():
            result, error = self._done.get()
            self._under_way -= 1
            if error is not None:
                raise error
            results.append(result)
        return results

    def for_each(self, action: Callable[[Any], None], items: Iterable[Any]) -> None:
        """Do ``action(item)`` for each item, and return when all are done.

        :raises BaseException: the first that one of them ended with.
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
        """Begin no further calls, and let the threads end."""
        self._ended = True
        for _ in range(self._started):
            self._begun.put(None)

    def _work(self) -> None:
        while (call := self._begun.get()) is not None:
            with self._changed:
                if self._ended:
                    continue
                self._running += 1
            action, args = call
            outcome: tuple[Any, BaseException | None]
            try:
                outcome = action(*args), None
            except BaseException as error:
                outcome = None, error
            with self._changed:
                self._running -= 1
                self._changed.notify_all()
            self._done.put(outcome)
            del call, action, args, outcome  # or they would stay in memory until the next call


def in_threads(action: Callable[[T], R], items: Sequence[T], most: int, name: str) -> list[R]:
    """Return what an action returns for each item, in the order of the items.

    :param most: how many at once.
    :param name: as ``Calls`` takes it.
    :raises BaseException: the first that the action ended with. The others are not waited for.
    """
    found: dict[int, R] = {}

    def do(number: int) -> None:
        found[number] = action(items[number])

    calls = Calls(most, name)
    try:
        calls.for_each(do, range(len(items)))
    finally:
        calls.close()
    return [found[number] for number in range(len(items))]
