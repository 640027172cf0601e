"""What is learned of a CSV as it passes by in pieces: its columns, its rows, and its records in whole blocks. Pure.

CSV as RFC 4180 has it: commas, double quotes, UTF-8 with or without a byte order mark; a record ends at a line feed
outside quotes, with or without a carriage return before it. Blank lines at either end of a file are no records; one
between records is, as Python's ``csv.reader`` has it, for in a file of one column it is an empty value.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from itertools import islice
from typing import Protocol

# A header longer than this is not read; no site has that many columns.
MAX_HEADER = 1 << 20
# Blocks that stay in the processor's cache while they are looked at.
BLOCK = 1 << 18
# A record longer than this is taken for quotes that do not pair.
MAX_RECORD = 64 << 20

UNPAIRED_QUOTES = "The file ends in the middle of a quoted field, so its count of rows may be wrong."

_BOM = b"\xef\xbb\xbf"
_ALL_BUT_MARKS = bytes(each for each in range(256) if each not in b'"\n')


class BlockReader(Protocol):
    """Reads what stands behind a header, in blocks."""

    def header(self, columns: list[str]) -> None:
        """Take the header's names. Comes first; not at all for a file without one."""

    def unreadable(self, problem: str) -> None:
        """Take note that there are no columns or records to be told. Comes in the header's place, and alone."""

    def block(self, data: bytes, records: int) -> None:
        """Take whole records.

        :param data: the records, each ended by a line break but perhaps the file's last.
        :param records: how many they are, blank lines included.
        """

    def finish(self, unread: int) -> None:
        """Take the end.

        :param unread: bytes at the end that are no whole record, because the quotes do not pair; 0 when all is well.
        """


class CsvFacts:
    """Counts records and reads the header of a CSV, at close to the speed of memory.

    A file whose quotes do not pair is counted all the same, and the doubt goes into ``warnings``: Chargebee exported
    it so, and a wrong count is no reason to keep the data from landing. Likewise where the header shows that lines end in
    carriage returns, or that the file is not UTF-8: there are no columns then, and the count is one of line feeds.

    :param reader: is given the records, when there is one.
    """

    def __init__(self, reader: BlockReader | None = None) -> None:
        self._reader = reader
        self._cutter = RecordCutter() if reader else None
        self._open = False  # inside quotes
        self._breaks = 0  # line breaks outside quotes
        self._end_breaks = 0  # line breaks at the very end
        self._ended = True  # nothing behind the last line break
        self._head: bytearray | None = bytearray()
        self.columns: list[str] = []
        self.warnings: list[str] = []

    @property
    def rows(self) -> int:
        """Records seen so far, the header aside; exact after ``finish``."""
        blank = max(0, self._end_breaks - 1)
        return max(0, self._breaks - blank + (not self._ended))

    def feed(self, data: bytes) -> None:
        """Take the next piece."""
        if not data:
            return
        if self._head is None:
            self._count(data)
        else:
            self._head += data
            self._read_header(final=False)

    def _count(self, data: bytes) -> None:
        """Take what stands behind the header."""
        self._see_end(data)
        if self._cutter is None:
            breaks, self._open = count_breaks(data, self._open)
            self._breaks += breaks
            return
        assert self._reader is not None
        for block, records in self._cutter.feed(data):
            self._reader.block(block, records)
        self._breaks, self._open = self._cutter.breaks, self._cutter.open

    def finish(self) -> None:
        """Take the end."""
        if self._head is not None:
            self._read_header(final=True)
        if self._open:
            self.warnings.append(UNPAIRED_QUOTES)
        if self._cutter is not None and self._reader is not None:
            for block, records in self._cutter.finish():
                self._reader.block(block, records)
            self._reader.finish(self._cutter.unread)

    def _see_end(self, data: bytes) -> None:
        at = len(data)
        while at and data[at - 1] in b"\r\n":
            at -= 1
        if at:
            self._end_breaks = 0
        self._end_breaks += data.count(b"\n", at)
        # A carriage return at the end may be half of a line break.
        self._ended = self._end_breaks > 0

    def _read_header(self, final: bool) -> None:
        assert self._head is not None
        head = bytes(self._head)
        end = header_end(head)
        if end is None:
            if not final and len(head) <= MAX_HEADER:
                return
            end = len(head) if final else 0
        self._head = None
        if not end and head:
            self._give_up(header_problem(head) or f"No header was found in the file's first {MAX_HEADER} bytes.")
        elif problem := header_problem(head[:end]):
            self._give_up(problem)
        else:
            self.columns = header_names(head[:end])
            if self._reader is not None and self.columns:
                self._reader.header(self.columns)
        self._end_breaks = 1 if end else 0  # that of the header
        if end < len(head):
            self._count(head[end:])
        elif count_breaks(head, False)[1]:  # a quote in the header is never closed
            self._open = True
            if self._cutter is not None:
                list(self._cutter.feed(head))

    def _give_up(self, problem: str) -> None:
        self.warnings.append(problem)
        if self._reader is not None:
            self._reader.unreadable(problem)
        self._reader = self._cutter = None


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
        self.open = False
        self.breaks = 0
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
        if self.open or self.unread:
            self.unread += self._rest_size
        elif self._rest:
            self._whole.extend(self._rest)
            self._whole_breaks += 1
        yield from self._emit()

    def _add(self, part: bytes) -> None:
        breaks, self.open = count_breaks(part, self.open)
        self.breaks += breaks
        if self.unread:
            self.unread += len(part)
            return
        if breaks:
            end = last_break(part, self.open)
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


def count_breaks(data: bytes, inside: bool) -> tuple[int, bool]:
    """Count the line breaks outside quotes.

    :param inside: whether the data starts inside quotes.
    :return: the line breaks, and whether the data ends inside quotes.
    """
    if b'"' not in data:
        return 0 if inside else data.count(b"\n"), inside
    # Only quotes and line breaks matter, and of the quotes only those that have a line break between them.
    pieces = data.translate(None, _ALL_BUT_MARKS).replace(b'""', b"").split(b'"')
    return b"".join(pieces[inside::2]).count(b"\n"), inside ^ (len(pieces) % 2 == 0)


def lines_in(data: bytes) -> int:
    """Count whole records, blank lines included and one that no line break ends."""
    return count_breaks(data, False)[0] + (not data.endswith(b"\n"))


def blank_lines(data: bytes) -> int:
    """Count the blank lines of whole records."""
    outside = b'"'.join(data.split(b'"')[::2])
    return len(re.findall(rb"^\r?\n", outside, re.M))


def last_break(data: bytes, inside: bool) -> int:
    """Return the offset behind the last line break outside quotes, 0 if there is none.

    :param inside: whether the data ends inside quotes.
    """
    end = len(data)
    while (at := data.rfind(b"\n", 0, end)) >= 0:
        inside ^= data.count(b'"', at, end) % 2 == 1
        if not inside:
            return at + 1
        end = at
    return 0


def header_end(head: bytes) -> int | None:
    """Return the offset behind the first record, blank lines before it included; None when it has not ended."""
    body = head.removeprefix(_BOM)
    start = len(head) - len(body.lstrip(b"\r\n"))
    at, inside = start, False
    while (end := head.find(b"\n", at)) >= 0:
        inside ^= head.count(b'"', at, end) % 2 == 1
        if not inside:
            return end + 1
        at = end + 1
    return None


def header_problem(head: bytes) -> str | None:
    """Return why a file's columns and rows can't be told by its header; None when they can."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in head:
        return "The file is not UTF-8, so its columns and rows can't be told."
    if len(list(islice(read_records(head.removeprefix(_BOM).strip(b"\r\n")), 2))) > 1:
        return "The file's lines end in carriage returns alone, so its rows can't be told."
    return None


def header_names(head: bytes) -> list[str]:
    """Return the names in a header, a byte order mark and blank lines before it aside."""
    return next(read_records(head.removeprefix(_BOM).strip(b"\r\n")), [])


def read_records(data: bytes) -> Iterator[list[str]]:
    """Read records one by one with Python's own reader, bytes that are no UTF-8 replaced."""
    # The limit is one of the process: it is raised, never lowered.
    csv.field_size_limit(max(csv.field_size_limit(), len(data)))
    return csv.reader(io.StringIO(data.decode("utf-8", errors="replace"), newline=""))
