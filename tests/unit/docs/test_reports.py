"""docs/reports has the doctor's words as they are in the code; ``local/doctor_reports.py`` makes the reports anew."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from support.messages import HOLE, literals
from support.pages import ROOT

REPORTS = sorted((ROOT / "docs" / "reports").glob("*.txt"))
PACKAGE = ROOT / "plugins" / "chargebee_operators"
LEVELS = ("ok", "attention", "wrong")


@cache
def sentences() -> list[re.Pattern[str]]:
    """Return what a sentence of the report may hold: each text of the code that says something."""
    texts = literals(PACKAGE)
    telling = {each for each in texts if len(re.findall("[A-Za-z]", each.replace(HOLE, ""))) >= 12}
    return [re.compile(".+?".join(map(re.escape, each.split(HOLE))), re.DOTALL) for each in telling]


def findings(report: Path) -> list[tuple[str, str]]:
    """Return the level and the words of each finding, with the advice behind its arrow."""
    found: list[list[str]] = []
    for line in report.read_text(encoding="utf-8").splitlines():
        level, _, words = line.strip().partition(" ")
        if line.startswith("  ") and level in LEVELS:
            found.append([level, words.strip()])
        elif line.startswith(" " * 13) and found:
            found[-1][1] += f" {line.strip()}"
    return [(level, words) for level, words in found]


def test_there_is_a_healthy_and_a_sick_site():
    healthy, sick = ({level for level, _ in findings(each)} for each in REPORTS)
    assert "wrong" not in healthy and sick == set(LEVELS)


@pytest.mark.parametrize("report", REPORTS, ids=lambda each: each.stem)
def test_each_sentence_is_one_of_the_doctor(report):
    told = [part for _, words in findings(report) for part in words.split(" -> ")]
    unknown = [each for each in told if not any(pattern.search(each) for pattern in sentences())]
    assert len(told) > 30 and unknown == []
