"""Whether the exported windows meet: time that is in no partition, or in two. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chargebee_operators.chargebee.windows import Window, iso
from chargebee_operators.checks.window_check import window_for
from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.common.foreign_text import clean, listed
from chargebee_operators.doctor.findings import Report
from chargebee_operators.partition.manifest import job_of

# How many gaps are listed one by one.
_MOST = 10
# A run may take so long after its window before the next one counts as missing.
_LATE = timedelta(hours=6)

# Given a DAG's id and the starts of the first and of the last missing window, returns the command that exports them.
Command = Callable[[str, datetime, datetime], str]


@dataclass(frozen=True)
class Exported:
    """A window that has a partition.

    :param series: what is exported, by which field: only windows of one series can meet.
    :param dag_id: of the DAG that has exported it.
    :param window: the window.
    :param by_hand: whether a person has typed the window, so that it need not fit the schedule.
    """

    series: str
    dag_id: str
    window: Window
    by_hand: bool = False


def exported_windows(manifests: Iterable[Mapping[str, Any]], site: str) -> list[Exported]:
    """Return the windows of a site's manifests; snapshots have none."""
    found = []
    for manifest in manifests:
        job = job_of(manifest)
        try:
            window = window_for(job) if job is not None and job.site == site else None
        except SettingsError:
            window = None
        if job is None or window is None:
            continue
        run = manifest.get("run")
        run = run if isinstance(run, Mapping) else {}
        by = f" by {job.window_field}" if job.window_field not in (None, "", "updated_at") else ""
        dag_id = clean(str(run.get("dag_id") or ""), 200)
        found.append(Exported(f"{job.resource}{by}", dag_id, window, run.get("of_schedule") is False))
    return found


def gaps_of(windows: Sequence[Window]) -> list[Window]:
    """Return the time between the first and the last window that is in none of them."""
    gaps, end = [], None
    for each in sorted(windows, key=lambda window: window.start):
        if end is not None and each.start > end:
            gaps.append(Window(end, each.start))
        end = each.end if end is None else max(end, each.end)
    return gaps


def overlaps_of(windows: Sequence[Window]) -> list[tuple[Window, Window]]:
    """Return pairs of windows that have time in common, one pair for each window that begins inside an earlier one."""
    pairs = []
    latest: Window | None = None
    for each in sorted(windows, key=lambda window: (window.start, window.end)):
        if latest is not None and each.start < latest.end:
            pairs.append((latest, each))
        if latest is None or each.end > latest.end:
            latest = each
    return pairs


def report_windows(exported: Sequence[Exported], now: datetime, command: Command, report: Report) -> None:
    """Report which time is in no partition, with the command that exports it, and which is in two.

    :param exported: all windows of the site.
    :param now: the present.
    :param command: returns the command of this Airflow.
    """
    of_series: dict[str, list[Exported]] = {}
    for each in exported:
        of_series.setdefault(each.series, []).append(each)
    gaps: dict[tuple[str, Window, timedelta], list[str]] = {}
    for name, mine in of_series.items():
        for gap in gaps_of([each.window for each in mine]):
            gaps.setdefault((_dag_of(mine), gap, _length_of(mine)), []).append(name)
    report.facts["windows"] = {
        "series": {name: _facts_of(mine) for name, mine in sorted(of_series.items())},
        "gaps": [{"from": iso(gap.start), "to": iso(gap.end), "of": names} for (_, gap, _), names in gaps.items()],
    }
    if not exported:
        report.ok(
            "windows", "No window of this site has been exported below this prefix, so there is nothing to compare."
        )
        return
    for (dag_id, gap, length), names in sorted(gaps.items(), key=lambda item: item[0][1].start)[:_MOST]:
        report.attention(
            "windows", f"No partition has the time {gap} of {listed(names)}.", _mend(dag_id, gap, length, command)
        )
    if len(gaps) > _MOST:
        report.attention(
            "windows", f"There are {len(gaps) - _MOST} more gaps. The report in the bucket has all of them."
        )
    if not gaps:
        many = f"{len(exported)} windows of {listed(sorted(of_series))}"
        report.ok("windows", f"There is no gap between the first and the last window: {many}.")
    for name, mine in of_series.items():
        _report_overlaps(name, mine, report)
    _report_late(of_series, now, report)


def _mend(dag_id: str, gap: Window, length: timedelta, command: Command) -> str:
    last = gap.end - length
    if not dag_id or last < gap.start:
        return "Trigger the DAG by hand with this window_start and window_end."
    return f"Run: {command(dag_id, gap.start, last)}"


def _report_overlaps(name: str, mine: Sequence[Exported], report: Report) -> None:
    pairs = overlaps_of([each.window for each in mine if not each.by_hand])
    if pairs:
        first, second = pairs[0]
        report.attention(
            "windows",
            f"{name}: {len(pairs)} windows have time in common with an earlier one, for example {first} and {second}.",
            "Records of that time are in both partitions: read the latest version of each, or change the prefix together with "
            "the schedule.",
        )


def _report_late(of_series: Mapping[str, Sequence[Exported]], now: datetime, report: Report) -> None:
    late = {}
    for name, mine in of_series.items():
        newest = max(each.window.end for each in mine)
        if now > newest + _length_of(mine) + _LATE:
            late[name] = newest
    if late:
        oldest = min(late.values())
        report.attention(
            "windows",
            f"The newest window of {listed(sorted(late))} ended at {iso(oldest)}, and at least one more has ended since then.",
            "Look at the DAG's runs: it is paused, or they fail.",
        )


def _length_of(mine: Iterable[Exported]) -> timedelta:
    """Return the most common length of the windows of a schedule."""
    lengths = [each.window.end - each.window.start for each in mine if not each.by_hand]
    lengths = lengths or [each.window.end - each.window.start for each in mine]
    return Counter(lengths).most_common(1)[0][0]


def _dag_of(mine: Iterable[Exported]) -> str:
    return Counter(each.dag_id for each in mine).most_common(1)[0][0]


def _facts_of(mine: Sequence[Exported]) -> dict[str, Any]:
    return {
        "windows": len(mine),
        "first": iso(min(each.window.start for each in mine)),
        "last": iso(max(each.window.end for each in mine)),
        "dag_id": _dag_of(mine),
    }
