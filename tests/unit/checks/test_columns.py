"""Columns that come and go, and where the partition before stands."""

from __future__ import annotations

from functools import partial
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargebee_operators.chargebee.resources import get_resource
from chargebee_operators.checks.columns import (
    MOST_ABSENT,
    absent_of,
    check_column_changes,
    columns_of_absent,
    compare_columns,
    fold,
    judge_columns,
    kind_of,
    lost_file,
    tell_files,
)
from chargebee_operators.checks.record_id import is_called_after
from chargebee_operators.common.exceptions import ColumnsChangedError, SettingsError


def files(**columns: list[str]) -> list[dict]:
    return [{"member": member.replace("__", "."), "columns": names} for member, names in columns.items()]


GONE, NEW = ({"added": [], "removed": [], "file": what} for what in ("removed", "added"))


@pytest.mark.parametrize(
    ("member", "kind"),
    [
        ("customers.csv", "customers"),
        ("exports/customers/Customers_2.CSV", "Customers"),
        ("Customers1.csv", "Customers"),
        ("customers_part_03.csv", "customers"),
        ("customers (2).csv", "customers"),
        ("customers_billing_addresses.csv", "customers_billing_addresses"),
        ("customers.part(3)-2.csv", "customers"),
        ("2024.csv", "2024"),
        ("data", "data"),
        ("export_1763985600000_1763989200000_ab.csv", "export_1763985600000_1763989200000_ab"),
        (f"{'1' * 60_000}x.csv", f"{'1' * 60_000}x"),
    ],
)
def test_parts_are_of_one_kind(member, kind):
    assert kind_of(member) == kind


@pytest.mark.parametrize("name", ["customer[updated_at]", "Customer Updated At", "CUSTOMER.updated-at"])
def test_spellings_of_one_name(name):
    assert fold(name) == "customer_updated_at"


@pytest.mark.parametrize(
    ("before", "now", "changes"),
    [
        (files(c__csv=["id", "a"]), files(c__csv=["a", "id"]), {"c": {"added": [], "removed": [], "moved": ["a"]}}),
        (
            files(c__csv=["id", "a", "b", "c"]),
            files(c__csv=["new", "id", "c", "a"]),
            {"c": {"added": ["new"], "removed": ["b"], "moved": ["c"]}},
        ),
        (files(c__csv=["id", "a"]), files(c__csv=["id", "new", "a"]), {"c": {"added": ["new"], "removed": []}}),
        # Taken together, files may be in another order themselves.
        (files(monday__csv=["id", "a"], m__csv=["b"]), files(tue__csv=["b"], t__csv=["id", "a"]), {}),
        (
            files(c__csv=["id", "a"], d__csv=["id"]),
            files(c__csv=["id", "cf_new"], d__csv=["id"]),
            {"c": {"added": ["cf_new"], "removed": ["a"]}},
        ),
        (files(c1__csv=["id"], c2__csv=["id", "a"]), files(c1__csv=["id", "a"]), {}),
        (files(c__csv=["id"]), files(c__csv=["id"], addresses__csv=[]), {}),
        (files(export_monday__csv=["id"]), files(export_tuesday__csv=["id"]), {}),
        (files(monday__csv=["id"]), files(tuesday__csv=["id", "b"]), {"*": {"added": ["b"], "removed": []}}),
        # A column that moves from one file to another is new in it.
        (
            files(customers__csv=["id"], addresses__csv=["line1"]),
            files(customers__csv=["id", "line1"]),
            {"customers": {"added": ["line1"], "removed": []}, "addresses": GONE},
        ),
        (files(c__csv=["id"], addresses__csv=["line1"]), files(c__csv=["id"]), {"addresses": GONE}),
        (files(c__csv=["id"]), files(c__csv=["id"], addresses__csv=["line1"]), {"addresses": NEW}),
        (
            files(c__csv=["id", "x"], monday__csv=["a"]),
            files(c__csv=["id", "y"], tuesday__csv=["a"]),
            {"c": {"added": ["y"], "removed": ["x"]}, "tuesday": NEW, "monday": GONE},
        ),
        # A file without a header is there, and says nothing.
        (files(c__csv=["id"], addresses__csv=["line1"]), files(c__csv=["id"], addresses__csv=[]), {}),
        (files(c__csv=["id"], addresses__csv=[]), files(c__csv=["id"], addresses__csv=["line1"]), {}),
        (files(c__csv=["id"], addresses__csv=[]), files(c__csv=["id"]), {}),
        (files(c__csv=["id"]), files(c__csv=[], addresses__csv=["line1"]), {"addresses": NEW}),
        ([], files(c__csv=["id"]), {}),
        (files(c__csv=["id"]), files(c__csv=[]), {}),
        ([{"key": "an older manifest"}], files(c__csv=["id"]), {}),
    ],
)
def test_changes(before, now, changes):
    assert compare_columns(before, now) == changes


@given(st.permutations(range(8)))
def test_what_has_moved_is_the_least_that_explains_the_order(order):
    names = [f"c{each}" for each in range(8)]
    now = [names[each] for each in order]
    moved = compare_columns(files(c__csv=names), files(c__csv=now)).get("c", {}).get("moved", [])
    stay = [each for each in now if each not in moved]
    assert stay == sorted(stay)
    longest = max(len(some) for size in range(9) for some in combinations(now, size) if list(some) == sorted(some))
    assert len(stay) == longest


def test_another_order_is_reported_and_fails():
    changes = compare_columns(files(c__csv=["id", "email", "name"]), files(c__csv=["id", "name", "email"]))
    assert judge_columns(changes, "warn") == ["The columns are not those of the partition before (c: name moved)."]
    with pytest.raises(ColumnsChangedError, match="c: name moved"):
        judge_columns(changes, "fail")


def test_many_columns_in_another_order_take_no_long():
    names = [f"c{each}" for each in range(20_000)]
    changes = compare_columns(files(c__csv=names), files(c__csv=names[::-1]))
    assert len(changes["c"]["moved"]) == 19_999
    assert len(judge_columns(changes, "warn")[0]) < 1000


def test_a_parquet_file_is_compared_by_the_names_that_were_exported():
    csv_file = {"member": "c.csv", "columns": ["Customer Id", "site"]}
    parquet = {
        "member": "c.csv",
        "columns": ["customer_id", "site_exported"],
        "exported_columns": ["Customer Id", "site"],
    }
    assert compare_columns([csv_file], [parquet]) == compare_columns([parquet], [csv_file]) == {}
    assert columns_of_absent([parquet], []) == {"c": ["Customer Id", "site"]}


ABSENT = {"addresses": ["line1", "city"]}


@pytest.mark.parametrize(
    ("before", "now", "changes", "carried"),
    [
        (files(c__csv=["id"]), files(c__csv=["id"]), {}, ABSENT),
        (files(c__csv=["id"]), files(c__csv=["id"], addresses__csv=["line1", "city"]), {}, {}),
        (
            files(c__csv=["id"]),
            files(c__csv=["id"], addresses_2__csv=["line1", "zip"]),
            {"addresses": {"added": ["zip"], "removed": ["city"]}},
            {},
        ),
        (files(c__csv=["id"]), files(c__csv=["id"], addresses__csv=[]), {}, ABSENT),
        (files(c__csv=["id"], x__csv=["a"]), files(c__csv=["id"]), {"x": GONE}, {"x": ["a"], **ABSENT}),
        (files(c__csv=["id"], x__csv=["a"]), [], {}, {"c": ["id"], "x": ["a"], **ABSENT}),
        # What was without a header before is in both lists.
        (
            files(c__csv=["id"], addresses__csv=[]),
            files(c__csv=["id"], addresses__csv=["city"]),
            {"addresses": {"added": [], "removed": ["line1"]}},
            {},
        ),
        ([], files(addresses__csv=["line1", "city", "b"]), {"addresses": {"added": ["b"], "removed": []}}, {}),
        # Names that tell nothing are not remembered.
        ([], files(monday__csv=["line1", "b"]), {"*": {"added": ["b"], "removed": ["city"]}}, {}),
        (files(monday__csv=["id"]), files(tuesday__csv=["id"]), {}, {}),
    ],
)
def test_a_file_that_was_not_there_is_compared_with_what_it_was(before, now, changes, carried):
    assert compare_columns(before, now, ABSENT) == changes
    assert columns_of_absent(before, now, ABSENT) == carried


def test_what_is_carried_stays_bounded_and_the_latest_is_kept():
    """As where one file keeps its name, and another has a random one each day."""
    absent: dict[str, list[str]] = {}
    days = [files(**{"c__csv": ["id"], f"{chr(0x4E00 + day)}__csv": ["x"]}) for day in range(3 * MOST_ABSENT)]
    for before, now in pairwise(days):
        absent = columns_of_absent(before, now, absent)
    assert list(absent) == [chr(0x4E00 + day) for day in range(3 * MOST_ABSENT - 2, 2 * MOST_ABSENT - 2, -1)]


@pytest.mark.parametrize("absent", [None, [], "x", {"a": "x"}, {"a": None}], ids=str)
def test_what_a_manifest_of_another_version_carries_is_nothing(absent):
    assert absent_of({"absent_files": absent}) == {}
    assert absent_of({"files": []}) == {}


def test_changes_are_told_or_fail():
    changes = compare_columns(files(c__csv=["id", "a"]), files(c__csv=["id", "cf_new", "cf_other"]))
    assert judge_columns(changes, "warn") == [
        "The columns are not those of the partition before (c: cf_new and cf_other added, a removed)."
    ]
    with pytest.raises(ColumnsChangedError, match="cf_new"):
        judge_columns(changes, "fail")
    assert judge_columns({}, "fail") == []
    with pytest.raises(SettingsError, match="did you mean 'warn'"):
        check_column_changes("warm")


@pytest.mark.parametrize("mode", ["warn", "fail"])
def test_files_that_come_and_go_are_reported_and_neither_a_warning_nor_a_failure(mode):
    changes = compare_columns(
        files(c__csv=["id"], addresses__csv=["line1"]), files(c__csv=["id"], contacts__csv=["email"])
    )
    assert tell_files(changes) == "The files are not those of the partition before (contacts added, addresses removed)."
    assert judge_columns(changes, mode) == []


ADDRESSES = {"addresses__csv": ["customer_id", "line1"]}


@pytest.mark.parametrize(
    ("now", "lost"),
    [
        (ADDRESSES, "customers"),
        ({"addresses__csv": ["customer_id", "id"]}, "customers"),
        ({}, None),
        ({"addresses__csv": []}, None),
        ({"Customer_2__csv": ["id"], **ADDRESSES}, None),
        ({"customers__csv": [], **ADDRESSES}, None),
        ({"data__csv": ["id", "cf_new", "name"], **ADDRESSES}, None),
    ],
    ids=["lost", "shares a column", "no files", "no columns", "record's name", "empty", "other name"],
)
def test_the_own_file_is_lost_where_only_others_have_come(now, lost):
    own, customers = partial(is_called_after, resource=get_resource("customers")), ["id", "name"]
    for before, absent in (
        (files(customers__csv=customers, **ADDRESSES), {}),
        (files(**ADDRESSES), {"customers": customers}),
    ):
        assert lost_file(before, files(**now), absent, own) == lost
    assert lost_file(files(**ADDRESSES), files(**now), {}, own) is None


def test_changed_columns_fail_beside_changed_files_and_are_told_apart():
    changes = compare_columns(
        files(c__csv=["id"], addresses__csv=["line1"]), files(c__csv=["id", "cf_new"], contacts__csv=["email"])
    )
    (columns,) = judge_columns(changes, "warn")
    assert "(c: cf_new added)" in columns
    assert "contacts added, addresses removed" in tell_files(changes)
    with pytest.raises(ColumnsChangedError, match=r"\(c: cf_new added\)\. Nothing"):
        judge_columns(changes, "fail")


def test_a_column_whose_name_is_there_twice_counts_as_two():
    twice = ["id", "name", "name"]
    assert compare_columns(files(c__csv=["id", "name"]), files(c__csv=twice))["c"]["added"] == ["name_2"]
    # As Parquet spells them, and as a manifest has carried them.
    assert compare_columns(files(c__csv=twice), files(c__csv=["id", "name", "name_2"])) == {}
    assert compare_columns(files(d__csv=["id"]), files(c__csv=twice, d__csv=["id"]), {"c": twice}) == {}


def test_a_manifest_whose_columns_are_no_texts_can_be_compared():
    assert compare_columns([{"member": "c.csv", "columns": ["id", 5]}], files(c__csv=["id", "5"])) == {}


def test_the_members_of_a_zip_are_compared_one_by_one():
    def landed(**columns):
        every = [column for each in columns.values() for column in each]
        members = {f"{kind}.csv": each for kind, each in columns.items()}
        return [{"member": ", ".join(members), "columns": every, "member_columns": members}]

    before = landed(customers=["id", "name"], addresses=["id", "line1"])
    assert compare_columns(before, landed(customers=["id", "name"])) == {
        "addresses": {"added": [], "removed": [], "file": "removed"}
    }
    assert compare_columns(before, landed(customers=["id", "name", "line1"], addresses=["id", "line1"])) == {
        "customers": {"added": ["line1"], "removed": []}
    }
    assert compare_columns(before, files(customers=["id"], addresses=["id", "line1"])) == {
        "customers": {"added": [], "removed": ["name"]}
    }
