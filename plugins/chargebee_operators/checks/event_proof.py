"""What a list of events proves of its window, and what it cannot: Chargebee forgets events after some time. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chargebee_operators.chargebee.windows import Window, iso
from chargebee_operators.checks.window_proof import WindowProof
from chargebee_operators.common.wording import counted


@dataclass(frozen=True)
class EventProof:
    """What is known of a window whose events were listed.

    :param proof: what it was confirmed by.
    :param events_from: the time of the oldest event that Chargebee still had, ISO 8601 UTC; None when it had none.
    :param warnings: sentences for people who read the table; none when all of the window is covered.
    """

    proof: WindowProof
    events_from: str | None
    warnings: tuple[str, ...] = ()


def event_proof(window: Window, field: str, rows: int, oldest: datetime | None) -> EventProof:
    """Return what is known of a window.

    :param field: the time that was compared with the window as each event was read: ``occurred_at``.
    :param rows: the number of rows that the events gave.
    :param oldest: when the oldest event occurred that Chargebee still has, of any kind; None when it has no event.
    """
    proof = WindowProof("empty", True, "Chargebee listed no events.")
    if rows:
        proof = WindowProof("column", True, f"{field} was compared in {counted(rows, 'row')}.")
    if oldest is None:
        return EventProof(
            proof, None, ("Chargebee has no events at all, so nobody knows what was deleted in this window.",)
        )
    if oldest <= window.start:
        return EventProof(proof, iso(oldest))
    missing = f"Chargebee's oldest event is of {iso(oldest)}. What was deleted in this window before that is not in the table."
    return EventProof(proof, iso(oldest), (missing,))
