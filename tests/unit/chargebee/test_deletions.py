"""Deleted records: which event reports which, and the rows that their events become."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargebee_operators.chargebee.deletions import (
    COLUMN_TYPES,
    COLUMNS,
    DELETION_EVENTS,
    deletion_kinds,
    deletions_csv,
    read_deletion,
)
from chargebee_operators.chargebee.events import Event
from chargebee_operators.chargebee.resources import RESOURCE_NAMES, get_resource
from chargebee_operators.common.exceptions import UnavailableError
from support.json_values import json_values

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
RECORD = {"id": "c1", "resource_version": 7, "deleted": True}
EVENT = Event("ev_1", "customer_deleted", NOON, "api", {"customer": RECORD}, "ann@example.com")


def of(record: Any, kind: str = "customer_deleted") -> Event:
    return replace(EVENT, event_type=kind, content={kind.removesuffix("_deleted"): record})


def rows(*events: Event) -> list[dict[str, str]]:
    text = b"".join(deletions_csv(events)).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_each_export_of_records_has_the_event_of_a_deletion_that_the_sdk_names():
    assert set(DELETION_EVENTS.values()) == {name for name in RESOURCE_NAMES if get_resource(name).record}
    enums = pytest.importorskip("chargebee.models.enums")
    assert set(DELETION_EVENTS) <= {str(each) for each in enums.EventType}


def test_a_list_names_only_kinds_that_the_sites_product_catalog_has():
    assert set(deletion_kinds(None)) == set(DELETION_EVENTS)
    first, second = set(deletion_kinds("1.0")), set(deletion_kinds("2.0"))
    assert first - second == {"plan_deleted", "addon_deleted"}
    assert second - first == {
        "attached_item_deleted",
        "differential_price_deleted",
        "item_deleted",
        "item_family_deleted",
        "item_price_deleted",
        "price_variant_deleted",
    }
    assert {"customer_deleted", "coupon_deleted", "subscription_ramp_deleted"} < first & second


def test_a_deletion_names_its_record():
    deletion = read_deletion(EVENT)
    assert (deletion.resource, deletion.record_id, deletion.resource_version) == ("customers", "c1", 7)
    assert deletion.event is EVENT and deletion.record["deleted"] is True
    assert "ann" not in repr(deletion)


@pytest.mark.parametrize("version", [None, "7", True, 1.5, 10**30])
def test_a_strange_version_is_none(version):
    assert read_deletion(of({"id": "c1", "resource_version": version})).resource_version is None


@pytest.mark.parametrize("record", [None, {}, {"id": 5}, {"id": ""}, "c1"])
def test_a_deletion_that_does_not_name_its_record_is_reported(record):
    with pytest.raises(UnavailableError, match="Event ev_1 of kind customer_deleted does not name its customer"):
        read_deletion(of(record))


def test_a_row_has_the_name_of_the_export_and_times_in_utc():
    record = {**RECORD, "id": "sub", "customer_id": "c1", "created_at": 1_700_000_000, "updated_at": 1_700_000_060}
    assert rows(of(record, "subscription_deleted")) == [
        {
            "resource": "subscriptions",
            "id": "sub",
            "occurred_at": "2026-11-23T12:00:00Z",
            "event_id": "ev_1",
            "event_type": "subscription_deleted",
            "source": "api",
            "deleted_by": "ann@example.com",
            "resource_version": "7",
            "deleted": "true",
            "customer_id": "c1",
            "subscription_id": "",
            "record_created_at": "2023-11-14T22:13:20Z",
            "record_updated_at": "2023-11-14T22:14:20Z",
        }
    ]


def test_what_chargebee_does_not_say_is_empty():
    (row,) = rows(replace(of({"id": "c1"}), source=None, user=None))
    assert {name for name, value in row.items() if value} == {"resource", "id", "occurred_at", "event_id", "event_type"}


@pytest.mark.parametrize("name", ["subscriptions", "subscription"])
def test_the_subscriptions_that_go_with_a_customer_are_rows_too(name):
    others = [{"id": "s1", "customer_id": "c1", "deleted": True}, {"id": "s2", "deleted": False}, {"deleted": True}, 5]
    event = replace(EVENT, content={"customer": RECORD, name: others, "card": {"id": "x", "deleted": True}})
    found = [(each["resource"], each["id"], each["event_id"], each["customer_id"]) for each in rows(event)]
    assert found == [("customers", "c1", "ev_1", ""), ("subscriptions", "s1", "ev_1", "c1")]


def test_the_customer_of_a_deleted_subscription_is_not_deleted():
    content = {"subscription": {"id": "s1", "deleted": True}, "customer": {"id": "c1", "deleted": False}}
    assert [each["id"] for each in rows(replace(EVENT, event_type="subscription_deleted", content=content))] == ["s1"]


def test_without_events_there_is_a_header():
    assert b"".join(deletions_csv([])).decode() == ",".join(COLUMNS) + "\n"


def test_the_types_are_of_columns():
    assert COLUMN_TYPES.keys() < set(COLUMNS)


@pytest.mark.parametrize("strange", ['a,"b"\nc\r\nd', "a\rb", "\r"])
def test_an_id_with_signs_of_a_csv_comes_through(strange):
    assert [each["id"] for each in rows(of({"id": strange}), EVENT)] == [strange, "c1"]


@given(st.dictionaries(st.sampled_from([*RECORD, "customer_id", "created_at", "updated_at"]), json_values))
def test_whatever_a_record_holds_gives_a_whole_row_or_an_error(record):
    try:
        (row,) = rows(of(record))
    except UnavailableError:
        return
    assert row.keys() == set(COLUMNS) and row["id"]


def test_rows_are_made_as_events_come():
    given_so_far: list[int] = []

    def events() -> Any:
        for number in range(3_000):
            given_so_far.append(number)
            yield EVENT

    pieces = deletions_csv(events())
    assert next(pieces).count(b"\n") == len(given_so_far) + 1 < 1_000
    assert b"".join(pieces).count(b"\n") + len(given_so_far) > 3_000
