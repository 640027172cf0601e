"""A zip read as it arrives: no seeking, no temporary file, nothing larger than a chunk in memory.

The members come in the order of their local headers. Every byte is accounted for: each member's CRC-32 and
sizes are checked against what was read, and the central directory at the end must name the same members, so a
zip that was cut or altered can't pass for a whole one. Format: PKWARE APPNOTE 6.3.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping

from chargebee_operators.byte_source import ByteSource
from chargebee_operators.exceptions import ArchiveError, DownloadError, UnsafeArchiveError
from chargebee_operators.inflate import (
    DEFLATED,
    LZMA,
    STORED,
    Inflater,
    best_codec,
    can_inflate,
    inflater_of,
    method_name,
)
from chargebee_operators.zip_limits import Limits
from chargebee_operators.zip_records import (
    CENTRAL,
    DESCRIPTOR,
    ENCRYPTED,
    END,
    END64,
    END_MARKER,
    HAS_DESCRIPTOR,
    LOCAL,
    MAX32,
    DirectoryEnd,
    Entry,
    check_directory_length,
    check_members,
    check_name,
    kind_of,
    read_central_entry,
    read_end,
    skip_descriptor,
    wide_values,
)

# What a zip begins with that was to be split in parts but fitted into one.
_ONE_PART = b"PK00"

# The most that one step takes and gives back, so that a bomb cannot fill the memory. Larger steps are not faster, and
# when they come back half full each costs the allocator a fresh mapping, which doubles the time.
STEP = 128 << 10
# A member's first piece is smaller: what is behind a tiny member would be copied for nothing.
_FIRST_STEP = 16 << 10


class Member:
    """One file of the zip, to be read once and before the next.

    Iterating gives ``(compressed, inflated)`` pairs of bytes, either of which may be empty; the last pair comes
    only after the checksum and the sizes were found right. ``name`` is what the zip says, with anything in it.
    """

    def __init__(self, archive: ZipStream, header: bytes, name: bytes, extra: bytes, offset: int) -> None:
        flags, method, crc, compressed, inflated = struct.unpack("<2xHH4xIII4x", header)
        if MAX32 in (compressed, inflated):
            # Both stand there, also where only one of the fields is full.
            wide = wide_values(extra)
            inflated, compressed = next(wide, inflated), next(wide, compressed)
        self._archive = archive
        self._stated = Entry(name, offset, crc, compressed, inflated, method, flags)
        self.found = Entry(name, offset, method=method, flags=flags)
        self.name = self.found.text
        self.method = method
        self.is_dir = self.name.endswith(("/", "\\"))
        self.crc = 0
        self.inflated_size = 0
        self.finished = False
        self._started = False
        self._listed = archive.listed_ahead(self.found)
        self._refuse()
        self._inflater = self._new_inflater()

    @property
    def is_deflate(self) -> bool:
        """Whether the compressed bytes are a DEFLATE stream, as a gzip file holds one."""
        return self.method == DEFLATED

    def size_ahead(self, zip_size: int) -> int | None:
        """Return how much it inflates to, if that is known before its data; the directory is read for it if need be.

        :param zip_size: bytes of the whole zip, which bound what can be true of it.
        """
        known: Entry | None = self._stated
        if self.found.flags & HAS_DESCRIPTOR:
            try:
                known = self._listed or self._archive.listed(self.found)
            except DownloadError:  # it is of use, but not needed
                return None
        return min(known.inflated, int(self._archive.limits.ratio * zip_size)) if known else None

    def _refuse(self) -> None:
        if self.found.flags & ENCRYPTED or self.method == 99:
            raise UnsafeArchiveError(f"Member {self.name!r} of the zip is encrypted; an export never is.")
        if not can_inflate(self.method):
            raise UnsafeArchiveError(
                f"Member {self.name!r} of the zip is packed with method {self.method} ({method_name(self.method)}), "
                "which can't be read here; exports use Deflate."
            )

    def _new_inflater(self) -> Inflater:
        known, marked = self._stated, self.method == LZMA and bool(self.found.flags & END_MARKER)
        if self.found.flags & HAS_DESCRIPTOR and self.method in (STORED, LZMA) and not marked:
            # Its end can't be seen in the stream, for the size comes behind; the directory knows it.
            known = self._listed or self._archive.listed(self.found) or self._without_directory()
        return inflater_of(
            self.method, known.compressed, None if marked else known.inflated, self._archive.new_inflater
        )

    def _without_directory(self) -> Entry:
        """Return sizes that the header gives all the same, or that an empty member's descriptor shows."""
        source = self._archive.source
        data = source.upto(16)
        source.give_back(data)
        if self._stated.compressed or data == DESCRIPTOR + bytes(12):
            return self._stated
        raise UnsafeArchiveError(
            f"Member {self.name!r} of the zip has its size behind it and no end mark, which a stream can't read: the "
            "download host must allow parts to be fetched (Range)."
        )

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        if self._started:
            raise RuntimeError("a member can be read once")
        self._started = True
        crc32, archive = best_codec().crc32, self._archive
        held: tuple[bytes, bytes] | None = None
        for pair in self._inflate():
            self.found.compressed += len(pair[0])
            self.inflated_size += len(pair[1])
            self.crc = crc32(pair[1], self.crc)
            archive.count(self.name, len(pair[1]))
            if held is not None:
                yield held
            held = pair
        self._check_end()
        if held is not None:
            # Held back until the check: whoever copies these pairs cannot finish a file that is wrong.
            yield held

    def _inflate(self) -> Iterator[tuple[bytes, bytes]]:
        source, inflater, most = self._archive.source, self._inflater, _FIRST_STEP
        piece = b""
        while not inflater.eof:
            fresh = b""
            if inflater.needs_input:
                fresh = piece = source.some(most)
                most = min(STEP, 4 * most)
                if not fresh:
                    raise ArchiveError(f"The zip ends in the middle of {self.name!r}: it is cut short.")
            try:
                inflated = inflater.decompress(fresh, STEP)
            except (ArchiveError, MemoryError):
                raise
            except Exception as error:  # each library has its own
                raise self._damaged(f"{error}") from None
            if inflater.eof:
                rest = inflater.unused_data
                source.give_back(rest)
                yield piece[: len(piece) - len(rest)], inflated
            elif inflater.needs_input:
                yield piece, inflated
            elif fresh or inflated:
                # How much of the piece belongs to the member shows at its end.
                yield b"", inflated
            else:
                raise self._damaged("it does not inflate any further")

    def _check_end(self) -> None:
        found = self.found
        found.crc, found.inflated = self.crc, self.inflated_size
        if found.flags & HAS_DESCRIPTOR:
            if not skip_descriptor(self._archive.source, found):
                raise self._damaged("its checksum or size is not what was read")
        elif problem := found.difference(self._stated, "its header"):
            raise self._damaged(problem)
        if self._listed and (problem := found.difference(self._listed, "the directory")):
            raise self._damaged(problem)
        if self.is_dir and found.inflated:
            raise self._damaged("it is a folder by its name, but holds data")
        self.finished = True
        # Whoever keeps thousands of members need not keep 40 KB for each.
        del self._inflater

    def _damaged(self, problem: str) -> ArchiveError:
        return ArchiveError(f"Member {self.name!r} of the zip is damaged: {problem}.")


class ZipStream:
    """The members of a zip, read from an iterable of its bytes.

    :param chunks: the zip's bytes, in pieces of any size.
    :param limits: how far it may go.
    :param new_inflater: makes an ``Inflater`` of raw DEFLATE; isal's where it imports, zlib's otherwise.
    :param directory: the directory at the zip's end, by offset, as ``read_directory`` gives it. Then what is wrong
        shows before the first member, or at the member. Or a function that reads it, called only for a member whose
        size is behind it and has to be known ahead. None where the zip can't be read out of order.
    """

    def __init__(
        self,
        chunks: Iterable[bytes],
        limits: Limits | None = None,
        new_inflater: Callable[[], Inflater] | None = None,
        directory: Callable[[], Mapping[int, Entry] | None] | Mapping[int, Entry] | None = None,
    ) -> None:
        self.source = ByteSource(chunks)
        self.limits = limits or Limits()
        self.new_inflater = new_inflater or best_codec().new_inflater
        self._read_directory = directory if callable(directory) else None
        self._listed = None if callable(directory) else directory
        self._found: list[Entry] = []
        self._total = 0

    def members(self) -> Iterator[Member]:
        """Yield each file; after the last, check the central directory. Raises what ``entries`` does."""
        return (each for each in self.entries() if not each.is_dir)

    def entries(self) -> Iterator[Member]:
        """Yield each file and folder; after the last, check the central directory.

        :raises ArchiveError: when the zip is damaged, cut short, or no zip at all.
        :raises UnsafeArchiveError: when it is not one to be unpacked.
        """
        if self._listed is not None:
            self._check_ahead(self._listed)
        signature = self._first()
        while signature == LOCAL:
            offset = self.source.position - 4
            header = self.source.exactly(26, "a member's header")
            name_size, extra_size = struct.unpack_from("<HH", header, 22)
            check_name(name_size)
            name = self.source.exactly(name_size, "a member's name")
            extra = self.source.exactly(extra_size, "a member's header")
            member = Member(self, header, name, extra, offset)
            self._found.append(member.found)
            check_members(len(self._found), self.limits.members)
            yield member
            if not member.finished:
                for _ in member:
                    pass
            signature = self.source.upto(4)
        self._check_directory(signature)

    def _first(self) -> bytes:
        """Return the first signature."""
        signature = self.source.upto(4)
        if signature == _ONE_PART:
            signature = self.source.upto(4)
        if signature == DESCRIPTOR:
            raise UnsafeArchiveError("This is the first part of a zip in several parts, which can't be read alone.")
        if signature in (b"P", b"PK", LOCAL[:3]):
            raise ArchiveError("The zip ends in its first four bytes: it is cut short.")
        if signature not in (LOCAL, CENTRAL, END, END64):
            raise ArchiveError(f"The download is {kind_of(signature + self.source.upto(60))}, not a zip.")
        return signature

    def count(self, name: str, inflated: int) -> None:
        """Count inflated bytes against the limits."""
        self._total += inflated
        self.limits.check(self._total, self.source.position, f", in member {name!r}")

    def listed(self, member: Entry) -> Entry | None:
        """Return what the directory says of a member before the stream gets there, None if it can't be read."""
        if self._listed is None and self._read_directory:
            self._listed = self._read_directory()
            if self._listed is None:
                self._read_directory = None
            else:
                self._check_ahead(self._listed)
        return self.listed_ahead(member)

    def listed_ahead(self, member: Entry) -> Entry | None:
        """Return what the directory says of a member, None if it was not read."""
        if self._listed is None:
            return None
        entry = self._listed.get(member.offset)
        if entry is None:
            raise ArchiveError(f"The zip is damaged: its directory does not list {member.text!r}.")
        if problem := member.difference(entry, "the directory", header_only=True):
            raise ArchiveError(f"Member {member.text!r} of the zip is damaged: {problem}.")
        return entry

    def _check_ahead(self, entries: Mapping[int, Entry]) -> None:
        """Refuse by the directory what would be refused later."""
        check_members(len(entries), self.limits.members)
        compressed = sum(each.compressed for each in entries.values())
        self.limits.check(sum(each.inflated for each in entries.values()), compressed, "")
        end = 0
        for offset in sorted(entries):
            if offset < end:
                raise UnsafeArchiveError(f"The zip is a bomb: {entries[offset].text!r} lies inside of another member.")
            end = offset + 30 + len(entries[offset].name) + entries[offset].compressed

    def _check_directory(self, signature: bytes) -> None:
        start = self.source.position - len(signature)
        unlisted = {each.offset: each for each in self._found}
        while signature == CENTRAL:
            entry = read_central_entry(self.source)
            found = unlisted.pop(entry.offset, None)
            if found is None:
                raise ArchiveError(f"The zip is damaged: its directory lists {entry.text!r} where no member begins.")
            if problem := found.difference(entry, "the directory"):
                raise ArchiveError(f"Member {found.text!r} of the zip is damaged: {problem}.")
            signature = self.source.upto(4)
            check_directory_length(self.source.position - start)
        length = self.source.position - len(signature) - start
        end = read_end(self.source, signature)
        for each in unlisted.values():
            raise ArchiveError(f"The zip is damaged: its directory does not list {each.text!r}.")
        if end != DirectoryEnd(len(self._found), length, start):
            raise ArchiveError("The zip is damaged: its directory is not what the record at its end says.")
