"""The records of a CSV, in blocks, and the interface of what reads them, such as the check of the window. Pure."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from typing import Protocol

from chargebee_operators.formats.csv_records import read_records

# Above so many quotes a byte, a file has most of its fields quoted; a block's first bytes are enough to tell.
_MANY_QUOTES = 1 / 20
_SAMPLE = 8 << 10
_QUOTED_SIGNS = bytes.maketrans(b",\n", b"\0\0")
_FIELD = rb'(?>"[^"]*+(?:""[^"]*+)*+"|[^,\n]*+)'
_VALUE = rb'(?>"[^"]*+(?:""[^"]*+)*+"|[^,\r\n]*+)'
_TO_THE_END = rb'(?:[^"\n]*+"[^"]*+")*+[^"\n]*+\n'


class Rows(Protocol):
    """Some records of a file, in their order.

    ``count`` is how many they are.
    """

    count: int

    def values(self, at: int) -> Sequence[bytes]:
        """Return the values of one column, empty where a record has none. Quotes inside a value may be left out.

        :param at: the column's place in the header.
        """

    def fields(self) -> Iterator[list[str]]:
        """Read the records one by one, which takes long; bytes that are no UTF-8 are replaced."""


class RowReader(Protocol):
    """Reads the records of one file, block by block."""

    def header(self, columns: list[str]) -> None:
        """Take the header's names. Comes first; not at all for a file without one."""

    def unreadable(self, problem: str) -> None:
        """Take note that there are no columns or records to report. Comes in the header's place, and alone."""

    def take(self, rows: Rows) -> None:
        """Take the next records."""

    def finish(self, unread: int) -> None:
        """Take the end.

        :param unread: bytes at the end that are no whole record, because the quotes do not pair; 0 when all is well.
        """


class CsvRows:
    """Records as bytes, of which single columns are found without reading all.

    :param data: the records, each ended by a line break but perhaps the file's last.
    :param count: how many they are, blank lines included.
    :param width: the number of columns.
    """

    def __init__(self, data: bytes, count: int, width: int) -> None:
        self.count = count
        self._data = data
        self._width = width

    def values(self, at: int) -> list[bytes]:
        plain, quoted = _patterns(at, at == self._width - 1)
        data = self._data if self._data.endswith(b"\n") else self._data + b"\n"
        if data.count(b'"', 0, _SAMPLE) > min(_SAMPLE, len(data)) * _MANY_QUOTES:
            values = b"\n".join(quoted.findall(data)).replace(b'"', b"").split(b"\n")
        elif b'"' in data:
            # Text in quotes is rarely looked for, and the rest alone has the same commas and line breaks.
            values = plain.findall(b"".join(data.split(b'"')[::2]))
            if not all(values):
                values = plain.findall(_without_quotes(data))
        else:
            values = plain.findall(data)
        if len(values) == self.count:
            return values
        # A short record, or quotes in odd places: one by one.
        return [row[at].encode() if len(row) > at else b"" for row in self.fields()]

    def fields(self) -> Iterator[list[str]]:
        return read_records(self._data)


@functools.cache
def _patterns(at: int, is_last: bool) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """Return what finds a column's values where no field is quoted, and where many are.

    Each takes one record at a time, where it has so many fields.
    """
    value = rb"([^,\r\n]*+)[^\n]*+\n" if is_last else rb"([^,]*+),[^\n]*+\n"
    # The first record with too few fields takes all that follows: tried from each of its bytes it would take hours.
    plain = re.compile(rb"[^,]*+," * at + value + rb"|[\s\S]++")
    quoted = re.compile((_FIELD + rb",") * at + rb"(" + _VALUE + rb")" + _TO_THE_END + rb"|" + _TO_THE_END)
    return plain, quoted


def _without_quotes(data: bytes) -> bytes:
    """Return the records without quotes, and without the commas and line breaks that stood inside them."""
    pieces = data.split(b'"')
    pieces[1::2] = b'"'.join(pieces[1::2]).translate(_QUOTED_SIGNS).split(b'"')
    return b"".join(pieces)
