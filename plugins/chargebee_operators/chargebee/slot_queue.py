"""The order in which a triggerer's waiting starts ask one site for an export slot.

Chargebee keeps no queue: the first to ask after a slot falls free gets it. If every waiting start asked by
itself, the oldest would wait as long as luck has it, and the calls would grow with the number that waits. So the
starts of one process stand in line, and only the oldest asks.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from bisect import insort
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
    """The line before one site's export slots, within one event loop. All its times are epoch seconds."""

    def __init__(self) -> None:
        self._places: list[Place] = []
        self._numbers = itertools.count()
        self._closed_until = 0.0
        self._asked_until = 0.0

    @contextmanager
    def place(self, since: float, not_before: float) -> Iterator[Place]:
        """Stand in line for as long as the block runs.

        :param since: when the waiting began.
        :param not_before: before then the site must not be asked for this one.
        """
        place = Place(since, next(self._numbers), not_before)
        insort(self._places, place, key=lambda each: (each.since, each.number))
        try:
            yield place
        finally:
            self._places.remove(place)
            self._wake_first()

    async def turn(self, place: Place, deadline: float) -> bool:
        """Wait until this place may ask; tell whether that came before the deadline.

        :param deadline: when to give up.
        """
        while (now := time.time()) < deadline:
            turn_at = self._turn_of(place, now)
            if turn_at <= now:
                return True
            place.woken.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(place.woken.wait(), min(turn_at, deadline) - now)
        return False

    def ahead(self, place: Place) -> int:
        """Return how many stand before this place."""
        return self._places.index(place)

    def closed_for(self) -> float:
        """Return the seconds in which nobody may ask."""
        return max(0.0, self._closed_until - time.time())

    def refused(self, seconds: float, asked: float | None = None) -> None:
        """Note that the site has refused, and that nobody should ask again before so many seconds.

        :param asked: how many of them the site asked for itself, if it did.
        """
        now = time.time()
        self._closed_until, self._asked_until = now + seconds, now + min(seconds, asked or 0.0)

    def freed(self) -> None:
        """Note that an export of the site has ended, so that a slot is likely to be free now.

        That ends our own backing off, not what the site asked for: it may have been for too many calls.
        """
        self._closed_until = min(self._closed_until, self._asked_until)
        self._wake_first()

    def _turn_of(self, place: Place, now: float) -> float:
        """Return when the place may ask, as far as it is known; never, as yet, behind another that may."""
        if place.not_before > now:
            return place.not_before
        return self._closed_until if place is self._first(now) else float("inf")

    def _first(self, now: float) -> Place | None:
        return next((each for each in self._places if each.not_before <= now), None)

    def _wake_first(self) -> None:
        # The others would only find that it is not their turn: with a thousand in line that is worth saving.
        first = self._first(time.time())
        if first:
            first.woken.set()
