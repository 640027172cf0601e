"""The server's clock: it starts at a present of its own, goes on as real time does, and a test can move it forward."""

from __future__ import annotations

import time

_LONGEST = 10 * 366 * 86400  # seconds


class Clock:
    """Seconds since the epoch (UTC), which a test can move forward instead of sleeping.

    `start`: the present at the beginning; the machine's own where it is None.
    """

    def __init__(self, start: float | None = None) -> None:
        # The monotonic clock carries the time on, so that a step of the machine's clock does not reach a test.
        self._offset = (time.time() if start is None else start) - time.monotonic()

    def now(self) -> float:
        """Return the present, in seconds since the epoch."""
        return time.monotonic() + self._offset

    def advance(self, seconds: float) -> float:
        """Move the present `seconds` forward and return it."""
        if not 0 <= seconds <= _LONGEST:
            raise ValueError("The clock only moves forward: 'advance' takes from zero seconds to ten years.")
        self._offset += seconds
        return self.now()
