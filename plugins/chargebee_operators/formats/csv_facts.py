"""What is learned of a CSV as it passes by in pieces: its columns, its rows, and its records in whole blocks. Pure.

CSV as RFC 4180 has it: commas, double quotes, UTF-8 with or without a byte order mark; a record ends at a line feed
outside quotes, with or without a carriage return before it. Blank lines at either end of a file are no records; one
between records is, as Python's ``csv.reader`` has it, for in a file of one column it is an empty value.
"""

from __future__ import annotations

from collections.abc import Iterator

from chargebee_operators.formats.csv_records import RecordCutter
from chargebee_operators.formats.csv_start import read_start, read_start_so_far
from chargebee_operators.formats.line_count import LineCount, count_breaks
from chargebee_operators.formats.rows import CsvRows, RowReader
from chargebee_operators.formats.utf8_check import Utf8Check

UNPAIRED_QUOTES = "The file ends inside a quoted field: its number of rows is unknown."
LONE_RETURNS = "Some lines of the file end in a carriage return alone: its number of rows is unknown."
STRAY_QUOTES = (
    "Some quotes are inside of fields, so it is not clear which line breaks end a row: the number of rows is unknown."
)
NOT_UTF8 = "The file is not UTF-8 (byte {:,} is the first that is not): readers may misread its text."


class CsvFacts:
    """Counts records and reads the header of a CSV, at close to the speed of memory.

    Whatever a file is, it lands as Chargebee exported it. What is not known of it is None, and ``warnings`` say why.
    ``columns`` are the header's names, none where they are unknown.

    :param reader: is given the records, when there is one.
    """

    def __init__(self, reader: RowReader | None = None) -> None:
        self._reader = reader
        self._cutter = RecordCutter() if reader else None
        self._lines = self._cutter.lines if self._cutter else LineCount()
        self._encoding = Utf8Check()
        self._end_breaks = 0  # line breaks at the very end
        self._ended = True  # nothing behind the last line break
        self._head: bytearray | None = bytearray()
        self._is_other = False  # no CSV, or none that can be read
        self.columns: list[str] = []
        self.warnings: list[str] = []

    @property
    def rows(self) -> int | None:
        """Records seen so far, the header aside; exact after ``finish``. None where their number is unknown."""
        lines = self._lines
        if self._is_other or lines.is_open or lines.has_lone_returns or lines.strays.found:
            return None
        blank = max(0, self._end_breaks - 1)
        return max(0, lines.breaks - blank + (not self._ended))

    def feed(self, data: bytes) -> None:
        """Take the next piece."""
        if not data:
            return
        if not self._is_other:
            self._encoding.feed(data)
        if self._head is None:
            self._count(data)
        else:
            self._head += data
            self._read_start(whole=False)

    def finish(self) -> None:
        """Take the end."""
        if self._head is not None:
            self._read_start(whole=True)
        self._lines.finish()
        if not self._is_other:
            self._encoding.finish()
            self.warnings += self._doubts()
        if self._cutter is not None and self._reader is not None:
            self._pass_on(self._cutter.finish())
            self._reader.finish(self._cutter.unread)

    def _doubts(self) -> Iterator[str]:
        """Yield what is to be said of a CSV whose header was read."""
        if self._encoding.wrong_at is not None:
            yield NOT_UTF8.format(self._encoding.wrong_at)
        if self._lines.is_open:
            yield UNPAIRED_QUOTES
        elif self._lines.has_lone_returns:
            yield LONE_RETURNS
        elif self._lines.strays.found:
            yield STRAY_QUOTES

    def _read_start(self, whole: bool) -> None:
        assert self._head is not None
        head = bytes(self._head)
        start = read_start(head) if whole else read_start_so_far(head)
        if start is None:
            return
        self._head = None
        if start.problem:
            self._give_up(start.problem)
            return
        self.columns = start.columns
        if self._reader is not None and self.columns:
            self._reader.header(self.columns)
        self._end_breaks = 1 if start.end else 0  # that of the header
        if start.end < len(head):
            self._count(head[start.end :])
        elif count_breaks(head, False)[1]:  # a quote in the header is never closed
            self._count(head)

    def _count(self, data: bytes) -> None:
        """Take what follows the header."""
        if self._is_other:
            return
        self._see_end(data)
        if self._cutter is None:
            self._lines.feed(data)
            return
        self._pass_on(self._cutter.feed(data))

    def _pass_on(self, blocks: Iterator[tuple[bytes, int]]) -> None:
        assert self._reader is not None
        for block, records in blocks:
            self._reader.take(CsvRows(block, records, len(self.columns)))

    def _see_end(self, data: bytes) -> None:
        at = len(data)
        while at and data[at - 1] in b"\r\n":
            at -= 1
        if at:
            self._end_breaks = 0
        self._end_breaks += data.count(b"\n", at)
        # A carriage return at the end may be half of a line break.
        self._ended = self._end_breaks > 0

    def _give_up(self, problem: str) -> None:
        self._is_other = True
        self.warnings.append(problem)
        if self._reader is not None:
            self._reader.unreadable(problem)
        self._reader = self._cutter = None
