"""The view of the latest state, run by DuckDB over files as they are written."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chargebee_operators.chargebee.windows import iso
from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.sql.dialect import Place
from chargebee_operators.sql.manifests import read_manifests
from chargebee_operators.sql.statements import statements
from support.written_tables import Bucket, day

CUSTOMERS = ["Customer Id", "Email", "site"]
DELETED = ["resource", "id", "occurred_at", "event_id", "event_type", "source", "resource_version"]


@pytest.fixture
def bucket(tmp_path: Path) -> Bucket:
    return Bucket(tmp_path)


def database(bucket: Bucket) -> duckdb.DuckDBPyConnection:
    """Return a database with the tables and views of all that is in a bucket."""
    found = read_manifests(str(bucket.folder))
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'America/New_York'")
    for each in statements(found.manifests, "duckdb", Place(found.files)):
        if not each.startswith("--"):
            connection.execute(each)
    return connection


def latest(bucket: Bucket, table: str = "customers", columns: str = "customer_id, email") -> list[tuple]:
    with database(bucket) as connection:
        return sorted(connection.execute(f"SELECT {columns} FROM {table}_latest").fetchall())


def test_the_newest_row_of_each_record_counts(bucket):
    bucket.window("customers", day(0), day(1), {"customers": [CUSTOMERS, ["c1", "old", "x"], ["c2", "b", "x"]]})
    bucket.window("customers", day(1), day(2), {"customers": [CUSTOMERS, ["c1", "new", "x"]]})
    assert latest(bucket) == [("c1", "new"), ("c2", "b")]
    columns = "customer_id, site_exported, site, window_start, taken_at"
    assert latest(bucket, columns=columns) == [
        ("c1", "x", "acme", "20261124T000000Z", None),
        ("c2", "x", "acme", "20261123T000000Z", None),
    ]


def test_each_site_has_records_of_its_own(bucket):
    for site in ("acme", "other"):
        bucket.site = site
        bucket.window("customers", day(0), day(1), {"customers": [CUSTOMERS, ["c1", site, "x"]]})
    assert latest(bucket) == [("c1", "acme"), ("c1", "other")]


@pytest.mark.parametrize(
    ("taken_at", "email"),
    [
        (day(0.5), "window"),  # the window ended later
        (day(1), "snapshot"),
        (day(1.5), "snapshot"),
        (day(-1), "window"),
    ],
)
def test_a_snapshot_is_newer_than_the_windows_that_ended_before_it(bucket, taken_at, email):
    bucket.window("customers", day(0), day(1), {"customers": [CUSTOMERS, ["c1", "window", "x"]]})
    bucket.snapshot("customers", taken_at, {"customers": [CUSTOMERS, ["c1", "snapshot", "x"]]})
    assert latest(bucket) == [("c1", email)] or taken_at == day(1)


def test_windows_of_two_sites_end_when_those_of_their_site_end(bucket):
    """The export of one site is daily, that of the other one hourly; their windows can begin at the same time."""
    for site, windows in (("daily", [(0, 1)]), ("hourly", [(hour / 24, (hour + 1) / 24) for hour in range(3)])):
        bucket.site = site
        bucket.snapshot("customers", day(0.5), {"customers": [CUSTOMERS, ["c1", "snapshot", "x"]]})
        for start, end in windows:
            bucket.window("customers", day(start), day(end), {"customers": [CUSTOMERS, ["c1", "window", "x"]]})
    assert latest(bucket, columns="site, email") == [("daily", "window"), ("hourly", "snapshot")]


def test_windows_of_other_lengths_end_when_they_end(bucket):
    """As on the days when clocks change, or with a window typed by hand."""
    for number in range(3):
        bucket.window("customers", day(number), day(number + 1), {"customers": [CUSTOMERS, ["c1", "day", "x"]]})
    bucket.window("customers", day(3), day(10), {"customers": [CUSTOMERS, ["c1", "week", "x"]]})
    bucket.snapshot("customers", day(9), {"customers": [CUSTOMERS, ["c1", "snapshot", "x"]]})
    assert latest(bucket) == [("c1", "week")]


def test_the_versions_and_times_of_records_come_first(bucket):
    header = ["id", "email", "updated_at", "resource_version"]
    types = {"updated_at": "timestamp[s, UTC]"}
    bucket.window(
        "coupons",
        day(1),
        day(2),
        {"coupons": [header, ["a", "new", iso(day(1)), 9], ["b", "x", iso(day(1)), ""]]},
        types=types,
    )
    bucket.window(
        "coupons",
        day(5),
        day(6),
        {"coupons": [header, ["a", "old", iso(day(5)), 8], ["b", "y", iso(day(0)), ""]]},
        types=types,
    )
    assert latest(bucket, "coupons", "id, email") == [("a", "new"), ("b", "x")]


def test_a_column_that_came_later_is_null_before_and_one_that_went_is_kept(bucket):
    bucket.window("customers", day(0), day(1), {"customers": [["Customer Id", "Gone"], ["c1", "g"]]})
    bucket.window("customers", day(1), day(2), {"customers": [["Customer Id", "New"], ["c2", "n"]]})
    bucket.snapshot("customers", day(-1), {"customers": [["Customer Id", "Other"], ["c3", "o"]]})
    assert latest(bucket, columns="customer_id, gone, new, other") == [
        ("c1", "g", None, None),
        ("c2", None, "n", None),
        ("c3", None, None, "o"),
    ]


def deletion(record: str, at: datetime, version: Any = "") -> list[Any]:
    return ["customers", record, iso(at), "ev", "customer_deleted", "api", version]


@pytest.mark.parametrize(
    "types", [{}, {"occurred_at": "timestamp[s, UTC]", "resource_version": "int64"}], ids=["text", "typed"]
)
def test_deleted_records_are_left_out_until_their_id_is_used_again(bucket, types):
    rows = [[each, "x", "x"] for each in ("kept", "deleted", "again")]
    bucket.window("customers", day(0), day(1), {"customers": [CUSTOMERS, *rows]})
    deletions = [
        deletion("deleted", day(1.5)),
        deletion("again", day(1.5)),
        ["items", "kept", *deletion("", day(1.5))[2:]],
    ]
    bucket.window("deleted_records", day(1), day(2), {"deleted_records": [DELETED, *deletions]}, types=types)
    assert latest(bucket, columns="customer_id") == [("kept",)]
    bucket.window("customers", day(2), day(3), {"customers": [CUSTOMERS, ["again", "y", "x"]]})
    assert latest(bucket) == [("again", "y"), ("kept", "x")]


@pytest.mark.parametrize(
    ("ids", "deleted", "left", "types"),
    [
        (["'+49", "'-Nx", "'kept", "plus+"], ["+49", "-Nx", "kept", "plus"], ["'kept", "plus+"], {}),
        ([1, 2], ["1"], [2], {"customer_id": "int64"}),
    ],
    ids=["text", "number"],
)
def test_the_apostrophe_before_what_looks_like_a_formula_is_no_part_of_an_id(bucket, ids, deleted, left, types):
    rows = [[each, "x", "x"] for each in ids]
    bucket.window("customers", day(0), day(1), {"customers": [CUSTOMERS, *rows]}, types=types)
    deletions = [deletion(each, day(1.5)) for each in deleted]
    bucket.window("deleted_records", day(1), day(2), {"deleted_records": [DELETED, *deletions]})
    assert latest(bucket, columns="customer_id") == [(each,) for each in left]


def test_an_id_that_is_used_again_within_the_window_of_its_deletion_is_there(bucket):
    bucket.window("customers", day(0), day(1), {"customers": [CUSTOMERS, ["c1", "again", "x"]]})
    bucket.window("deleted_records", day(0), day(1), {"deleted_records": [DELETED, deletion("c1", day(0.5))]})
    assert latest(bucket) == [("c1", "again")]


def test_versions_tell_which_came_last_where_both_have_one(bucket):
    header = ["Customer Id", "Email", "Resource Version"]
    rows = [["older", "x", 5], ["newer", "x", 9], ["none", "x", ""]]
    bucket.window("customers", day(0), day(1), {"customers": [header, *rows]})
    deletions = [deletion("older", day(0.5), 7), deletion("newer", day(5), 7), deletion("none", day(5), 7)]
    bucket.window("deleted_records", day(0), day(1), {"deleted_records": [DELETED, *deletions]})
    assert latest(bucket, columns="customer_id") == [("newer",)]


INVOICES, LINES = ["Invoice Number", "Status"], ["Invoice Number", "Line Item Id", "Amount"]


def test_related_rows_are_those_of_the_record_s_newest_row(bucket):
    first = {
        "invoices": [INVOICES, ["I1", "due"], ["I2", "due"]],
        "invoices__line_items": [LINES, ["I1", "a", 1], ["I1", "b", 2], ["I2", "c", 3]],
    }
    second = {"invoices": [INVOICES, ["I1", "paid"]], "invoices__line_items": [LINES, ["I1", "a", 5]]}
    bucket.window("invoices", day(0), day(1), first)
    bucket.window("invoices", day(1), day(2), second)
    lines = latest(bucket, "invoices__line_items", "invoice_number, line_item_id, amount")
    assert lines == [("I1", "a", "5"), ("I2", "c", "3")]
    bucket.window(
        "deleted_records",
        day(2),
        day(3),
        {"deleted_records": [DELETED, ["invoices", "I2", *deletion("", day(2.5))[2:]]]},
    )
    assert latest(bucket, "invoices__line_items", "line_item_id") == [("a",)]


def test_a_payment_of_several_invoices_is_there_once(bucket):
    """The number of its invoice is ``I1, I2``, which is the number of no invoice."""
    header = ["Id", "Invoice Number"]
    first = {
        "invoices": [INVOICES, ["I1", "due"], ["I2", "due"], ["I3", "due"]],
        "invoices__transactions": [header, ["t1", "I1, I2"], ["t3", "I3"]],
    }
    second = {"invoices": [INVOICES, ["I2", "paid"]], "invoices__transactions": [header, ["t1", "I1, I2"]]}
    bucket.window("invoices", day(0), day(1), first)
    assert latest(bucket, "invoices__transactions", "id") == [("t1",), ("t3",)]
    bucket.window("invoices", day(1), day(2), second)
    assert latest(bucket, "invoices__transactions", "id, window_start") == [
        ("t1", "20261123T000000Z"),
        ("t3", "20261123T000000Z"),
    ]
    bucket.window("invoices", day(2), day(3), {**second, "invoices": [INVOICES, ["I1", "paid"], ["I2", "paid"]]})
    assert latest(bucket, "invoices__transactions", "id, window_start")[0] == ("t1", "20261125T000000Z")


def test_a_table_without_an_id_has_no_view_and_says_so(bucket):
    bucket.window("coupons", day(0), day(1), {"coupons": [["Name"], ["x"]], "coupons__items": [["Coupon Id"], ["x"]]})
    found = read_manifests(str(bucket.folder))
    made = list(statements(found.manifests, "duckdb", Place(found.files)))
    assert [each for each in made if each.startswith("--")] == [
        f"-- {table}: no view of the latest rows, because no column is known to contain the record's id, "
        "or the keys have neither window_start nor taken_at"
        for table in ("coupons", "coupons__items")
    ]
    assert len(made) == 4


def test_other_types_in_snapshots_are_refused(bucket):
    bucket.window("customers", day(0), day(1), {"customers": [CUSTOMERS, ["c1", "1", "x"]]})
    bucket.snapshot("customers", day(1), {"customers": [CUSTOMERS, ["c1", "1", "x"]]}, types={"email": "int64"})
    with pytest.raises(SettingsError, match="'email' of customers is .* in windows and .* in snapshots"):
        database(bucket)


def test_csv_has_the_same_views_in_duckdb(bucket):
    bucket.window("customers", day(0), day(1), {"customers": [CUSTOMERS, ["c1", "a\nb", "x"]]}, file_format="csv")
    bucket.window(
        "customers",
        day(1),
        day(2),
        {"customers": [["Customer Id", "New", "Email"], ["c2", "n", "e"]]},
        file_format="csv",
    )
    columns = '"Customer Id", "Email", "New", "window_start"'
    assert latest(bucket, columns=columns) == [
        ("c1", "a\nb", None, "20261123T000000Z"),
        ("c2", "e", "n", "20261124T000000Z"),
    ]


HOURS = 24 * 6
EVENTS = st.lists(
    st.tuples(st.integers(0, HOURS - 1), st.sampled_from("abc"), st.sampled_from(["change", "change", "delete"])),
    max_size=20,
    unique_by=lambda event: (event[0], event[1]),
)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    EVENTS, st.lists(st.integers(0, HOURS), max_size=3, unique=True), st.sampled_from(["nothing", "updated", "version"])
)
def test_after_any_history_the_view_is_what_the_site_has(tmp_path_factory, events, snapshots, tells):
    """Records change, go and come again; each day is exported at its end, and snapshots are taken at any hour."""
    bucket = Bucket(tmp_path_factory.mktemp("bucket"))
    header = ["Customer Id", "Value"] + {"nothing": [], "updated": ["Updated At"], "version": ["Resource Version"]}[
        tells
    ]
    types = {"updated_at": "timestamp[s, UTC]", "occurred_at": "timestamp[s, UTC]"}
    events = sorted(events)

    def state(hour: int) -> dict[str, int]:
        """Return the records of a time, each with the hour of its last change."""
        found: dict[str, int] = {}
        for at, record, what in events:
            if at < hour and what == "change":
                found[record] = at
            elif at < hour:
                found.pop(record, None)
        return found

    def rows(changed: dict[str, int]) -> list[list[Any]]:
        told = {"nothing": lambda _: [], "updated": lambda at: [iso(day(at / 24))], "version": lambda at: [at]}[tells]
        return [header, *([record, at, *told(at)] for record, at in changed.items())]

    for start in range(0, HOURS, 24):
        window = {record: at for record, at in state(start + 24).items() if at >= start}
        bucket.window("customers", day(start / 24), day(start / 24 + 1), {"customers": rows(window)}, types=types)
        existed = {record for at, record, what in events if what == "change"}
        gone = [
            ["customers", record, iso(day(at / 24)), "ev", "customer_deleted", "api", at]
            for at, record, what in events
            if what == "delete" and start <= at < start + 24 and record in existed
        ]
        if gone:
            bucket.window(
                "deleted_records",
                day(start / 24),
                day(start / 24 + 1),
                {"deleted_records": [DELETED, *gone]},
                types=types,
            )
    for hour in snapshots:
        bucket.snapshot("customers", day(hour / 24), {"customers": rows(state(hour))}, types=types)
    truth = sorted((record, str(at)) for record, at in state(HOURS).items())
    assert latest(bucket, columns="customer_id, value") == truth
