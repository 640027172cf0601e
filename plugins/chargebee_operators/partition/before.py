"""Which partitions come before and after this one in time, whatever the layout of the keys. Pure.

The time is looked for in the manifest's own key, as it was filled in: ``.../{partition}/_manifest.json``,
``.../dt={{ ds }}/...``, ``year=2026/month=11/day=23/resource=customers/...`` and ``_manifests/customers-2026-11-23.json``
all tell it. What differs in nothing but the time is a partition of the same data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

from chargebee_operators.chargebee.windows import Window, as_utc
from chargebee_operators.checks.columns import absent_of, files_of, has_columns, read_manifest

# How far back S3 is asked at first: so many windows, two days where they are short; for snapshots 40 days. All of it only
# when there is nothing so near.
WINDOWS_BACK, SHORTEST_BACK, SNAPSHOTS_BACK = 40, timedelta(days=2), timedelta(days=40)
# How many partitions are looked at, for some have no manifest, or one without columns.
TRIES = 10

# How a time may stand in a key; each sorts as time does. The short ones are a time only where they fill a piece of the key,
# or its value: ``month=11``.
_LONG = (
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M:%S",
    "%Y%m%dT%H%M%S",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%dT%H",
    "%Y-%m-%d-%H",
    "%Y-%m-%d",
    "%Y%m%d%H",
    "%Y%m%d",
)
_SHORT = ("%Y-%m", "%Y%m", "%Y", "%m", "%d", "%H")
# A date may be the site's own, up to so far from UTC.
_ZONES = (timedelta(0), timedelta(hours=14), timedelta(hours=-12))

# Given what keys begin with, what they come after and what in front of (None for no end), returns the keys and the common
# prefixes up to the next ``/``, in order, as S3's ``ListObjectsV2`` does.
List = Callable[[str, str, "str | None"], Sequence[str]]


class Before(NamedTuple):
    """The partition before.

    :param key: of its manifest; empty when there is none.
    :param manifest: what it says.
    """

    key: str
    manifest: Mapping[str, Any]


class _Piece(NamedTuple):
    """The text between two slashes of the key.

    :param ahead: the text ahead of the time in it.
    :param format: the time's, for ``strftime``; None where there is no time.
    :param moment: the time, as it is written there.
    """

    text: str
    ahead: str = ""
    format: str | None = None
    moment: datetime | None = None


def partition_before(
    key: str,
    time: datetime,
    length: timedelta | None,
    list_entries: List,
    read: Callable[[str], str | None],
    is_alike: Callable[[Mapping[str, Any]], bool],
) -> Before:
    """Return the last committed partition before this one.

    Partitions without columns are passed over, as on quiet days; when there are no others near, one of them tells what
    it carries.

    :param key: of this partition's manifest.
    :param time: the start of its window, or when its snapshot was taken.
    :param length: of its window; None for a snapshot.
    :param read: given a key, returns the object's text, or None when there is none.
    :param is_alike: whether a manifest is one of the same data, and before this one.
    """
    quiet = Before("", {})
    for other in islice(earlier_keys(key, time, length, list_entries), TRIES):
        manifest = read_manifest(read(other))
        if not is_alike(manifest):
            continue
        if has_columns(files_of(manifest)):
            return Before(other, manifest)
        if not quiet.key and absent_of(manifest):
            quiet = Before(other, manifest)
    return quiet


def earlier_keys(key: str, time: datetime, length: timedelta | None, list_entries: List) -> Iterator[str]:
    """Yield the keys of manifests before this one, the latest first; whether they exist has to be looked at.

    :param key: of this partition's manifest.
    :param time: the start of its window, or when its snapshot was taken.
    :param length: of its window; None for a snapshot.
    """
    pieces = _pieces(key, time)
    seen: set[str] = set()
    for back in (max(WINDOWS_BACK * length, SHORTEST_BACK) if length else SNAPSHOTS_BACK, None):
        for other in _earlier("", pieces, list_entries, back):
            if other not in seen:
                seen.add(other)
                yield other


def later_keys(key: str, window: Window, list_entries: List) -> Iterator[str]:
    """Yield the keys of manifests after this one, the earliest first, also of some that start after the window.

    :param key: of this partition's manifest.
    :param window: its window.
    """
    yield from _later("", _pieces(key, window.start), window.end - window.start, list_entries)


def _pieces(key: str, time: datetime) -> list[_Piece]:
    """Return the pieces of a key; none when it does not tell the time."""
    pieces = [_piece(text, as_utc(time)) for text in key.split("/")]
    return pieces if any(each.format for each in pieces) else []


def _piece(text: str, time: datetime) -> _Piece:
    for form in _LONG:
        for zone in _ZONES:
            at = text.find((time + zone).strftime(form))
            if at >= 0:
                return _Piece(text, text[:at], form, time + zone)
    _, _, value = text.rpartition("=")
    for form in _SHORT:
        for zone in _ZONES:
            if value == (time + zone).strftime(form):
                return _Piece(text, text.removesuffix(value), form, time + zone)
    return _Piece(text)


def _earlier(
    root: str, pieces: Sequence[_Piece], list_entries: List, back: timedelta | None, own: bool = True
) -> Iterator[str]:
    """Yield the keys of manifests before this one, the latest first; whether they are there has to be seen.

    :param root: the pieces before these, as they are in the other key.
    :param back: how far; None for as far as there are any.
    :param own: whether the root is that of this partition's own key.
    """
    if not pieces:
        if not own:
            yield root
        return
    piece, *rest = pieces
    end = "/" if rest else ""
    mine = f"{root}{piece.text}{end}"
    if piece.format is None or piece.moment is None:
        yield from _earlier(mine, rest, list_entries, back, own)
        return
    if own and any(each.format for each in rest):
        yield from _earlier(mine, rest, list_entries, None, own)
    head = f"{root}{piece.ahead}"
    behind = f"{head}{(piece.moment - back).strftime(piece.format)}" if back else ""
    for each in sorted(list_entries(head, behind, mine if own else None), reverse=True):
        if each.endswith("/") == bool(rest):
            yield from _earlier(each, rest, list_entries, None, own=False)


def _later(
    root: str, pieces: Sequence[_Piece], length: timedelta, list_entries: List, own: bool = True
) -> Iterator[str]:
    """Yield the keys of manifests after this one, the earliest first; as ``_earlier`` does for those before.

    :param length: of the window. Where one piece tells the time, the list ends at the window's end.
    """
    if not pieces:
        if not own:
            yield root
        return
    piece, *rest = pieces
    end = "/" if rest else ""
    mine = f"{root}{piece.text}{end}"
    if piece.format is None or piece.moment is None:
        yield from _later(mine, rest, length, list_entries, own)
        return
    is_only = not any(each.format for each in rest)
    if own and not is_only:
        yield from _later(mine, rest, length, list_entries, own)
    head = f"{root}{piece.ahead}"
    bounded = own and is_only and piece.format in _LONG
    until = f"{head}{(piece.moment + length).strftime(piece.format)}" if bounded else None
    for each in sorted(list_entries(head, mine if own else "", until)):
        if each.endswith("/") == bool(rest) and (each > mine or not own):
            yield from _later(each, rest, length, list_entries, own=False)
