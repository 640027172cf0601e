"""Deleted records, as Chargebee's events report them: which event reports which record, and the rows of a table. Pure.

Source: ``EventType`` of the official SDK (chargebee 3.29), https://apidocs.chargebee.com/docs/api/events, and the values of
``event_type`` in Chargebee's API descriptions for each Product Catalog (https://github.com/chargebee/openapi, September 2026).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from chargebee_operators.chargebee.calls import read_instant
from chargebee_operators.chargebee.events import Event
from chargebee_operators.chargebee.resources import RESOURCE_NAMES, get_resource
from chargebee_operators.chargebee.windows import iso
from chargebee_operators.common.exceptions import UnavailableError
from chargebee_operators.common.foreign_text import clean

# The name of the table, and of the resource in job records and keys.
DELETED_RECORDS = "deleted_records"
# The time that the window of a run bounds.
WINDOW_FIELD = "occurred_at"

# The event of a deletion -> the export whose records it is about. A ramp's has another name.
DELETION_EVENTS = {
    f"{'subscription_ramp' if name == 'ramps' else get_resource(name).record}_deleted": name
    for name in RESOURCE_NAMES
    if get_resource(name).record
}
# In the API descriptions of both Product Catalogs, although the export is of one.
_OF_BOTH_CATALOGS = ("subscription_ramp_deleted",)

COLUMNS = (
    "resource",
    "id",
    "occurred_at",
    "event_id",
    "event_type",
    "source",
    # Not "user": some databases take that for the name of whoever queries.
    "deleted_by",
    "resource_version",
    "deleted",
    "customer_id",
    "subscription_id",
    "record_created_at",
    "record_updated_at",
)
# The types of the columns that are not text, where the format has types.
COLUMN_TYPES = {
    "occurred_at": "timestamp[s, UTC]",
    "resource_version": "int64",
    "deleted": "bool",
    "record_created_at": "timestamp[s, UTC]",
    "record_updated_at": "timestamp[s, UTC]",
}
# Rows that are made into bytes at a time.
_ROWS = 500
_LINE_END = "\r\n"


def deletion_kinds(catalog: str | None) -> tuple[str, ...]:
    """Return the kinds of events to list: those that a site of a Product Catalog knows.

    One kind that Chargebee does not know can make it refuse the whole list.

    :param catalog: ``1.0`` or ``2.0``; None, where it is not known, for all kinds.
    """
    known = ("", catalog)
    return tuple(
        kind
        for kind, name in DELETION_EVENTS.items()
        if catalog is None or kind in _OF_BOTH_CATALOGS or get_resource(name).catalog in known
    )


@dataclass(frozen=True)
class Deletion:
    """A record that was deleted.

    :param resource: the export that it was in: ``customers``.
    :param record_id: the record's id. Another record may have it later.
    :param resource_version: the record's version at its deletion; None where Chargebee gives none.
    :param record: the record as it was; in no ``repr``, for it holds personal data.
    :param event: the event of the deletion.
    """

    resource: str
    record_id: str
    resource_version: int | None
    record: Mapping[str, Any] = field(repr=False)
    event: Event

    @property
    def row(self) -> tuple[str, ...]:
        """The values of ``COLUMNS``, as a CSV has them; empty where Chargebee gives none."""
        event, record = self.event, self.record
        deleted = record.get("deleted")
        return (
            self.resource,
            self.record_id,
            iso(event.occurred_at),
            event.id,
            event.event_type,
            event.source or "",
            event.user or "",
            "" if self.resource_version is None else str(self.resource_version),
            str(deleted).lower() if isinstance(deleted, bool) else "",
            _text(record.get("customer_id")),
            _text(record.get("subscription_id")),
            _time(record.get("created_at")),
            _time(record.get("updated_at")),
        )


def read_deletion(event: Event) -> Deletion:
    """Return what the event of a deletion is about.

    :param event: of a kind in ``DELETION_EVENTS``.
    :raises UnavailableError: when it does not name its record.
    """
    resource = DELETION_EVENTS[event.event_type]
    name = get_resource(resource).record
    record = event.content.get(name)
    record_id = record.get("id") if isinstance(record, Mapping) else None
    if not isinstance(record, Mapping) or not isinstance(record_id, str) or not record_id:
        raise UnavailableError(f"Event {clean(event.id)} of kind {event.event_type} does not name its {name}.")
    return _deletion(resource, record_id, record, event)


def read_deletions(event: Event) -> Iterator[Deletion]:
    """Yield what the event of a deletion is about, and the other records that it shows as deleted.

    The event of a customer's deletion also lists its subscriptions, as ``subscriptions``
    (https://github.com/chargebee/chargebee-java/issues/42); Chargebee's Node SDK has the list as ``subscription``. Nobody
    knows whether each of them has an event of its own. Only records with ``deleted: true`` count: an event also shows records
    that still exist.

    :param event: of a kind in ``DELETION_EVENTS``.
    :raises UnavailableError: when it does not name its record.
    """
    own = read_deletion(event)
    yield own
    for resource in DELETION_EVENTS.values():
        for record in _listed(event, get_resource(resource).record, resource):
            if record is own.record or not isinstance(record, Mapping) or record.get("deleted") is not True:
                continue
            if isinstance(record_id := record.get("id"), str) and record_id:
                yield _deletion(resource, record_id, record, event)


def _listed(event: Event, *names: str) -> Iterator[Any]:
    """Yield what the content has by these names: one record, or a list of them."""
    for found in map(event.content.get, names):
        yield from found if isinstance(found, list) else [found]


def _deletion(resource: str, record_id: str, record: Mapping[str, Any], event: Event) -> Deletion:
    version = record.get("resource_version")
    is_number = type(version) is int and abs(version) < 1 << 63
    return Deletion(resource, record_id, version if is_number else None, record, event)


def deletions_csv(events: Iterable[Event]) -> Iterator[bytes]:
    """Yield the table as a CSV, some hundred rows at a time: a header, then the rows of each event.

    :param events: of kinds in ``DELETION_EVENTS``.
    :raises UnavailableError: when an event does not name its record.
    """
    text = _Lines(newline="")
    # The writer puts quotes around the signs of its own line end only. A bare carriage return would end a row.
    write = csv.writer(text, lineterminator=_LINE_END).writerow
    write(COLUMNS)
    for number, event in enumerate(events, 1):
        for deletion in read_deletions(event):
            write(deletion.row)
        if number % _ROWS == 0:
            yield _taken(text)
    yield _taken(text)


class _Lines(io.StringIO):
    """Takes whole lines, and ends them with a line feed alone."""

    def write(self, line: str) -> int:
        return super().write(line.removesuffix(_LINE_END) + "\n")


def _taken(text: io.StringIO) -> bytes:
    data = text.getvalue().encode("utf-8", errors="replace")
    text.seek(0)
    text.truncate()
    return data


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _time(value: Any) -> str:
    instant = read_instant(value)
    return iso(instant) if instant else ""
