"""Findings, and the report that they make. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from chargebee_operators.common.foreign_text import clean, clean_line


class Level(StrEnum):
    """How a finding is to be taken."""

    OK = "ok"
    ATTENTION = "attention"
    WRONG = "wrong"


@dataclass(frozen=True)
class Finding:
    """One thing that was measured.

    :param area: ``connection``, ``filters``, ``look``, ``download``, ``bucket`` or ``airflow``.
    :param level: how it is to be taken.
    :param says: what was found, one or two sentences.
    :param do: what to do about it; empty when nothing.
    """

    area: str
    level: Level
    says: str
    do: str = ""


@dataclass
class Report:
    """All findings, what was measured, and settings to paste into the DAG file.

    :param site: the Chargebee site.
    :param findings: in the order in which they were made.
    :param facts: what was measured, by area, as JSON-ready data.
    :param settings: lines of Python for ``ExportDagSettings``.
    """

    site: str
    findings: list[Finding] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    settings: list[str] = field(default_factory=list)

    def ok(self, area: str, says: str) -> None:
        """Add what is right."""
        self.findings.append(Finding(area, Level.OK, clean(says, 500)))

    def attention(self, area: str, says: str, do: str = "") -> None:
        """Add what a person should look at."""
        self.findings.append(Finding(area, Level.ATTENTION, clean(says, 500), do))

    def wrong(self, area: str, says: str, do: str = "") -> None:
        """Add what is wrong."""
        self.findings.append(Finding(area, Level.WRONG, clean(says, 500), do))

    def count(self, level: Level) -> int:
        """Return how many findings have this level."""
        return sum(each.level is level for each in self.findings)

    @property
    def verdict(self) -> str:
        """One sentence about the whole."""
        wrong, attention = self.count(Level.WRONG), self.count(Level.ATTENTION)
        if wrong:
            return f"{wrong} of {len(self.findings)} findings are wrong: the exports would fail, or bring wrong data."
        if attention:
            return f"Nothing is wrong; {attention} of {len(self.findings)} findings want attention."
        return f"All {len(self.findings)} findings are ok."

    def lines(self) -> list[str]:
        """Return the report as lines of text. None of them can be forged by a name from outside."""
        text = [f"Report on Chargebee site {self.site}"]
        area = ""
        for each in self.findings:
            if each.area != area:
                area = each.area
                text += ["", area.capitalize()]
            text.append(f"  {each.level:<10} {each.says}")
            if each.do:
                text.append(f"  {'':<10} -> {each.do}")
        if self.settings:
            text += ["", "Settings for ExportDagSettings in the DAG file"]
            text += [f"  {each}" for each in self.settings]
        return [clean_line(each) for each in (*text, "", self.verdict)]

    def to_dict(self) -> Mapping[str, Any]:
        """Return the report as JSON-ready data."""
        return {
            "site": self.site,
            "verdict": self.verdict,
            "findings": [asdict(each) for each in self.findings],
            "facts": self.facts,
            "settings": self.settings,
        }
