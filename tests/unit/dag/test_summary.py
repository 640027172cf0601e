"""The summary of a run: what it says of each resource, and that it says what a person has changed by hand."""

from __future__ import annotations

import pytest

from chargebee_operators.dag.summary import Outcome, forgotten, gaps_of, outcome_of, table

QUIET = {"files": 0, "bytes": 0, "tables": {}}
TABLES = {"files": 3, "bytes": 20480, "tables": {"customers": {"rows": 1200}, "customers__addresses": {"rows": 300}}}


def states(**of: str) -> dict[str, str]:
    return {f"customers.{step}": state for step, state in of.items()}


@pytest.mark.parametrize(
    ("of", "written", "skipped", "result"),
    [
        ({"upload": "success"}, QUIET, None, Outcome("customers", "written", 0, 0, 0)),
        ({"upload": "success"}, TABLES, None, Outcome("customers", "written", 1200, 3, 20480)),
        (
            {"upload": "success", "register": "success"},
            TABLES,
            None,
            Outcome("customers", "written", 1200, 3, 20480),
        ),
        (
            {"upload": "success", "register": "failed"},
            TABLES,
            None,
            Outcome("customers", "written, but not registered in Glue", 1200, 3, 20480, is_trouble=True),
        ),
        (
            {"start": "success", "ready": "success", "upload": "success"},
            None,
            None,
            Outcome("customers", "marked as success by hand: nothing was written", is_trouble=True),
        ),
        ({"upload": "skipped"}, None, "it is exported whole", Outcome("customers", "skipped: it is exported whole")),
        ({"upload": "skipped"}, None, None, Outcome("customers", "skipped by hand", is_trouble=True)),
        ({"upload": "failed"}, None, None, Outcome("customers", "failed in upload", is_trouble=True)),
        (
            {"start": "failed", "ready": "upstream_failed", "upload": "upstream_failed"},
            None,
            None,
            Outcome("customers", "failed in start", is_trouble=True),
        ),
        (
            dict.fromkeys(("start", "ready", "upload"), "upstream_failed"),
            None,
            None,
            Outcome("customers", "not run: plan failed"),
        ),
        ({}, None, None, Outcome("customers", "not run", is_trouble=True)),
    ],
)
def test_what_became_of_a_resource(of, written, skipped, result):
    assert outcome_of("customers", states(**of), written, skipped) == result


def test_the_table_has_a_line_for_each_resource_and_the_sums():
    lines = table(
        [
            Outcome("customers", "written", 1500, 3, 20480),
            Outcome("invoices", "failed in ready", is_trouble=True),
            Outcome("orders", "written", 0, 0, 0),
        ]
    )
    assert lines == [
        "resource    rows  files   bytes  result",
        "customers  1,500      3  20,480  written",
        "invoices                         failed in ready",
        "orders         0      0       0  written",
        "all        1,500      3  20,480",
    ]


def test_rows_that_cannot_be_counted_are_not_zero():
    lines = table([Outcome("customers", "written", None, 1, 10), Outcome("orders", "written", 5, 1, 10)])
    assert [line.split()[1] for line in lines[1:]] == ["?", "5", "?"]


def test_a_gap_is_told_once_for_all_resources_that_lack_it():
    gap = {"from": "2026-11-19T00:00:00Z", "to": "2026-11-24T00:00:00Z", "command": "airflow fill"}
    other = {**gap, "from": "2026-11-22T00:00:00Z", "command": None}
    written = {
        "customers": {"gap_before": gap},
        "invoices": {"gap_before": None},
        "orders": {"gap_before": gap},
        "ramps": {"gap_before": other},
        "items": None,
    }
    assert gaps_of(written) == [
        "No run has exported the time from 2026-11-19T00:00:00Z to 2026-11-24T00:00:00Z of customers, orders. "
        "Fill it: airflow fill",
        "No run has exported the time from 2026-11-22T00:00:00Z to 2026-11-24T00:00:00Z of ramps. Export that window.",
    ]


@pytest.mark.parametrize(
    ("events_from", "lines"),
    [
        ("2026-08-25T00:00:00Z", 0),
        ("2026-11-23T00:00:00Z", 0),
        ("2026-11-23T00:00:01Z", 1),
        (None, 1),
    ],
)
def test_events_that_chargebee_has_forgotten_are_told(events_from, lines):
    found = forgotten({"window_start": "2026-11-23T00:00:00Z", "events_from": events_from})
    assert len(found) == lines
    assert not lines or (events_from or "no events") in found[0]


@pytest.mark.parametrize("written", [None, {}, "x"])
def test_nothing_is_told_of_a_list_that_was_not_made(written):
    assert forgotten(written) == []
