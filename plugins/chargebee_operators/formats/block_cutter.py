"""Cuts a CSV into large blocks of whole records, and counts nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from chargebee_operators.formats.csv_records import MAX_RECORD
from chargebee_operators.formats.stray_quotes import last_break


class BlockCutter:
    """Cuts a CSV behind line breaks that have an even number of quotes before them.

    That is cheaper than to find every record, as ``RecordCutter`` does. Where a block ends depends on the data alone,
    not on the pieces in which it came.

    ``is_lost`` is true once no end of a record can be found any more: nothing is cut after that.

    :param size: about how many bytes a block has; a longer record makes a longer block.
    :param limit: the longest record, in bytes.
    """

    def __init__(self, size: int, limit: int = MAX_RECORD) -> None:
        self._size = size
        self._limit = limit
        self._rest: list[bytes] = []  # the begin of a record, without its end
        self._rest_size = 0
        self._new: list[tuple[bytes, bool]] = []  # pieces, each with whether it ends inside quotes
        self._new_size = 0
        self._inside = False
        self.is_lost = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take the next piece; yield blocks."""
        at = 0
        while at < len(data) and not self.is_lost:
            piece = data[at : at + self._size - self._new_size]
            at += len(piece)
            self._inside ^= piece.count(b'"') % 2 == 1
            self._new.append((piece, self._inside))
            self._new_size += len(piece)
            if self._new_size == self._size:
                yield from self._cut()

    def finish(self) -> Iterator[bytes]:
        """Yield what is left."""
        if not self.is_lost:
            yield from self._cut()
        self.is_lost |= self._inside
        if self._rest_size and not self.is_lost:
            yield b"".join(self._rest)

    def _cut(self) -> Iterator[bytes]:
        """Yield all up to the last end of a record, if there is any among the new pieces."""
        left: list[bytes] = []
        block: list[bytes] = []
        while self._new and not block:
            piece, inside = self._new.pop()
            end = last_break(piece, inside)
            if end:
                block = [*self._rest, *(before for before, _ in self._new), piece[:end]]
                self._rest, self._rest_size = [], 0
            left.append(piece[end:])
        self._rest += reversed(left)
        self._rest_size += sum(map(len, left))
        self._new, self._new_size = [], 0
        self.is_lost = self._rest_size > self._limit
        if block:
            yield b"".join(block)
