"""The records of a zip that belong to one member, and the marks of all. Format: PKWARE APPNOTE 6.3."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from chargebee_operators.archive.byte_source import ByteSource
from chargebee_operators.common.exceptions import UnsafeArchiveError
from chargebee_operators.common.foreign_text import printable
from chargebee_operators.common.wording import counted

LOCAL, DESCRIPTOR = b"PK\x03\x04", b"PK\x07\x08"
CENTRAL, END, END64, LOCATOR64 = b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
MAX16, MAX32 = 0xFFFF, 0xFFFFFFFF
# Flags: encrypted, strongly encrypted, and with masked headers; a size behind the data; an LZMA end marker; UTF-8.
ENCRYPTED, HAS_DESCRIPTOR, END_MARKER, UTF8 = 0x1 | 0x40 | 0x2000, 0x8, 0x2, 0x800

MAX_MEMBERS = 10_000

# Names are kept until the end. No key of S3 may be longer than this either.
_MAX_NAME = 1024
# Bytes that a member takes at the least: its header, its entry in the directory, and a name.
LEAST_OF_MEMBER = 30 + 46 + 1


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
        raise in_parts()
    # The 64-bit values stand in this order, each only where its 32-bit field is full.
    wide = wide_values(extra)
    inflated = next(wide, inflated) if inflated == MAX32 else inflated
    compressed = next(wide, compressed) if compressed == MAX32 else compressed
    offset = next(wide, offset) if offset == MAX32 else offset
    return Entry(name, offset, crc, compressed, inflated, method, flags)


def check_members(count: int, most: int) -> None:
    """Refuse a zip of too many members."""
    if count > most:
        raise UnsafeArchiveError(
            f"The zip has more than {counted(most, 'member')}: raise max_members if that is right."
        )


def check_name(length: int) -> None:
    """Refuse a member whose name has too many bytes."""
    if length > _MAX_NAME:
        raise UnsafeArchiveError(f"A member of the zip has a name of {length} bytes; the limit is {_MAX_NAME}.")


def in_parts() -> UnsafeArchiveError:
    """Return the error for one part of a zip in several."""
    return UnsafeArchiveError("This is one part of a zip in several parts, which can't be read alone.")
