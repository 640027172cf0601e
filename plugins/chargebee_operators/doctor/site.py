"""What is found out about the Chargebee site: its key, its clock, and whether its exports honour filters."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from chargebee_operators.chargebee.filters import export_fields
from chargebee_operators.chargebee.resources import get_resource
from chargebee_operators.chargebee.windows import Window
from chargebee_operators.common.exceptions import ChargebeeExportError
from chargebee_operators.common.foreign_text import listed
from chargebee_operators.doctor.findings import Report
from chargebee_operators.doctor.jobs import ExportRuns, Outcome, Wanted
from chargebee_operators.doctor.sample_file import SampleFile
from chargebee_operators.hooks import ChargebeeHook

# Nothing was changed here yet: an export of this window with rows ignored its filter.
FAR_FUTURE = Window(datetime(2100, 1, 1, tzinfo=UTC), datetime(2100, 1, 2, tzinfo=UTC))
# Seconds that two clocks may differ.
_SKEW = 30


def check_connection(hook: ChargebeeHook, report: Report) -> bool:
    """Find out whether the site accepts the key, and how its clock differs from this machine's."""
    settings = hook.settings
    report.facts["connection"] = {
        "site": settings.site,
        "domain": settings.domain,
        "endpoint_is_overridden": settings.custom_endpoint,
        "business_entity_id": settings.business_entity_id,
    }
    accepted, says = hook.test_connection()
    if not accepted:
        report.wrong("connection", says, f"Correct the connection {hook.chargebee_conn_id!r}.")
        return False
    report.ok("connection", says + ".")
    if settings.custom_endpoint:
        report.attention(
            "connection",
            "The connection's host leads to another endpoint than Chargebee's own, so this report is about that one.",
            "Leave the host empty for the real site.",
        )
    theirs = hook.chargebee_time()
    if theirs is not None:
        ahead = (datetime.now(UTC) - theirs).total_seconds()
        report.facts["connection"]["clock_ahead_seconds"] = round(ahead)
        if abs(ahead) > _SKEW:
            report.attention(
                "connection",
                f"This machine's clock is {abs(ahead):.0f} seconds {'ahead of' if ahead > 0 else 'behind'} Chargebee's.",
                "Synchronize the clock of the workers (NTP).",
            )
        else:
            report.ok("connection", "The clocks of Chargebee and of this machine agree.")
    return True


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
    refused = {name.split()[1]: each.error for name, each in outcomes.items() if not each.is_ready}
    if refused and not ended:
        report.wrong("exports", f"No export was completed. The first answer: {next(iter(refused.values()))}")
    elif refused:
        for name, error in refused.items():
            report.attention(
                "exports",
                f"{name}: {error}",
                "Leave it out of resources, if the site does not have it (other catalog).",
            )


def report_filters(samples: Mapping[str, Sequence[SampleFile]], report: Report) -> None:
    """Report whether Chargebee honoured the filters.

    :param samples: the files of each resource's export of the far future.
    """
    ignored, honoured = list[str](), list[str]()
    for name, files in samples.items():
        rows = sum(each.rows or 0 for each in files)
        (ignored if rows else honoured).append(name)
        if rows:
            report.wrong(
                "filters",
                f"{name}: an export of the day {FAR_FUTURE.start:%Y-%m-%d} holds {rows} rows, so Chargebee ignored the filter.",
                "Leave it out of resources, or export it whole (snapshot=True), and ask Chargebee's support.",
            )
    if honoured:
        report.ok("filters", f"The filter by updated_at is honoured: {listed(honoured)}.")
    report.facts["filters"] = {"honoured": honoured, "ignored": ignored}
    report.facts["empty_exports"] = {
        name: [{"member": each.member, "bytes": each.size, "columns": each.columns} for each in files]
        for name, files in samples.items()
        if name in honoured
    }


def fetch_records(
    hook: ChargebeeHook, resource: str, ids: Sequence[str], report: Report
) -> dict[str, Mapping[str, Any]]:
    """Return records as the API has them, by id; those that can't be retrieved are left out."""
    found: dict[str, Mapping[str, Any]] = {}
    for record_id in ids:
        try:
            record = hook.get_record(resource, record_id)
        except ChargebeeExportError as error:
            report.attention(
                "look", f"{resource}: record {record_id!r} could not be retrieved through the API: {error}"
            )
            break
        if record is not None:
            found[record_id] = record
    return found
