"""What an export may take the place of."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.partition.replacing import Replacing

WINDOWED = JobRecord(
    "e",
    "customers",
    "acme",
    {"customer[updated_at][between]": "[1795392000,1795478399]"},
    "2026-11-23T00:00:00Z",
    "2026-11-24T00:00:00Z",
    "updated_at",
    "2026-11-24T00:01:00Z",
)
SNAPSHOT = replace(WINDOWED, filters={}, window_field=None, requested_at="2026-11-24T12:00:00Z")
AGAIN = {"export_id": "other", "requested_at": "2026-12-24T12:00:00Z", "restarts": 1}
NEXT = replace(WINDOWED, window_start="2026-11-24T00:00:00Z", window_end="2026-11-25T00:00:00Z")


def check(standing: JobRecord, job: JobRecord, **allowed: bool) -> str:
    return Replacing(**allowed).check({"job": standing.to_dict()}, job, "p/m.json")


@pytest.mark.parametrize(
    ("standing", "job"),
    [(WINDOWED, replace(WINDOWED, **AGAIN)), (SNAPSHOT, replace(SNAPSHOT, export_id="other", window_start=None))],
    ids=["window", "snapshot"],
)
def test_a_rerun_replaces_what_it_wrote_before(standing, job):
    assert check(standing, job) == ""


def test_a_later_version_that_knows_more_kinds_of_events_lists_a_window_of_deletions_again():
    kinds = {"event_type[in]": '["customer_deleted"]', "occurred_at[between]": "[1795392000,1795478399]"}
    listed = replace(WINDOWED, resource="deleted_records", filters=kinds, window_field="occurred_at")
    assert (
        check(listed, replace(listed, filters={**kinds, "event_type[in]": '["customer_deleted","new_deleted"]'})) == ""
    )
    with pytest.raises(SettingsError, match="would replace it"):
        check(listed, replace(listed, filters={**kinds, "source[is]": "api"}))


def test_where_there_is_no_manifest_nothing_is_replaced():
    assert Replacing().check(None, WINDOWED, "p/m.json") == ""


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-11-23T00:00:00Z", "2026-11-23T00:40:00Z"),
        ("2026-11-23T01:00:00Z", "2026-11-23T02:00:00Z"),
        ("2026-11-23T23:00:00Z", "2026-11-24T00:00:00Z"),
    ],
)
def test_a_window_replaces_a_shorter_one_that_it_contains_and_not_the_reverse(start, end):
    shorter = replace(WINDOWED, window_start=start, window_end=end)
    assert "this run's window contains that one" in check(shorter, WINDOWED)
    with pytest.raises(SettingsError, match="would replace it"):
        check(WINDOWED, shorter)


@pytest.mark.parametrize("document", [[], {}, {"job": 1}, {"job": {}}, {"job": {"export_id": "e"}}])
def test_what_is_no_manifest_is_overwritten_only_by_order(document):
    with pytest.raises(SettingsError, match="p/m.json is no manifest of an export: choose another manifest_name"):
        Replacing(keep_latest_only=True).check(document, WINDOWED, "p/m.json")
    assert "no manifest" in Replacing(other=True).check(document, WINDOWED, "p/m.json")


@pytest.mark.parametrize(
    ("standing", "job", "parts"),
    [
        (
            WINDOWED,
            replace(WINDOWED, window_end="2026-11-23T01:00:00Z"),
            ["[2026-11-23T00:00:00Z, 2026-11-24T00:00:00Z)", "[2026-11-23T00:00:00Z, 2026-11-23T01:00:00Z)"],
        ),
        (WINDOWED, replace(WINDOWED, window_field="created_at"), ["with updated_at in", "with created_at in"]),
        (
            WINDOWED,
            replace(WINDOWED, filters={**WINDOWED.filters, "customer[created_at][between]": "[1,2]"}),
            ["customers of acme with updated_at", ", customer[created_at][between]=[1,2]"],
        ),
        (
            replace(SNAPSHOT, filters={"export_type": "data"}),
            SNAPSHOT,
            [
                "customers of acme, taken_at=20261124T120000Z, export_type=data. This run's export is customers of acme, t"
            ],
        ),
        (
            WINDOWED,
            replace(WINDOWED, resource="invoices"),
            ["customers of acme", "invoices of acme", "Give each resource"],
        ),
        (
            WINDOWED,
            replace(WINDOWED, business_entity_id="be1"),
            ["customers of acme for business entity be1 with", "business entity its own manifest_name"],
        ),
        (WINDOWED, SNAPSHOT, ["customers of acme with updated_at", "customers of acme, taken_at"]),
    ],
    ids=["end", "time field", "filter", "export type", "resource", "business entity", "snapshot"],
)
def test_another_export_may_not_take_a_partition_s_place(standing, job, parts):
    with pytest.raises(SettingsError) as caught:
        check(standing, job)
    for part in [*parts, "p/m.json holds", "would replace it"]:
        assert part in str(caught.value)
    assert "as replace_other_window is set" in check(standing, job, other=True)


@pytest.mark.parametrize(
    ("earlier", "later"),
    [(WINDOWED, NEXT), (SNAPSHOT, replace(SNAPSHOT, requested_at="2026-11-24T12:00:01Z")), (WINDOWED, SNAPSHOT)],
    ids=["windows", "snapshots", "both"],
)
def test_a_later_window_replaces_an_earlier_one_where_only_the_latest_is_kept(earlier, later):
    for pair in ((earlier, later), (later, earlier)):
        with pytest.raises(SettingsError, match=r"Put \{partition\} into manifest_name"):
            check(*pair)
    assert check(earlier, later, keep_latest_only=True) == ""
    with pytest.raises(SettingsError, match="which is later than this run's"):
        check(later, earlier, keep_latest_only=True)


def test_a_layout_that_keeps_the_latest_keeps_one_of_each_resource():
    with pytest.raises(SettingsError, match="Give each resource"):
        check(WINDOWED, replace(NEXT, resource="invoices"), keep_latest_only=True)
