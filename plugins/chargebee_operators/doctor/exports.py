"""Which exports answer, how long they take, whether they honour filters, and what an empty one looks like."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from chargebee_operators.chargebee.filters import export_fields
from chargebee_operators.chargebee.resources import get_resource
from chargebee_operators.chargebee.windows import Window
from chargebee_operators.common.foreign_text import listed
from chargebee_operators.common.wording import counted
from chargebee_operators.doctor.findings import Report
from chargebee_operators.doctor.jobs import ExportRuns, Outcome, Wanted
from chargebee_operators.doctor.sample_file import SampleFile

# Nothing was changed here yet: an export of this window with rows ignored its filter.
FAR_FUTURE = Window(datetime(2100, 1, 1, tzinfo=UTC), datetime(2100, 1, 2, tzinfo=UTC))


def wanted_exports(
    resources: Sequence[str], look_at: Sequence[str], look_days: int, run: str, until: datetime
) -> dict[str, Wanted]:
    """Return the exports to run: of each resource one of the far future, and of some one of the last days.

    :param resources: names of resources.
    :param look_at: those of which an export with rows is wanted.
    :param look_days: how many days it covers.
    :param run: what the idempotency keys depend on.
    :param until: the end of these days.
    """
    wanted = {}
    recent = Window(until - timedelta(days=look_days), until)
    spans = [("empty", name, FAR_FUTURE) for name in resources] + [("look", name, recent) for name in look_at]
    for kind, name, window in spans:
        resource = get_resource(name)
        field = resource.default_window_field
        if field is None:
            continue  # it has no time filter that could be ignored
        fields = export_fields(resource, window=window, window_field=field, filters={}, export_type=None)
        key = hashlib.sha256(f"doctor/{run}/{kind}/{name}".encode()).hexdigest()[:64]
        wanted[f"{kind} {name}"] = Wanted(name, fields, key)
    return wanted


def report_runs(runs: ExportRuns, outcomes: Mapping[str, Outcome], report: Report) -> None:
    """Report which exports answer, and how long they take."""
    ended = [each.seconds for each in outcomes.values() if each.is_ready]
    facts: dict[str, Any] = {"seconds": [round(each) for each in ended], "throttled": runs.throttled}
    report.facts["exports"] = facts | {"retry_after": runs.retry_after}
    if ended:
        report.ok(
            "exports",
            f"{len(ended)} exports were completed, within {min(ended):.0f} to {max(ended):.0f} seconds each.",
        )
    if runs.throttled:
        named = (
            f"It named a time to wait: {runs.retry_after[0]:.0f} s."
            if runs.retry_after
            else "It named no time to wait."
        )
        report.ok("exports", f"Chargebee was busy {runs.throttled} times (429). {named}")
    else:
        report.ok("exports", "Chargebee was never busy (429), so it is not known whether it names a time to wait.")
    refused = {name.split()[1]: each.error for name, each in outcomes.items() if not each.is_ready}
    if refused and not ended:
        report.wrong("exports", f"No export was completed. The first answer: {next(iter(refused.values()))}")
        return
    for name, error in refused.items():
        advice = "Leave it out of resources, if the site does not have it (other catalog)."
        report.attention("exports", f"{name}: {error}", advice)


def report_filters(samples: Mapping[str, Sequence[SampleFile]], report: Report) -> None:
    """Report whether Chargebee honoured the filters, and how it writes an export without rows.

    :param samples: the files of each resource's export of the far future.
    """
    empty: dict[str, Sequence[SampleFile]] = {}
    ignored = list[str]()
    for name, files in samples.items():
        if not any(each.rows != 0 for each in files):
            empty[name] = files
            continue
        ignored.append(name)
        counts = [each.rows for each in files if each.rows is not None]
        many = counted(sum(counts) if len(counts) == len(files) else None, "row")
        report.wrong(
            "filters",
            f"{name}: an export of the day {FAR_FUTURE.start:%Y-%m-%d} holds {many}, so Chargebee ignored the filter.",
            "Leave it out of resources, or export it whole (snapshot=True), and ask Chargebee's support.",
        )
    if empty:
        report.ok("filters", f"The filter by updated_at is honoured: {listed(empty)}.")
    report.facts["filters"] = {"honoured": list(empty), "ignored": ignored}
    report.facts["empty_exports"] = {
        name: [{"member": each.member, "bytes": each.size, "columns": each.columns} for each in files]
        for name, files in empty.items()
    }
    shapes: dict[str, list[str]] = {}
    for name, files in empty.items():
        shapes.setdefault(_shape(files), []).append(name)
    for shape, names in shapes.items():
        report.ok("filters", f"An export without rows has {shape}: {listed(names)}.")


def _shape(files: Sequence[SampleFile]) -> str:
    """Return what an export without rows has."""
    if not files:
        return "no file"
    if any(each.columns for each in files):
        return "a header alone"
    return "a file without a header" if any(each.size for each in files) else "a file of zero bytes"
