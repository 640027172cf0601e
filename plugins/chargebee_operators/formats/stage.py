"""Work that is done one piece after another in a thread of its own. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")


class Stage(Generic[Given, Made]):
    """Passes pieces through a function, in their order, while the caller prepares the next ones.

    It is of use for work that gives up Python's lock, such as pyarrow's.

    :param work: the function. What it raises is raised by ``put`` or ``finish``.
    :param ahead: how many pieces may wait for the function, or be in it.
    :param name: the thread's name.
    """

    def __init__(self, work: Callable[[Given], Made], ahead: int, name: str) -> None:
        self._work = work
        self._ahead = ahead
        self._under_way: deque[Future[Made]] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    def put(self, piece: Given) -> list[Made]:
        """Take a piece; return what was made of earlier ones, and wait where too many are under way."""
        self._under_way.append(self._thread.submit(self._work, piece))
        return self._made(self._ahead)

    def finish(self) -> list[Made]:
        """Return what is made of the last pieces."""
        return self._made(0)

    def _made(self, left: int) -> list[Made]:
        made = []
        while len(self._under_way) > left:
            made.append(self._under_way.popleft().result())
        return made

    def close(self) -> None:
        """Leave out what has not begun, and wait for what has."""
        self._thread.shutdown(cancel_futures=True)
