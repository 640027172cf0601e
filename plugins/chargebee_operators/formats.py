"""The forms in which a member of the zip becomes an object, and what is learned of it on the way. Pure."""

from __future__ import annotations

import csv
import io
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from chargebee_operators.archive import DEFLATED, Member, ZipStream
from chargebee_operators.exceptions import ArchiveError, SettingsError


@dataclass(frozen=True)
class Format:
    """One way to write an export.

    :param name: as the operator's ``file_format`` takes it.
    :param suffix: the ending of an object's name.
    :param content_type: the object's Content-Type.
    """

    name: str
    suffix: str
    content_type: str


FORMATS = {
    each.name: each
    for each in (
        Format("csv", ".csv", "text/csv"),
        Format("csv.gz", ".csv.gz", "application/gzip"),
        Format("zip", ".zip", "application/zip"),
    )
}

# A header longer than this is not read; no site has that many columns.
MAX_HEADER = 1 << 20

# Ten bytes make a raw DEFLATE stream a gzip file (RFC 1952). No name and no time: the same data, the same object.
GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


def get_format(name: str) -> Format:
    """Return the format of that name.

    :raises SettingsError: when there is none.
    """
    if name not in FORMATS:
        raise SettingsError(f"file_format {name!r} is not known: choose from {', '.join(FORMATS)}.")
    return FORMATS[name]


def member_bytes(member: Member, file_format: Format, facts: CsvFacts) -> Iterator[bytes]:
    """Yield the object that a member becomes, as ``csv`` or ``csv.gz``.

    For gzip the zip's own compressed bytes are passed on, for they are a DEFLATE stream already; they are inflated
    beside it, to check and count them.

    :param facts: is fed the inflated bytes.
    """
    if file_format.name == "csv":
        for _, inflated in member:
            facts.feed(inflated)
            yield inflated
        facts.finish()
        return
    yield GZIP_HEADER
    deflater = None if member.method == DEFLATED else zlib.compressobj(1, zlib.DEFLATED, -15)
    for compressed, inflated in member:
        facts.feed(inflated)
        yield deflater.compress(inflated) if deflater else compressed
    if deflater:
        yield deflater.flush()
    facts.finish()
    yield (member.crc & 0xFFFFFFFF).to_bytes(4, "little") + (member.inflated_size & 0xFFFFFFFF).to_bytes(4, "little")


def whole_zip(
    chunks: Iterable[bytes], open_archive: Callable[[Iterable[bytes]], ZipStream], facts: dict[Member, CsvFacts]
) -> Iterator[bytes]:
    """Yield the zip as it is, while its members are checked and counted beside it.

    :param open_archive: makes the ``ZipStream`` that checks.
    :param facts: gets an entry for each member.
    """
    passed: deque[bytes] = deque()

    def recorded() -> Iterator[bytes]:
        for chunk in chunks:
            passed.append(chunk)
            yield chunk

    for member in open_archive(recorded()).members():
        counted = facts[member] = CsvFacts()
        for _, inflated in member:
            counted.feed(inflated)
            # The last chunk stays behind until everything that it holds was found right.
            while len(passed) > 1:
                yield passed.popleft()
        counted.finish()
    yield from passed


class CsvFacts:
    """Counts records and reads the header of a CSV that passes by in pieces.

    A line break inside quotes ends no record. Encoding: UTF-8, with or without a byte order mark.
    """

    def __init__(self) -> None:
        self._open = False  # inside quotes
        self._records = 0
        self._tail = b""
        self._head: bytearray | None = bytearray()
        self.columns: list[str] = []

    @property
    def rows(self) -> int:
        """Records seen so far, the header aside; exact after ``finish``."""
        return max(0, self._records - 1)

    def feed(self, data: bytes) -> None:
        """Take the next piece."""
        if not data:
            return
        if self._head is not None:
            self._head += data
            self._read_header(final=False)
        if b'"' not in data and not self._open:
            self._records += data.count(b"\n")
        else:
            lines = data.split(b"\n")
            for line in lines[:-1]:
                self._open ^= line.count(b'"') & 1 == 1
                self._records += not self._open
            self._open ^= lines[-1].count(b'"') & 1 == 1
        self._tail = data[-1:]

    def finish(self) -> None:
        """Count a last record that no line break ends.

        :raises ArchiveError: when the data ends inside quotes.
        """
        if self._open:
            raise ArchiveError("A CSV of the export ends in the middle of a quoted field.")
        if self._tail and self._tail != b"\n":
            self._records += 1
        if self._head is not None:
            self._read_header(final=True)

    def _read_header(self, final: bool) -> None:
        assert self._head is not None
        head = bytes(self._head)
        end = _first_record_end(head)
        if end is None:
            if not final and len(head) <= MAX_HEADER:
                return
            end = len(head)
        text = head[:end].decode("utf-8-sig", errors="replace").strip("\r\n")
        self.columns = next(csv.reader(io.StringIO(text, newline="")), [])
        self._head = None


def _first_record_end(head: bytes) -> int | None:
    at = head.find(b"\n")
    while at >= 0:
        if head.count(b'"', 0, at) % 2 == 0:
            return at
        at = head.find(b"\n", at + 1)
    return None
