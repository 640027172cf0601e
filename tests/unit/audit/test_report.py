"""The report of an audit: what decides success, what the log says, and that nothing but ids is in it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from chargebee_operators.audit.record_store import Finding
from chargebee_operators.audit.report import FAULTS, NOT_YET_DUE, REPAIR, AuditReport
from chargebee_operators.audit.windows import Schedule, backfill_of
from chargebee_operators.chargebee.windows import Window
from chargebee_operators.common.foreign_text import MOST_OF_A_LINE

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
COUNTS = {"snapshot_rows": 1000, "windows": 7, "snapshots": 1, "rows": 2000, "deletions": 3}


def report(problems: dict[str, str] | None = None, tolerance: int = 0, **found: int) -> AuditReport:
    findings = {
        kind: Finding(found.get(kind, 0), tuple(f"{kind}-{number}" for number in range(min(found.get(kind, 0), 20))))
        for kind in (*FAULTS, NOT_YET_DUE)
    }
    hole = Window(datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC))
    backfills = [backfill_of(hole, "no window covers it", "customers", Schedule("export", None))]
    return AuditReport(
        "acme", "customers", "m.json", AT, AT, COUNTS, findings, problems or {}, backfills, tolerance=tolerance
    )


def text(found: AuditReport) -> str:
    return "\n".join(found.lines())


def test_nothing_at_fault_passes_and_says_so():
    healthy = report(not_yet_due=9)
    assert healthy.passed and healthy.faults == 0
    assert healthy.verdict == "customers: the 1000 rows of the snapshot and what is in S3 agree."
    assert REPAIR not in text(healthy)


def test_the_tolerance_counts_records_of_all_kinds():
    assert report(missing=2, gone=1, tolerance=3).passed
    assert not report(missing=2, gone=2, tolerance=3).passed
    assert "missing 2, gone 2 (tolerance 3)" in report(missing=2, gone=2, tolerance=3).verdict


def test_a_damaged_partition_is_never_tolerated():
    damaged = report({"k.json": "x.csv does not exist"}, tolerance=100)
    assert not damaged.passed
    assert "damaged partitions 1" in damaged.verdict
    assert "Damaged: k.json: x.csv does not exist" in text(damaged)


def test_the_log_has_counts_ids_commands_and_the_repair():
    lines = text(report(missing=25))
    assert "25  missing" in lines and "missing-0, missing-1" in lines and "and 5 more" in lines
    assert "Export [2026-11-20T00:00:00Z, 2026-11-21T00:00:00Z) again (no window covers it): airflow dags" in lines
    assert REPAIR in lines


def test_the_json_has_what_the_log_has():
    found: dict[str, Any] = json.loads(json.dumps(report(gone=1).to_dict()))
    assert found["passed"] is False
    assert found["findings"]["gone"] == {"count": 1, "ids": ["gone-0"]}
    assert found["backfills"][0]["from"] == "2026-11-20T00:00:00Z"
    assert found["repair"] == REPAIR


def test_text_from_outside_forges_no_line():
    forged = "na\nERROR - forged \u2028\u202e\x1b[2J" + "x" * 9000
    found = replace(report({forged: forged}), notes=[forged])
    lines = found.lines()
    assert all(each.isprintable() and len(each) <= MOST_OF_A_LINE for each in lines)
    assert sum("forged" in each for each in lines) == 2
