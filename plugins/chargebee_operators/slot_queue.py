"""The order in which a triggerer's waiting starts ask one site for an export slot.

Chargebee keeps no queue: whoever asks first after a slot falls free gets it. If every waiting start asked by
itself, the oldest would wait as long as luck has it, and the calls would grow with the number that waits. So the
starts of one process stand in line, and only the oldest asks.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(eq=False)
class Place:
    """One start's place in the line.

    :param since: epoch seconds at which it began to wait; the oldest goes first.
    :param number: its arrival in this process, which settles a tie.
    :param not_before: epoch seconds before which it must not ask.
    """

    since: float
    number: int
    not_before: float
    woken: asyncio.Event = field(default_factory=asyncio.Event)


class SlotQueue:
    """The line before one site's export slots, within one event loop."""

    def __init__(self) -> None:
        self._places: list[Place] = []
        self._numbers = itertools.count()
        self._closed_until = 0.0

    @contextmanager
    def place(self, since: float, not_before: float) -> Iterator[Place]:
        """Stand in line for as long as the block runs.

        :param since: epoch seconds at which the waiting began.
        :param not_before: epoch seconds before which the site must not be asked for this one.
        """
        place = Place(since, next(self._numbers), not_before)
        self._places.append(place)
        self._places.sort(key=lambda each: (each.since, each.number))
        try:
            yield place
        finally:
            self._places.remove(place)
            self._wake()

    async def turn(self, place: Place, deadline: float) -> bool:
        """Wait until this place may ask; tell whether that came before the deadline.

        :param deadline: epoch seconds.
        """
        while True:
            now = time.time()
            wait = self._wait_of(place, now)
            if wait <= 0 or now >= deadline:
                return now < deadline
            place.woken.clear()
            try:
                await asyncio.wait_for(place.woken.wait(), min(wait, deadline - now))
            except TimeoutError:
                continue

    def refused(self, seconds: float) -> None:
        """Note that the site has no slot, and that nobody should ask again before so many seconds."""
        self._closed_until = time.time() + seconds

    def freed(self) -> None:
        """Note that an export of the site has ended, so that a slot is likely to be free now."""
        self._closed_until = 0.0
        self._wake()

    def _wait_of(self, place: Place, now: float) -> float:
        """Return the seconds until the place may ask, as far as they can be known; infinite behind another."""
        own = max(place.not_before, self._closed_until) - now
        if own > 0:
            return own
        ready = next(each for each in self._places if each.not_before <= now)
        return 0.0 if ready is place else float("inf")

    def _wake(self) -> None:
        for each in self._places:
            each.woken.set()
