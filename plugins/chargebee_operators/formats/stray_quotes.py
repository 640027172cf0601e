"""Finds quotes inside of fields that leave it open which line breaks end a record. Pure.

In RFC 4180 a quote begins or ends a field. In ``1,5" pipe`` there is one inside of a field. If the next one comes some lines
later, one reader takes these lines for text in quotes, and another one for records.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# A record is kept up to so many bytes, until its end comes.
_MAX_RECORD = 1 << 20
# Behind so many bytes a file is not looked at any more if it has a quote as RFC 4180 has it in text, ``"5"" pipe"``: what
# writes one of them so does not leave another one bare. It is searched for in so many pieces, for a search takes long.
_ENOUGH, _SEARCHES = 1 << 20, 16
_DOUBLED = re.compile(rb'[,\n]"[^"\n]*[^,\n"]""')
ALL_BUT_MARKS = bytes(each for each in range(256) if each not in b'"\n')


@dataclass(frozen=True)
class _Records:
    """Some records, or the begin of one.

    :param data: their bytes.
    :param marks: their quotes and line feeds alone.
    """

    data: bytes = b""
    marks: bytes = b""

    def are_in_doubt(self) -> bool:
        """Return whether a quote inside of a field hides a line break, or the begin of a quoted field."""
        if b"\n" not in self.marks:
            return False
        lines = self.data.split(b"\n")
        # A record with line breaks in quotes begins at a line with an odd number of quotes, and ends at the next such line.
        odd = [number for number, quotes in enumerate(self.marks.split(b"\n")) if len(quotes) & 1]
        ends = [*odd[1::2], len(lines)]
        return any(_is_in_doubt(lines[first : last + 1]) for first, last in zip(odd[::2], ends, strict=False))


class StrayQuotes:
    """Looks at the records that have a line break in quotes; the others cost almost nothing.

    ``found`` is whether the number of records is unknown.
    """

    def __init__(self) -> None:
        self.found = False
        self._begun = _Records()  # the record that has not ended
        self._is_kept = True  # not when it is too long
        self._seen = self._searches = 0
        self._is_sure = False

    def feed(self, data: bytes, marks: bytes, breaks: int, is_open: bool) -> None:
        """Take the next piece.

        :param marks: its quotes and line feeds alone. Without quotes in it or around it the line feeds may be left out.
        :param breaks: its line breaks outside quotes.
        :param is_open: whether it ends inside quotes.
        """
        if self.found or self._is_sure:
            return
        self._seen += len(data)
        end = last_break(data, is_open) if breaks else 0
        if not end:
            if self._is_kept:
                self._keep(_Records(self._begun.data + data, self._begun.marks + marks))
            return
        rest = data[end:]
        behind, marks = rest.translate(None, ALL_BUT_MARKS), self._begun.marks + marks
        # What is behind the last break outside quotes has none but in quotes.
        if self._is_kept and marks.count(b"\n") - behind.count(b"\n") > breaks:
            records = self._begun.data + data[:end]
            self.found = _Records(records, marks[: len(marks) - len(behind)]).are_in_doubt()
            self._is_sure = self._has_doubled(records)
        self._is_kept = True
        self._keep(_Records(rest, behind))

    def finish(self) -> None:
        """Take the end: the last record may have no line break behind it."""
        self.found = self.found or (not self._is_sure and self._begun.are_in_doubt())

    def _has_doubled(self, records: bytes) -> bool:
        """Return whether the writer of the file is known to double the quotes in text."""
        if self._seen < _ENOUGH or self._searches == _SEARCHES or b'""' not in records:
            return False
        self._searches += 1
        return _DOUBLED.search(records) is not None

    def _keep(self, begun: _Records) -> None:
        self._begun = begun
        if len(begun.data) > _MAX_RECORD:
            self.found = begun.are_in_doubt()
            self._begun, self._is_kept = _Records(), False


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


def _is_in_doubt(lines: list[bytes]) -> bool:
    """Return whether one record is in doubt.

    :param lines: its lines. The last quote of the first one opens what the line break is in.
    """
    before = lines[0].rpartition(b'"')[0]
    if (not before or before.endswith(b",")) and not any(b'"' in each for each in lines[1:-1]):
        return False
    pieces = b"\n".join(lines).replace(b'""', b"").split(b'"')
    return any(
        front[-1:] not in b",\n" and (b"\n" in quoted or quoted.endswith(b","))
        for front, quoted in zip(pieces[::2], pieces[1::2], strict=False)
    )
