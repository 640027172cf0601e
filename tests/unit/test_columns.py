"""Columns that come and go, and where the partition before stands."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from chargebee_operators.columns import (
    MOST_ABSENT,
    TRIES,
    absent_of,
    check_column_changes,
    columns_of_absent,
    compare_columns,
    fold,
    judge_columns,
    kind_of,
    previous_manifest,
)
from chargebee_operators.exceptions import ColumnsChangedError, SettingsError


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
        (files(c__csv=["id", "a"]), files(c__csv=["a", "id"]), {}),
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
        "The columns have changed since the partition before (c: cf_new and cf_other added, a removed)."
    ]
    with pytest.raises(ColumnsChangedError, match="cf_new"):
        judge_columns(changes, "fail")
    assert judge_columns({}, "fail") == []
    with pytest.raises(SettingsError, match="did you mean 'warn'"):
        check_column_changes("warm")


@pytest.mark.parametrize("mode", ["warn", "fail"])
def test_files_that_come_and_go_are_told_and_fail_nothing(mode):
    changes = compare_columns(
        files(c__csv=["id"], addresses__csv=["line1"]), files(c__csv=["id"], contacts__csv=["email"])
    )
    assert judge_columns(changes, mode) == [
        "The files are not those of the partition before (contacts added, addresses removed)."
    ]


def test_changed_columns_fail_beside_changed_files_and_are_told_apart():
    changes = compare_columns(
        files(c__csv=["id"], addresses__csv=["line1"]), files(c__csv=["id", "cf_new"], contacts__csv=["email"])
    )
    columns, others = judge_columns(changes, "warn")
    assert "(c: cf_new added)" in columns
    assert "contacts added, addresses removed" in others
    with pytest.raises(ColumnsChangedError, match=r"\(c: cf_new added\)\. Nothing"):
        judge_columns(changes, "fail")


class Bucket:
    """Answers as S3's ListObjectsV2 with a delimiter does."""

    def __init__(self, *keys: str) -> None:
        self.keys = {key: json.dumps({"files": files(c__csv=[key])}) for key in keys}
        self.read_keys: list[str] = []

    def list_prefixes(self, prefix: str, start_after: str, before: str) -> list[str]:
        cut = {key[: key.index("/", len(prefix)) + 1] for key in self.keys if key.startswith(prefix)}
        return sorted(each for each in cut if start_after < each < before)

    def read(self, key: str) -> str | None:
        self.read_keys.append(key)
        return self.keys.get(key)


def found(template: str, bucket: Bucket, **arguments) -> str | None:
    manifest = previous(template, bucket, **arguments)
    return manifest["files"][0]["columns"][0] if manifest else None


def previous(template: str, bucket: Bucket, day: int = 20, snapshot: bool = False, length: int = 24) -> dict:
    start = datetime(2026, 11, day, tzinfo=UTC)
    values = {
        "site": "s",
        "resource": "customers",
        "partition": f"{'snapshot' if snapshot else 'window_start'}=202611{day}T000000Z",
        "window_start": f"2026-11-{day}T00:00:00Z",
        "window_end": "",
        "export_id": "e",
    }
    length = None if snapshot else timedelta(hours=length)
    return previous_manifest(template, values, "_manifest.json", start, length, bucket.list_prefixes, bucket.read)


DEFAULT = "chargebee/site={site}/resource={resource}/{partition}"


def key(stamp: str, root: str = "chargebee/site=s/resource=customers/") -> str:
    return f"{root}{stamp}/_manifest.json"


def test_the_nearest_earlier_partition_is_compared_with():
    stamps = ["20261118T000000Z", "20261119T000000Z", "20261120T000000Z", "20261121T000000Z"]
    bucket = Bucket(*(key(f"window_start={each}") for each in stamps), key("snapshot=20261119T120000Z"))
    assert found(DEFAULT, bucket) == key("window_start=20261119T000000Z")
    assert found(DEFAULT, bucket, snapshot=True) == key("snapshot=20261119T120000Z")
    assert found(DEFAULT, bucket, day=18) is None


def test_partitions_without_a_manifest_are_passed_over_and_old_ones_not_looked_at():
    old, gap = "window_start=20261001T000000Z", "chargebee/site=s/resource=customers/window_start=20261119T000000Z/x"
    bucket = Bucket(key(old), key("window_start=20261118T000000Z"))
    bucket.keys[gap] = "{}"
    assert found(DEFAULT, bucket) == key("window_start=20261118T000000Z")
    assert found(DEFAULT, Bucket(key(old))) is None
    assert found(DEFAULT, Bucket(key(old)), length=24 * 30) == key(old)


@pytest.mark.parametrize("quiet", range(1, TRIES + 3))
def test_on_quiet_days_the_last_partition_with_columns_is_compared_with_or_what_they_carry(quiet):
    bucket = Bucket(key("window_start=20261110T000000Z"))
    for day in range(11, 11 + quiet):
        text = json.dumps({"files": [], "absent_files": {"c": [f"carried on {day}"]}})
        bucket.keys[key(f"window_start=202611{day}T000000Z")] = text
    manifest = previous(DEFAULT, bucket, day=11 + quiet)
    seen = manifest["files"] if quiet < TRIES else manifest["absent_files"]
    expected = files(c__csv=[key("window_start=20261110T000000Z")])
    assert seen == (expected if quiet < TRIES else {"c": [f"carried on {10 + quiet}"]})
    assert len(bucket.read_keys) == min(quiet + 1, TRIES)


@pytest.mark.parametrize(
    ("template", "where"),
    [
        ("a/dt={window_start}", "a/dt=2026-11-19T00:00:00Z/_manifest.json"),
        ("a/dt={window_start:.10}", "a/dt=2026-11-19/_manifest.json"),
        ("a/{resource:.4}-{window_start:.10}", "a/cust-2026-11-19/_manifest.json"),
        ("{window_start}", "2026-11-19T00:00:00Z/_manifest.json"),
        ("a/{resource}-{window_start}-{export_id}", "a/customers-2026-11-19T00:00:00Z-x/_manifest.json"),
        ("a/{export_id}-{window_start}", None),
        ("a/{partition}/{resource}", None),
        ("exports", None),
    ],
)
def test_other_layouts(template, where):
    bucket = Bucket(where or "a/e/_manifest.json")
    assert found(template, bucket) == where
    assert where or not bucket.read_keys


@pytest.mark.parametrize("text", [None, "", "no json", "[]", '{"files": 3}', '{"files": ["x"]}'])
def test_what_is_no_manifest_tells_nothing(text):
    bucket = Bucket()
    bucket.keys[key("window_start=20261119T000000Z")] = text
    assert found(DEFAULT, bucket) is None


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
