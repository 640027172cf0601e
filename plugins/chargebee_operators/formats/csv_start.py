"""What the first bytes of a CSV tell: its columns, or why it has none that can be read. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from chargebee_operators.common.file_kinds import known_kind
from chargebee_operators.formats.csv_records import read_records

# A header longer than this is not read; no site has that many columns.
MAX_HEADER = 1 << 20

UNKNOWN = "its columns and its number of rows are unknown"

_LONE_RETURN = re.compile(rb"\r(?!\n)")
_MARK = b"\xef\xbb\xbf"
_OTHER_MARKS = {b"\xff\xfe\0\0": "UTF-32", b"\0\0\xfe\xff": "UTF-32", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
# So many bytes show what other kind of file it is.
_ENOUGH = 64
# So many records, at most, show what separates their fields.
_FEW = 5
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


@dataclass(frozen=True)
class Start:
    """What the first bytes tell.

    :param end: offset behind the header; 0 where there is a problem.
    :param columns: the header's names; none for an empty file, and where there is a problem.
    :param problem: a sentence that says why the columns are unknown; None when they are known.
    """

    end: int = 0
    columns: list[str] = field(default_factory=list)
    problem: str | None = None


def read_start(head: bytes) -> Start:
    """Return what a file's first bytes tell.

    :param head: the whole file, or at least its header and a few records.
    """
    start = _start(head, whole=True)
    assert start is not None
    return start


def read_start_so_far(head: bytes) -> Start | None:
    """Return what a file's first bytes tell; None when more of them are needed. More would not tell anything else."""
    return _start(head, whole=False)


def _start(head: bytes, whole: bool) -> Start | None:
    body = head.removeprefix(_MARK).lstrip(b"\r\n")
    whole = whole or len(head) > MAX_HEADER
    if len(body) < _ENOUGH and not whole:
        return None
    if problem := _other_kind(head, body):
        return Start(problem=problem)
    end = header_end(head)
    if end is None and not whole:
        return None
    if len(list(islice(_read(head[:end]), 2))) > 1:
        if _LONE_RETURN.search(head[:end]):
            return Start(problem=f"The file's lines end in carriage returns alone: {UNKNOWN}.")
        return Start(problem=f"The header has quotes inside of names, so it is not clear where it ends: {UNKNOWN}.")
    if end is None and len(head) > MAX_HEADER:
        return Start(problem=f"No header was found in the file's first {MAX_HEADER >> 20} MB: {UNKNOWN}.")
    end = len(head) if end is None else end
    columns = header_names(head[:end])
    if _has_other_signs(columns):
        records = _first_records(head[end:], whole)
        if records is None:
            return None
        if sign := _separator(head[:end], records):
            return Start(problem=f"The file looks separated by {_SEPARATORS[sign]}, not by commas: {UNKNOWN}.")
    return Start(end, columns)


def header_end(head: bytes) -> int | None:
    """Return the offset behind the first record, blank lines before it included; None when it has not ended."""
    body = head.removeprefix(_MARK)
    start = len(head) - len(body.lstrip(b"\r\n"))
    at, inside = start, False
    while (end := head.find(b"\n", at)) >= 0:
        inside ^= head.count(b'"', at, end) % 2 == 1
        if not inside:
            return end + 1
        at = end + 1
    return None


def header_names(head: bytes) -> list[str]:
    """Return the names in a header, a byte order mark and blank lines before it aside."""
    return next(_read(head), [])


def _read(head: bytes, separator: str = ",") -> Iterator[list[str]]:
    return read_records(head.removeprefix(_MARK).strip(b"\r\n"), separator)


def _other_kind(head: bytes, body: bytes) -> str | None:
    """Return what is wrong with a file that is no text in UTF-8, or text of another kind."""
    for mark, encoding in _OTHER_MARKS.items():
        if head.startswith(mark):
            return f"The file is {encoding}, not UTF-8: {UNKNOWN}."
    if kind := known_kind(head) or known_kind(body[:_ENOUGH]):
        return f"The file looks like {kind}, not like comma-separated values: {UNKNOWN}."
    line = body.partition(b"\n")[0]
    if b"\0" not in line:
        return None
    # Of Latin letters in UTF-16 every second byte is zero.
    first = line[:_ENOUGH]
    is_utf_16 = any(first) and not (any(first[::2]) and any(first[1::2]))
    return f"The file is {'UTF-16' if is_utf_16 else 'binary'}, not UTF-8: {UNKNOWN}."


def _has_other_signs(columns: list[str]) -> bool:
    return any(sign in name for name in columns for sign in _SEPARATORS)


def _first_records(data: bytes, whole: bool) -> list[bytes] | None:
    """Return the first few records behind a header; None when more bytes are needed.

    :param whole: whether no more bytes come.
    """
    found: list[bytes] = []
    while len(found) < _FEW:
        end = header_end(data)
        if end is None and not whole:
            return None
        if not data[:end].strip():
            break
        found.append(data[:end])
        data = data[len(found[-1]) :]
    return found


def _separator(header: bytes, records: list[bytes]) -> str | None:
    """Return the sign other than a comma that separates the fields of a header and its records; None without one.

    It must fit all of them, and better than a comma does, for names and values may hold such signs.

    :param records: the first ones; none for a file without rows.
    """

    def fits(sign: str, fields: int) -> bool:
        return all(len(next(_read(each, sign), [])) == fields for each in records)

    commas = len(header_names(header))
    if records and commas > 1 and fits(",", commas):
        return None
    for sign in _SEPARATORS:
        names = next(_read(header, sign), [])
        if len(names) < 2 or not all(names) or len(set(names)) < len(names):
            continue
        if fits(sign, len(names)) if records else commas == 1:
            return sign
    return None
