"""The call that retrieves one record: GET /customers/<id>, and so on for each export of records."""

from __future__ import annotations

from aiohttp import web

from .calls import Call
from .catalogue import ASKS_FOR, REPORTS, SINGULAR
from .errors import ApiError, wrong_value
from .record_answer import answer_of
from .state import Site
from .wire import json_answer

RESOURCES = frozenset(SINGULAR) - REPORTS
"""What has records that can be retrieved."""


def record_answer(method: str, call: Call, site: Site, entity: str | None = None) -> web.Response:
    """Answer a call of one record whose caller may make it. Raises ApiError.

    `entity`: the business entity that is meant; a record of another one is not found.
    """
    if method != "GET":
        raise ApiError(405, f"The method {method} is not supported here")
    resource, identity = call.kind, call.name or ""
    beside = ASKS_FOR.get(resource)
    wanted = dict(call.fields).get(beside, "") if beside else ""
    if beside and not wanted:
        raise wrong_value(beside, f"{beside} : cannot be blank")
    record = site.company.find(resource, identity)
    if record is not None and entity and record.get("business_entity_id") not in (None, entity):
        record = None
    if record is None or (beside and record.get(beside) != wanted):
        raise ApiError(404, f"{identity} not found")
    return json_answer(200, answer_of(site.company, resource, record))
