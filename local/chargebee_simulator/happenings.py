"""Which event reports what happened to a record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from .company import Company
from .event_catalogue import CHANGED, CREATED, DELETED, event_type
from .events import Happening
from .record_answer import answer_of

_REMEMBERED = 1_000
"""So many customers have events from before the server's start, which a list of events must be filtered from."""


def happening(company: Company, resource: str, what: str, record: Mapping[str, Any], at: int) -> Happening:
    """Return what happened to a record: it was `created`, `changed` or `deleted`, at seconds since the epoch."""
    return Happening(at, event_type(resource, what), answer_of(company, resource, record, deleted=what == DELETED))


def history(company: Company) -> Iterator[Happening]:
    """Yield what happened to the customers before the server's start; none of them was deleted."""
    for record in islice(company.live("customers"), _REMEMBERED):
        created, updated = record.get("created_at"), record.get("updated_at")
        if isinstance(created, int):
            yield happening(company, "customers", CREATED, record, created)
        if isinstance(updated, int) and updated != created:
            yield happening(company, "customers", CHANGED, record, updated)
