"""The events of one site: what happened to its records, newest first, for as long as the site remembers it."""

from __future__ import annotations

import json
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from .records.dice import Dice, seed_of

Key = tuple[int, int]
"""What events are ordered by: the time, in seconds since the epoch, and a number for those of one second."""


_USERS = {"admin_console": "someone@example.com", "api": "key-of-the-crm", "external_service": "STRIPE"}
"""Who caused an event, by its source: a person, the name of an API key, a service. Others name nobody."""


@dataclass(frozen=True, order=True, slots=True)
class Event:
    """One event. The content is kept as JSON text, for there may be a great many."""

    key: Key
    id: str = field(compare=False)
    event_type: str = field(compare=False)
    source: str = field(compare=False)
    content: bytes = field(compare=False, repr=False)

    @property
    def filtered(self) -> dict[str, Any]:
        """What filters look at."""
        return {"id": self.id, "occurred_at": self.key[0], "event_type": self.event_type, "source": self.source}

    def shown(self) -> dict[str, Any]:
        """Return the event in the form the API gives it."""
        user = _USERS.get(self.source)
        return {
            **self.filtered,
            **({"user": user} if user else {}),
            "webhook_status": "not_configured",
            "api_version": "v2",
            "object": "event",
            "content": json.loads(self.content),
        }


@dataclass(frozen=True)
class Happening:
    """What an event reports."""

    at: int  # seconds since the epoch
    event_type: str
    content: dict[str, Any]
    source: str = "admin_console"


class EventLog:
    """The events, in the order of their time. `history` gives those of the time before the server started."""

    def __init__(self, site: str, seed: int, history: Callable[[], Iterable[Happening]] = tuple) -> None:
        self._seed = seed_of(seed, site, "events")
        self._history = history
        self._events: list[Event] | None = None
        self._count = 0

    def begin(self) -> None:
        """Take in the history, unless that is done."""
        self._known()

    def add(self, happening: Happening) -> None:
        """Take an event in."""
        insort(self._known(), self._made(happening))

    def newest_first(self, since: int, before: Key | None = None) -> Iterator[Event]:
        """Yield the events from `since` on, in seconds since the epoch, that come before a key."""
        events = self._known()
        position = len(events) if before is None else bisect_left(events, before, key=lambda event: event.key)
        while position and events[position - 1].key[0] >= since:
            position -= 1
            yield events[position]

    def oldest_first(self, since: int, after: Key | None = None) -> Iterator[Event]:
        """Yield the events from `since` on, in seconds since the epoch, that come after a key."""
        events = self._known()
        first = max((since, -1), (after[0], after[1] + 1) if after else (since, -1))
        for position in range(bisect_left(events, first, key=lambda event: event.key), len(events)):
            yield events[position]

    def find(self, identity: str, since: int) -> Event | None:
        """Return the event of that id, None where there is none, or it is older than `since`."""
        return next((event for event in self.newest_first(since) if event.id == identity), None)

    def _known(self) -> list[Event]:
        if self._events is None:
            self._events = sorted(self._made(happening) for happening in self._history())
        return self._events

    def _made(self, happening: Happening) -> Event:
        self._count += 1
        identity = f"ev_{Dice(self._seed, self._count).code(17)}"
        content = json.dumps(happening.content).encode()
        return Event((happening.at, self._count), identity, happening.event_type, happening.source, content)
