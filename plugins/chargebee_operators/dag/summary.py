"""The task at the end of a run: one table in the log of what was written, failed or was skipped, and which time is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chargebee_operators._compat import Context, states_of_run
from chargebee_operators.chargebee.deletions import DELETED_RECORDS
from chargebee_operators.common.task_log import task_log
from chargebee_operators.dag.plan import PLAN, SKIPPED, WINDOW

log = task_log(__name__)

STEPS = ("start", "ready", "upload", "register")

_FAILED = ("failed", "upstream_failed")


@dataclass(frozen=True)
class Outcome:
    """What became of one resource in a run.

    :param resource: its name.
    :param result: in a few words.
    :param rows: of its own table; None when nothing was written, or they can't be counted.
    :param files: objects of all its tables; None when nothing was written.
    :param bytes: of all of them; likewise.
    :param is_trouble: whether a person has to do something.
    """

    resource: str
    result: str
    rows: int | None = None
    files: int | None = None
    bytes: int | None = None
    is_trouble: bool = False


def summarize(resources: Sequence[str], initial: Sequence[str], context: Context) -> None:
    """Log the table of a run.

    :param resources: the names of the DAG's resources.
    :param initial: the groups of snapshots that only a first run takes: ``customers.initial``. Left out where they are
        skipped, as in all runs but one.
    :param context: of the task.
    """
    ti = context["ti"]
    states = states_of_run(context, {PLAN, *(f"{name}.{step}" for name in [*resources, *initial] for step in STEPS)})
    window = ti.xcom_pull(task_ids=PLAN, key=WINDOW) or {}
    skipped = ti.xcom_pull(task_ids=PLAN, key=SKIPPED) or {}
    log.info("Run %s, %s", ti.run_id, _window(window))
    if states.get(PLAN) in _FAILED:
        log.warning("The task plan failed, so nothing was exported. Its log has the reason.")
    written = {name: ti.xcom_pull(task_ids=f"{name}.upload") for name in resources}
    outcomes = [outcome_of(name, states, written[name], skipped.get(name)) for name in resources]
    for name in initial:
        if states.get(f"{name}.upload") != "skipped":
            outcomes.append(outcome_of(name, states, ti.xcom_pull(task_ids=f"{name}.upload"), None))
    for line in table(outcomes):
        log.info("%s", line)
    for each in outcomes:
        if each.is_trouble:
            log.warning("%s: %s", each.resource, each.result)
    for line in [*gaps_of(written), *forgotten(written.get(DELETED_RECORDS))]:
        log.warning("%s", line)


def gaps_of(written: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each span of time that no run has exported, with the resources that lack it.

    :param written: resource -> what its upload task returned; None when it returned nothing.
    """
    lacking: dict[tuple[str, str, str | None], list[str]] = {}
    for resource, each in written.items():
        gap = each.get("gap_before") if isinstance(each, Mapping) else None
        if gap:
            lacking.setdefault((gap["from"], gap["to"], gap["command"]), []).append(resource)
    return [
        f"No run has exported the time from {start} to {end} of {', '.join(names)}. "
        + (f"Fill it: {command}" if command else "Export that window.")
        for (start, end, command), names in lacking.items()
    ]


def forgotten(written: Any) -> list[str]:
    """Return a sentence when Chargebee has forgotten events of the window, so that deletions may be missing.

    :param written: what the task returned that lists deletions; None when it returned nothing.
    """
    if not isinstance(written, Mapping) or "events_from" not in written:
        return []
    oldest, start = written["events_from"], written["window_start"]
    if oldest and oldest <= start:
        return []
    has = f"only events from {oldest} on" if oldest else "no events"
    return [f"{DELETED_RECORDS}: Chargebee has {has}, so deletions in this window may be missing."]


def outcome_of(resource: str, states: Mapping[str, str], written: Any, skipped: str | None) -> Outcome:
    """Return what became of a resource.

    :param states: of the run's tasks, by task id.
    :param written: what the upload task returned; None when it returned nothing.
    :param skipped: why the plan skipped the resource; None when it did not.
    """
    state = states.get(f"{resource}.upload", "not run")
    if state == "success" and isinstance(written, Mapping):
        rows = written.get("tables", {}).get(resource.partition(".")[0], {"rows": 0})["rows"]
        is_unregistered = states.get(f"{resource}.register", "success") != "success"
        result = "written, but not registered in Glue" if is_unregistered else "written"
        return Outcome(resource, result, rows, written.get("files"), written.get("bytes"), is_unregistered)
    if state == "success":
        return Outcome(resource, "marked as success by hand: nothing was written", is_trouble=True)
    if state == "skipped":
        return Outcome(resource, f"skipped: {skipped}" if skipped else "skipped by hand", is_trouble=not skipped)
    if state in _FAILED:
        broken = [step for step in STEPS if states.get(f"{resource}.{step}") == "failed"]
        return Outcome(
            resource, f"failed in {broken[0]}" if broken else "not run: plan failed", is_trouble=bool(broken)
        )
    return Outcome(resource, state, is_trouble=True)


def table(outcomes: Iterable[Outcome]) -> list[str]:
    """Return the lines of a table, with the sums at its end."""
    each = list(outcomes)
    known = [one.rows for one in each if one.files]
    rows = None if None in known else sum(known)  # type: ignore[arg-type]
    cells = [
        ("resource", "rows", "files", "bytes", "result"),
        *(
            (one.resource, _number(one.rows, one.files), _number(one.files), _number(one.bytes), one.result)
            for one in each
        ),
        (
            "all",
            _number(rows, 1),
            _number(sum(one.files or 0 for one in each)),
            _number(sum(one.bytes or 0 for one in each)),
            "",
        ),
    ]
    widths = [max(len(row[column]) for row in cells) for column in range(4)]
    return [
        f"{name:<{widths[0]}}  {rows:>{widths[1]}}  {files:>{widths[2]}}  {size:>{widths[3]}}  {result}".rstrip()
        for name, rows, files, size, result in cells
    ]


def _number(value: int | None, files: int | None = None) -> str:
    """Return a count; a question mark for rows of files that can't be counted, and nothing where nothing was written."""
    return f"{value:,}" if value is not None else "?" if files else ""


def _window(window: Mapping[str, str]) -> str:
    return f"window [{window['start']}, {window['end']})" if window.get("start") else "without a window"
