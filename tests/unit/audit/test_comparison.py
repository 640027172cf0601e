"""The comparison of a snapshot with partitions: over real files, and against a plain model of what a view shows."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargebee_operators.audit.partitions import partition_of
from chargebee_operators.audit.table_files import UnreadableFileError
from chargebee_operators.checks.clock_format import ClockFormat
from support.audited import HEADER, Written, seconds

MONDAY, TUESDAY, WEDNESDAY = "2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z"
NOON = "2026-11-24T12:00:00Z"
ANNA = ["a", "Anna", "2026-11-23T09:00:00Z"]
BEN = ["b", "Ben", "2026-11-23T10:00:00Z"]
UPDATED = {"customer_updated_at": ("timestamp[s, UTC]", pa.timestamp("s", "UTC"))}


@pytest.fixture
def written(tmp_path) -> Written:
    return Written(tmp_path)


@pytest.mark.parametrize("form", ["csv", "csv.gz", "parquet"])
def test_a_healthy_history_has_no_finding(written, form):
    before = written.window(MONDAY, TUESDAY, [["a", "Ann", ANNA[2]], BEN], form=form)
    changed = ["a", "Anna", "2026-11-24T00:10:00Z"]
    after = written.window(TUESDAY, "2026-11-24T01:00:00Z", [changed], form=form)
    comparison, found = written.compare([before, after], written.snapshot(NOON, [changed, BEN], form=form))
    assert found == {}
    assert not comparison.problems.every
    assert (comparison.landed_rows, comparison.snapshot_rows) == (3, 2)


def test_each_kind_of_fault_is_found(written):
    window = written.window(MONDAY, TUESDAY, [ANNA, BEN, ["c", "Cleo", ""], ["c", "Cleo", ""], ["d", "Dora", ""]])
    snapshot = written.snapshot(
        NOON, [["a", "Anne", ANNA[2]], BEN, ["n", "new", ""], ["d", "Dora", ""], ["d", "Dora", ""]]
    )
    _, found = written.compare([window], snapshot)
    assert found == {"missing": {"n"}, "gone": {"c"}, "differs": {"a"}, "repeated": {"c", "d"}}


def test_what_changed_lately_is_counted_apart(written):
    window = written.window(MONDAY, TUESDAY, [ANNA, BEN])
    snapshot = written.snapshot(NOON, [["a", "Anne", NOON], ["n", "new", NOON]])
    _, found = written.compare([window], snapshot, undue=["a", "b", "n"])
    assert found == {"not_yet_due": {"a", "b", "n"}}


def test_rows_of_a_partition_that_is_newer_than_the_snapshot_are_no_fault(written):
    window = written.window(MONDAY, TUESDAY, [ANNA, BEN])
    newer = written.window(TUESDAY, WEDNESDAY, [["a", "Anne", WEDNESDAY], ["n", "new", WEDNESDAY]])
    _, found = written.compare([window, newer], written.snapshot(NOON, [ANNA, BEN]))
    assert found == {}


def test_a_deletion_takes_a_record_away_and_a_later_row_of_the_same_id_brings_it_back(written):
    window = written.window(MONDAY, TUESDAY, [ANNA, BEN])
    later = written.window(TUESDAY, "2026-11-24T01:00:00Z", [ANNA])
    deletions = [("a", seconds("2026-11-24T00:30:00Z"), -1), ("b", seconds("2026-11-24T00:30:00Z"), -1)]
    _, found = written.compare([window, later], written.snapshot(NOON, [ANNA]), deletions)
    assert found == {}
    _, found = written.compare([window], written.snapshot(NOON, [ANNA]), deletions)
    assert found == {"missing": {"a"}}


def test_the_apostrophe_before_what_looks_like_a_formula_is_no_part_of_an_id(written):
    window = written.window(MONDAY, TUESDAY, [["'+49", "x", ""], ["'b", "x", ""], ["'-c", "x", ""]])
    snapshot = written.snapshot(NOON, [["'b", "x", ""], ["'-c", "x", ""]])
    deletions = [("+49", seconds("2026-11-24T00:30:00Z"), -1)]
    assert written.compare([window], snapshot, deletions)[1] == {}
    assert written.compare([window], snapshot, undue=["+49"])[1] == {"not_yet_due": {"+49"}}


def test_ids_are_compared_as_they_are_written(written):
    rows = [[each, "x", ""] for each in ("007", "7", "Ab", "aB", "x" * 20_000, 'q"uote,', "two\nlines", "ü", "u\u0308")]
    for form in ("csv", "csv.gz", "parquet"):
        window = written.window(MONDAY, TUESDAY, rows, form=form)
        assert written.compare([window], written.snapshot(NOON, rows))[1] == {}
        _, found = written.compare([window], written.snapshot(NOON, [["07", "x", ""], *rows[1:2], *rows[3:]]))
        assert found == {"missing": {"07"}, "gone": {"007", "Ab"}}


def test_records_are_counted_whose_latest_row_lacks_more_than_half_of_the_snapshot_s_columns(written):
    old, new = ["customer[id]", "customer[first_name]", "customer[phone]"], ["Customer Id", "First Name", "Phone"]
    before = written.window(MONDAY, TUESDAY, [["a", "Ann", "1"]], header=old)
    after = written.window(TUESDAY, WEDNESDAY, [["b", "Ben", "2"]], header=new)
    snapshot = written.snapshot(WEDNESDAY, [["a", "Anna", "3"], ["b", "Ben", "2"]], header=new)
    comparison, found = written.compare([before, after], snapshot)
    assert (comparison.hardly_compared, found) == (1, {})
    assert written.compare([before], snapshot, values=False)[0].hardly_compared == 0
    assert written.compare([before], snapshot, ignored=["first_name", "phone"])[0].hardly_compared == 0
    assert written.compare([before, snapshot], snapshot)[0].hardly_compared == 0


def test_what_tells_the_order_of_rows_and_is_lost_is_named(written):
    old, new = [*HEADER, "customer[resource_version]"], HEADER
    before = written.window(MONDAY, TUESDAY, [["a", "Ann", "", "7"]], header=old)
    after = written.window(TUESDAY, WEDNESDAY, [["a", "Anna", ""]], header=new)
    comparison, found = written.compare([before, after], written.snapshot(WEDNESDAY, [["a", "Anna", ""]], header=new))
    assert (comparison.lost_order, found) == ({"resource_version"}, {"differs": {"a"}})
    assert not written.compare([after, before], written.snapshot(WEDNESDAY, [], header=old))[0].lost_order


def test_a_record_that_chargebee_keeps_as_deleted_is_not_missing(written):
    header = ("customer[id]", "customer[status]")
    windows = [
        written.window("2026-11-19", "2026-11-20", [("a", "active"), ("b", "active"), ("c", "active")], header=header)
    ]
    now = written.snapshot("2026-11-24", [("a", "deleted"), ("b", "active"), ("c", "active")], header=header)
    deletions = [("a", seconds("2026-11-22"), -1), ("b", seconds("2026-11-22"), -1)]
    _, found = written.compare(windows, now, deletions=deletions)
    assert found == {"missing": {"b"}}
    # Without the deletion its values are others, as those of any record.
    _, found = written.compare(windows, now, deletions=deletions[1:])
    assert found == {"missing": {"b"}, "differs": {"a"}}


def test_the_version_comes_before_the_time(written):
    header = ["customer[id]", "customer[first_name]", "customer[resource_version]"]
    newer = written.window(MONDAY, TUESDAY, [["a", "Anna", "2"]], header=header)
    older = written.window(TUESDAY, "2026-11-24T01:00:00Z", [["a", "Ann", "1"]], header=header)
    snapshot = written.snapshot(NOON, [["a", "Anna", "2"]], header=header)
    assert written.compare([newer, older], snapshot)[1] == {}
    # A deletion of a later version takes the record away, though the window ends after it.
    deletions = [("a", seconds(MONDAY), 3)]
    assert written.compare([newer, older], snapshot, deletions)[1] == {"missing": {"a"}}


def test_csv_and_parquet_with_other_names_types_and_columns_are_alike(written):
    header = ["Customer Id", "First Name", "Updated At", "Amount", "Is Live", "Gone"]
    csv_row = ["a", "Anna", "23-Nov-2026 10:00", "1.50", "True", "x"]
    types = {
        "updated_at": ("timestamp[s, UTC]", pa.timestamp("s", "UTC")),
        "amount": ("decimal(18, 2)", pa.decimal128(18, 2)),
        "is_live": ("bool", pa.bool_()),
    }
    row = ["a", "Anna", datetime(2026, 11, 23, 9, tzinfo=UTC), Decimal("1.5"), True, "new"]
    # Columns that only one side has are not compared.
    snapshot_header = ["customer_id", "first_name", "updated_at", "amount", "is_live", "added"]
    snapshot = written.snapshot(NOON, [row], form="parquet", header=snapshot_header, types=types)
    berlin = ClockFormat(None, "Europe/Berlin")
    window = written.window(MONDAY, TUESDAY, [csv_row], header=header)
    comparison, found = written.compare([window], snapshot, clock=berlin)
    assert found == {}
    assert comparison.compared == {"customer_id", "first_name", "updated_at", "amount", "is_live"}
    window = written.window(MONDAY, TUESDAY, [[*csv_row[:3], "1.51", *csv_row[4:]]], header=header)
    assert written.compare([window], snapshot, clock=berlin)[1] == {"differs": {"a"}}
    assert written.compare([window], snapshot, clock=berlin, ignored={"amount"})[1] == {}
    assert written.compare([window], snapshot, clock=berlin, values=False)[1] == {}


def test_a_removed_a_replaced_and_a_broken_file_are_reported_and_the_others_are_read(written):
    windows = [written.window(MONDAY, TUESDAY, [[name, "x", ""]]) for name in "abcd"]
    (written.folder / windows[0].files[0].key).unlink()
    written.changed.add(windows[1].files[0].key)
    (written.folder / windows[2].files[0].key).write_bytes(b"\x1f\x8b not a gzip file")
    comparison, found = written.compare(windows, written.snapshot(NOON, [[name, "x", ""] for name in "abcd"]))
    assert found == {"missing": {"a", "c"}}
    assert set(comparison.problems.lost) == {windows[0].key, windows[2].key}
    assert set(comparison.problems.replaced) == {windows[1].key}


@pytest.mark.parametrize("form", ["csv.gz", "parquet"])
def test_a_window_with_rows_of_other_times_is_reported(written, form):
    def row(name: str, at: str) -> list[object]:
        return [name, "x", datetime.fromisoformat(at) if form == "parquet" else at]

    how = {"form": form, "types": UPDATED} if form == "parquet" else {"form": form}
    early, inside = row("a", "2026-11-20T00:00:00Z"), row("b", "2026-11-23T01:00:00Z")
    changed_since = row("c", "2026-11-24T05:00:00Z")
    window = written.window(MONDAY, TUESDAY, [early, inside, changed_since], at="2026-11-24T04:00:00Z", **how)
    right = written.window(MONDAY, TUESDAY, [inside, changed_since], at="2026-11-24T04:00:00Z", **how)
    snapshot = written.snapshot(NOON, [early, inside, changed_since], **how)
    comparison, _ = written.compare([right, window], snapshot)
    assert list(comparison.problems.outside) == [window.key]
    assert comparison.problems.outside[window.key].startswith("1 of its rows")


@pytest.mark.parametrize("by", ["spot_check", "column"])
def test_what_the_upload_has_proven_counts_where_no_column_shows_it(written, by):
    window = written.window(MONDAY, TUESDAY, [["a", "Anna", ""]])
    (file,) = window.files
    listed = {"key": file.key, "table": "customers", "member": file.member, "columns": [*file.names]}
    manifest = {"job": window.job.to_dict(), "format": "csv.gz", "files": [listed]}
    proofs = [{"by": by, "confirmed": False}, {"by": by, "confirmed": True}, {"by": "none", "confirmed": False}, None]
    partitions = [partition_of(f"{number}", {**manifest, "window_proof": proof}) for number, proof in enumerate(proofs)]
    comparison, _ = written.compare(partitions, written.snapshot(NOON, [["a", "Anna", ""]]))
    assert comparison.problems.outside == {"0": "its upload found records of another time: a filter was ignored"}


@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York", "Asia/Tokyo"])
def test_a_site_whose_zone_has_changed_did_not_ignore_a_filter(written, zone):
    header = ["Customer Id", "Updated At"]
    first, last = ("a", "22-Nov-2026 19:00"), ("b", "24-Nov-2026 08:59")  # the window's ends in New York and in Tokyo
    window = written.window(MONDAY, TUESDAY, [first, last], header=header, at="2026-11-25T06:00:00Z")
    wrong = written.window(MONDAY, TUESDAY, [("c", "22-Nov-2026 09:00")], header=header)
    comparison, _ = written.compare(
        [window, wrong], written.snapshot(NOON, [], header=header), clock=ClockFormat(None, zone)
    )
    assert list(comparison.problems.outside) == [wrong.key]


def test_an_empty_snapshot_says_that_all_records_are_gone(written):
    window = written.window(MONDAY, TUESDAY, [ANNA])
    assert written.compare([window], written.snapshot(NOON))[1] == {"gone": {"a"}}


def test_a_snapshot_without_ids_is_refused(written):
    with pytest.raises(UnreadableFileError, match="id of a customer"):
        written.compare([], written.snapshot(NOON, [["x"]], header=["Name"]))


def test_a_repeated_id_names_its_partition(written):
    windows = [written.window(MONDAY, TUESDAY, [ANNA]), written.window(TUESDAY, WEDNESDAY, [BEN, BEN])]
    comparison, found = written.compare(windows, written.snapshot(WEDNESDAY, [ANNA, BEN]))
    assert found == {"repeated": {"b"}}
    assert comparison.repeated == [1]


DAYS = [f"2026-11-{day:02}T00:00:00Z" for day in range(1, 8)]
names = st.sampled_from("abcd")
rows = st.lists(st.tuples(names, st.sampled_from(["x", "y", ""])), max_size=5)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.booleans(), rows), max_size=5),
    rows,
    st.lists(st.tuples(names, st.integers(0, 6)), max_size=3),
    st.sets(names, max_size=2),
)
def test_it_finds_what_a_plain_model_finds(tmp_path_factory, history, truth, deleted, undue):
    written = Written(tmp_path_factory.mktemp("model"))
    header = HEADER[:2]
    partitions, latest, repeated = [], {}, set()
    for day, is_snapshot, found in sorted(history, key=lambda each: (each[0] + (not each[1]), each[1])):
        if is_snapshot:
            partitions.append(written.snapshot(DAYS[day], found, header=header))
        else:
            partitions.append(written.window(DAYS[day], DAYS[day + 1], found, header=header))
        current = seconds(DAYS[day if is_snapshot else day + 1])
        repeated |= {name for name, count in Counter(name for name, _ in found).items() if count > 1}
        latest.update({name: (current, value) for name, value in found})
    gone_at: dict[str, int] = {}
    for name, day in deleted:
        gone_at[name] = max(gone_at.get(name, 0), seconds(DAYS[day]))
    shown = {name: value for name, (at, value) in latest.items() if at > gone_at.get(name, 0)}
    true = dict(truth)
    repeated |= {name for name, count in Counter(name for name, _ in truth).items() if count > 1}
    faults = {
        "missing": true.keys() - shown.keys(),
        "gone": shown.keys() - true.keys(),
        "differs": {name for name, value in truth if name in shown and shown[name] != value},
    }
    expected = {kind: ids - undue for kind, ids in faults.items()}
    expected |= {"repeated": repeated, "not_yet_due": set().union(*faults.values()) & undue}
    snapshot = written.snapshot("2026-12-01T00:00:00Z", truth, header=header)
    deletions = [(name, seconds(DAYS[day]), -1) for name, day in deleted]
    _, found = written.compare(partitions, snapshot, deletions, sorted(undue))
    assert found == {kind: ids for kind, ids in expected.items() if ids}
