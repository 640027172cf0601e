"""How far a long transfer has come: a line now and then, and one at its end. Pure; the caller brings the log."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

INTERVAL = 10.0


@dataclass(frozen=True)
class ProgressLine:
    """One line, made into text only where it is logged.

    :param done: bytes so far.
    :param total: bytes of the whole, or None when it is not known.
    :param rate: bytes a second since the line before.
    """

    done: int
    total: int | None
    rate: float

    def __str__(self) -> str:
        if not self.done:
            return "nothing has come yet"
        if not self.total:
            return f"{size_text(self.done)} so far, {size_text(self.rate)}/s"
        text = f"{size_text(self.done)} of {size_text(self.total)} ({100 * self.done / self.total:.0f}%)"
        left = f", {duration_text((self.total - self.done) / self.rate)} left" if self.rate > 0 else ""
        return f"{text}, {size_text(self.rate)}/s{left}"


@dataclass(frozen=True)
class ProgressEnd:
    """The line at the end.

    :param done: bytes in all.
    :param seconds: how long they took.
    """

    done: int
    seconds: float

    def __str__(self) -> str:
        rate = self.done / self.seconds if self.seconds > 0 else float(self.done)
        return f"{size_text(self.done)} in {duration_text(self.seconds)}, {size_text(rate)}/s on average"


class Progress:
    """Counts the bytes of one transfer.

    :param clock: seconds that never go back.
    :param interval: the least seconds between two lines.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, interval: float = INTERVAL) -> None:
        self.done = 0
        self._clock = clock
        self._interval = interval
        self._start = self._line_at = clock()
        self._line_done = 0

    def add(self, count: int, total: int | None = None) -> ProgressLine | None:
        """Count bytes, and return a line when one is due.

        :param count: the bytes that have just come.
        :param total: bytes of the whole, where it is known by now.
        """
        self.done += count
        now = self._clock()
        passed = now - self._line_at
        if passed < self._interval:
            return None
        # Since the last line, not since the start: it is the present pace that tells how long the rest will take.
        rate = (self.done - self._line_done) / passed
        self._line_at, self._line_done = now, self.done
        return ProgressLine(self.done, total, rate)

    def end(self) -> ProgressEnd:
        """Return the line for the end."""
        return ProgressEnd(self.done, self._clock() - self._start)


def size_text(count: float) -> str:
    """Return a number of bytes as people write it: ``812 B``, ``4.2 MB``, ``10.0 GB``."""
    if count < 1000:
        return f"{count:.0f} B"
    for unit in ("kB", "MB", "GB"):
        count /= 1000
        if count < 999.95:
            return f"{count:.1f} {unit}"
    return f"{count / 1000:.1f} TB"


def duration_text(seconds: float) -> str:
    """Return a time as people write it: ``0.4 s``, ``42 s``, ``3 min 05 s``, ``2 h 10 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
