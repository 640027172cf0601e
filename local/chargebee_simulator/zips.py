"""Writing an export's ZIP, row by row, so that memory stays flat however large the export is."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

from .profiles import ZipProfile
from .tables import Table

_KEPT_IDS = 100_000
"""How many ids of an export's records are remembered for tests."""

_NEEDS_QUOTES = re.compile(r'[",\r\n]')
_MADE_AT = (2024, 1, 1, 0, 0, 0)
# Fixed, so that the same records make the same bytes.


@dataclass
class Written:
    """What went into a ZIP."""

    rows: int = 0  # of the resource's own table
    ids: list[str] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)  # name, rows, bytes


def write_zip(
    path: Path,
    resource: str,
    made: list[Table],
    profile: ZipProfile,
    columns: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Written:
    """Write the tables to a ZIP at `path`. A member that may pass 2 GB needs a profile with `zip64`.

    `columns`: name of a file without its ending -> the columns that follow its first one.
    """
    written = Written()
    compression = zipfile.ZIP_STORED if profile.stored else zipfile.ZIP_DEFLATED
    with open(path, "wb") as file:
        target: Any = _Unseekable(file) if profile.data_descriptors else file
        with zipfile.ZipFile(target, "w", compression) as archive:
            for table in made:
                table = _arranged(table, columns.get(Path(_file_name(resource, table, profile, 1)).stem, ()))
                _write_table(archive, resource, table, profile, written)
    return written


def _arranged(table: Table, columns: Sequence[str]) -> Table:
    """Return a table with some columns right behind its first one. One that it does not have is new."""
    if not columns:
        return table
    first, *others = table.header
    header = [first, *columns, *(each for each in others if each not in columns)]
    places = {name: number for number, name in enumerate(table.header)}

    def rows() -> Iterator[list[str]]:
        for row in table.rows():
            yield [row[places[each]] if each in places else f"{each} of {row[0]}" for each in header]

    return replace(table, header=header, rows=rows)


def _write_table(archive: zipfile.ZipFile, resource: str, table: Table, profile: ZipProfile, written: Written) -> None:
    rows, part = _Ahead(table.rows(), written if table.ids else None), 1
    if rows.at_end and profile.empty != "header":
        if profile.empty == "zero-byte":
            archive.writestr(_member(_file_name(resource, table, profile, part), profile), b"")
            written.files.append({"name": archive.namelist()[-1], "rows": 0, "bytes": 0})
        return
    while part == 1 or not rows.at_end:
        member = _member(_file_name(resource, table, profile, part), profile)
        with archive.open(member, "w", force_zip64=profile.zip64) as raw:
            count, size = _write_rows(raw, table.header, rows, profile)
        written.files.append({"name": member.filename, "rows": count, "bytes": size})
        part += 1


def _write_rows(raw: Any, header: list[str], rows: _Ahead, profile: ZipProfile) -> tuple[int, int]:
    """Write one member; return its rows and bytes."""
    count = 0
    encoding = "utf-8-sig" if profile.bom else "utf-8"
    counted = _Counted(raw)
    text = io.TextIOWrapper(io.BufferedWriter(counted, 1 << 16), encoding, newline="")
    write = _row_writer(text, profile)
    write(header)
    while not rows.at_end and (not profile.rows_per_part or count < profile.rows_per_part):
        write(rows.take())
        count += 1
    text.flush()
    text.detach().detach()
    return count, counted.size


def _row_writer(text: io.TextIOWrapper, profile: ZipProfile) -> Callable[[Sequence[str]], Any]:
    end = "\r\n" if profile.line_ends == "crlf" else "\n"
    if profile.quotes != "empty":
        quoting = csv.QUOTE_ALL if profile.quotes == "all" else csv.QUOTE_MINIMAL
        return csv.writer(text, lineterminator=end, quoting=quoting).writerow
    return lambda row: text.write(",".join(map(_quoted_if_empty, row)) + end)


def _quoted_if_empty(value: str) -> str:
    """Return a cell with quotes around it where it is empty, or needs them."""
    return f'"{value.replace(chr(34), 2 * chr(34))}"' if not value or _NEEDS_QUOTES.search(value) else value


def _file_name(resource: str, table: Table, profile: ZipProfile, part: int) -> str:
    capital = resource.replace("_", " ").title().replace(" ", "")
    name = profile.member.format(resource=resource, Resource=capital)
    stem, dot, ending = name.rpartition(".")
    stem = table.name or stem
    numbered = f"_{part}" if profile.rows_per_part else ""
    folder = profile.folder.format(resource=resource, Resource=capital).strip("/")
    return f"{folder}/" * bool(folder) + f"{stem if dot else name}{table.suffix}{numbered}{dot}{ending if dot else ''}"


def _member(name: str, profile: ZipProfile) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _MADE_AT)
    info.compress_type = zipfile.ZIP_STORED if profile.stored else zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    info.create_system = 3  # the same bytes on every machine
    return info


class _Ahead:
    """Rows of which the next is already read, so that one knows whether there is one."""

    def __init__(self, rows: Iterator[list[str]], written: Written | None) -> None:
        self._rows = rows
        self._written = written
        self._next = next(rows, None)

    @property
    def at_end(self) -> bool:
        return self._next is None

    def take(self) -> list[str]:
        row = self._next
        assert row is not None
        self._next = next(self._rows, None)
        if self._written is not None:
            self._written.rows += 1
            if len(self._written.ids) < _KEPT_IDS:
                self._written.ids.append(row[0])
        return row


class _Counted(io.RawIOBase):
    """A writer that counts what passes through it."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.size += len(data)
        return int(self._raw.write(data))


class _Unseekable:
    """A file one can only append to, which makes zipfile write data descriptors."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()
