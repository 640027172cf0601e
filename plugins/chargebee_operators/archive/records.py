"""The records of a zip that hold no data: its directory and the marks around it. Format: PKWARE APPNOTE 6.3."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from chargebee_operators.archive.byte_source import ByteSource
from chargebee_operators.common.exceptions import ArchiveError, UnsafeArchiveError
from chargebee_operators.common.foreign_text import printable

LOCAL, DESCRIPTOR = b"PK\x03\x04", b"PK\x07\x08"
CENTRAL, END, END64, LOCATOR64 = b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
MAX16, MAX32 = 0xFFFF, 0xFFFFFFFF
# Flags: encrypted, strongly encrypted, and with masked headers; a size behind the data; an LZMA end marker; UTF-8.
ENCRYPTED, HAS_DESCRIPTOR, END_MARKER, UTF8 = 0x1 | 0x40 | 0x2000, 0x8, 0x2, 0x800

MAX_MEMBERS = 10_000

# The end record, the longest comment there can be, and the 64-bit locator before them.
_TAIL = 22 + MAX16 + 20
# The 64-bit end record, which writers may lengthen, is never this long.
_MAX_END64 = 1 << 16
# A directory of 10,000 members is about 1 MB.
_MAX_DIRECTORY = 64 << 20
# Names are kept until the end. No key of S3 may be longer than this either.
_MAX_NAME = 1024


@dataclass
class Entry:
    """One member, as the directory lists it or as it turned out to be.

    :param name: as it stands there, in bytes.
    :param offset: of its local header.
    :param crc: CRC-32 of the inflated data.
    :param compressed: bytes in the zip.
    :param inflated: bytes of the file.
    :param method: how it is packed.
    :param flags: bits; ``text`` and ``difference`` know which matter.
    """

    name: bytes
    offset: int
    crc: int = 0
    compressed: int = 0
    inflated: int = 0
    method: int = 0
    flags: int = 0

    @property
    def text(self) -> str:
        """The name as it is shown, decoded as UTF-8 where it is that, for not every writer says so."""
        return printable(self._decoded)

    @property
    def _decoded(self) -> str:
        try:
            return self.name.decode()
        except UnicodeDecodeError:
            return self.name.decode("utf-8" if self.flags & UTF8 else "cp437", errors="replace")

    def difference(self, other: Entry, source: str, header_only: bool = False) -> str | None:
        """Tell the first thing in which two entries of one member disagree, None when they agree.

        :param source: where the other comes from, for the sentence.
        :param header_only: leave out what is known only when the member was read.
        """
        pairs = {
            "name": (repr(self._decoded), repr(other._decoded)),
            "method": (self.method, other.method),
            "encryption": (self.flags & ENCRYPTED, other.flags & ENCRYPTED),
        }
        if not header_only:
            pairs["checksum"] = (f"{self.crc:08x}", f"{other.crc:08x}")
            pairs["compressed size"] = (self.compressed, other.compressed)
            pairs["size"] = (self.inflated, other.inflated)
        for what, (ours, theirs) in pairs.items():
            if ours != theirs:
                return f"its {what} is {ours}, but {source} says {theirs}"
        return None


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


def wide_values(extra: bytes) -> Iterator[int]:
    """Yield the numbers of a header's 64-bit extra field, in their order there; none without the field."""
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, at)
        if kind == 1:
            count = min(size, len(extra) - at - 4) // 8
            yield from struct.unpack_from(f"<{count}Q", extra, at + 4)
            return
        at += 4 + size


def skip_descriptor(source: ByteSource, found: Entry) -> bool:
    """Read the record behind a member's data, which comes with or without a signature, in 32 or 64 bits.

    :param found: what was read of the member.
    :returns: whether the record says the same.
    """
    # Behind it comes at least the directory.
    data = source.exactly(24, "the sizes behind a member")
    for signature in (DESCRIPTOR, b""):
        for form in ("<IQQ", "<III"):
            try:
                expected = signature + struct.pack(form, found.crc, found.compressed, found.inflated)
            except struct.error:  # too large for 32 bits
                continue
            if data.startswith(expected):
                source.give_back(data[len(expected) :])
                return True
    return False


def read_central_entry(source: ByteSource) -> Entry:
    """Read one entry of the directory, its signature already read."""
    fixed = source.exactly(42, "the directory")
    flags, method, crc, compressed, inflated = struct.unpack_from("<4xHH4xIII", fixed)
    name_size, extra_size, comment_size, disk, offset = struct.unpack_from("<HHHH6xI", fixed, 24)
    name = source.exactly(name_size, "the directory")
    extra = source.exactly(extra_size, "the directory")
    source.exactly(comment_size, "the directory")
    if disk not in (0, MAX16):
        raise _in_parts()
    # The 64-bit values stand in this order, each only where its 32-bit field is full.
    wide = wide_values(extra)
    inflated = next(wide, inflated) if inflated == MAX32 else inflated
    compressed = next(wide, compressed) if compressed == MAX32 else compressed
    offset = next(wide, offset) if offset == MAX32 else offset
    return Entry(name, offset, crc, compressed, inflated, method, flags)


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
            raise _in_parts()
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
    if source.some(1):
        raise ArchiveError("The zip is damaged: there are bytes behind its end.")
    full = MAX16 if wide else 0
    if disk not in (0, full) or start_disk not in (0, full):
        raise _in_parts()
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
    start = max(0, size - _TAIL)
    tail = read(start, size - start) if size else b""

    def part(offset: int, length: int) -> bytes:
        if offset >= start:
            return tail[offset - start : offset - start + length]
        return read(offset, length) if length else b""

    end, at = _find_end(start, tail, part)
    check_members(end.entries, max_members)
    if end.length > _MAX_DIRECTORY or end.offset + end.length > at:
        raise ArchiveError("The zip is damaged: the record at its end points outside of it.")
    source = ByteSource([part(end.offset, end.length)])
    entries: dict[int, Entry] = {}
    for _ in range(end.entries):
        if source.upto(4) != CENTRAL:
            raise ArchiveError(f"The zip is damaged: its directory does not list the {end.entries} members it should.")
        entry = read_central_entry(source)
        entries[entry.offset] = entry
    if source.position != end.length or len(entries) != end.entries:
        raise ArchiveError("The zip is damaged: its directory is not what the record at its end says.")
    return entries


def check_members(count: int, most: int) -> None:
    """Refuse a zip of too many members."""
    if count > most:
        raise UnsafeArchiveError(f"The zip has more than {most} members: raise max_members if that is right.")


def check_name(length: int) -> None:
    """Refuse a member whose name has too many bytes."""
    if length > _MAX_NAME:
        raise UnsafeArchiveError(
            f"A member of the zip has a name of {length} bytes; {_MAX_NAME} are the most that is read."
        )


def check_directory_length(length: int) -> None:
    """Refuse a directory that has too many bytes."""
    if length > _MAX_DIRECTORY:
        raise UnsafeArchiveError(f"The zip's directory has more than {_MAX_DIRECTORY >> 20} MB; an export's never has.")


def _find_end(start: int, tail: bytes, part: Callable[[int, int], bytes]) -> tuple[DirectoryEnd, int]:
    """Return what the zip's end says, and where the records at its end begin.

    :param start: where in the zip the tail begins.
    """
    at = tail.rfind(END)
    while at >= 0 and not _is_end(tail, at, start):
        at = tail.rfind(END, 0, at)
    if at < 0:
        raise ArchiveError("The zip has no directory at its end: it is cut short or damaged.")
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
    return joined and at + 22 + comment == len(tail)


def _in_parts() -> UnsafeArchiveError:
    return UnsafeArchiveError("This is one part of a zip in several parts, which can't be read alone.")


_KINDS = {
    b"\x1f\x8b": "a gzip file",
    b"%PDF": "a PDF",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"<!doctype html": "a web page",
    b"<html": "a web page",
    b"<": "XML, as storage hosts answer with an error",
    b"{": "JSON",
    b"[": "JSON",
}


def kind_of(start: bytes) -> str:
    """Name what begins like this. It is not quoted: an S3 error page repeats the signed URL."""
    if not start:
        return "empty"
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for begin, kind in _KINDS.items():
        if start.startswith(begin) or text.startswith(begin):
            return kind
    return "plain text" if all(byte in b"\t\n\r" or byte >= 32 for byte in start) else "something else"
