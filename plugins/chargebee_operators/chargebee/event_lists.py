"""Lists a site's events, page by page, and waits while Chargebee is busy. For workers: it sleeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

from chargebee_operators.chargebee.calls import ApiAnswer, ApiRequest
from chargebee_operators.chargebee.connection import SiteSettings
from chargebee_operators.chargebee.deletions import deletion_kinds
from chargebee_operators.chargebee.events import (
    Event,
    EventPage,
    EventQuery,
    events_of,
    list_events_request,
    oldest_event_request,
    read_event_page,
)
from chargebee_operators.chargebee.windows import EARLIEST, Window
from chargebee_operators.common.exceptions import RequestRejectedError
from chargebee_operators.common.patience import patiently

# A time from which no site has events.
_LONG_AGO = Window(EARLIEST, EARLIEST + timedelta(seconds=1))


class EventLists:
    """The lists of events of one site.

    :param settings: the site.
    :param send: sends a request, and returns the answer.
    :param patience: the most seconds that one page may be waited for.
    :param log_wait: is given the error and the seconds before each wait.
    """

    def __init__(
        self,
        settings: SiteSettings,
        send: Callable[[ApiRequest], ApiAnswer],
        patience: float,
        log_wait: Callable[[Exception, float], None],
    ) -> None:
        self._settings = settings
        self._send = send
        self._patience = patience
        self._log_wait = log_wait

    def events(self, query: EventQuery) -> Iterator[Event]:
        """Yield the events of a query, each once."""
        return events_of(lambda offset: self._page(list_events_request(self._settings, query, offset), query))

    def oldest(self, business_entity_id: str | None) -> Event | None:
        """Return the oldest event that Chargebee still has; None when it has none."""
        page = self._page(oldest_event_request(self._settings, business_entity_id), None)
        return page.events[0] if page.events else None

    def listed_deletion_kinds(self) -> tuple[str, ...]:
        """Return as many kinds of events of deletions as Chargebee lists, of a site whose Product Catalog is not known."""
        candidates = [deletion_kinds(catalog) for catalog in (None, "2.0", "1.0")]
        return next((kinds for kinds in candidates if self._lists(kinds)), candidates[0])

    def _lists(self, kinds: tuple[str, ...]) -> bool:
        query = EventQuery(_LONG_AGO, kinds)
        try:
            self._page(list_events_request(self._settings, query), query)
        except RequestRejectedError:
            return False
        return True

    def _page(self, request: ApiRequest, query: EventQuery | None) -> EventPage:
        def page() -> EventPage:
            return read_event_page(self._settings, self._send(request), query)

        return patiently(page, self._patience, self._log_wait)
