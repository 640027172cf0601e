"""A zip's directory and the records at its end, read as they stream by or out of order. Format: PKWARE APPNOTE 6.3."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from chargebee_operators.archive.byte_source import ByteSource
from chargebee_operators.archive.records import (
    CENTRAL,
    END,
    END64,
    LOCATOR64,
    MAX16,
    MAX32,
    MAX_MEMBERS,
    Entry,
    check_members,
    in_parts,
    read_central_entry,
)
from chargebee_operators.common.exceptions import ArchiveError, UnsafeArchiveError
from chargebee_operators.common.wording import counted

# The end record, the longest comment there can be, and the 64-bit locator before them.
_TAIL = 22 + MAX16 + 20
# The 64-bit end record, which writers may lengthen, is never this long.
_MAX_END64 = 1 << 16
# A directory of 10,000 members is about 1 MB.
_MAX_DIRECTORY = 64 << 20
# Zero bytes that may follow the end: bsdtar and others fill up the last block of what they write.
_MAX_PADDING = 1 << 20


@dataclass(frozen=True)
class DirectoryEnd:
    """What the records at a zip's end say of its directory.

    :param entries: how many there are.
    :param length: in bytes.
    :param offset: where it begins.
    """

    entries: int
    length: int
    offset: int


def read_end(source: ByteSource, signature: bytes) -> DirectoryEnd:
    """Read what follows the directory's entries, to the zip's last byte.

    :param signature: the four bytes that were read already.
    """
    wide: tuple[int, int, int] | None = None
    where = source.position - len(signature)
    if signature == END64:
        (size,) = struct.unpack("<Q", source.exactly(8, "the directory's end"))
        if not 44 <= size <= _MAX_END64:
            raise ArchiveError("The zip is damaged: the 64-bit record at its end has an impossible size.")
        disk, start_disk, _, *counts = struct.unpack_from("<4xIIQQQQ", source.exactly(size, "the directory's end"))
        if disk or start_disk:
            raise in_parts()
        wide = (counts[0], counts[1], counts[2])
        signature = source.upto(4)
        if signature == LOCATOR64:
            source.exactly(16, "the directory's end")
            signature = source.upto(4)
        where = source.position - len(signature)
    if signature != END:
        belongs = "there is something that does not belong between members"
        what = belongs if len(signature) == 4 else "it is cut short"
        raise ArchiveError(f"The zip is damaged at byte {where}: {what}.")
    fixed = source.exactly(18, "the directory's end")
    disk, start_disk, _, entries, length, offset, comment_size = struct.unpack("<HHHHIIH", fixed)
    source.exactly(comment_size, "the comment")
    _skip_padding(source)
    full = MAX16 if wide else 0
    if disk not in (0, full) or start_disk not in (0, full):
        raise in_parts()
    if wide:
        entries = wide[0] if entries == MAX16 else entries
        length = wide[1] if length == MAX32 else length
        offset = wide[2] if offset == MAX32 else offset
    return DirectoryEnd(entries, length, offset)


def read_directory(read: Callable[[int, int], bytes], size: int, max_members: int = MAX_MEMBERS) -> dict[int, Entry]:
    """Read a zip's directory out of order, and return its entries by the offset of their local headers.

    :param read: gives the bytes from an offset, so many of them; called once for most zips.
    :param size: of the whole zip, in bytes.
    :param max_members: the most members; a longer directory is not even fetched.
    :raises ArchiveError: when there is no directory where the end says it is.
    :raises UnsafeArchiveError: when there are too many members, or the zip is in several parts.
    """
    start, tail, at = _read_tail(read, size)

    def part(offset: int, length: int) -> bytes:
        if offset >= start:
            return tail[offset - start : offset - start + length]
        return read(offset, length) if length else b""

    end, begin = _find_end(start, tail, at, part)
    check_members(end.entries, max_members)
    if end.length > _MAX_DIRECTORY or end.offset + end.length > begin:
        raise ArchiveError("The zip is damaged: the record at its end points outside of it.")
    source = ByteSource([part(end.offset, end.length)])
    entries: dict[int, Entry] = {}
    for _ in range(end.entries):
        if source.upto(4) != CENTRAL:
            raise ArchiveError(
                f"The zip is damaged: its directory does not list the {counted(end.entries, 'member')} it should."
            )
        entry = read_central_entry(source)
        entries[entry.offset] = entry
    if source.position != end.length or len(entries) != end.entries:
        raise ArchiveError("The zip is damaged: its directory is not what the record at its end says.")
    return entries


def check_directory_length(length: int) -> None:
    """Refuse a directory that has too many bytes."""
    if length > _MAX_DIRECTORY:
        raise UnsafeArchiveError(f"The zip's directory has more than {_MAX_DIRECTORY >> 20} MB; an export's never has.")


def _skip_padding(source: ByteSource) -> None:
    """Read what follows the end of the zip, which may be zero bytes alone."""
    behind = source.position
    while padding := source.some(1 << 16):
        if padding.strip(b"\0"):
            raise ArchiveError("The zip is damaged: there are bytes behind its end.")
        if source.position - behind > _MAX_PADDING:
            raise ArchiveError(f"The zip is damaged: more than {_MAX_PADDING >> 20} MB of zero bytes follow its end.")


def _read_tail(read: Callable[[int, int], bytes], size: int) -> tuple[int, bytes, int]:
    """Return where a zip's last bytes begin, these bytes, and the offset of the end record in them."""
    start = max(0, size - _TAIL)
    tail = read(start, size - start) if size else b""
    at = _end_in(tail, start)
    if at < 0 and start and tail.endswith(b"\0"):
        # It may lie before more zero bytes than these.
        longer = max(0, start - _MAX_PADDING)
        start, tail = longer, read(longer, start - longer) + tail
        at = _end_in(tail, start)
    if at < 0:
        raise ArchiveError("The zip has no directory at its end: it is cut short or damaged.")
    return start, tail, at


def _end_in(tail: bytes, start: int) -> int:
    """Return the offset of the end record, -1 without one."""
    at = tail.rfind(END)
    while at >= 0 and not _is_end(tail, at, start):
        at = tail.rfind(END, 0, at)
    return at


def _find_end(start: int, tail: bytes, at: int, part: Callable[[int, int], bytes]) -> tuple[DirectoryEnd, int]:
    """Return what the zip's end says, and where the records at its end begin.

    :param start: where in the zip the tail begins.
    :param at: where in the tail the end record is.
    """
    begin, size = start + at, start + len(tail)
    if at >= 20 and tail[at - 20 :].startswith(LOCATOR64):
        (begin,) = struct.unpack_from("<Q", tail, at - 12)
        if not start + at - 20 - _MAX_END64 <= begin < start + at:
            raise ArchiveError("The zip is damaged: its 64-bit end record is not where it should be.")
    source = ByteSource([part(begin, size - begin)])
    return read_end(source, source.upto(4)), begin


def _is_end(tail: bytes, at: int, start: int) -> bool:
    """Tell whether the end record is here, for the same four bytes may stand in the comment."""
    if at + 22 > len(tail):
        return False
    length, offset, comment = struct.unpack_from("<IIH", tail, at + 12)
    joined = offset + length == start + at or tail[max(0, at - 20) : at].startswith(LOCATOR64)
    return joined and at + 22 + comment <= len(tail) and not tail[at + 22 + comment :].strip(b"\0")
