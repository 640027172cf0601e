"""Which files of an export count in the comparison with the window. Pure.

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

from collections.abc import Iterable

from chargebee_operators.checks.window_check import WindowCheck
from chargebee_operators.checks.window_result import WindowResult
from chargebee_operators.common.wording import counted


def choose_files(checks: Iterable[WindowCheck]) -> list[WindowResult]:
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
                f"{found.outside} of its {counted(found.checked, 'row')} lie outside the window, but {what} {other[0].member}, "
                f"so it {'is taken for' if inside else 'may be'} a file of related things"
            )
    return [each.result for each in checks]


def _sum(checks: Iterable[WindowCheck], *names: str) -> int:
    return sum(getattr(each.result, name) for each in checks for name in names)
