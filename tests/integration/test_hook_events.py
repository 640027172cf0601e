"""The hook's events and single records, against the simulator over real HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chargebee_operators import ChargebeeHook
from chargebee_operators.chargebee.deletions import DELETION_EVENTS, deletion_kinds, read_deletion
from chargebee_operators.chargebee.records import NEEDS_PARENT, RETRIEVABLE
from chargebee_operators.chargebee.windows import Window
from chargebee_operators.common import patience
from chargebee_operators.common.exceptions import (
    AuthenticationError,
    RequestRejectedError,
    SettingsError,
    ThrottledError,
    UnavailableError,
    WindowCheckError,
)

DAY = Window(datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC))
EVERY = tuple(DELETION_EVENTS[kind] for kind in deletion_kinds("2.0"))
NOON = "2026-11-23T12:00:00Z"


@pytest.fixture
def slept(monkeypatch) -> list[float]:
    """The seconds that were waited for in the worker: the waits themselves are left out."""
    seconds: list[float] = []
    monkeypatch.setattr(patience.time, "sleep", seconds.append)
    return seconds


def deletions(window: Window = DAY, resources: Any = EVERY, **arguments: Any) -> set[tuple[str, str]]:
    kinds = [kind for kind, resource in DELETION_EVENTS.items() if resource in resources]
    found = map(read_deletion, ChargebeeHook().events(window, kinds, **arguments))
    return {(each.resource, each.record_id) for each in found}


def test_the_deletions_of_a_window_are_found_whatever_was_deleted(connected):
    gone = {
        (resource, record_id)
        for resource in EVERY
        for record_id in connected.control.remove(resource, count=1, at=NOON)
    }
    assert len(gone) == len(EVERY)
    assert deletions() == gone
    assert len(connected.control.requests(method="GET", listener="api")) == 1, "all kinds in one call"


@pytest.mark.parametrize(("catalog", "version"), [("v1", "1.0"), ("v2", "2.0")])
def test_the_kinds_of_deletions_are_those_of_the_sites_product_catalog(connected, catalog, version):
    connected.control.settings(catalog=catalog)
    kinds = ChargebeeHook().deletion_kinds()
    assert kinds == deletion_kinds(version)
    assert list(ChargebeeHook().events(DAY, kinds)) == [], "Chargebee knows each of them"


def test_a_kind_that_the_sites_product_catalog_does_not_have_is_refused(connected):
    with pytest.raises(RequestRejectedError, match="param_wrong_value"):
        list(ChargebeeHook().events(DAY, deletion_kinds(None)))


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize(("catalog", "version"), [("v1", "1.0"), ("v2", "2.0")])
def test_where_chargebee_does_not_name_the_product_catalog_the_kinds_that_it_lists_are_found(
    connected, catalog, version, status
):
    connected.control.settings(catalog=catalog)
    connected.control.fault("status", status=status, method="GET")
    assert ChargebeeHook().deletion_kinds() == deletion_kinds(version)


def test_where_no_kinds_are_listed_it_is_all_of_them_so_that_the_refusal_is_reported(connected):
    connected.control.fault("status", status=400, method="GET", times=4)
    assert ChargebeeHook().deletion_kinds() == deletion_kinds(None)


def test_a_busy_site_is_waited_for_until_it_names_its_product_catalog(connected, slept):
    connected.control.fault("status", status=429, retry_after=20, method="GET")
    assert ChargebeeHook().deletion_kinds() == deletion_kinds("2.0")
    assert len(slept) == 1 and slept[0] >= 20


def test_a_window_holds_its_first_second_and_not_its_end(connected):
    for at in (DAY.start - timedelta(seconds=1), DAY.end):
        connected.control.remove("customers", count=1, at=int(at.timestamp()))
    inside = {
        connected.control.remove("customers", count=1, at=int(at.timestamp()))[0]
        for at in (DAY.start, DAY.end - timedelta(seconds=1))
    }
    assert deletions() == {("customers", each) for each in inside}


def test_many_deletions_come_page_by_page(make_simulator, connect):
    simulator = make_simulator(customers=300)
    connect(simulator)
    gone = simulator.control.remove("customers", count=250, at=NOON)
    assert deletions(resources=["customers"]) == {("customers", each) for each in gone}
    pages = simulator.control.requests(method="GET", listener="api")
    assert len(pages) == 3
    assert all(dict(each["fields"])["limit"] == "100" for each in pages)


def test_an_ignored_filter_is_seen_at_once(connected):
    connected.control.remove("customers", count=1, at=NOON)
    connected.control.settings(ignore_event_filters=True)
    with pytest.raises(WindowCheckError, match="ignored the filter"):
        deletions()


def test_a_busy_site_is_waited_for_as_long_as_it_asks_for(connected, slept):
    (gone,) = connected.control.remove("customers", count=1, at=NOON)
    connected.control.fault("status", status=429, retry_after=40, times=2)
    connected.control.fault("status", status=503, text=True)
    assert deletions() == {("customers", gone)}
    assert len(slept) == 3 and all(seconds >= 40 for seconds in slept[:2])


def test_patience_ends(connected, slept):
    connected.control.fault("status", status=429, retry_after=40, times=None)
    with pytest.raises(ThrottledError):
        deletions(patience=100)
    assert sum(slept) <= 100


def test_a_refusal_is_not_waited_for(connected, connect, slept):
    connect(connected, password="another_key")
    with pytest.raises(AuthenticationError):
        deletions()
    assert not slept


def test_the_oldest_event_shows_from_when_on_chargebee_remembers(connected):
    connected.control.remove("customers", count=1, at=NOON)
    connected.control.settings(event_days=30)
    oldest = ChargebeeHook().oldest_event()
    assert oldest is not None
    since = datetime.fromtimestamp(connected.control.now(), UTC) - timedelta(days=30)
    assert since <= oldest.occurred_at <= since + timedelta(days=5)
    # One day older than all that has happened.
    connected.control.settings(event_days=0)
    assert ChargebeeHook().oldest_event() is None


@pytest.mark.parametrize("resource", RETRIEVABLE)
def test_a_record_is_retrieved_by_its_id(connected, resource):
    truth = connected.control.records(resource)[-1]
    record = ChargebeeHook().get_record(resource, truth["id"])
    assert record["id"] == truth["id"]
    assert record.get("updated_at") == truth["updated_at"]


@pytest.mark.parametrize("resource", [*RETRIEVABLE, *NEEDS_PARENT])
def test_a_record_that_does_not_exist_is_none(connected, resource):
    parent = "any" if resource in NEEDS_PARENT else None
    assert ChargebeeHook().get_record(resource, "nobody/..", parent_id=parent) is None


@pytest.mark.parametrize("resource", NEEDS_PARENT)
def test_a_record_that_needs_another_id_says_so_before_anything_is_sent(connected, resource):
    with pytest.raises(SettingsError, match=NEEDS_PARENT[resource]):
        ChargebeeHook().get_record(resource, "x")
    assert not connected.control.requests()


def test_a_record_is_retrieved_with_its_business_entity(connected):
    truth = connected.control.records("customers")[0]
    ChargebeeHook().get_record("customers", truth["id"], business_entity_id="entity")
    (call,) = connected.control.requests(method="GET")
    assert call["headers"]["chargebee-business-entity-id"] == "entity"


@pytest.mark.parametrize(("status", "error"), [(429, ThrottledError), (503, UnavailableError)])
def test_a_record_is_not_waited_for(connected, slept, status, error):
    connected.control.fault("status", status=status, retry_after=7)
    with pytest.raises(error) as caught:
        ChargebeeHook().get_record("customers", "any")
    assert (caught.value.retry_after, slept) == (7, [])
