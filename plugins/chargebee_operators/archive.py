"""A zip read as it arrives: no seeking, no temporary file, nothing larger than a chunk in memory.

The members come in the order of their local headers. Every byte is accounted for: each member's CRC-32 and
sizes are checked against what was read, and the central directory at the end must name the same members, so a
zip that was cut or altered can't pass for a whole one. Format: PKWARE APPNOTE 6.3.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from chargebee_operators.exceptions import ArchiveError, UnsafeArchiveError

STORED, DEFLATED = 0, 8

_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_END64, _LOCATOR64, _DESCRIPTOR = b"PK\x06\x06", b"PK\x06\x07", b"PK\x07\x08"
_MAX32 = 0xFFFFFFFF
_ENCRYPTED, _HAS_DESCRIPTOR, _UTF8 = 0x1, 0x8, 0x800

# The most that one step of inflating may give back, so that a bomb cannot fill the memory.
STEP = 1 << 20


@dataclass(frozen=True)
class Limits:
    """How far a zip may go before it is taken for a bomb.

    :param total_bytes: the most bytes that all members may inflate to.
    :param ratio: the most inflated bytes for each compressed one; deflate itself ends near 1,032.
    :param members: the most members.
    """

    total_bytes: int = 5 << 40
    ratio: float = 1100.0
    members: int = 100_000


@dataclass
class _Found:
    """What one member turned out to be, for the comparison with the central directory."""

    name: bytes
    offset: int
    crc: int
    compressed: int
    inflated: int


class _Source:
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
        self._held = data + self._held
        self.position -= len(data)

    def exactly(self, size: int, what: str) -> bytes:
        data = self.upto(size)
        if len(data) < size:
            raise ArchiveError(f"The zip ends at byte {self.position}, in the middle of {what}: it is cut short.")
        return data

    def upto(self, size: int) -> bytes:
        parts, have = [], 0
        while have < size and (data := self.some()):
            parts.append(data)
            have += len(data)
        data = b"".join(parts)
        if have > size:
            self.give_back(data[size:])
        return data[:size]


class Member:
    """One file of the zip, to be read once and before the next.

    Iterating gives ``(compressed, inflated)`` pairs of bytes, either of which may be empty; the last pair comes
    only after the checksum and the sizes were found right.
    """

    def __init__(self, archive: ZipStream, header: bytes, name: bytes, extra: bytes, offset: int) -> None:
        self._archive = archive
        (_, self._flags, self.method, _, _, self._crc, self._compressed, self._inflated, _, _) = struct.unpack(
            "<HHHHHIIIHH", header
        )
        self.name = name.decode("utf-8" if self._flags & _UTF8 else "cp437", errors="replace")
        self.is_dir = self.name.endswith("/")
        self.found = _Found(name, offset, 0, 0, 0)
        self.crc = 0
        self.inflated_size = 0
        self._started = False
        self.finished = False
        if _MAX32 in (self._compressed, self._inflated):
            self._read_zip64(extra)
        self._refuse()

    def _read_zip64(self, extra: bytes) -> None:
        at = 0
        while at + 4 <= len(extra):
            kind, size = struct.unpack_from("<HH", extra, at)
            if kind == 1 and size >= 16 and at + 20 <= len(extra):
                self._inflated, self._compressed = struct.unpack_from("<QQ", extra, at + 4)
                return
            at += 4 + size

    def _refuse(self) -> None:
        if self._flags & _ENCRYPTED:
            raise UnsafeArchiveError(f"Member {self.name!r} of the zip is encrypted; an export never is.")
        if self.method not in (STORED, DEFLATED):
            raise UnsafeArchiveError(
                f"Member {self.name!r} is packed with method {self.method}, only deflate can be read."
            )
        if self.method == STORED and self._flags & _HAS_DESCRIPTOR and not self.is_dir and not self._compressed:
            raise UnsafeArchiveError(
                f"Member {self.name!r} is stored without its size in front; its end can't be found in a stream."
            )

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        if self._started:
            raise RuntimeError("a member can be read once")
        self._started = True
        held: tuple[bytes, bytes] | None = None
        for pair in self._inflate() if self.method == DEFLATED else self._stored():
            self.found.compressed += len(pair[0])
            self.inflated_size += len(pair[1])
            self.crc = zlib.crc32(pair[1], self.crc)
            self._archive.count(self.name, len(pair[1]))
            if held is not None:
                yield held
            held = pair
        self._check_end()
        if held is not None:
            # Held back until the check: whoever copies these pairs cannot finish a file that is wrong.
            yield held

    def _stored(self) -> Iterator[tuple[bytes, bytes]]:
        left = self._compressed
        while left:
            data = self._archive.source.some()
            if not data:
                raise ArchiveError(f"The zip ends in the middle of {self.name!r}: it is cut short.")
            if len(data) > left:
                self._archive.source.give_back(data[left:])
                data = data[:left]
            left -= len(data)
            yield data, data

    def _inflate(self) -> Iterator[tuple[bytes, bytes]]:
        source, inflater = self._archive.source, self._archive.new_inflater()
        while not inflater.eof:
            data = source.some()
            if not data:
                raise ArchiveError(f"The zip ends in the middle of {self.name!r}: it is cut short.")
            while data and not inflater.eof:
                try:
                    inflated = inflater.decompress(data, STEP)
                except Exception as error:  # zlib.error, or isal's own
                    raise ArchiveError(f"Member {self.name!r} of the zip is damaged: {error}.") from None
                rest = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
                used = data[: len(data) - len(rest)]
                if not used and not inflated and not inflater.eof:
                    raise ArchiveError(f"Member {self.name!r} of the zip is damaged: it does not inflate any further.")
                yield used, inflated
                data = rest
            if inflater.eof and data:
                source.give_back(data)

    def _check_end(self) -> None:
        found = self.found
        found.crc, found.inflated = self.crc, self.inflated_size
        if self._flags & _HAS_DESCRIPTOR:
            self._skip_descriptor()
        elif (self._crc, self._compressed, self._inflated) != (found.crc, found.compressed, found.inflated):
            raise ArchiveError(
                f"Member {self.name!r} of the zip is damaged: checksum {found.crc:08x} and {found.inflated} bytes, "
                f"but its header says {self._crc:08x} and {self._inflated}."
            )
        self.finished = True

    def _skip_descriptor(self) -> None:
        """Read the record behind the data, which comes with or without a signature, in 32 or 64 bits."""
        found, source = self.found, self._archive.source
        data = source.upto(24)
        for signature in (_DESCRIPTOR, b""):
            for form in ("<IQQ", "<III"):
                try:
                    expected = signature + struct.pack(form, found.crc, found.compressed, found.inflated)
                except struct.error:  # too large for 32 bits
                    continue
                if data.startswith(expected):
                    source.give_back(data[len(expected) :])
                    return
        raise ArchiveError(f"Member {self.name!r} of the zip is damaged: its checksum or size is not what was read.")


class ZipStream:
    """The members of a zip, read from an iterable of its bytes.

    :param chunks: the zip's bytes, in pieces of any size.
    :param limits: how far it may go.
    :param new_inflater: makes an object like ``zlib.decompressobj(wbits=-15)``.
    """

    def __init__(
        self,
        chunks: Iterable[bytes],
        limits: Limits | None = None,
        new_inflater: Callable[[], Any] = lambda: zlib.decompressobj(wbits=-15),
    ) -> None:
        self.source = _Source(chunks)
        self.limits = limits or Limits()
        self.new_inflater = new_inflater
        self._found: list[_Found] = []
        self._total = 0

    def members(self) -> Iterator[Member]:
        """Yield each file; after the last, check the central directory.

        :raises ArchiveError: when the zip is damaged, cut short, or no zip at all.
        :raises UnsafeArchiveError: when it is not one to be unpacked.
        """
        while True:
            offset = self.source.position
            signature = self.source.upto(4)
            if signature != _LOCAL:
                break
            header = self.source.exactly(26, "a member's header")
            name_size, extra_size = struct.unpack_from("<HH", header, 22)
            name = self.source.exactly(name_size, "a member's name")
            member = Member(self, header, name, self.source.exactly(extra_size, "a member's header"), offset)
            self._found.append(member.found)
            if len(self._found) > self.limits.members:
                raise UnsafeArchiveError(f"The zip has more than {self.limits.members} members (limit max_members).")
            if not member.is_dir:
                yield member
            if not member.finished:
                for _ in member:
                    pass
        if offset == 0 and signature not in (_END, _CENTRAL):
            raise _not_a_zip(signature + self.source.upto(60))
        self._check_directory(signature)

    def count(self, name: str, inflated: int) -> None:
        """Count inflated bytes against the limits."""
        self._total += inflated
        if self._total > self.limits.total_bytes:
            raise UnsafeArchiveError(
                f"The zip inflates to more than {self.limits.total_bytes} bytes (limit max_bytes), in member {name!r}."
            )
        if self._total > 64 * STEP and self._total > self.limits.ratio * self.source.position:
            raise UnsafeArchiveError(
                f"The zip inflates more than {self.limits.ratio:.0f} times (limit max_ratio), in member {name!r}."
            )

    def _check_directory(self, signature: bytes) -> None:
        listed: list[_Found] = []
        while signature == _CENTRAL:
            listed.append(self._central_entry())
            signature = self.source.upto(4)
        if signature == _END64:
            (size,) = struct.unpack("<Q", self.source.exactly(8, "the directory's end"))
            if size > 1 << 20:
                raise ArchiveError("The zip is damaged: the record at its end has an impossible size.")
            self.source.exactly(size, "the directory's end")
            signature = self.source.upto(4)
        if signature == _LOCATOR64:
            self.source.exactly(16, "the directory's end")
            signature = self.source.upto(4)
        if signature != _END:
            at = self.source.position - len(signature)
            what = "it is cut short" if not signature else "there is something that does not belong there"
            raise ArchiveError(f"The zip is damaged at byte {at}: {what}.")
        end = self.source.exactly(18, "the directory's end")
        self.source.exactly(struct.unpack_from("<H", end, 16)[0], "the comment")
        if self.source.some():
            raise ArchiveError("The zip is damaged: there are bytes behind its end.")
        if sorted(listed, key=lambda each: each.offset) != self._found:
            raise ArchiveError(
                f"The zip is damaged: its directory lists {len(listed)} members that are not the {len(self._found)} read."
            )

    def _central_entry(self) -> _Found:
        fixed = self.source.exactly(42, "the directory")
        crc, compressed, inflated, name_size, extra_size, comment_size = struct.unpack_from("<IIIHHH", fixed, 12)
        (offset,) = struct.unpack_from("<I", fixed, 38)
        name = self.source.exactly(name_size, "the directory")
        extra = self.source.exactly(extra_size, "the directory")
        self.source.exactly(comment_size, "the directory")
        at = 0
        while at + 4 <= len(extra):
            kind, size = struct.unpack_from("<HH", extra, at)
            if kind == 1:
                # The 64-bit values stand in this order, each only where its 32-bit field is full.
                wide = iter(struct.unpack_from(f"<{min(size, len(extra) - at - 4) // 8}Q", extra, at + 4))
                inflated = next(wide, inflated) if inflated == _MAX32 else inflated
                compressed = next(wide, compressed) if compressed == _MAX32 else compressed
                offset = next(wide, offset) if offset == _MAX32 else offset
            at += 4 + size
        return _Found(name, offset, crc, compressed, inflated)


def _not_a_zip(start: bytes) -> ArchiveError:
    if not start:
        return ArchiveError("The download is empty, not a zip.")
    kind = (
        "a web page" if start.lstrip()[:5].lower() in (b"<!doc", b"<html") else "XML" if start[:1] == b"<" else "no zip"
    )
    # The bytes themselves are not quoted: an S3 error page repeats the signed URL.
    return ArchiveError(f"The download is {kind}, not a zip.")
