"""Whether an export holds the requested window, and by what that is proven. Pure.

The proofs, in this order:

1. ``column``: the time of each row was compared.
2. ``empty``: the export has no rows. An ignored filter would have brought all records.
3. ``spot_check``: a few records were retrieved through the API, and their times compared.
"""

from __future__ import annotations

from collections.abc import Sequence

from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.chargebee.windows import Window, parse_instant
from chargebee_operators.checks.record_id import Trust
from chargebee_operators.checks.spot_check import Fetch, spot_check
from chargebee_operators.checks.window_check import WindowCheck, window_for
from chargebee_operators.checks.window_files import choose_files
from chargebee_operators.checks.window_proof import WindowProof
from chargebee_operators.checks.window_result import WindowResult
from chargebee_operators.common.exceptions import SettingsError, WindowCheckError
from chargebee_operators.common.foreign_text import clean
from chargebee_operators.common.spelling import nearest
from chargebee_operators.common.wording import counted

WINDOW_CHECKS = ("fail", "require", "warn", "off")
# Chargebee's ids have at most 50 characters, or 100. Longer text is none, and belongs in no request and in no log.
_LONGEST_ID = 200
_IGNORED = "Chargebee ignored the filter and exported more than was requested."
_MEND = (
    "Nothing was published. Compare the filters in the job record with Chargebee's documentation, and ask Chargebee's "
    "support. window_check='warn' still publishes the export."
)


def check_mode(mode: str) -> None:
    """Refuse an unknown ``window_check``.

    :raises SettingsError: with the nearest right one.
    """
    if mode not in WINDOW_CHECKS:
        raise SettingsError(
            f"window_check {mode!r} is not known{nearest(mode, WINDOW_CHECKS)}: choose from {', '.join(WINDOW_CHECKS)}."
        )


def judge_window(
    checks: Sequence[WindowCheck], mode: str, job: JobRecord, fetch: Fetch | None = None
) -> tuple[WindowProof | None, list[str]]:
    """Return what the window was confirmed by, and what the log and the manifest should warn of.

    :param checks: of the export's files, each after its ``finish``.
    :param mode: ``fail``, ``require`` or ``warn``.
    :param job: the job.
    :param fetch: retrieves a record for the spot check; None where Chargebee has no such call.
    :return: no proof for an export without a window.
    :raises WindowCheckError: when the rows do not belong to the window, unless the mode is ``warn``; in mode ``require``
        also when nothing could be proven.
    """
    results, window = choose_files(checks), window_for(job)
    if window is None:
        return None, []
    proof = _outside(results, job, window) or _inside(checks, results) or _by_spot_check(checks, job, window, fetch)
    warnings = _misnamed_column(checks)
    if proof.by != "none" and not proof.confirmed:
        if mode != "warn":
            raise WindowCheckError(f"Export {job.export_id}: {proof.says} {_MEND}")
        warnings.append(proof.says)
    elif not proof.confirmed and mode == "require":
        raise WindowCheckError(
            f"Export {job.export_id}: nothing proves that its rows belong to the window, and window_check is 'require'. "
            f"{proof.says} Nothing was published."
        )
    return proof, warnings


def _outside(results: Sequence[WindowResult], job: JobRecord, window: Window) -> WindowProof | None:
    """Return the proof that rows lie outside the window; None when none does."""
    outside = [each for each in results if each.outside]
    if not outside:
        return None
    first = next((each for each in outside if each.example_id is not None), outside[0])
    example = "" if first.example_id is None else f", for example the row with the id {clean(repr(first.example_id))}"
    count, checked = sum(each.outside for each in outside), sum(each.checked for each in results)
    where = f"have their {clean(first.column)} outside the window {window}"
    if first.one_sided:
        where = (
            f"were created ({clean(first.column)}) after the end of the window {window}, so they did not change in it"
        )
    return WindowProof("column", False, f"{count} of {counted(checked, 'row')} {where}{example}. {_IGNORED}")


def _inside(checks: Sequence[WindowCheck], results: Sequence[WindowResult]) -> WindowProof | None:
    """Return the proof by the rows themselves; None when they prove nothing."""
    compared = [each for each in results if each.is_compared]
    if compared:
        count, unread = sum(each.checked for each in compared), sum(each.unread for each in compared)
        rest = f", and has an unknown format in {counted(unread, 'more row', 'more rows')}" if unread else ""
        return WindowProof(
            "column", True, f"{clean(compared[0].column)} was compared in {counted(count, 'row')}{rest}."
        )
    own = [each for each in checks if each.is_own] or list(checks)
    if not any(each.has_rows for each in own):
        return WindowProof("empty", True, "The export has no rows.")
    return None


def _by_spot_check(checks: Sequence[WindowCheck], job: JobRecord, window: Window, fetch: Fetch | None) -> WindowProof:
    """Return what a few records say, retrieved through the API."""
    ids = _drawn_ids(checks)
    if not ids:
        reasons = "; ".join(f"{each.member}: {each.result.not_checked}" for each in checks if each.has_rows)
        says = f"No column shows the {job.window_field}, and none the ids of the records ({reasons[:300]})."
        return WindowProof("none", False, says)
    if fetch is None:
        return WindowProof(
            "none", False, f"No column shows the {job.window_field}, and Chargebee has no call to retrieve one record."
        )
    requested_at = parse_instant(job.requested_at, "requested_at")
    found = spot_check(ids, window, job.window_field or "", requested_at, fetch)
    if found.outside:
        record_id, time = found.outside
        says = f"Record {record_id!r} has the {job.window_field} {time}, outside the window {window}. {_IGNORED}"
        return WindowProof("spot_check", False, says)
    if found.inside:
        names = " and ".join(repr(each) for each in found.inside)
        return WindowProof(
            "spot_check", True, f"Retrieved through the API, the {job.window_field} of {names} is inside."
        )
    return WindowProof("none", False, f"No record could be checked through the API: {'; '.join(found.unknown[:3])}.")


def _drawn_ids(checks: Sequence[WindowCheck]) -> list[str]:
    """Return ids of the exported records, from the files that are most surely theirs."""
    with_id = [(each, each.id) for each in checks if each.id is not None and each.drawn_ids]
    best = max((found.trust for _, found in with_id), default=None)
    chosen = [each for each, found in with_id if found.trust == best]
    if best is Trust.PERHAPS and len({each.columns for each in checks if each.has_rows}) > 1:
        return []  # the ids may be those of related things
    # One of each part in turn, so that no part speaks for all.
    drawn = [each.drawn_ids for each in chosen]
    mixed = [ids[at] for at in range(max(map(len, drawn), default=0)) for ids in drawn if at < len(ids)]
    return [each for each in dict.fromkeys(mixed) if len(each) <= _LONGEST_ID]


def _misnamed_column(checks: Sequence[WindowCheck]) -> list[str]:
    """Return a warning where ``window_column`` names a column that no file has."""
    with_rows = [each for each in checks if each.by_hand and each.has_rows]
    if not with_rows or any(each.is_found for each in checks):
        return []
    reasons = "; ".join(f"{each.member}: {each.result.not_checked}" for each in with_rows[:3])
    return [f"window_column was not found ({reasons}). Write it as the header spells it, or leave it out."]
