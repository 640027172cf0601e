"""Which records count as changed lately, and whether Chargebee is known to have exported these alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chargebee_operators.audit.latest_changes import add_latest_changes
from chargebee_operators.audit.partitions import Partition
from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.chargebee.windows import iso
from chargebee_operators.common.exceptions import AccessDeniedError, WindowCheckError

DUE = datetime(2026, 11, 24, tzinfo=UTC)
NOW = DUE + timedelta(hours=12)


class Site:
    """Has records that were changed when their ids say, in hours after ``DUE``."""

    def __init__(self, refuses: bool = False) -> None:
        self._refuses = refuses

    def get_record(self, resource: str, record_id: str, **entity: Any) -> dict[str, Any]:
        if self._refuses:
            raise AccessDeniedError("The key may not.")
        return {"id": record_id, "updated_at": int((DUE + timedelta(hours=int(record_id))).timestamp())}


class Store:
    def __init__(self) -> None:
        self.ids: list[str] = []

    def add_undue(self, ids: Any) -> None:
        self.ids += ids


def added(ids: list[str], resource: str = "customers", export_id: str = "e", **site: bool) -> str:
    job = JobRecord(export_id, resource, "acme", {}, None, None, None, iso(NOW))
    store = Store()
    reason = add_latest_changes(Site(**site), store, Partition("key", job), ids, DUE, "updated_at")  # type: ignore[arg-type]
    assert store.ids == ids
    return reason


def test_records_that_have_changed_since_prove_it():
    assert added([]) == ""
    for many in range(1, 20):
        assert added(["1"] * many) == ""


@pytest.mark.parametrize("number", range(20))
def test_an_ignored_filter_is_seen_also_where_the_newest_records_come_first(number):
    with pytest.raises(WindowCheckError, match="record '-100', which changed at 2026-11-19T20:00:00Z"):
        added(["1"] * 2_000 + ["-100"] * 200_000, export_id=f"e{number}")


@pytest.mark.parametrize("place", range(6))
def test_one_old_record_among_the_six_that_are_drawn_is_enough(place):
    ids = ["1"] * 5
    ids.insert(place, "-100")
    with pytest.raises(WindowCheckError, match="Chargebee ignored the filter"):
        added(ids)


def test_what_is_not_proven_has_its_reason():
    assert added(["1"], resource="attached_items") == "Chargebee has no call to retrieve one record"
    assert "The key may not" in added(["1"], refuses=True)
