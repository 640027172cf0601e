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
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from chargebee_operators.common.exceptions import ConversionError, SettingsError
from chargebee_operators.common.foreign_text import clean
from chargebee_operators.common.wording import counted
from chargebee_operators.formats.block_cutter import BlockCutter
from chargebee_operators.formats.column_names import PARTITION_KEYS, SNAKE_CASE, check_style, column_names
from chargebee_operators.formats.column_types import ColumnTypes
from chargebee_operators.formats.csv_records import MAX_RECORD
from chargebee_operators.formats.csv_start import read_start
from chargebee_operators.formats.parquet_table import ParquetTable
from chargebee_operators.formats.parquet_values import Conversion
from chargebee_operators.formats.rows import RowReader

BLOCK = 1 << 20


def check_pyarrow() -> None:
    """Make sure that pyarrow is installed, without importing it.

    :raises SettingsError: when it is not.
    """
    if importlib.util.find_spec("pyarrow") is None:
        raise SettingsError(
            "file_format 'parquet' needs pyarrow, which is not installed: add requirements-parquet.txt to your "
            "requirements, or choose csv.gz."
        )


@dataclass(frozen=True)
class ParquetSettings:
    """How an export is written as Parquet.

    :param types: those of the columns that are not text.
    :param column_names: ``snake_case``, or ``as_exported`` for the names in the CSV's header.
    :param timezone: the IANA name of the zone of times that name none; None when it is not known.
    :raises SettingsError: for another way to name columns.
    """

    types: ColumnTypes = field(default_factory=ColumnTypes)
    column_names: str = SNAKE_CASE
    timezone: str | None = None

    def __post_init__(self) -> None:
        check_style(self.column_names)


class ParquetFile:
    """One CSV of an export as a Parquet file.

    ``columns`` are its names, ``exported_columns`` those of the header, and ``types`` the types of the columns that are not
    text: all empty before the header is read. ``rows`` and ``warnings`` are complete after the last byte.

    :param member: the CSV's name, for errors.
    :param table: the table that it belongs to, for the types.
    :param settings: how it is written.
    :param partition_keys: those in the object's key, besides the default ones; no column is called like them.
    :param reader: is given the records as well, when there is one.
    """

    def __init__(
        self,
        member: str,
        table: str,
        settings: ParquetSettings | None = None,
        partition_keys: Iterable[str] = (),
        reader: RowReader | None = None,
    ) -> None:
        self.columns: list[str] = []
        self.exported_columns: list[str] = []
        self.types: dict[str, str] = {}
        self.rows = 0
        self.warnings: list[str] = []
        self._member = member
        self._table = table
        self._settings = settings or ParquetSettings()
        self._partition_keys = PARTITION_KEYS.union(partition_keys)
        self._reader = reader
        self._conversions: dict[str, Conversion] = {}

    def pieces(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the file's bytes; nothing for a CSV without a header.

        Close it when it is not read to its end, for it has threads.

        :param chunks: the CSV, in pieces of any size.
        :raises ConversionError: for a row of another length than the header, a value that is not of its column's type,
            or bytes that are no UTF-8. It says where, and never the value.
        :raises SettingsError: when pyarrow is not installed.
        """
        check_pyarrow()
        table: ParquetTable | None = None
        try:
            for block in self._blocks(chunks):
                if table is None:
                    end = self._read_header(block)
                    if not self.columns:
                        continue
                    table = self._new_table()
                    block = block[end:]
                table.add(block)
                yield from table.taken()
            if table is not None:
                table.finish()
                self._look_back(table)
                yield from table.taken()
            if self._reader is not None:
                self._reader.finish(0)
        finally:
            if table is not None:
                table.close()

    def _read_header(self, block: bytes) -> int:
        """Take the first block, and return where its records begin."""
        start = read_start(block)
        if start.problem:
            raise ConversionError(f"{self._member}: {start.problem} Choose csv.gz, which takes the data as it is.")
        self.exported_columns = start.columns
        self.columns = column_names(self.exported_columns, self._settings.column_names, self._partition_keys)
        kinds = (self._settings.types.of(self._table, each) for each in self.exported_columns)
        self.types = {name: kind for name, kind in zip(self.columns, kinds, strict=True) if kind}
        self._conversions = {name: Conversion(kind, self._settings.timezone) for name, kind in self.types.items()}
        if self._reader is not None and self.columns:
            self._reader.header(self.exported_columns)
        return start.end

    def _new_table(self) -> ParquetTable:
        look = self._reader.take if self._reader is not None else None
        return ParquetTable(self._member, self.columns, self.exported_columns, self._conversions, look)

    def _blocks(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        cutter = BlockCutter(BLOCK)
        for chunk in chunks:
            yield from cutter.feed(chunk)
            if cutter.is_lost:
                break
        else:
            yield from cutter.finish()
        if cutter.is_lost:
            raise ConversionError(
                f"{self._member}: the quotes do not pair, or a record is longer than {MAX_RECORD >> 20} MB, so its "
                "columns can't be known. Choose csv.gz, which takes the data as it is."
            )

    def _look_back(self, table: ParquetTable) -> None:
        self.rows = table.rows
        for name, conversion in self._conversions.items():
            if conversion.in_doubt:
                self.warnings.append(
                    f"Column {clean(name)!r} has {counted(conversion.in_doubt, 'time')} in the hour that comes twice when the "
                    f"clocks of {self._settings.timezone} are put back. Such a time is read as one of the first hour."
                )
