"""What the comparisons of an export's files with the window come to together. Pure.

An export may also hold files of related things (contacts, line items) with clocks of their own, whose rows may lie
anywhere. Which files count shows once all have been read:

- The record's own file counts: it is called after the resource, or its clock after the record
  (``customer[updated_at]``). Beside it no other file counts. Should its clock not be found, only a ``window_column`` that
  was given by hand is looked at in the others.
- Where no file is known for the record's own, each with a likely clock may be it. A filter that was ignored exports all
  of history, into all of them. So rows outside count only when every one that has rows has some; files with the same
  header are parts of one. If one has rows inside alone, it is taken for the record's own, and those that have some
  outside are set aside. If one has rows whose clocks can't be read, it may be the record's own, so the others are set
  aside too, with a warning.

That can fail a right export in one case alone: when the record's own file is neither called after it nor has rows with a
clock that is found, and all files that have some are of related things.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.checks.window_check import NO_ROWS, NO_WINDOW, WindowCheck, window_for
from chargebee_operators.checks.window_result import WindowResult
from chargebee_operators.common.exceptions import SettingsError, WindowCheckError
from chargebee_operators.common.spelling import nearest

WINDOW_CHECKS = ("fail", "warn", "off")


def settle(checks: Iterable[WindowCheck]) -> list[WindowResult]:
    """Return the results of an export's files, those set aside that may be of related things.

    :param checks: of all its files, each after its ``finish``.
    """
    checks = list(checks)
    likely = [each for each in checks if each.is_found and not each.is_own]
    own = next((each for each in checks if each.is_own and (each.is_found or not each.by_hand)), None)
    if own:
        for each in likely:
            each.set_aside(f"it may hold related things, for {own.member} is the export's own file")
        return [each.result for each in checks]
    files: dict[tuple[str, ...], list[WindowCheck]] = {}
    for each in likely:
        files.setdefault(each.columns, []).append(each)
    inside = [parts for parts in files.values() if not _sum(parts, "outside") and _sum(parts, "checked")]
    unread = [parts for parts in files.values() if not _sum(parts, "checked") and _sum(parts, "unread", "empty")]
    outside = [each for parts in files.values() if _sum(parts, "outside") for each in parts]
    for other in (inside or unread)[:1]:
        what = "none of those in" if inside else "no time can be read in"
        for each in outside:
            found = each.result
            each.set_aside(
                f"{found.outside} of its {found.checked} rows lie outside the window, but {what} {other[0].member}, "
                f"so it {'is taken for' if inside else 'may be'} a file of related things"
            )
    return [each.result for each in checks]


def _sum(checks: Iterable[WindowCheck], *names: str) -> int:
    return sum(getattr(each.result, name) for each in checks for name in names)


def check_mode(mode: str) -> None:
    """Refuse an unknown ``window_check``.

    :raises SettingsError: with the nearest right one.
    """
    if mode not in WINDOW_CHECKS:
        raise SettingsError(
            f"window_check {mode!r} is not known{nearest(mode, WINDOW_CHECKS)}: choose from {', '.join(WINDOW_CHECKS)}."
        )


def judge_window(results: Sequence[WindowResult], mode: str, job: JobRecord) -> list[str]:
    """Return what the log and the manifest should warn of.

    :param results: of each file, as ``settle`` returns them.
    :param mode: ``fail`` or ``warn``.
    :param job: the job.
    :raises WindowCheckError: in mode ``fail``, when a row lies outside.
    """
    warnings = []
    outside = [each for each in results if each.outside]
    if outside:
        first = next((each for each in outside if each.example_id is not None), outside[0])
        example = "" if first.example_id is None else f" (one of them has the id {first.example_id!r})"
        count, checked = sum(each.outside for each in outside), sum(each.checked for each in results)
        found = (
            f"Export {job.export_id}: {count} of {checked} rows have their {first.column} outside the window "
            f"{window_for(job)}{example}. Chargebee ignored the filter and exported more than was asked for."
        )
        if mode == "fail":
            raise WindowCheckError(
                f"{found} Nothing was published. Compare the filters in the job record with Chargebee's documentation; "
                "if the rows are right after all, name the clock's column as window_column, or land them with "
                "window_check='warn'."
            )
        warnings.append(found)
    if not any(each.is_compared for each in results):
        reasons = [each for each in results if each.not_checked not in (None, NO_WINDOW, NO_ROWS)]
        if reasons:
            told = "; ".join(f"{each.member}: {each.not_checked}" for each in reasons[:3])
            warnings.append(
                f"The rows were not compared with the window ({told}); window_column names the column, and window_format says "
                "how its times are written."
            )
    unread = sum(each.unread for each in results if each.checked)
    if unread:
        warnings.append(f"{unread} rows have a time in a format that is not known, and were not compared.")
    return warnings
