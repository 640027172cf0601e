"""The records of a CSV: cut into whole blocks as they pass by, counted, and read. Pure."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from chargebee_operators.formats.line_count import LineCount, count_breaks
from chargebee_operators.formats.stray_quotes import last_break

# Blocks that stay in the processor's cache while they are looked at.
BLOCK = 1 << 18
# A record longer than this is taken for quotes that do not pair.
MAX_RECORD = 64 << 20


class RecordCutter:
    """Cuts a CSV into blocks of whole records.

    Where a block ends depends on the data alone, not on the pieces in which it came.

    :param size: about how many bytes a block has; a longer record makes a longer one.
    :param limit: the longest record, in bytes; behind a longer one nothing is cut any more.
    """

    def __init__(self, size: int = BLOCK, limit: int = MAX_RECORD) -> None:
        self._size = size
        self._limit = limit
        self._whole: list[bytes] = []
        self._whole_breaks = 0
        self._rest: list[bytes] = []
        self._rest_size = 0
        self._filled = 0
        self.lines = LineCount()
        self.unread = 0

    def feed(self, data: bytes) -> Iterator[tuple[bytes, int]]:
        """Take the next piece; yield blocks, each with its number of records."""
        at = 0
        while at < len(data):
            part = data[at : at + self._size - self._filled]
            at += len(part)
            self._filled += len(part)
            self._add(part)
            if self._filled == self._size:
                self._filled = 0
                yield from self._emit()

    def finish(self) -> Iterator[tuple[bytes, int]]:
        """Yield what is left; a record inside open quotes is left out and counted in ``unread``."""
        if self.lines.is_open or self.unread:
            self.unread += self._rest_size
        elif self._rest:
            self._whole.extend(self._rest)
            self._whole_breaks += 1
        yield from self._emit()

    def _add(self, part: bytes) -> None:
        breaks = self.lines.feed(part)
        if self.unread:
            self.unread += len(part)
            return
        if breaks:
            end = last_break(part, self.lines.is_open)
            self._whole += [*self._rest, part[:end]]
            self._whole_breaks += breaks
            self._rest, self._rest_size = [], 0
            part = part[end:]
        if part:
            self._rest.append(part)
            self._rest_size += len(part)
        if self._rest_size > self._limit:
            self.unread, self._rest, self._rest_size = self._rest_size, [], 0

    def _emit(self) -> Iterator[tuple[bytes, int]]:
        if self._whole:
            block, records = b"".join(self._whole), self._whole_breaks
            self._whole, self._whole_breaks = [], 0
            yield block, records


def lines_in(data: bytes) -> int:
    """Count whole records, blank lines included and one that no line break ends."""
    return count_breaks(data, False)[0] + (not data.endswith(b"\n"))


def blank_lines(data: bytes) -> int:
    """Count the blank lines of whole records."""
    outside = b'"'.join(data.split(b'"')[::2])
    return len(re.findall(rb"^\r?\n", outside, re.M))


def read_records(data: bytes, separator: str = ",") -> Iterator[list[str]]:
    """Read records one by one with Python's own reader, bytes that are no UTF-8 replaced."""
    # The limit is one of the process: it is raised, never lowered.
    csv.field_size_limit(max(csv.field_size_limit(), len(data)))
    return csv.reader(io.StringIO(data.decode("utf-8", errors="replace"), newline=""), delimiter=separator)
