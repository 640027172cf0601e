"""The records of a zip that hold no data: its directory and the marks around it. Format: PKWARE APPNOTE 6.3."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from chargebee_operators.exceptions import ArchiveError

CENTRAL, END, END64, LOCATOR64 = b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
MAX16, MAX32 = 0xFFFF, 0xFFFFFFFF

# The end record, the longest comment there can be, and the 64-bit locator before them.
_TAIL = 22 + MAX16 + 20
# A directory of 100,000 members is some 10 MB.
_MAX_DIRECTORY = 64 << 20


@dataclass
class Entry:
    """One member, as the directory lists it or as it turned out to be.

    :param name: as it stands there, in bytes.
    :param offset: of its local header.
    :param crc: CRC-32 of the inflated data.
    :param compressed: bytes in the zip.
    :param inflated: bytes of the file.
    """

    name: bytes
    offset: int
    crc: int
    compressed: int
    inflated: int


class ByteSource:
    """Reads exact amounts from chunks, and counts."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._held = b""
        self.position = 0

    def some(self) -> bytes:
        """Return the bytes at hand, or the next chunk; empty at the end."""
        data, self._held = self._held, b""
        while not data:
            fresh = next(self._chunks, None)
            if fresh is None:
                return b""
            data = fresh
        self.position += len(data)
        return data

    def give_back(self, data: bytes) -> None:
        """Take bytes back, to be read again."""
        self._held = data + self._held
        self.position -= len(data)

    def exactly(self, size: int, what: str) -> bytes:
        """Return so many bytes; ``what`` names them in the error when there are fewer."""
        data = self.upto(size)
        if len(data) < size:
            raise ArchiveError(f"The zip ends at byte {self.position}, in the middle of {what}: it is cut short.")
        return data

    def upto(self, size: int) -> bytes:
        """Return so many bytes, or as many as are left."""
        parts, have = [], 0
        while have < size and (data := self.some()):
            parts.append(data)
            have += len(data)
        data = b"".join(parts)
        if have > size:
            self.give_back(data[size:])
        return data[:size]


def read_central_entry(source: ByteSource) -> Entry:
    """Read one entry of the directory, its signature already read."""
    fixed = source.exactly(42, "the directory")
    crc, compressed, inflated, name_size, extra_size, comment_size = struct.unpack_from("<IIIHHH", fixed, 12)
    (offset,) = struct.unpack_from("<I", fixed, 38)
    name = source.exactly(name_size, "the directory")
    extra = source.exactly(extra_size, "the directory")
    source.exactly(comment_size, "the directory")
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, at)
        if kind == 1:
            # The 64-bit values stand in this order, each only where its 32-bit field is full.
            wide = iter(struct.unpack_from(f"<{min(size, len(extra) - at - 4) // 8}Q", extra, at + 4))
            inflated = next(wide, inflated) if inflated == MAX32 else inflated
            compressed = next(wide, compressed) if compressed == MAX32 else compressed
            offset = next(wide, offset) if offset == MAX32 else offset
        at += 4 + size
    return Entry(name, offset, crc, compressed, inflated)


def read_directory(read: Callable[[int, int], bytes], size: int) -> dict[int, Entry]:
    """Read a zip's directory out of order, and return its entries by the offset of their local headers.

    :param read: gives the bytes from an offset, so many of them.
    :param size: of the whole zip, in bytes.
    :raises ArchiveError: when there is no directory where the end says it is.
    """
    start = max(0, size - _TAIL)
    tail = read(start, size - start)
    end = tail.rfind(END)
    if end < 0 or end + 22 > len(tail):
        raise ArchiveError("The zip has no directory at its end: it is cut short or damaged.")
    length, offset = struct.unpack_from("<II", tail, end + 12)
    if MAX32 in (length, offset) or struct.unpack_from("<H", tail, end + 10)[0] == MAX16:
        length, offset = _wide_end(read, tail, end, length, offset)
    if length > _MAX_DIRECTORY or offset + length > size:
        raise ArchiveError("The zip is damaged: the record at its end points outside of it.")
    source = ByteSource([read(offset, length)])
    entries: dict[int, Entry] = {}
    while source.upto(4) == CENTRAL:
        entry = read_central_entry(source)
        entries[entry.offset] = entry
    return entries


def _wide_end(read: Callable[[int, int], bytes], tail: bytes, end: int, length: int, offset: int) -> tuple[int, int]:
    """Return the directory's length and offset from the 64-bit end record, if there is one."""
    locator = tail[end - 20 : end] if end >= 20 else b""
    if not locator.startswith(LOCATOR64):
        return length, offset
    record = read(struct.unpack_from("<Q", locator, 8)[0], 56)
    if not record.startswith(END64) or len(record) < 56:
        raise ArchiveError("The zip is damaged: its 64-bit end record is not where it should be.")
    wide_length, wide_offset = struct.unpack_from("<QQ", record, 40)
    return wide_length, wide_offset
