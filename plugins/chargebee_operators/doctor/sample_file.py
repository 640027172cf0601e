"""The beginning of each file of a zip: what its look is judged by. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from chargebee_operators.archive.records import Entry
from chargebee_operators.archive.zip_stream import ZipStream
from chargebee_operators.checks.columns import fold
from chargebee_operators.formats.csv_facts import CsvFacts
from chargebee_operators.formats.csv_records import read_records

# Bytes of each file that are kept, and rows of them that are looked at.
_KEPT = 256 << 10
_ROWS = 500


@dataclass
class SampleFile:
    """What is known of one file.

    :param member: its name.
    :param size: bytes, inflated.
    :param rows: records, None when they cannot be counted.
    :param columns: the header.
    :param records: its first rows.
    :param head: its first bytes.
    :param warnings: what the count of its rows has found.
    """

    member: str
    size: int = 0
    rows: int | None = 0
    columns: list[str] = field(default_factory=list)
    records: list[list[str]] = field(default_factory=list)
    head: bytes = b""
    warnings: list[str] = field(default_factory=list)

    def values(self, column: str) -> list[str]:
        """Return the values of a column in the first rows, those that are not empty.

        :param column: in any spelling of case, blanks and brackets.
        """
        at = [number for number, name in enumerate(self.columns) if fold(name) == fold(column)]
        return [row[at[0]] for row in self.records if at and len(row) > at[0] and row[at[0]]]

    @property
    def has_bom(self) -> bool:
        """Whether it begins with a byte order mark."""
        return self.head.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"))

    @property
    def line_end(self) -> str:
        """``CRLF``, ``LF``, ``CR``, or ``none``."""
        if b"\r\n" in self.head:
            return "CRLF"
        return "LF" if b"\n" in self.head else "CR" if b"\r" in self.head else "none"

    @property
    def quoting(self) -> str:
        """``all`` fields quoted, ``some``, or ``none``."""
        first = self.head.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n").partition(b"\n")[0]
        if self.columns and first.count(b'"') >= 2 * len(self.columns):
            return "all"
        return "some" if b'"' in self.head else "none"


def sample_files(
    chunks: Iterable[bytes], directory: Callable[[], Mapping[int, Entry] | None] | None = None
) -> list[SampleFile]:
    """Read a zip and return its files.

    :param chunks: the zip's bytes.
    :param directory: reads the zip's directory ahead, as ``ZipStream`` takes it.
    :raises ArchiveError: when it is damaged.
    """
    found = []
    for member in ZipStream(chunks, directory=directory).members():
        sample, facts, head = SampleFile(member.name), CsvFacts(), bytearray()
        for _, data in member:
            sample.size += len(data)
            facts.feed(data)
            head += data[: _KEPT - len(head)]
        facts.finish()
        sample.rows, sample.columns, sample.warnings = facts.rows, facts.columns, facts.warnings
        sample.head = bytes(head)
        if facts.columns:
            sample.records = _records(sample.head, sample.size > len(sample.head))
        found.append(sample)
    return found


def _records(head: bytes, cut: bool) -> list[list[str]]:
    rows: list[list[str]] = []
    for number, row in enumerate(read_records(head.removeprefix(b"\xef\xbb\xbf"))):
        if number > _ROWS:
            break
        rows.append(row)
    if cut and len(rows) <= _ROWS:
        rows = rows[:-1]  # which may have been cut
    return [row for row in rows[1:] if row]
