"""What an audit found, as JSON, as lines of a log, and as one sentence. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chargebee_operators.audit.record_store import Finding
from chargebee_operators.audit.windows import Backfill
from chargebee_operators.chargebee.windows import iso
from chargebee_operators.common.foreign_text import clean, clean_line, listed
from chargebee_operators.common.wording import counted

# Ids of each kind that a report has.
MOST_IDS = 20
# Backfills that the log and the asset's event have; the JSON has all of them.
_MOST_BACKFILLS = 20

# What counts against ``tolerance``, and how the log calls it.
FAULTS = {
    "missing": "in Chargebee, not in the latest state in S3",
    "gone": "in the latest state in S3, not in Chargebee, and no deletion is written",
    "differs": "with other values in S3 than in Chargebee",
    "repeated": "more than once in the snapshot or in one window",
}
NOT_YET_DUE = "not_yet_due"

REPAIR = (
    "The snapshot is written, so a view of the latest state has all records with their present values again. It does not "
    "take away what is gone: that needs a deletion in deleted_records."
)


@dataclass(frozen=True)
class AuditReport:
    """What an audit of one resource found.

    :param site: the Chargebee site.
    :param resource: for example ``customers``.
    :param snapshot_key: of the snapshot's manifest.
    :param taken_at: when the snapshot was requested, by Chargebee's clock.
    :param due: up to when changes should be in S3.
    :param counts: ``snapshot_rows``, ``windows``, ``snapshots`` (earlier ones), ``rows`` (of both) and ``deletions``.
    :param findings: kind -> how many records, and some ids.
    :param problems: manifest key -> what is wrong with that partition.
    :param backfills: time that is to be exported once more.
    :param columns: names of the columns whose values were compared.
    :param notes: what else a person should know.
    :param tolerance: so many faulty records are accepted.
    """

    site: str
    resource: str
    snapshot_key: str
    taken_at: datetime
    due: datetime
    counts: Mapping[str, int]
    findings: Mapping[str, Finding]
    problems: Mapping[str, str] = field(default_factory=dict)
    backfills: Sequence[Backfill] = ()
    columns: Sequence[str] = ()
    notes: Sequence[str] = ()
    tolerance: int = 0

    @property
    def faults(self) -> int:
        """How many records are at fault."""
        return sum(self.findings[kind].count for kind in FAULTS)

    @property
    def passed(self) -> bool:
        """Whether no more records are at fault than are accepted, and no partition is damaged."""
        return self.faults <= self.tolerance and not self.problems

    @property
    def verdict(self) -> str:
        """One sentence about the whole."""
        rows = counted(self.counts["snapshot_rows"], "row")
        if not self.faults and not self.problems:
            return f"{self.resource}: the {rows} of the snapshot and what is in S3 agree."
        kinds = [f"{kind} {self.findings[kind].count}" for kind in FAULTS if self.findings[kind].count]
        damaged = [f"damaged partitions {len(self.problems)}"] if self.problems else []
        return f"{self.resource}: {', '.join([*kinds, *damaged])} (tolerance {self.tolerance}); snapshot of {rows}."

    def lines(self) -> list[str]:
        """Return the report as lines of a log. None of them can be forged by a name from outside."""
        count = self.counts
        text = [
            f"Audit of {self.resource}, site {self.site}: snapshot of {iso(self.taken_at)}",
            f"{count['snapshot_rows']:>12,}  rows of the snapshot",
            f"{count['rows']:>12,}  rows in {counted(count['windows'], 'window')} and "
            f"{counted(count['snapshots'], 'earlier snapshot')}",
            f"{count['deletions']:>12,}  deletions",
        ]
        for kind, says in FAULTS.items():
            found = self.findings[kind]
            text.append(f"{found.count:>12,}  {kind}: {says}")
            if found.ids:
                text.append(f"{'':12}  {listed(found.ids, MOST_IDS, last=', ')}{_more(found)}")
        text.append(f"{self.findings[NOT_YET_DUE].count:>12,}  not yet due: changed after {iso(self.due)}")
        text += [f"Damaged: {clean(key)}: {clean(says, 500)}" for key, says in self.problems.items()]
        for each in self.backfills[:_MOST_BACKFILLS]:
            text.append(f"Export {each.window} again ({each.why}): {each.command}")
            if each.single_run != each.command:
                text.append(f"  If its runs have succeeded before: {each.single_run}")
        if len(self.backfills) > _MOST_BACKFILLS:
            text.append(f"{len(self.backfills) - _MOST_BACKFILLS} more are in the report.")
        text += self.notes
        return [clean_line(each) for each in (*text, *([REPAIR] if self.faults else []), self.verdict)]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON-ready data. Of the records it has ids only."""
        return {
            **self.summary(),
            "compared_columns": list(self.columns),
            "backfills": [each.to_dict() for each in self.backfills],
            "problems": [{"manifest_key": key, "says": says} for key, says in self.problems.items()],
        }

    def summary(self) -> dict[str, Any]:
        """Return what the asset's event has."""
        return {
            "site": self.site,
            "resource": self.resource,
            "passed": self.passed,
            "verdict": self.verdict,
            "faults": self.faults,
            "tolerance": self.tolerance,
            "snapshot_key": self.snapshot_key,
            "taken_at": iso(self.taken_at),
            "due": iso(self.due),
            "counts": dict(self.counts),
            "findings": {
                kind: {"count": found.count, "ids": [clean(each) for each in found.ids]}
                for kind, found in self.findings.items()
            },
            "backfills": [each.to_dict() for each in self.backfills[:_MOST_BACKFILLS]],
            "notes": list(self.notes),
            "repair": REPAIR if self.faults else "",
        }


def _more(found: Finding) -> str:
    return f" and {found.count - len(found.ids):,} more" if found.count > len(found.ids) else ""
