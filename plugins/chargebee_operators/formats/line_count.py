"""Counts the lines of a CSV that passes by in pieces, at close to the speed of memory. Pure."""

from __future__ import annotations

import re

from chargebee_operators.formats.stray_quotes import ALL_BUT_MARKS, StrayQuotes

_LONE_RETURN = re.compile(rb"\r(?!\n)")
_ALL_BUT_MARKS_AND_RETURNS = bytes(each for each in range(256) if each not in b'"\n\r')
# Up to about so many bytes a line Python counts them faster than it removes them.
_SHORT_LINES = 40
_SAMPLE = 4 << 10


class LineCount:
    """Counts line feeds outside quotes, and finds carriage returns there that no line feed follows.

    ``breaks`` is the count, ``is_open`` whether the data ends inside quotes. ``has_lone_returns`` is exact after ``finish``.
    ``strays`` looks for quotes inside of fields, which leave the count in doubt.
    """

    def __init__(self) -> None:
        self.breaks = 0
        self.is_open = False
        self.has_lone_returns = False
        self.strays = StrayQuotes()
        self._after_return = False  # whether the last byte is a carriage return outside quotes

    def feed(self, data: bytes) -> int:
        """Take the next piece, and return its line breaks outside quotes."""
        inside, marks = self.is_open, b""
        if b"\r" in data or self._after_return:
            marks = data.translate(None, _ALL_BUT_MARKS_AND_RETURNS)
            breaks = self._count_with_returns(data, marks, inside)
            marks = marks.replace(b"\r", b"")
        elif inside or b'"' in data:
            marks = data.translate(None, ALL_BUT_MARKS)
            outside, self.is_open = _outside(marks, inside)
            breaks = outside.count(b"\n")
        else:
            breaks = _line_feeds(data)
        self.breaks += breaks
        self.strays.feed(data, marks, breaks, self.is_open)
        return breaks

    def finish(self) -> None:
        """Take the end. A carriage return at the very end ends the last line, whatever was to follow it."""
        self._after_return = False
        self.strays.finish()

    def _count_with_returns(self, data: bytes, marks: bytes, inside: bool) -> int:
        outside, self.is_open = _outside(marks, inside)
        breaks, returns = outside.count(b"\n"), outside.count(b"\r")
        was_after_return, self._after_return = self._after_return, not self.is_open and data.endswith(b"\r")
        if self.has_lone_returns or not (returns or was_after_return):
            return breaks
        # A file whose lines all end in both has none at all, inside quotes or outside: that is found out fast.
        if was_after_return or _LONE_RETURN.search(data):
            text = b'"'.join((b"\r" * was_after_return + data).split(b'"')[inside::2])
            self.has_lone_returns = text.count(b"\r") - self._after_return > text.count(b"\r\n")
        return breaks


def count_breaks(data: bytes, inside: bool) -> tuple[int, bool]:
    """Count the line breaks outside quotes.

    :param inside: whether the data starts inside quotes.
    :return: the line breaks, and whether the data ends inside quotes.
    """
    if b'"' not in data:
        return 0 if inside else _line_feeds(data), inside
    outside, inside = _outside(data.translate(None, ALL_BUT_MARKS), inside)
    return outside.count(b"\n"), inside


def _outside(marks: bytes, inside: bool) -> tuple[bytes, bool]:
    """Return the signs outside quotes, and whether the data ends inside quotes.

    :param marks: quotes, line feeds and perhaps carriage returns alone.
    """
    # Of the quotes only those matter that have a line break between them.
    pieces = marks.replace(b'""', b"").split(b'"')
    return b"".join(pieces[inside::2]), inside ^ (len(pieces) % 2 == 0)


def _line_feeds(data: bytes) -> int:
    if data.count(b"\n", 0, _SAMPLE) * _SHORT_LINES > _SAMPLE:
        return data.count(b"\n")
    # Few signs are found, and left out, several times faster than each byte is looked at.
    return len(data) - len(data.replace(b"\n", b""))
