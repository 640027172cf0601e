"""What a list of events proves of its window."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chargebee_operators.chargebee.windows import Window
from chargebee_operators.checks.event_proof import event_proof

START = datetime(2026, 11, 23, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(days=1))


@pytest.mark.parametrize("oldest", [START - timedelta(days=90), START])
def test_a_window_that_begins_after_the_oldest_event_is_covered(oldest):
    found = event_proof(WINDOW, "occurred_at", 1, oldest)
    assert found.warnings == () and found.events_from == f"{oldest:%Y-%m-%dT%H:%M:%SZ}"
    assert (found.proof.by, found.proof.says) == ("column", "occurred_at was compared in 1 row.")


@pytest.mark.parametrize("later", [timedelta(seconds=1), timedelta(days=5)])
def test_what_chargebee_has_forgotten_is_reported(later):
    (warning,) = event_proof(WINDOW, "occurred_at", 0, START + later).warnings
    assert f"{START + later:%Y-%m-%dT%H:%M:%SZ}" in warning and "not in the table" in warning


def test_a_site_without_events_is_reported():
    found = event_proof(WINDOW, "occurred_at", 0, None)
    assert found.events_from is None and found.proof.by == "empty"
    assert found.warnings == ("Chargebee has no events at all, so nobody knows what was deleted in this window.",)
