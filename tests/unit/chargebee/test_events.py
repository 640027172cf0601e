"""Lists of events, as data: what is asked, what a page holds, and what is refused."""

from __future__ import annotations

import re
import tracemalloc
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargebee_operators.chargebee import events as events_module
from chargebee_operators.chargebee.calls import NOT_JSON, ApiAnswer
from chargebee_operators.chargebee.connection import SiteSettings
from chargebee_operators.chargebee.events import (
    MOST_IDLE_PAGES,
    Event,
    EventPage,
    EventQuery,
    events_of,
    list_events_request,
    oldest_event_request,
    read_event_page,
)
from chargebee_operators.chargebee.windows import Window
from chargebee_operators.common.exceptions import (
    ChargebeeApiError,
    SettingsError,
    UnavailableError,
    WindowCheckError,
)
from support.json_values import json_values

ACME = SiteSettings(site="acme-test", api_key="key", base_url="")
START, END = 1795392000, 1795478400  # 2026-11-23
WINDOW = Window(datetime.fromtimestamp(START, UTC), datetime.fromtimestamp(END, UTC))
QUERY = EventQuery(WINDOW, ("customer_deleted", "invoice_deleted"))
EVENT = {
    "id": "ev_1",
    "event_type": "customer_deleted",
    "occurred_at": START,
    "source": "api",
    "user": "ann@example.com",
    "content": {"customer": {"id": "c1", "resource_version": 7, "deleted": True}},
}


def read(payload: Any, query: EventQuery | None = QUERY, status: int = 200) -> EventPage:
    return read_event_page(ACME, ApiAnswer.of(status, {}, payload), query)


def page(*events: Any, **more: Any) -> dict[str, Any]:
    return {"list": [{"event": each} for each in events], **more}


def event(**changes: Any) -> dict[str, Any]:
    return {name: value for name, value in {**EVENT, **changes}.items() if value is not ...}


def test_the_request_for_a_page():
    request = list_events_request(ACME, EventQuery(WINDOW, ("a_deleted", "b_deleted"), "entity"), '["1","2"]')
    path, _, query = request.target.partition("?")
    assert (request.method, path, request.body) == ("GET", "/events", b"")
    assert parse_qsl(query) == [
        ("event_type[in]", '["a_deleted","b_deleted"]'),
        ("occurred_at[between]", f"[{START},{END - 1}]"),
        ("limit", "100"),
        ("sort_by[asc]", "occurred_at"),
        ("offset", '["1","2"]'),
    ]
    assert request.headers == {"chargebee-business-entity-id": "entity"}
    assert "offset" not in list_events_request(ACME, QUERY).target


def test_the_request_for_the_oldest_event():
    assert parse_qsl(oldest_event_request(ACME).target.partition("?")[2]) == [
        ("limit", "1"),
        ("sort_by[asc]", "occurred_at"),
    ]


def test_without_kinds_nothing_is_asked():
    with pytest.raises(SettingsError, match="event_types is empty"):
        EventQuery(WINDOW, ())


def test_a_page_of_events():
    found = read(page(EVENT, event(id="ev_2", occurred_at=END - 1, source=..., user=""), next_offset="x"))
    one, two = found.events
    assert (one.id, one.event_type, one.source, one.user) == ("ev_1", "customer_deleted", "api", "ann@example.com")
    assert one.occurred_at == WINDOW.start
    assert (two.id, two.source, two.user, found.next_offset) == ("ev_2", None, None, "x")
    assert "c1" not in repr(found) and "ann" not in repr(found)


@pytest.mark.parametrize("more", [{}, {"next_offset": None}, {"next_offset": ""}], ids=str)
def test_the_last_page(more):
    assert read(page(**more)) == EventPage((), None)


@pytest.mark.parametrize("occurred_at", [START - 1, END, 1_000_000_000])
def test_an_event_outside_of_the_window_shows_an_ignored_filter(occurred_at):
    with pytest.raises(WindowCheckError, match=re.escape("ignored the filter occurred_at[between]")) as caught:
        read(page(EVENT, event(id="ev_9", occurred_at=occurred_at)))
    assert "ev_9" in str(caught.value) and caught.value.permanent


def test_an_event_of_another_kind_shows_an_ignored_filter():
    with pytest.raises(WindowCheckError, match=re.escape("ignored the filter event_type[in]")):
        read(page(EVENT, event(event_type="customer_changed")))


def test_the_oldest_event_may_be_of_any_kind_and_time():
    assert read(page(event(event_type="plan_created", occurred_at=1_100_000_000)), None).events[0].id == "ev_1"


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        (NOT_JSON, "but not with JSON"),
        ([], "with JSON that holds no list of events"),
        ({}, "with JSON that holds no list of events"),
        ({"list": {}}, "with JSON that holds no list of events"),
        ({"list": [1]}, "with a list that holds something else than events"),
        ({"list": [{"customer": {}}]}, "with a list that holds something else than events"),
        (page(next_offset=5), "with a next_offset that is no text"),
        (page(event(id=None)), "with an event that has no id"),
        (page(event(event_type=None)), "with an event, ev_1, that has no event_type"),
        (page(event(occurred_at="soon")), "with an event, ev_1, whose occurred_at is not a time"),
        (page(event(occurred_at=10**18)), "with an event, ev_1, whose occurred_at is not a time"),
        (page(event(content=[])), "with an event, ev_1, that has no content"),
    ],
    ids=str,
)
def test_a_bad_page_is_an_outage_that_names_what_is_wrong(payload, sentence):
    with pytest.raises(UnavailableError, match=re.escape(sentence)):
        read(payload)


@given(
    st.integers(100, 599),
    st.fixed_dictionaries({}, optional={name: json_values | st.just(value) for name, value in EVENT.items()}),
    json_values,
)
def test_whatever_is_answered_is_a_page_of_what_was_asked_or_one_of_our_errors(status, one, offset):
    for payload in (page(one), page(one, next_offset=offset), {"list": offset}, offset):
        try:
            found = read(payload, status=status)
        except (ChargebeeApiError, WindowCheckError):
            continue
        assert all(each.event_type in QUERY.event_types for each in found.events)
        assert all(WINDOW.start <= each.occurred_at < WINDOW.end for each in found.events)


def test_pages_follow_one_another_and_only_one_is_held():
    asked: list[str | None] = []
    one, two = (Event(f"ev_{n}", "customer_deleted", WINDOW.start, None, {}) for n in (1, 2))

    def fetch(offset: str | None) -> EventPage:
        asked.append(offset)
        return EventPage((one,), "b") if offset is None else EventPage((two,), None)

    found = events_of(fetch)
    assert (next(found), asked) == (one, [None]), "the second page is fetched when it is needed"
    assert (next(found), asked) == (two, [None, "b"])
    assert next(found, None) is None


def test_a_list_that_never_ends_is_refused():
    after = {None: "a", "a": "b", "b": "a"}
    with pytest.raises(UnavailableError, match="leads back to an earlier page, 'a'"):
        list(events_of(lambda offset: EventPage((), after[offset])))


def an_event(number: int) -> Event:
    return Event(f"ev_{number}", "customer_deleted", WINDOW.start, None, {})


def test_an_event_that_two_pages_hold_is_yielded_once():
    pages = {None: EventPage((an_event(1), an_event(2)), "b"), "b": EventPage((an_event(2), an_event(3)), None)}
    assert [each.id for each in events_of(pages.__getitem__)] == ["ev_1", "ev_2", "ev_3"]


def test_a_list_whose_offsets_are_new_and_whose_events_are_not_is_refused():
    asked: list[str | None] = []

    def fetch(offset: str | None) -> EventPage:
        asked.append(offset)
        return EventPage((an_event(1),), f"{len(asked)}")

    with pytest.raises(UnavailableError, match=f"nothing new on its last {MOST_IDLE_PAGES} pages"):
        list(events_of(fetch))
    assert len(asked) == MOST_IDLE_PAGES + 1


def test_some_pages_may_be_empty():
    def fetch(offset: str | None) -> EventPage:
        number = int(offset or 0)
        events = (an_event(number),) if number % 5 == 0 else ()
        return EventPage(events, f"{number + 1}" if number < 100 else None)

    assert [each.id for each in events_of(fetch)] == [f"ev_{number}" for number in range(0, 101, 5)]


def test_a_long_list_needs_no_more_memory_than_a_short_one(monkeypatch):
    monkeypatch.setattr(events_module, "REMEMBERED", 500)

    def peak(pages: int) -> int:
        def fetch(offset: str | None) -> EventPage:
            number = int(offset or 0)
            events = tuple(an_event(100 * number + each) for each in range(100))
            return EventPage(events, f"{number + 1}" if number + 1 < pages else None)

        tracemalloc.start()
        count = sum(1 for _ in events_of(fetch))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == 100 * pages
        return found

    # What grows is the set of offsets: some hundred bytes a page.
    assert peak(100) < peak(10) + 50_000
