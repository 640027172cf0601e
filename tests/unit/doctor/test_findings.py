"""The report, as a person and as a program reads it."""

from __future__ import annotations

import json

from chargebee_operators.common.foreign_text import MOST_OF_A_LINE
from chargebee_operators.doctor.findings import Report


def report() -> Report:
    made = Report("acme-test")
    made.ok("connection", "The key is accepted.")
    made.attention("look", "Times are in the site's zone.", "Switch on UTC.")
    made.settings.append('upload_args={"window_timezone": "UTC"},')
    return made


def test_each_finding_is_a_line_below_its_area_with_what_to_do():
    assert report().lines() == [
        "Report on Chargebee site acme-test",
        "",
        "Connection",
        "  ok         The key is accepted.",
        "",
        "Look",
        "  attention  Times are in the site's zone.",
        "             -> Switch on UTC.",
        "",
        "Settings for ExportDagSettings in the DAG file",
        '  upload_args={"window_timezone": "UTC"},',
        "",
        "Nothing is wrong; 1 of 2 findings want attention.",
    ]


def test_the_verdict_is_that_of_the_worst_finding():
    made = Report("s")
    made.ok("a", "x")
    assert made.verdict == "All 1 findings are ok."
    made.wrong("a", "y")
    assert made.verdict.startswith("1 of 2 findings are wrong")


def test_a_program_reads_the_same():
    read = json.loads(json.dumps(report().to_dict()))
    assert [each["level"] for each in read["findings"]] == ["ok", "attention"]
    assert read["verdict"] == report().verdict


def test_text_from_outside_forges_no_line():
    made = Report("s")
    made.wrong("look", "customers\nok         All is well", "Set \u2028ERROR - forged")
    made.settings.append("# \x1b[2J" + "x" * 9000)
    lines = made.lines()
    assert all(each.isprintable() and len(each) <= MOST_OF_A_LINE for each in lines)
    assert any("forged" in each for each in lines) and any("9,008 characters" in each for each in lines)
