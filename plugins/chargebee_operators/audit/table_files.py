"""Reads the rows of one file that was written to S3, in batches: CSV with Python's own reader, Parquet with pyarrow."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from chargebee_operators.audit.partitions import TableFile
from chargebee_operators.formats.column_names import column_names
from chargebee_operators.formats.csv_records import MAX_RECORD

# Rows that are read at a time.
BATCH = 2000

Batches = Iterator[Sequence[Sequence[Any]]]


class UnreadableFileError(Exception):
    """A file is not what its manifest says, and can't be read."""


@dataclass(frozen=True)
class OpenFile:
    """A file that is being read.

    :param exported: the columns' names as Chargebee exported them.
    :param kinds: the types of those that are not text, by their names in snake case.
    :param batches: of the rows; each row has a value for each column, text or a value of Parquet.
    """

    exported: tuple[str, ...]
    kinds: Mapping[str, str]
    batches: Batches


def open_file(path: Path, file: TableFile) -> OpenFile:
    """Return a file's columns and its rows.

    :param path: of a copy of the object.
    :param file: what the manifest says of it.
    :raises UnreadableFileError: when it can't be read, also by ``batches``.
    """
    return _open_parquet(path, file) if file.format == "parquet" else _open_csv(path, file)


def _open_csv(path: Path, file: TableFile) -> OpenFile:
    # The limit is one of the process: it is raised, never lowered.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_RECORD))
    rows = _csv_rows(path, file.format == "csv.gz")
    header = tuple(next(rows, ()))
    if not header:
        raise UnreadableFileError("it is empty")
    return OpenFile(header, {}, _csv_batches(rows, len(header)))


def _csv_rows(path: Path, is_gzip: bool) -> Iterator[list[str]]:
    try:
        how = {"encoding": "utf-8-sig", "errors": "replace", "newline": ""}
        with gzip.open(path, "rt", **how) if is_gzip else path.open(**how) as text:  # type: ignore[call-overload]
            yield from csv.reader(text)
    except (OSError, EOFError, zlib.error, csv.Error, ValueError) as error:
        raise UnreadableFileError(f"{type(error).__name__}: it can't be read as CSV") from None


def _csv_batches(rows: Iterator[list[str]], width: int) -> Batches:
    while batch := list(islice(rows, BATCH)):
        # A blank line is no row. A short row lacks its last values.
        yield [row if len(row) >= width else [*row, *[""] * (width - len(row))] for row in batch if row]


def _open_parquet(path: Path, file: TableFile) -> OpenFile:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        opened = parquet.ParquetFile(path)
    except (pa.ArrowException, OSError):
        raise UnreadableFileError("it can't be read as Parquet") from None
    names = tuple(opened.schema_arrow.names)
    exported = file.exported if names == file.names else names
    kinds = {name: file.kinds.get(given, "string") for name, given in zip(column_names(exported), names, strict=True)}
    return OpenFile(exported, kinds, _parquet_batches(opened))


def _parquet_batches(opened: Any) -> Batches:
    import pyarrow as pa

    try:
        for batch in opened.iter_batches(batch_size=BATCH):
            yield list(zip(*(column.to_pylist() for column in batch.columns), strict=True))
    except (pa.ArrowException, OSError):
        raise UnreadableFileError("it can't be read as Parquet") from None
