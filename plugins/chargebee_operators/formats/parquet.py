"""A CSV as Parquet, written while it streams by, in bounded memory. Needs pyarrow, at run time only.

Nothing is inferred. Chargebee does not document how it writes dates, money or booleans, and a column that is a number in
one window and text in the next one breaks its readers. So every column is text, except those that get a type by name.
An empty field is null; a quoted empty one (``""``) is an empty text.

Row groups hold 65,536 rows, or fewer long ones, compressed by Zstandard at level 1. Text columns that repeat their values
have dictionaries; columns that are not text have minima and maxima. The file's footer comes last. It describes each column
of each group in some 0.8 KB, which stay in memory until then. The same CSV gives the same bytes, whatever pieces it comes
in, from the same version of pyarrow.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator, Mapping

from chargebee_operators.common.exceptions import ConversionError, SettingsError
from chargebee_operators.common.spelling import nearest
from chargebee_operators.formats.block_cutter import BlockCutter
from chargebee_operators.formats.csv_records import MAX_RECORD
from chargebee_operators.formats.csv_start import read_start
from chargebee_operators.formats.parquet_table import ParquetTable
from chargebee_operators.formats.parquet_values import DECIMAL, SIMPLE_TYPES, TIMESTAMP

BLOCK = 1 << 20

_TYPES = ("string", "bool", "int32", "int64", "float64", "decimal(18, 2)", "date", "timestamp[s, UTC]", "timestamp[s]")


def check_pyarrow() -> None:
    """Make sure that pyarrow is installed, without importing it.

    :raises SettingsError: when it is not.
    """
    if importlib.util.find_spec("pyarrow") is None:
        raise SettingsError(
            "file_format 'parquet' needs pyarrow, which is not installed: add requirements-parquet.txt to your "
            "requirements, or choose csv.gz."
        )


class ColumnTypes:
    """The types of the columns that are not text, by the names that stand in the headers.

    A zip may hold files with other columns: a name that is in none of them is found out at the end.

    :param types: name -> ``bool``, ``int32``, ``int64``, ``float64``, ``decimal(18, 2)``, ``date``,
        ``timestamp[s]`` or ``timestamp[s, UTC]`` (or ``ms``, ``us``).
    :raises SettingsError: for a type that is not one of these.
    """

    def __init__(self, types: Mapping[str, str] | None = None) -> None:
        self.types = dict(types or {})
        self._seen: dict[str, None] = {}
        for name, kind in self.types.items():
            decimal = DECIMAL.fullmatch(str(kind))
            if decimal and 1 <= int(decimal[1]) <= 38 and int(decimal[2]) <= int(decimal[1]):
                continue
            if kind not in SIMPLE_TYPES and not TIMESTAMP.fullmatch(str(kind)):
                raise SettingsError(
                    f"column_types: {name!r} has the type {kind!r}{nearest(kind, _TYPES)}: write {', '.join(_TYPES)}."
                )

    def see(self, columns: Iterable[str]) -> None:
        """Take the names of one file's header."""
        self._seen.update(dict.fromkeys(columns))

    def check_seen(self) -> None:
        """Refuse names that no header had, once all files were read; an export without files tells nothing.

        :raises SettingsError: with the nearest name that a header has.
        """
        for name in self.types:
            if self._seen and name not in self._seen:
                raise SettingsError(
                    f"column_types: no file of the export has a column {name!r}{nearest(name, self._seen)}."
                )


def parquet_bytes(chunks: Iterable[bytes], member: str, types: ColumnTypes | None = None) -> Iterator[bytes]:
    """Yield a CSV as the bytes of a Parquet file; nothing for a CSV without a header.

    Close it when it is not read to its end, for it has threads.

    :param chunks: the CSV, in pieces of any size.
    :param member: its name, for errors.
    :param types: the columns that are not text.
    :raises ConversionError: for a row of another length than the header, a value that is not of its column's type,
        or bytes that are no UTF-8; it says where, and never the value.
    :raises SettingsError: when pyarrow is not installed.
    """
    check_pyarrow()
    types = types or ColumnTypes()
    table: ParquetTable | None = None
    try:
        for block in _blocks(chunks, member):
            if table is None:
                start = read_start(block)
                if start.problem:
                    raise ConversionError(f"{member}: {start.problem} Choose csv.gz, which takes the data as it is.")
                if not start.columns:
                    continue
                types.see(start.columns)
                table = ParquetTable(member, start.columns, types.types)
                block = block[start.end :]
            table.add(block)
            yield from table.taken()
        if table is not None:
            table.finish()
            yield from table.taken()
    finally:
        if table is not None:
            table.close()


def _blocks(chunks: Iterable[bytes], member: str) -> Iterator[bytes]:
    cutter = BlockCutter(BLOCK)
    for chunk in chunks:
        yield from cutter.feed(chunk)
        if cutter.is_lost:
            break
    else:
        yield from cutter.finish()
    if cutter.is_lost:
        raise ConversionError(
            f"{member}: the quotes do not pair, or a record is longer than {MAX_RECORD >> 20} MB, so there is no telling "
            "its columns. Choose csv.gz, which takes the data as it is."
        )
