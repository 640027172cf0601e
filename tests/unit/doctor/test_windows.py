"""Gaps and overlaps of the exported windows, and what the report says of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chargebee_operators.chargebee.windows import Window, iso
from chargebee_operators.doctor.findings import Level, Report
from chargebee_operators.doctor.windows import exported_windows, gaps_of, overlaps_of, report_windows

FIRST = datetime(2026, 11, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 11, 1, tzinfo=UTC)


def day(number: float, days: float = 1) -> Window:
    return Window(FIRST + timedelta(days=number), FIRST + timedelta(days=number + days))


def manifest(window: Window, resource: str = "customers", **changes: Any) -> dict[str, Any]:
    job = {
        "export_id": "e1",
        "resource": resource,
        "site": "acme",
        "filters": {},
        "window_start": iso(window.start),
        "window_end": iso(window.end),
        "window_field": "updated_at",
        "requested_at": iso(window.end),
    }
    return {"job": {**job, **changes}, "run": {"dag_id": "chargebee_export", "of_schedule": True}}


def said(manifests: list[dict[str, Any]], now: datetime = NOW) -> tuple[list[tuple[Level, str, str]], Report]:
    report = Report("acme")
    report_windows(exported_windows(manifests, "acme"), now, lambda dag, a, b: f"{dag} {iso(a)} {iso(b)}", report)
    return [(each.level, each.says, each.do) for each in report.findings], report


def test_days_that_meet_have_no_gap_and_no_overlap():
    days = [day(number) for number in range(5)]
    assert (gaps_of(days[::-1]), overlaps_of(days)) == ([], [])


@pytest.mark.parametrize(
    ("windows", "gaps"),
    [
        ([day(0), day(3)], [day(1, 2)]),
        ([day(0), day(3), day(1)], [day(2)]),
        ([day(0, 5), day(1), day(6)], [day(5)]),
        ([day(0), day(2), day(4)], [day(1), day(3)]),
    ],
)
def test_time_in_no_window_is_a_gap(windows, gaps):
    assert gaps_of(windows) == gaps


def test_windows_that_share_time_overlap():
    assert overlaps_of([day(0), day(0.5), day(2)]) == [(day(0), day(0.5))]


def test_a_gap_is_reported_once_for_all_its_tables_with_the_command_that_fills_it():
    manifests = [
        manifest(day(number), name) for name in ("customers", "invoices") for number in (*range(3), *range(6, 10))
    ]
    (gap,), report = said(manifests)
    assert gap[:2] == (
        Level.ATTENTION,
        "No partition has the time [2026-11-04T00:00:00Z, 2026-11-07T00:00:00Z) of customers and invoices.",
    )
    # The starts of the first and of the last missing day.
    assert gap[2] == "Run: chargebee_export 2026-11-04T00:00:00Z 2026-11-06T00:00:00Z"
    assert report.facts["windows"]["gaps"] == [
        {"from": "2026-11-04T00:00:00Z", "to": "2026-11-07T00:00:00Z", "of": ["customers", "invoices"]}
    ]


def test_a_gap_shorter_than_an_interval_needs_a_run_by_hand():
    (gap,), _ = said([manifest(day(number)) for number in range(9)] + [manifest(day(9.5))], NOW + timedelta(hours=12))
    assert gap[2] == "Trigger the DAG by hand with this window_start and window_end."


def test_whole_windows_are_ok():
    (found,), _ = said([manifest(day(number)) for number in range(10)])
    assert found == (
        Level.OK,
        "There is no gap between the first and the last window: 10 windows of customers.",
        "",
    )


def test_nothing_exported_is_no_gap():
    (found,), _ = said([])
    assert found[0] is Level.OK


def test_an_overlap_is_reported_and_one_by_hand_is_not():
    days = [manifest(day(number)) for number in range(10)]
    (_, overlap), _ = said([*days, manifest(day(3, 0.5))])
    assert overlap[0] is Level.ATTENTION and overlap[1].startswith("customers: 1 windows have time in common")
    by_hand = manifest(day(2, 5))
    by_hand["run"]["of_schedule"] = False
    assert len(said([*days, by_hand])[0]) == 1


def test_a_window_by_hand_fills_a_gap():
    by_hand = manifest(day(3, 4))
    by_hand["run"]["of_schedule"] = False
    (found,), _ = said([manifest(day(number)) for number in (*range(3), *range(7, 10))] + [by_hand])
    assert found[0] is Level.OK


def test_windows_by_another_field_or_of_another_site_are_no_neighbours():
    manifests = [manifest(day(number)) for number in range(10)]
    other = [manifest(day(5, 0.5), window_field="created_at"), manifest(day(20), site="other")]
    assert [each[0] for each in said([*manifests, *other], FIRST + timedelta(days=5.6))[0]] == [Level.OK]


def test_a_paused_dag_shows_by_the_windows_that_have_ended_since():
    _, late = said([manifest(day(number)) for number in range(8)])[0]
    assert late[:2] == (
        Level.ATTENTION,
        "The newest window of customers ended at 2026-11-09T00:00:00Z, and at least one more has ended since then.",
    )


@pytest.mark.parametrize("broken", [{}, {"job": {}}, {"job": 7}, {"job": {"site": "acme"}}])
def test_what_is_no_manifest_of_a_window_counts_for_nothing(broken):
    assert exported_windows([broken], "acme") == []
    assert exported_windows([manifest(day(0), window_start=None, window_end=None, window_field=None)], "acme") == []
