"""Which partition comes before this one, in any layout that tells the time, over gaps of any length."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from chargebee_operators.chargebee.windows import Window
from chargebee_operators.partition.before import SNAPSHOTS_BACK, TRIES, Before, later_keys, partition_before

DAY = timedelta(days=1)
NOW = datetime(2026, 11, 20, tzinfo=UTC)


class Bucket:
    """Answers as S3's ListObjectsV2 with a delimiter does."""

    def __init__(self, *keys: str) -> None:
        self.keys = {key: json.dumps({"files": [{"member": "c.csv", "columns": [key]}]}) for key in keys}
        self.lists: list[tuple[str, str]] = []
        self.reads: list[str] = []

    def entries(self, prefix: str, start_after: str, before: str | None) -> list[str]:
        self.lists.append((prefix, start_after))
        keys = [key for key in self.keys if key.startswith(prefix) and key > start_after]
        cut = {key if "/" not in key[len(prefix) :] else key[: key.index("/", len(prefix)) + 1] for key in keys}
        return sorted(each for each in cut if before is None or each < before)

    def read(self, key: str) -> str | None:
        self.reads.append(key)
        return self.keys.get(key)


def found(key: str, bucket: Bucket, time: datetime = NOW, length: timedelta | None = DAY, **arguments: Any) -> Before:
    is_alike = arguments.get("is_alike", lambda manifest: True)
    return partition_before(key, time, length, bucket.entries, bucket.read, is_alike)


LAYOUTS = [
    "chargebee/site=s/resource=customers/window_start=%Y%m%dT%H%M%SZ/_manifest.json",
    "a/dt=%Y-%m-%dT%H:%M:%SZ/_manifest.json",
    "a/dt=%Y-%m-%d/_manifest.json",
    "a/%Y-%m-%d/resource=customers/_manifest.json",
    "dt=%Y%m%d/resource=customers/site=s/_manifest.json",
    "%Y-%m-%dT%H:%M:%SZ/_manifest.json",
    "a/customers-%Y-%m-%dT%H:%M:%SZ-x/_manifest.json",
    "a/year=%Y/month=%m/day=%d/_manifest.json",
    "a/%Y/%m/%d/customers/_manifest.json",
    "a/year=%Y/window_start=%Y%m%dT%H%M%SZ/_manifest.json",
    "exports/_manifests/customers-%Y-%m-%dT%H:%M:%SZ.json",
    "exports/customers_%Y%m%dT%H%M%S.json",
]


@pytest.mark.parametrize("gap", [1, 2, 39, 60, 400, 4000], ids="{} days".format)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_nearest_earlier_partition_is_found_in_any_layout_after_any_time(layout, gap):
    earlier = [NOW - days * DAY for days in (gap, gap + 1, gap + 400)]
    later = [NOW + days * DAY for days in (1, 30, 365)]
    bucket = Bucket(*(each.strftime(layout) for each in (*earlier, NOW, *later)))
    assert found(NOW.strftime(layout), bucket).key == earlier[0].strftime(layout)
    assert found(min(earlier).strftime(layout), bucket, min(earlier)) == Before("", {})


@pytest.mark.parametrize(
    "layout", ["a/dt=%Y-%m-%d/hour=%H/_manifest.json", "a/year=%Y/month=%m/day=%d/hour=%H/_manifest.json"]
)
def test_hours_are_in_order_over_the_ends_of_days_and_years(layout):
    hours = [datetime(2026, 1, 1, 2, tzinfo=UTC) - timedelta(hours=each) for each in range(6)]
    bucket = Bucket(*(each.strftime(layout) for each in hours))
    for hour, before in pairwise(hours):
        assert found(hour.strftime(layout), bucket, hour, timedelta(hours=1)).key == before.strftime(layout)


@pytest.mark.parametrize("hours", [-10, 0, 2, 13])
def test_a_day_may_be_the_site_s_own(hours):
    zone = timedelta(hours=hours)
    keys = [(NOW + zone - days * DAY).strftime("dt=%Y-%m-%d/_manifest.json") for days in (0, 1)]
    assert found(keys[0], Bucket(*keys)).key == keys[1]


def test_windows_are_not_compared_with_snapshots_beside_them():
    keys = [f"a/{kind}=2026111{day}T000000Z/_manifest.json" for kind in ("window_start", "snapshot") for day in (8, 9)]
    own = "a/{}=20261120T000000Z/_manifest.json"
    assert found(own.format("window_start"), Bucket(*keys)).key == keys[1]
    assert found(own.format("snapshot"), Bucket(*keys), length=None).key == keys[3]


def test_s3_is_asked_for_all_only_when_there_is_nothing_near():
    near, far = ((NOW - days * DAY).strftime(LAYOUTS[0]) for days in (1, 90))
    bucket = Bucket(near, far)
    assert found(NOW.strftime(LAYOUTS[0]), bucket).key == near
    assert len(bucket.lists) == 1 and bucket.lists[0][1].endswith("window_start=20261011T000000")
    bucket = Bucket(far)
    assert found(NOW.strftime(LAYOUTS[0]), bucket).key == far
    assert [after for _, after in bucket.lists][1:] == [""]
    assert SNAPSHOTS_BACK == 40 * DAY


def test_what_is_no_partition_of_the_same_data_is_passed_over():
    def is_alike(manifest: Any) -> bool:
        return "customers" in str(manifest)

    bucket = Bucket("dt=2026-11-18/customers.json", "dt=2026-11-19/customers.json")
    bucket.keys["dt=2026-11-19/customers.json"] = json.dumps({"files": [{"member": "i.csv", "columns": ["invoice"]}]})
    assert found("dt=2026-11-20/customers.json", bucket, is_alike=is_alike).key == "dt=2026-11-18/customers.json"


@pytest.mark.parametrize("quiet", range(1, TRIES + 3))
def test_on_quiet_days_the_last_partition_with_columns_is_compared_with_or_what_they_carry(quiet):
    days = [NOW - each * DAY for each in range(quiet + 2)]
    bucket = Bucket(*(each.strftime(LAYOUTS[0]) for each in days))
    for each in days[1:-1]:
        text = json.dumps({"files": [], "absent_files": {"c": [f"carried on {each.day}"]}})
        bucket.keys[each.strftime(LAYOUTS[0])] = text
    before = found(NOW.strftime(LAYOUTS[0]), bucket)
    if quiet < TRIES:
        assert before.key == days[-1].strftime(LAYOUTS[0])
    else:
        assert before.manifest["absent_files"] == {"c": [f"carried on {days[1].day}"]}
    assert len(bucket.reads) == min(quiet + 1, TRIES)


@pytest.mark.parametrize("key", ["exports/_manifest.json", "a/24/_manifest.json", "_manifests/customers.json"])
def test_where_the_key_tells_no_time_nothing_is_listed(key):
    bucket = Bucket(key)
    assert found(key, bucket) == Before("", {})
    assert not bucket.lists


@pytest.mark.parametrize("text", [None, "", "no json", "[]", '{"files": 3}', '{"files": ["x"]}'])
def test_what_is_no_manifest_tells_nothing(text):
    bucket = Bucket()
    bucket.keys[(NOW - DAY).strftime(LAYOUTS[0])] = text
    assert found(NOW.strftime(LAYOUTS[0]), bucket) == Before("", {})


@pytest.mark.parametrize("length", [1, 7, 400], ids="{} days".format)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_partitions_inside_a_window_are_found_in_any_layout_in_order(layout, length):
    days = [NOW + days * DAY for days in (-400, -1, 0, 1, 2, 30, 365, 800)]
    bucket = Bucket(*(each.strftime(layout) for each in days))
    window = Window(NOW, NOW + length * DAY)
    keys = list(later_keys(NOW.strftime(layout), window, bucket.entries))
    later = [each.strftime(layout) for each in days if each > NOW]
    inside = [each.strftime(layout) for each in days if window.start < each < window.end]
    assert keys[: len(inside)] == inside
    assert [each for each in later if each in keys] == keys


def test_only_the_keys_inside_a_window_are_listed_where_one_piece_tells_the_time():
    days = [(NOW + days * DAY).strftime(LAYOUTS[0]) for days in range(10)]
    assert list(later_keys(days[0], Window(NOW, NOW + 3 * DAY), Bucket(*days).entries)) == days[1:3]
    assert not list(later_keys("exports/_manifest.json", Window(NOW, NOW + DAY), Bucket(*days).entries))
