"""One file of a zip as it streams by: inflated in steps of bounded size, and checked before its last piece is given out."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from chargebee_operators.archive.inflate import (
    DEFLATED,
    LZMA,
    STORED,
    Inflater,
    can_inflate,
    inflater_of,
    method_name,
)
from chargebee_operators.archive.reading import Reading
from chargebee_operators.archive.records import (
    DESCRIPTOR,
    ENCRYPTED,
    END_MARKER,
    HAS_DESCRIPTOR,
    MAX32,
    Entry,
    skip_descriptor,
    wide_values,
)
from chargebee_operators.common.checksums import best_crc32
from chargebee_operators.common.exceptions import ArchiveError, DownloadError, UnsafeArchiveError

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

    def __init__(self, reading: Reading, header: bytes, name: bytes, extra: bytes, offset: int) -> None:
        flags, method, crc, compressed, inflated = struct.unpack("<2xHH4xIII4x", header)
        if MAX32 in (compressed, inflated):
            # Both stand there, also where only one of the fields is full.
            wide = wide_values(extra)
            inflated, compressed = next(wide, inflated), next(wide, compressed)
        self._reading = reading
        self._stated = Entry(name, offset, crc, compressed, inflated, method, flags)
        self.found = Entry(name, offset, method=method, flags=flags)
        self.name = self.found.text
        self.method = method
        self.is_dir = self.name.endswith(("/", "\\"))
        self.crc = 0
        self.inflated_size = 0
        self.finished = False
        self._started = False
        self._listed = reading.listed_ahead(self.found)
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
                known = self._listed or self._reading.listed(self.found)
            except DownloadError:  # it is of use, but not needed
                return None
        most = self._reading.limits.ratio * zip_size
        return None if known is None else known.inflated if known.inflated <= most else int(most)

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
            known = self._listed or self._reading.listed(self.found) or self._without_directory()
        return inflater_of(
            self.method, known.compressed, None if marked else known.inflated, self._reading.new_inflater
        )

    def _without_directory(self) -> Entry:
        """Return sizes that the header gives all the same, or that an empty member's descriptor shows."""
        source = self._reading.source
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
        crc32, reading = best_crc32(), self._reading
        held: tuple[bytes, bytes] | None = None
        for pair in self._inflate():
            self.found.compressed += len(pair[0])
            self.inflated_size += len(pair[1])
            self.crc = crc32(pair[1], self.crc)
            reading.count(self.name, len(pair[1]))
            if held is not None:
                yield held
            held = pair
        self._check_end()
        if held is not None:
            # Held back until the check: a caller that copies these pairs cannot finish a wrong file.
            yield held

    def _inflate(self) -> Iterator[tuple[bytes, bytes]]:
        source, inflater, most = self._reading.source, self._inflater, _FIRST_STEP
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
            if not skip_descriptor(self._reading.source, found):
                raise self._damaged("its checksum or size is not what was read")
        elif problem := found.difference(self._stated, "its header"):
            raise self._damaged(problem)
        if self._listed and (problem := found.difference(self._listed, "the directory")):
            raise self._damaged(problem)
        if self.is_dir and found.inflated:
            raise self._damaged("it is a folder by its name, but holds data")
        self.finished = True
        # A caller with thousands of members need not keep 40 KB for each.
        del self._inflater

    def _damaged(self, problem: str) -> ArchiveError:
        return ArchiveError(f"Member {self.name!r} of the zip is damaged: {problem}.")
