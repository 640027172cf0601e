"""A task that is killed at any line: by an exception in its main thread, as a signal's handler raises it."""

from __future__ import annotations

import itertools
import signal
import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

# Seconds that the clean-up of a killed task may take.
PATIENCE = 10


class Killed(BaseException):
    """What ends the task. Airflow's own exceptions are no ``Exception`` either."""


class Stuck(BaseException):
    """The clean-up does not end."""


# A task: what it does, and how it cleans up after that, whether it was killed or not.
Task = tuple[Callable[[], object], Callable[[], object]]


def kill_everywhere(new_task: Callable[[], Task], *files: str) -> int:
    """Kill a task at each line of some files in turn, and let it clean up; return how many lines these were.

    :param new_task: makes a task.
    :param files: endings of the names of files. Not of those of Python itself: a line of ``with`` ends there in ways that no
        signal has.
    """
    for number in itertools.count(1):
        if not _killed_at(number, new_task, files):
            return number - 1
    raise AssertionError


def _killed_at(number: int, new_task: Callable[[], Task], files: tuple[str, ...]) -> bool:
    left, where = number, ""
    wanted: dict[CodeType, bool] = {}

    def on_call(frame: FrameType, event: str, arg: Any) -> Any:
        code = frame.f_code
        if code not in wanted:
            wanted[code] = code.co_filename.endswith(files)
        return on_line if wanted[code] else None

    def on_line(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal left, where
        if event == "line":
            left -= 1
            if left == 0:
                sys.settrace(None)
                where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                raise Killed
        return on_line

    before = sys.gettrace()
    work, clean_up = new_task()
    sys.settrace(on_call)
    try:
        work()
    except Killed:
        pass
    finally:
        sys.settrace(before)
        _in_time(clean_up, where)
    return bool(where)


def _in_time(clean_up: Callable[[], object], where: str) -> None:
    def stuck(*_: Any) -> None:
        raise Stuck(f"after {where}")

    usual = signal.signal(signal.SIGALRM, stuck)
    signal.alarm(PATIENCE)
    try:
        clean_up()
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, usual)
