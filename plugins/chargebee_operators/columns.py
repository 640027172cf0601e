"""Which columns have come and gone since the partition before, and where that partition is. Pure.

A site's new custom field is a new column, and must not pass in silence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from string import Formatter
from typing import Any

from chargebee_operators.exceptions import ColumnsChangedError, SettingsError
from chargebee_operators.resources import nearest
from chargebee_operators.windows import compact, iso

COLUMN_CHANGES = ("warn", "fail", "off")
ALL_FILES = "*"

# How far back a partition is looked for: so many windows, two days where they are short; for snapshots 40 days.
WINDOWS_BACK, SHORTEST_BACK, SNAPSHOTS_BACK = 40, timedelta(days=2), timedelta(days=40)
# How many partitions are passed over because they have no manifest, or one without columns.
TRIES = 5

Changes = dict[str, dict[str, Any]]


def fold(name: str) -> str:
    """Return a name without case, brackets and blanks: ``Customer[Updated At]`` is ``customer_updated_at``."""
    return re.sub(r"[\W_]+", "_", name.lower()).strip("_")


def kind_of(member: str) -> str:
    """Return what a member is called without folder, ending and the number of its part: ``customers_2.csv`` is
    ``customers``.
    """
    last = re.split(r"[/\\]", member)[-1]
    stem = re.sub(r"\.csv$", "", last, flags=re.I)
    return re.sub(r"([ ._-]*(part)?[ ._-]*\(?\d+\)?)+$", "", stem, flags=re.I) or stem


def check_column_changes(mode: str) -> None:
    """Refuse an unknown ``column_changes``.

    :raises SettingsError: with the nearest right one.
    """
    if mode not in COLUMN_CHANGES:
        raise SettingsError(
            f"column_changes {mode!r} is not known{nearest(mode, COLUMN_CHANGES)}: "
            f"choose from {', '.join(COLUMN_CHANGES)}."
        )


def compare_columns(before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> Changes:
    """Return the columns that have come and gone, by the kind of file; empty when none have.

    A kind of file that has come or gone itself has no columns here, but ``file``: ``added`` or ``removed``. Where no
    kind is in both (nobody knows how Chargebee names them: there may be a date in the name), all files of a run are
    taken together, under the name ``*``.

    :param before: ``member`` and ``columns`` of each file of the earlier partition.
    :param now: the same of this one. Of files without columns only their being there counts.
    """
    earlier, later = _by_kind(before), _by_kind(now)
    if not any(earlier.values()) or not any(later.values()):
        return {}
    if not earlier.keys() & later.keys():
        earlier, later = {ALL_FILES: _together(earlier)}, {ALL_FILES: _together(later)}
    changes: Changes = {}
    for kind in later | earlier:
        old, new = earlier.get(kind), later.get(kind)
        if old and new:
            added, removed = [each for each in new if each not in old], [each for each in old if each not in new]
            if added or removed:
                changes[kind] = {"added": added, "removed": removed}
        elif old is None and new:
            changes[kind] = {"added": [], "removed": [], "file": "added"}
        elif new is None and old:
            changes[kind] = {"added": [], "removed": [], "file": "removed"}
    return changes


def tell_columns(changes: Changes) -> str:
    """Return the changes of columns as one sentence; empty when there are none."""
    told = []
    for kind, change in changes.items():
        parts = [f"{' and '.join(change[what])} {what}" for what in ("added", "removed") if change[what]]
        if parts:
            told.append(f"{'all files' if kind == ALL_FILES else kind}: {', '.join(parts)}")
    return f"The columns have changed since the partition before ({'; '.join(told)})." if told else ""


def tell_files(changes: Changes) -> str:
    """Return the kinds of file that have come and gone as one sentence; empty when none have."""
    told = [f"{kind} {change['file']}" for kind, change in changes.items() if "file" in change]
    return f"The files are not those of the partition before ({', '.join(told)})." if told else ""


def judge_columns(changes: Changes, mode: str) -> list[str]:
    """Return what the log and the manifest should warn of.

    :param mode: ``warn`` or ``fail``.
    :raises ColumnsChangedError: in mode ``fail``, when columns have changed. Files that come and go are no reason: on a
        quiet day one of related things may be missing.
    """
    columns, files = tell_columns(changes), tell_files(changes)
    if columns and mode == "fail":
        raise ColumnsChangedError(
            f"{columns} Nothing was published. When whoever reads them is ready for it, run once with "
            "column_changes='warn'."
        )
    return [each for each in (columns, files) if each]


def _by_kind(files: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, None]]:
    """Return the columns of each kind of file, in order; parts of one kind are taken together."""
    kinds: dict[str, dict[str, None]] = {}
    for each in files:
        members = each.get("member_columns") or {each.get("member", ""): each.get("columns") or []}
        for member, columns in members.items():
            kinds.setdefault(kind_of(str(member)), {}).update(dict.fromkeys(columns))
    return kinds


def _together(kinds: Mapping[str, dict[str, None]]) -> dict[str, None]:
    return {column: None for columns in kinds.values() for column in columns}


def files_of(manifest: str | None) -> list[Mapping[str, Any]]:
    """Return the files that a manifest lists; none when it can't be read as one."""
    try:
        files = json.loads(manifest or "").get("files", [])
        return [each for each in files if isinstance(each, dict)]
    except (ValueError, AttributeError, TypeError):
        return []


def previous_files(
    template: str,
    values: Mapping[str, str],
    manifest_name: str,
    start: datetime | None,
    length: timedelta | None,
    list_prefixes: Callable[[str, str], Sequence[str]],
    read: Callable[[str], str | None],
) -> list[Mapping[str, Any]]:
    """Return the files of the last committed partition before this one; none when there is none near.

    It works where the window stands in the last piece of the prefix, as in the default ``.../{partition}``, and the
    manifest within. Elsewhere only the partition's own earlier manifest can tell.

    :param template: the partition's prefix, its Jinja rendered and its placeholders not filled.
    :param values: what the placeholders stand for.
    :param manifest_name: the manifest's name within the prefix, filled.
    :param start: the start of this partition's window, or when the snapshot was taken.
    :param length: of its window; None for a snapshot.
    :param list_prefixes: given the start of a prefix and what to begin behind, returns the common prefixes up to the
        next ``/``, in order, as S3's ``ListObjectsV2`` does; its first page is enough.
    :param read: given a key, returns the object's text, or None when there is none.
    """
    parent, slash, last = template.strip("/").rpartition("/")
    name = _window_placeholder(last)
    if start is None or name is None:
        return []
    back = start - (max(WINDOWS_BACK * length, SHORTEST_BACK) if length else SNAPSHOTS_BACK)
    kind, equals, _ = values[name].rpartition("=")
    behind = f"{kind}{equals}{compact(back) if name == 'partition' else iso(back)}"
    root = f"{parent.format(**values)}{slash}"
    own = f"{root}{last.format(**values)}/"
    siblings = f"{root}{last.partition(f'{{{name}}}')[0].format(**values)}{kind}{equals}"
    found = list_prefixes(siblings, f"{root}{last.format(**{**values, name: behind})}")
    for prefix in sorted((each for each in found if each < own), reverse=True)[:TRIES]:
        files = files_of(read(f"{prefix}{manifest_name}"))
        if any(_by_kind(files).values()):
            return files
    return []


def _window_placeholder(piece: str) -> str | None:
    """Return the placeholder by which partitions sort in time, if only what is the same for all stands before it."""
    for _, name, _, _ in Formatter().parse(piece):
        if name in ("partition", "window_start"):
            return name
        if name not in (None, "site", "resource"):
            return None
    return None
