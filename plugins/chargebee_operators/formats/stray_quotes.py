"""Finds quotes inside of fields that leave it open which line breaks end a record. Pure.

In RFC 4180 a quote begins or ends a field. In ``1,5" pipe`` there is one inside of a field. If the next one comes some lines
later, one reader takes these lines for text in quotes, and another one for records.
"""

from __future__ import annotations

# A record is kept up to so many bytes, until its end comes.
_MAX_RECORD = 1 << 20
_ALL_BUT_MARKS = bytes(each for each in range(256) if each not in b'"\n')


class StrayQuotes:
    """Looks at the records that have a line break in quotes; the others cost almost nothing.

    ``found`` is whether the number of records is unknown.
    """

    def __init__(self) -> None:
        self.found = False
        self._begun: list[bytes] = []  # of the record that has not ended
        self._size = 0
        self._has_break = False  # whether it has a line break, which is then in quotes
        self._is_kept = True  # not when it is too long

    def feed(self, data: bytes, breaks: int, is_open: bool) -> None:
        """Take the next piece.

        :param breaks: its line breaks outside quotes.
        :param is_open: whether it ends inside quotes.
        """
        if self.found:
            return
        end = last_break(data, is_open) if breaks else 0
        if end:
            if self._is_kept and (self._has_break or (b'"' in data and data.count(b"\n", 0, end) > breaks)):
                self.found = _any_in_doubt(b"".join([*self._begun, data[:end]]))
            self._begun, self._size, self._has_break, self._is_kept = [], 0, False, True
        if self._is_kept and end < len(data):
            self._keep(data[end:])

    def finish(self) -> None:
        """Take the end: the last record may have no line break behind it."""
        self.found = self.found or (self._has_break and _any_in_doubt(b"".join(self._begun)))

    def _keep(self, rest: bytes) -> None:
        self._begun.append(rest)
        self._size += len(rest)
        self._has_break = self._has_break or b"\n" in rest
        if self._size > _MAX_RECORD:
            self.found = self._has_break and _any_in_doubt(b"".join(self._begun))
            self._begun, self._is_kept = [], False


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


def _any_in_doubt(records: bytes) -> bool:
    """Return whether one of several records has its line breaks in doubt.

    :param records: whole ones; the last one may lack its end.
    """
    lines = records.split(b"\n")
    # A record with line breaks in quotes begins at a line with an odd number of quotes, and ends at the next such line.
    quotes = records.translate(None, _ALL_BUT_MARKS).split(b"\n")
    odd = [number for number, each in enumerate(quotes) if len(each) & 1]
    ends = [*odd[1::2], len(lines)]
    return any(_is_in_doubt(b"\n".join(lines[first : last + 1])) for first, last in zip(odd[::2], ends, strict=False))


def _is_in_doubt(record: bytes) -> bool:
    """Return whether a quote inside of a field is followed by a line break, or by what may be the begin of a quoted field."""
    pieces = record.replace(b'""', b"").split(b'"')
    return any(
        before[-1:] not in b",\n" and (b"\n" in quoted or quoted.endswith(b","))
        for before, quoted in zip(pieces[::2], pieces[1::2], strict=False)
    )
