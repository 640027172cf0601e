"""The forms in which a member of the zip becomes an object, and what is learned of it on the way. Pure."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from chargebee_operators.archive.member import Member
from chargebee_operators.archive.zip_stream import ZipStream
from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.formats.csv_facts import CsvFacts
from chargebee_operators.formats.made_csv import MadeCsv
from chargebee_operators.formats.parquet import ParquetFile, check_pyarrow


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
        Format("parquet", ".parquet", "application/vnd.apache.parquet"),
    )
}

# Ten bytes make a raw DEFLATE stream a gzip file (RFC 1952). No name and no time: the same data, the same object.
GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


class Observer(Protocol):
    """Looks at a member's inflated bytes as they pass by."""

    def feed(self, data: bytes) -> None:
        """Take the next piece, which may be empty."""

    def finish(self) -> None:
        """Take the end; not called when the member breaks off."""


def get_format(name: str) -> Format:
    """Return the format of that name.

    :raises SettingsError: when there is none, or when it needs pyarrow and that is not installed.
    """
    if name not in FORMATS:
        raise SettingsError(f"file_format {name!r} is not known: choose from {', '.join(FORMATS)}.")
    if name == "parquet":
        check_pyarrow()
    return FORMATS[name]


def member_bytes(
    member: Member | MadeCsv, file_format: Format, *observers: Observer, parquet: ParquetFile | None = None
) -> Iterator[bytes]:
    """Yield the object that a member becomes, as ``csv``, ``csv.gz`` or ``parquet``.

    For gzip the zip's own compressed bytes are passed on, for they are a DEFLATE stream already; they are inflated
    beside it, to check and count them. For Parquet nothing is yielded when the member is empty: there is no such
    file without columns, and so no object to be written.

    :param observers: are fed the inflated bytes.
    :param parquet: for ``parquet``, what the member becomes; it knows more once all bytes are yielded.
    """
    if file_format.name == "csv.gz":
        yield from _gzip_bytes(member, observers)
        return
    inflated = (inflated for _, inflated in _observed(member, observers))
    if file_format.name == "parquet":
        yield from (parquet or ParquetFile(member.name, "")).pieces(inflated)
    else:
        yield from inflated


def _gzip_bytes(member: Member | MadeCsv, observers: Iterable[Observer]) -> Iterator[bytes]:
    yield GZIP_HEADER
    deflater = None if member.is_deflate else zlib.compressobj(1, zlib.DEFLATED, -15)
    for compressed, inflated in _observed(member, observers):
        yield deflater.compress(inflated) if deflater else compressed
    if deflater:
        yield deflater.flush()
    yield (member.crc & 0xFFFFFFFF).to_bytes(4, "little") + (member.inflated_size & 0xFFFFFFFF).to_bytes(4, "little")


def _observed(member: Iterable[tuple[bytes, bytes]], observers: Iterable[Observer]) -> Iterator[tuple[bytes, bytes]]:
    """Yield a member's pairs, its observers fed before each and finished at the end."""
    for pair in member:
        for each in observers:
            each.feed(pair[1])
        yield pair
    for each in observers:
        each.finish()


def whole_zip(
    chunks: Iterable[bytes],
    open_archive: Callable[[Iterable[bytes]], ZipStream],
    facts: dict[Member, CsvFacts],
    observe: Callable[[Member], CsvFacts | None] = lambda member: CsvFacts(),
) -> Iterator[bytes]:
    """Yield the zip as it is, while its members are checked and counted beside it.

    :param open_archive: makes the ``ZipStream`` that checks.
    :param facts: gets an entry for each member that is looked at.
    :param observe: makes what looks at a member; None for one that is only checked.
    """
    passed: deque[bytes] = deque()

    def recorded() -> Iterator[bytes]:
        for chunk in chunks:
            passed.append(chunk)
            yield chunk

    for member in open_archive(recorded()).entries():
        observer = None if member.is_dir else observe(member)
        if observer is not None:
            facts[member] = observer
        observers = () if observer is None else (observer,)
        for _ in chain(_observed(member, observers), ("its end",)):  # which a folder has too
            # The last chunk stays behind until everything that it holds was found right.
            while len(passed) > 1:
                yield passed.popleft()
    yield from passed
