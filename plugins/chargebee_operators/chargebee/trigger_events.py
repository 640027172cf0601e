"""What a trigger's one event says, and how the task that resumes reads it. Pure.

An event is plain JSON data, for Airflow stores it. The values of ``Outcome`` are for good: an event that is stored before
an upgrade is read after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from chargebee_operators.chargebee.api import Export, ExportStatus


class Outcome(StrEnum):
    """How the waiting ended."""

    AWAKE = "awake"
    CREATED = "created"
    COMPLETED = "completed"
    FAILED = "failed"
    REJECTED = "rejected"
    TIMED_OUT = "timed_out"
    UNAVAILABLE = "unavailable"
    ERROR = "error"


def outcome_event(outcome: Outcome, **details: Any) -> dict[str, Any]:
    """Return an event: plain JSON data, with the outcome by its name."""
    return {"outcome": str(outcome), **details}


def created_event(export: Export) -> dict[str, Any]:
    """Return the event of an export that Chargebee has accepted."""
    return outcome_event(Outcome.CREATED, export_id=export.id, **_times(export))


def ended_event(export: Export) -> dict[str, Any]:
    """Return the event of an export that Chargebee has completed or failed."""
    outcome = Outcome.COMPLETED if export.status is ExportStatus.COMPLETED else Outcome.FAILED
    return outcome_event(outcome, export_id=export.id, took=export.age, **_times(export))


def _times(export: Export) -> dict[str, float | None]:
    """Return by Chargebee's clock when the export was requested and when this was answered, in epoch seconds."""
    answered_at = export.answered_at.timestamp() if export.answered_at else None
    return {"created_at": export.created_at.timestamp(), "answered_at": answered_at}


def read_event(event: Any) -> tuple[Outcome, dict[str, Any]]:
    """Return an event's outcome and details.

    An event that does not say one of the outcomes counts as ``ERROR``, for example that of another version's trigger.
    """
    if isinstance(event, Mapping):
        try:
            return Outcome(event.get("outcome", "")), dict(event)
        except ValueError:
            pass
    return Outcome.ERROR, {"message": f"The trigger ended with an event that can't be read: {event!r}"[:300]}


def is_of_another_try(details: Mapping[str, Any], try_number: int) -> bool:
    """Return whether an event is one of an earlier try: Airflow 3.0 hands it to the retry once more.

    :param try_number: of the try that resumes.
    """
    carried = details.get("carry", {}).get("try_number")
    return carried is not None and carried != try_number
