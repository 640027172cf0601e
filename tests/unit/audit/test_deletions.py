"""Which deletions an audit counts beside those that are written: the latest ones, by Chargebee's events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chargebee_operators.audit.deletions import Deletions
from chargebee_operators.chargebee.deletions import deletion_kinds
from chargebee_operators.chargebee.events import Event
from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.chargebee.windows import Window, iso
from support.audited import Written

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DUE = NOW - timedelta(hours=12)
CUSTOMER = Event(
    "ev_1",
    "customer_deleted",
    NOW - timedelta(hours=1),
    "api",
    {"customer": {"id": "c1"}, "subscriptions": [{"id": "s1", "deleted": True}, {"id": "s2", "deleted": False}]},
    None,
)
INVOICE = Event("ev_2", "invoice_deleted", NOW - timedelta(hours=2), "api", {"invoice": {"id": "i1"}}, None)


class Site:
    """Lists these two events, as Chargebee does: of the requested kinds, in the requested time."""

    def chargebee_time(self) -> datetime:
        return NOW

    def deletion_kinds(self) -> tuple[str, ...]:
        return deletion_kinds("2.0")

    def events(self, window: Window, kinds: Any, **entity: Any) -> list[Event]:
        return [
            each
            for each in (CUSTOMER, INVOICE)
            if each.event_type in kinds and window.start <= each.occurred_at < window.end
        ]


class Undue:
    """Keeps the ids that count as changed lately."""

    def __init__(self) -> None:
        self.ids: set[str] = set()

    def add_undue(self, ids: Any) -> None:
        self.ids |= set(ids)

    def add_deletions(self, deletions: Any) -> None:
        assert not list(deletions)


def undue(resource: str, written: Written, until: datetime | None = None) -> set[str]:
    snapshot = written.snapshot(iso(NOW))
    job = JobRecord.from_dict({**snapshot.job.to_dict(), "resource": resource})
    partitions = [written.window(iso(DUE), iso(until))] if until else []
    store = Undue()
    Deletions(Site(), None, type(snapshot)(snapshot.key, job)).add(partitions, DUE, store)  # type: ignore[arg-type]
    return store.ids


@pytest.mark.parametrize(
    ("resource", "ids"),
    [("customers", {"c1"}), ("invoices", {"i1"}), ("subscriptions", {"s1"}), ("coupons", set())],
)
def test_a_record_that_only_another_record_s_event_shows_as_deleted_counts_too(resource, ids, tmp_path):
    assert undue(resource, Written(tmp_path)) == ids


def test_what_the_written_windows_have_is_not_listed_again(tmp_path):
    assert undue("invoices", Written(tmp_path), until=NOW - timedelta(hours=1, minutes=30)) == set()
    assert undue("customers", Written(tmp_path), until=NOW - timedelta(hours=1, minutes=30)) == {"c1"}
