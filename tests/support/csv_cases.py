"""CSV files as hypothesis makes them up, and in pieces."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from hypothesis import strategies as st

# Without other separators: a column "a;b" of values "c;d" could as well be two columns.
FIELD = st.text(st.sampled_from('ab0,":\n\r ü'), max_size=6)


def written(rows: list[list[str]], quoting: int = csv.QUOTE_MINIMAL, end: str = "\n") -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=quoting, lineterminator=end)
    for row in rows:
        # With another line end the writer would leave a carriage return bare.
        bare = end == "\n" and quoting == csv.QUOTE_MINIMAL and any("\r" in field for field in row)
        (csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator=end) if bare else writer).writerow(row)
    return text.getvalue()


@st.composite
def csv_files(draw: st.DrawFn, width: int | None = None, field: st.SearchStrategy[str] = FIELD) -> bytes:
    """Return a file of some header and rows, with any quoting, line end, mark and end."""
    width = width or draw(st.integers(1, 4))
    rows = draw(st.lists(st.lists(field, min_size=width, max_size=width), min_size=1, max_size=6))
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    text = written(rows, quoting, end)
    if draw(st.booleans()):
        text = text.removesuffix(end)
    text = draw(st.sampled_from(["", end])) + text + end * draw(st.integers(0, 2))
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + text.encode()


def in_pieces(data: bytes, size: int) -> Iterator[bytes]:
    yield b""
    for at in range(0, len(data), size):
        yield data[at : at + size]


def read(data: bytes) -> list[list[str]]:
    """Return the rows as Python's reader has them."""
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def rows_of(data: bytes) -> list[list[str]]:
    """Return the rows as Python's reader has them, blank lines at both ends aside."""
    return trimmed(read(data))


def trimmed(rows: list[list[str]]) -> list[list[str]]:
    """Return the rows without blank lines at both ends."""
    rows = rows.copy()
    while rows and not rows[0]:
        rows.pop(0)
    while rows and not rows[-1]:
        rows.pop()
    return rows
