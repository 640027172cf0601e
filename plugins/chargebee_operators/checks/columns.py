"""Which columns were added, removed or moved since the partition before. Pure.

A site's new custom field is a new column, and must be reported. A file without rows may be missing on a quiet day. So each
manifest carries the last known columns of the files that it lacks, taken from the partition before it in time, and the
comparison reaches over gaps of any length. A backfill that fills a gap later does not change what other manifests carry.
"""

from __future__ import annotations

import json
import re
import string
from bisect import bisect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from chargebee_operators.common.exceptions import ColumnsChangedError, SettingsError
from chargebee_operators.common.foreign_text import clean, listed
from chargebee_operators.common.spelling import nearest
from chargebee_operators.formats.column_names import unique_names

COLUMN_CHANGES = ("warn", "fail", "off")
ALL_FILES = "*"

# What a partition is compared with, in the words of a sentence.
BEFORE, REPLACED = "the partition before", "the partition that this run replaces"

# How many kinds of file that are not there a manifest remembers, those of the latest partitions first.
MOST_ABSENT = 50

# Of how many kinds of file one sentence tells the columns.
_MOST_TOLD = 10

# What comes between a name and the number of its part.
_BETWEEN = " ._-"

Changes = dict[str, dict[str, Any]]


def fold(name: str) -> str:
    """Return a name without case, brackets and blanks: ``Customer[Updated At]`` is ``customer_updated_at``, and so is
    ``customerUpdatedAt``.
    """
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[\W_]+", "_", apart.lower()).strip("_")


def kind_of(member: str) -> str:
    """Return what a member is called without folder, ending and the number of its part: ``customers_2.csv`` is
    ``customers``.
    """
    last = re.split(r"[/\\]", member)[-1]
    stem = re.sub(r"\.csv$", "", last, flags=re.I)
    return _without_numbers(stem) or stem


def _without_numbers(stem: str) -> str:
    """Return a name without the numbers at its end, each with what leads up to it: ``_2``, ``.part(3)``."""
    # Not one pattern with a repeat: names are foreign, and a long run of digits would keep it busy for ever.
    while True:
        numbered = stem.removesuffix(")")
        front = numbered.rstrip(string.digits)
        if front == numbered:
            return stem
        stem = front.removesuffix("(").rstrip(_BETWEEN)
        if stem.lower().endswith("part"):
            stem = stem[: -len("part")].rstrip(_BETWEEN)


def check_column_changes(mode: str) -> None:
    """Refuse an unknown ``column_changes``.

    :raises SettingsError: with the nearest right one.
    """
    if mode not in COLUMN_CHANGES:
        raise SettingsError(
            f"column_changes {mode!r} is not known{nearest(mode, COLUMN_CHANGES)}: "
            f"choose from {', '.join(COLUMN_CHANGES)}."
        )


def compare_columns(
    before: Sequence[Mapping[str, Any]],
    now: Sequence[Mapping[str, Any]],
    absent: Mapping[str, Sequence[str]] | None = None,
) -> Changes:
    """Return the columns that were added, removed or moved, by the kind of file; empty when none were.

    ``moved`` is there only when columns are in another order, as few of them as explain it. Readers that take columns by
    their position, as CSV tables of Athena and Spark do, then take one for another.

    A kind of file that has come or gone itself has no columns here, but ``file``: ``added`` or ``removed``. One that is
    back is compared with what it was, and not reported when it is the same. Where no kind is in both (nobody knows how
    Chargebee names them: there may be a date in the name), all files of a run are taken together, under the name ``*``.

    :param before: ``member`` and ``columns`` of each file of the earlier partition.
    :param now: the same of this one. Of files without columns only their being there counts.
    :param absent: kind of file -> last known columns of those that the earlier partition has not.
    """
    earlier, later = _by_kind(before), _by_kind(now)
    last = _last_known(earlier, absent)
    if not last or not any(later.values()):
        return {}
    if not (last | earlier).keys() & later.keys():
        last = earlier = {ALL_FILES: _together(earlier) or _together(last)}
        later = {ALL_FILES: _together(later)}
    changes: Changes = {}
    for kind in later | earlier:
        old, new = last.get(kind), later.get(kind)
        if old and new:
            if change := _change(list(old), list(new), ordered=kind != ALL_FILES):
                changes[kind] = change
        elif kind not in earlier and new:
            changes[kind] = {"added": [], "removed": [], "file": "added"}
        elif kind not in later and earlier[kind]:
            changes[kind] = {"added": [], "removed": [], "file": "removed"}
    return changes


def _change(old: list[str], new: list[str], ordered: bool) -> dict[str, Any]:
    """Return what was added, removed and moved; empty when nothing was. The names in full are in each file's columns."""
    was, now = set(old), set(new)
    change = {
        "added": [clean(each) for each in new if each not in was],
        "removed": [clean(each) for each in old if each not in now],
    }
    moved = _moved([each for each in old if each in now], [each for each in new if each in was]) if ordered else []
    if moved:
        change["moved"] = [clean(each) for each in moved]
    return change if any(change.values()) else {}


def _moved(old: list[str], new: list[str]) -> list[str]:
    """Return the least number of names whose move explains another order of the same names."""
    place = {name: number for number, name in enumerate(old)}
    # The longest row of names that kept their order stays; for each length, the row whose last name stood first.
    ends: list[int] = []
    before: dict[int, int | None] = {}
    for name in new:
        at = bisect(ends, place[name])
        before[place[name]] = ends[at - 1] if at else None
        ends[at : at + 1] = [place[name]]
    kept, last = set(), ends[-1] if ends else None
    while last is not None:
        kept.add(last)
        last = before[last]
    return [name for name in new if place[name] not in kept]


def columns_of_absent(
    before: Sequence[Mapping[str, Any]],
    now: Sequence[Mapping[str, Any]],
    absent: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, list[str]]:
    """Return the last known columns of each kind of file that was there before, and is not now or without a header.

    There are none where the names tell nothing, because no kind is in both.

    :param before: as for ``compare_columns``, and so the others.
    """
    earlier, later = _by_kind(before), _by_kind(now)
    last = _last_known(earlier, absent)
    if any(later.values()) and not (last | earlier).keys() & later.keys():
        return {}
    gone = [kind for kind in last if not later.get(kind)]
    return {kind: list(last[kind]) for kind in gone[:MOST_ABSENT]}


def lost_file(
    before: Sequence[Mapping[str, Any]],
    now: Sequence[Mapping[str, Any]],
    absent: Mapping[str, Sequence[str]] | None,
    is_own: Callable[[str], bool],
) -> str | None:
    """Return the kind of the own file that was there before and is not now, though other files are; None when there is none.

    It is not lost where another file has all its columns: that is the same file with another name.

    :param before: as for ``compare_columns``, and so ``now`` and ``absent``.
    :param is_own: whether a kind is that of the exported records themselves.
    """
    later = _by_kind(now)
    if not any(later.values()) or any(map(is_own, later)):
        return None
    for kind, columns in _last_known(_by_kind(before), absent).items():
        if is_own(kind) and not any(columns.keys() <= each.keys() for each in later.values()):
            return kind
    return None


def tell_columns(changes: Changes, other: str = BEFORE) -> str:
    """Return the changes of columns as one sentence; empty when there are none.

    :param other: what the columns were compared with.
    """
    sentences = []
    for kind, change in changes.items():
        parts = [f"{listed(change[what])} {what}" for what in ("added", "removed", "moved") if change.get(what)]
        if parts:
            sentences.append(f"{'all files' if kind == ALL_FILES else clean(kind)}: {', '.join(parts)}")
    more = [f"and {len(sentences) - _MOST_TOLD:,} more files"] if len(sentences) > _MOST_TOLD else []
    sentences = [*sentences[:_MOST_TOLD], *more]
    return f"The columns are not those of {other} ({'; '.join(sentences)})." if sentences else ""


def tell_files(changes: Changes, other: str = BEFORE) -> str:
    """Return the kinds of file that have come and gone as one sentence; empty when none have.

    It is no warning: on a quiet day there is nothing of a related kind, and Chargebee may then leave its file out.

    :param other: what the files were compared with.
    """
    sentences = [f"{clean(kind)} {change['file']}" for kind, change in changes.items() if "file" in change]
    return f"The files are not those of {other} ({listed(sentences, last=', ')})." if sentences else ""


def judge_columns(changes: Changes, mode: str, other: str = BEFORE) -> list[str]:
    """Return what the log and the manifest should warn of: files that come and go are not, see ``tell_files``.

    :param mode: ``warn`` or ``fail``.
    :param other: what the columns were compared with.
    :raises ColumnsChangedError: in mode ``fail``, when columns have changed.
    """
    columns = tell_columns(changes, other)
    if columns and mode == "fail":
        raise ColumnsChangedError(
            f"{columns} Nothing was published. When their readers are ready for it, run once with "
            "column_changes='warn'."
        )
    return [columns] if columns else []


def _by_kind(files: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, None]]:
    """Return the columns of each kind of file, in order; parts of one kind are taken together."""
    kinds: dict[str, dict[str, None]] = {}
    for each in files:
        columns = each.get("exported_columns") or each.get("columns") or []
        members = each.get("member_columns") or {each.get("member", ""): columns}
        for member, columns in members.items():
            kinds.setdefault(kind_of(str(member)), {}).update(_names(columns))
    return kinds


def has_columns(files: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether one of a manifest's files has columns."""
    return any(_by_kind(files).values())


def _together(kinds: Mapping[str, dict[str, None]]) -> dict[str, None]:
    return {column: None for columns in kinds.values() for column in columns}


def _last_known(
    earlier: Mapping[str, dict[str, None]], absent: Mapping[str, Sequence[str]] | None
) -> dict[str, dict[str, None]]:
    """Return the last known columns of each kind of file, those of the latest partition first."""
    known = {kind: columns for kind, columns in earlier.items() if columns}
    return known | {kind: _names(each) for kind, each in (absent or {}).items() if each and kind not in known}


def _names(columns: Iterable[Any]) -> dict[str, None]:
    return dict.fromkeys(unique_names(map(str, columns)))


def read_manifest(text: str | None) -> Mapping[str, Any]:
    """Return what an earlier manifest says; empty when it can't be read as one."""
    try:
        document = json.loads(text or "")
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def files_of(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the files that a manifest lists, and those without rows, whose columns it tells though they gave no object."""
    read = [each for each in _dicts(manifest.get("left_out")) if isinstance(each.get("columns"), list)]
    return _dicts(manifest.get("files")) + read


def _dicts(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def absent_of(manifest: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the columns of the files that a manifest knows of and has not; none in one of an earlier version."""
    absent = manifest.get("absent_files")
    return {k: each for k, each in absent.items() if isinstance(each, list)} if isinstance(absent, dict) else {}
