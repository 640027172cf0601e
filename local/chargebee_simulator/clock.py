"""The server's clock: real time plus what tests have added to it."""

from __future__ import annotations

import time

_LONGEST = 10 * 366 * 86400  # seconds


class Clock:
    """Seconds since the epoch (UTC), which a test can move forward instead of sleeping."""

    def __init__(self) -> None:
        # The monotonic clock carries the time on, so that a step of the machine's clock does not reach a test.
        self._offset = time.time() - time.monotonic()
        self.started = self.now()

    def now(self) -> float:
        """Return the present, in seconds since the epoch."""
        return time.monotonic() + self._offset

    def advance(self, seconds: float) -> float:
        """Move the present `seconds` forward and return it."""
        if not 0 <= seconds <= _LONGEST:
            raise ValueError("The clock only moves forward: 'advance' takes from zero seconds to ten years.")
        self._offset += seconds
        return self.now()

    def elapsed(self) -> float:
        """Return the seconds since the server's start, advances included."""
        return self.now() - self.started
