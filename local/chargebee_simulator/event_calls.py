"""The calls of events: GET /events with filters and pages, and GET /events/<id>."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from aiohttp import web

from .calls import Call
from .errors import ApiError, wrong_value
from .event_catalogue import LONGEST_PAGE, USUAL_PAGE, parameters
from .events import Event, EventLog, Key
from .filters import Selection, WrongValue, judge_by
from .knobs import Knobs
from .state import Site, State
from .wire import json_answer

_DAY = 86400


def events_answer(method: str, call: Call, site: Site, state: State) -> web.Response:
    """Answer a call of events whose caller may make it. Raises ApiError."""
    if method != "GET":
        raise ApiError(405, f"The method {method} is not supported here")
    since = int(state.company_now() - state.knobs.event_days * _DAY)
    if call.name is None:
        return json_answer(200, _page(call, site.events, since, state.knobs))
    event = site.events.find(call.name, since)
    if event is None:
        raise ApiError(404, f"{call.name} not found")
    return json_answer(200, {"event": event.shown()})


def _page(call: Call, log: EventLog, since: int, knobs: Knobs) -> dict[str, object]:
    """Return a page of events. `since`: what is older is forgotten; seconds since the epoch."""
    fields = [(name, value) for name, value in call.fields if name not in ("limit", "offset")]
    given = dict(call.fields)
    try:
        selection, counted = judge_by(parameters(knobs.catalog), fields)
    except WrongValue as error:
        raise wrong_value(error.param, str(error)) from None
    if knobs.ignore_event_filters:
        selection = selection.without_filters()
    limit, after = _limit(given.get("limit")), _key(given.get("offset"))
    ascending = "sort_by[asc]" in counted
    events = log.oldest_first(since, after) if ascending else log.newest_first(since, after)
    shown = _matching(events, selection, limit + 1)
    page: dict[str, object] = {"list": [{"event": event.shown()} for event in shown[:limit]]}
    if len(shown) > limit:
        page["next_offset"] = json.dumps([str(part) for part in shown[limit - 1].key])
    return page


def _matching(events: Iterator[Event], selection: Selection, most: int) -> list[Event]:
    found: list[Event] = []
    for event in events:
        if selection.matches(event.filtered):
            found.append(event)
            if len(found) == most:
                break
    return found


def _limit(text: str | None) -> int:
    if text is None:
        return USUAL_PAGE
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not 1 <= int(text) <= LONGEST_PAGE:
        raise wrong_value("limit", f"limit : must be a number from 1 to {LONGEST_PAGE}")
    return int(text)


def _key(text: str | None) -> Key | None:
    """Return where a page begins: at the event that comes after this one."""
    if text is None:
        return None
    match = re.fullmatch(r'\["(\d{1,15})", ?"(\d{1,15})"\]', text, re.ASCII)
    if match is None:
        raise wrong_value("offset", "offset : invalid value")
    return int(match[1]), int(match[2])
