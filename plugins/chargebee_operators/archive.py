"""A zip read as it arrives: no seeking, no temporary file, nothing larger than a chunk in memory.

The members come in the order of their local headers. Every byte is accounted for: each member's CRC-32 and
sizes are checked against what was read, and the central directory at the end must name the same members, so a
zip that was cut or altered can't pass for a whole one. Format: PKWARE APPNOTE 6.3.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chargebee_operators.exceptions import ArchiveError, UnsafeArchiveError
from chargebee_operators.zip_records import (
    CENTRAL,
    END,
    END64,
    LOCATOR64,
    MAX32,
    ByteSource,
    Entry,
    read_central_entry,
)

STORED, DEFLATED = 0, 8

_LOCAL, _DESCRIPTOR = b"PK\x03\x04", b"PK\x07\x08"
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
        self.found = Entry(name, offset, 0, 0, 0)
        self.crc = 0
        self.inflated_size = 0
        self._started = False
        self.finished = False
        if MAX32 in (self._compressed, self._inflated):
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
        if self.method == STORED and self._flags & _HAS_DESCRIPTOR and not self._compressed:
            # Its end can't be seen in the stream, for the size comes behind; the directory knows it.
            self._compressed = self._archive.listed(self.name, self.found.offset).compressed

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
    :param directory: reads the directory at the zip's end ahead of the stream, by offset; only called for a member
        that is stored with its size behind it. None where the zip can't be read out of order.
    """

    def __init__(
        self,
        chunks: Iterable[bytes],
        limits: Limits | None = None,
        new_inflater: Callable[[], Any] = lambda: zlib.decompressobj(wbits=-15),
        directory: Callable[[], Mapping[int, Entry]] | None = None,
    ) -> None:
        self.source = ByteSource(chunks)
        self.limits = limits or Limits()
        self.new_inflater = new_inflater
        self._directory = directory
        self._listed: Mapping[int, Entry] | None = None
        self._found: list[Entry] = []
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
        if offset == 0 and signature not in (END, CENTRAL):
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

    def listed(self, name: str, offset: int) -> Entry:
        """Return what the directory says of the member at this offset, before the stream gets there."""
        if self._listed is None:
            if self._directory is None:
                raise UnsafeArchiveError(
                    f"Member {name!r} is stored with its size behind it, which a stream can't read."
                )
            self._listed = self._directory()
        if offset not in self._listed:
            raise ArchiveError(f"The zip is damaged: its directory does not list {name!r}.")
        return self._listed[offset]

    def _check_directory(self, signature: bytes) -> None:
        listed: list[Entry] = []
        while signature == CENTRAL:
            listed.append(read_central_entry(self.source))
            signature = self.source.upto(4)
        if signature == END64:
            (size,) = struct.unpack("<Q", self.source.exactly(8, "the directory's end"))
            if size > 1 << 20:
                raise ArchiveError("The zip is damaged: the record at its end has an impossible size.")
            self.source.exactly(size, "the directory's end")
            signature = self.source.upto(4)
        if signature == LOCATOR64:
            self.source.exactly(16, "the directory's end")
            signature = self.source.upto(4)
        if signature != END:
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


def _not_a_zip(start: bytes) -> ArchiveError:
    if not start:
        return ArchiveError("The download is empty, not a zip.")
    kind = (
        "a web page" if start.lstrip()[:5].lower() in (b"<!doc", b"<html") else "XML" if start[:1] == b"<" else "no zip"
    )
    # The bytes themselves are not quoted: an S3 error page repeats the signed URL.
    return ArchiveError(f"The download is {kind}, not a zip.")
