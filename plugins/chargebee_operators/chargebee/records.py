"""One record of Chargebee, retrieved by its id. Pure.

Source: the ``retrieve`` calls of the official SDK (chargebee 3.29), https://apidocs.chargebee.com/docs/api
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from chargebee_operators.chargebee.calls import ApiAnswer, ApiRequest, entity_header, object_of, unusable
from chargebee_operators.chargebee.connection import SiteSettings
from chargebee_operators.chargebee.resources import RESOURCE_NAMES, get_resource
from chargebee_operators.common.exceptions import RequestRejectedError, SettingsError
from chargebee_operators.common.foreign_text import clean

# Retrieving one of these takes the id of another record as well, by this parameter: its own id does not suffice.
NEEDS_PARENT = {"attached_items": "parent_item_id", "differential_prices": "item_price_id"}

# The record exports that have a call which takes the record's id alone. The revenue reports hold no records.
RETRIEVABLE = tuple(name for name in RESOURCE_NAMES if get_resource(name).record and name not in NEEDS_PARENT)


def get_record_request(
    settings: SiteSettings,
    resource: str,
    record_id: str,
    *,
    parent_id: str | None = None,
    business_entity_id: str | None = None,
) -> ApiRequest:
    """Build the GET that retrieves a record.

    :param settings: the site.
    :param resource: a name of ``RETRIEVABLE``, or of ``NEEDS_PARENT`` with a ``parent_id``.
    :param record_id: the record's id.
    :param parent_id: the other record's id, for what needs one.
    :param business_entity_id: overrides the connection's.
    :raises SettingsError: when the resource has no such call, or an id is missing.
    """
    parent = NEEDS_PARENT.get(resource)
    if resource not in RETRIEVABLE and not (parent and parent_id):
        needs = f", only with its {parent} as parent_id" if parent else ""
        raise SettingsError(f"A record of {resource} can't be retrieved by its id{needs}.")
    if not isinstance(record_id, str) or not record_id:
        raise SettingsError(f"record_id is {record_id!r}: give the id of a record of {resource}.")
    # A path of dots means another place on the server.
    name = "%2E" * len(record_id) if record_id in (".", "..") else quote(record_id, safe="")
    fields = ((parent, str(parent_id)),) if parent else ()
    return ApiRequest("GET", f"/{resource}/{name}", fields, entity_header(settings, business_entity_id))


def read_record(settings: SiteSettings, answer: ApiAnswer, resource: str, record_id: str) -> Mapping[str, Any] | None:
    """Return the record as Chargebee has it now; None when it does not exist (any more).

    :param settings: the site.
    :param answer: to the request.
    :param resource: as in the request.
    :param record_id: likewise.
    :raises ChargebeeApiError: one of its children, for everything but this record or its absence.
    """
    name = get_resource(resource).record
    try:
        record = object_of(settings, answer, name)
    except RequestRejectedError as error:
        if error.status == 404 and error.code == "resource_not_found":
            return None
        raise
    if record.get("id") != record_id:
        raise unusable(settings, answer, f"for {name} {clean(record_id)!r} with another {name}.")
    return record
