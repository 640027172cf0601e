"""Chargebee's events as data: the requests for the pages of a list, and what a page holds. Pure.

Source: ``Event.list`` and ``EventType`` of the official SDK (chargebee 3.29),
https://apidocs.chargebee.com/docs/api/events
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chargebee_operators.chargebee.calls import (
    ApiAnswer,
    ApiRequest,
    entity_header,
    read_instant,
    success,
    unusable,
)
from chargebee_operators.chargebee.connection import SiteSettings
from chargebee_operators.chargebee.filters import Fields
from chargebee_operators.chargebee.windows import Window, iso
from chargebee_operators.common.exceptions import SettingsError, UnavailableError, WindowCheckError
from chargebee_operators.common.foreign_text import clean

# The most events that Chargebee puts on a page.
PAGE = 100

# So many pages in a row may bring nothing new. A list that goes on beyond that never ends.
MOST_IDLE_PAGES = 20
# Events that a duplicate is looked for among: a page may repeat what the pages shortly before it had.
REMEMBERED = 10_000


# The field of a request that names the kinds of events.
EVENT_KINDS = "event_type[in]"


@dataclass(frozen=True)
class Event:
    """One event.

    :param id: Chargebee's id of the event.
    :param event_type: such as ``customer_deleted``.
    :param occurred_at: in UTC and whole seconds.
    :param source: who caused it, such as ``admin_console`` or ``api``; None where Chargebee does not say.
    :param content: what it is about: a record's name (``customer``) -> the record. In no ``repr``, for it holds
        personal data.
    :param user: the person or the API key's name that caused it; None where Chargebee does not say. In no ``repr``.
    """

    id: str
    event_type: str
    occurred_at: datetime
    source: str | None
    content: Mapping[str, Any] = field(repr=False)
    user: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class EventPage:
    """A page of a list of events.

    :param events: in the order of the list.
    :param next_offset: what the request for the next page carries; None on the last one.
    """

    events: tuple[Event, ...]
    next_offset: str | None


@dataclass(frozen=True)
class EventQuery:
    """Which events are listed, oldest first.

    :param window: when they occurred.
    :param event_types: their kinds, such as ``customer_deleted``.
    :param business_entity_id: overrides the connection's.
    :raises SettingsError: when there are no kinds.
    """

    window: Window
    event_types: tuple[str, ...]
    business_entity_id: str | None = None

    def __post_init__(self) -> None:
        if not self.event_types:
            raise SettingsError("event_types is empty: give one or more, for example 'customer_deleted'.")

    @property
    def fields(self) -> Fields:
        """The filters, in the one form of a list, and of a span of time, that Chargebee does not ignore."""
        return (
            (EVENT_KINDS, json.dumps(list(self.event_types), separators=(",", ":"))),
            ("occurred_at[between]", self.window.between()),
        )


def list_events_request(settings: SiteSettings, query: EventQuery, offset: str | None = None) -> ApiRequest:
    """Build the GET for a page of events.

    :param settings: the site.
    :param query: which events.
    :param offset: the ``next_offset`` of the page before; None for the first page.
    :raises SettingsError: when the business entity's id can't be sent in a header.
    """
    return _list_request(settings, query.fields, PAGE, offset, query.business_entity_id)


def oldest_event_request(settings: SiteSettings, business_entity_id: str | None = None) -> ApiRequest:
    """Build the GET for the oldest event that Chargebee still has: it forgets events after some time.

    :param settings: the site.
    :param business_entity_id: overrides the connection's.
    """
    return _list_request(settings, (), 1, None, business_entity_id)


def events_of(page: Callable[[str | None], EventPage]) -> Iterator[Event]:
    """Yield each event of all pages once, one page in memory at a time.

    :param page: returns the page of an offset; None stands for the first.
    :raises UnavailableError: when the list never ends: a page leads back to an earlier one, or many pages in a row hold
        nothing new.
    """
    offset: str | None = None
    earlier: set[str] = set()
    seen: OrderedDict[str, None] = OrderedDict()
    idle = 0
    while True:
        found, is_idle = page(offset), True
        for event in found.events:
            if event.id in seen:
                continue
            seen[event.id], is_idle = None, False
            if len(seen) > REMEMBERED:
                seen.popitem(last=False)
            yield event
        offset = found.next_offset
        if offset is None:
            return
        idle = idle + 1 if is_idle else 0
        if offset in earlier:
            raise UnavailableError(f"The list of events leads back to an earlier page, {clean(offset)!r}.")
        if idle >= MOST_IDLE_PAGES:
            raise UnavailableError(f"The list of events had nothing new on its last {idle} pages, and does not end.")
        earlier.add(offset)


def _list_request(
    settings: SiteSettings, fields: Fields, limit: int, offset: str | None, business_entity_id: str | None
) -> ApiRequest:
    paging = (("limit", str(limit)), ("sort_by[asc]", "occurred_at"), *((("offset", offset),) if offset else ()))
    return ApiRequest("GET", "/events", (*fields, *paging), entity_header(settings, business_entity_id))


def read_event_page(settings: SiteSettings, answer: ApiAnswer, query: EventQuery | None = None) -> EventPage:
    """Turn an answer into a page of events.

    :param settings: the site.
    :param answer: to either request.
    :param query: what was listed; None for the oldest event.
    :raises WindowCheckError: when an event is not one of the query: Chargebee ignored a filter.
    :raises ChargebeeApiError: one of its children, for everything but a 2xx with a whole page.
    """
    payload = success(settings, answer)
    entries = payload.get("list") if isinstance(payload, Mapping) else None
    if not isinstance(entries, list):
        raise unusable(settings, answer, "with JSON that holds no list of events.")
    offset = payload.get("next_offset")
    if not isinstance(offset, str | None):
        raise unusable(settings, answer, "with a next_offset that is no text.")
    events = tuple(_read_event(settings, answer, entry) for entry in entries)
    if query is not None:
        for event in events:
            _check_event(settings, event, query)
    return EventPage(events, offset or None)


def _read_event(settings: SiteSettings, answer: ApiAnswer, entry: Any) -> Event:
    event = entry.get("event") if isinstance(entry, Mapping) else None
    if not isinstance(event, Mapping):
        raise unusable(settings, answer, "with a list that holds something else than events.")
    found, kind, content = event.get("id"), event.get("event_type"), event.get("content")
    occurred_at, source = read_instant(event.get("occurred_at")), event.get("source")
    if not isinstance(found, str) or not found:
        raise unusable(settings, answer, "with an event that has no id.")
    of_event = f"with an event, {clean(found)},"
    if not isinstance(kind, str):
        raise unusable(settings, answer, f"{of_event} that has no event_type.")
    if occurred_at is None:
        raise unusable(settings, answer, f"{of_event} whose occurred_at is not a time in epoch seconds.")
    if not isinstance(content, Mapping):
        raise unusable(settings, answer, f"{of_event} that has no content.")
    return Event(found, kind, occurred_at, _text(source), content, _text(event.get("user")))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _check_event(settings: SiteSettings, event: Event, query: EventQuery) -> None:
    if event.event_type not in query.event_types:
        raise WindowCheckError(
            f"Site {settings.site} listed event {clean(event.id)} of kind {clean(event.event_type)}, which was not "
            "requested: Chargebee ignored the filter event_type[in]."
        )
    if not query.window.start <= event.occurred_at < query.window.end:
        raise WindowCheckError(
            f"Site {settings.site} listed event {clean(event.id)} of {iso(event.occurred_at)}, outside of the window "
            f"{query.window}: Chargebee ignored the filter occurred_at[between]."
        )
