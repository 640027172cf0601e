"""A stream of chunks, read in the amounts that the caller requests."""

from __future__ import annotations

from collections.abc import Iterable

from chargebee_operators.common.exceptions import ArchiveError

# A piece is never smaller than this unless the zip ends; what an inflater reads ahead is then in its last piece.
_LEAST = 64


class ByteSource:
    """Reads exact amounts from chunks, and counts."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._held = b""
        self._at = 0
        self.position = 0

    def some(self, most: int) -> bytes:
        """Return up to so many bytes of those at hand, or of the next chunk; empty at the end."""
        while len(self._held) - self._at < _LEAST:
            fresh = next(self._chunks, None)
            if fresh is None:
                break
            self._held, self._at = self._held[self._at :] + fresh, 0
        start, held = self._at, self._held
        self._at = min(len(held), start + most)
        self.position += self._at - start
        return held[start : self._at]

    def give_back(self, data: bytes) -> None:
        """Take bytes back, the last that were given, to be read again."""
        if len(data) <= self._at:
            self._at -= len(data)
        else:
            self._held, self._at = data + self._held[self._at :], 0
        self.position -= len(data)

    def exactly(self, size: int, what: str) -> bytes:
        """Return so many bytes; ``what`` names them in the error when there are fewer."""
        data = self.upto(size)
        if len(data) < size:
            raise ArchiveError(f"The zip ends at byte {self.position}, in the middle of {what}: it is cut short.")
        return data

    def upto(self, size: int) -> bytes:
        """Return so many bytes, or as many as are left."""
        data = self.some(size)
        while len(data) < size and (more := self.some(size - len(data))):
            data += more
        return data
