"""Blocks of CSV records into tables of pyarrow."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chargebee_operators.common.exceptions import ConversionError
from chargebee_operators.common.foreign_text import clean
from chargebee_operators.common.wording import counted
from chargebee_operators.formats.csv_records import blank_lines, lines_in, read_records
from chargebee_operators.formats.parquet_values import Conversion, NoSuchTimeError, NoZoneError

if TYPE_CHECKING:
    import pyarrow as pa


class ParsedBlock:
    """The records of a block; ``rows.Rows``.

    :param table: the records with their types.
    :param text: the same as text.
    :param data: the same as CSV.
    """

    def __init__(self, table: pa.Table, text: pa.Table, data: bytes) -> None:
        self.table = table
        self.count = text.num_rows
        self._text = text
        self._data = data

    def values(self, at: int) -> list[bytes]:
        import pyarrow as pa
        from pyarrow import compute

        values = self._text.column(at).combine_chunks().cast(pa.binary()).fill_null(b"")
        # pyarrow takes ten times as long to make Python's objects one by one.
        in_one_list = pa.ListArray.from_arrays(pa.array([0, len(values)], pa.int32()), values)
        found: list[bytes] = compute.binary_join(in_one_list, b"\n")[0].as_py().split(b"\n")
        if len(found) != len(values):  # a value has a line break, or there is none at all
            found = values.to_pylist()
        return found

    def fields(self) -> Iterator[list[str]]:
        # A blank line is a value where there is one column, and no record elsewhere.
        return (row for row in read_records(self._data) if row or self._text.num_columns == 1)


class BlockParser:
    """Parses the blocks of one CSV, in their order.

    pyarrow counts the rows, and a last line of our own behind each block shows that pyarrow sees its end where the block
    ends: it has another number of fields than the rows, so pyarrow reports it, unless it takes it for a part of a quoted
    field.

    :param member: the CSV's name, for errors.
    :param names: those of the columns.
    :param conversions: of the columns that are not text.
    """

    def __init__(self, member: str, names: Sequence[str], conversions: Mapping[str, Conversion]) -> None:
        self._member = member
        self._names = names
        self._conversions = conversions
        self._alone = len(names) == 1  # where a blank line is an empty value
        self._end_line = f"end-{secrets.token_hex(8)}{',' * self._alone}"
        self._ends = 0
        self._rows = 0

    def parse(self, block: bytes) -> ParsedBlock:
        """Parse a block of whole records.

        :raises ConversionError: when one of them does not fit; it names the row, and never quotes it.
        """
        text = self._text_table(block)
        parsed = ParsedBlock(self._typed_table(text), text, block)
        self._rows += parsed.count
        return parsed

    def _text_table(self, block: bytes) -> pa.Table:
        import pyarrow as pa
        from pyarrow import csv

        data = b"".join((block, b"" if block.endswith(b"\n") else b"\n", self._end_line.encode(), b"\n"))
        self._ends = 0
        try:
            table = csv.read_csv(
                pa.BufferReader(data),
                csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=self._names),
                csv.ParseOptions(
                    newlines_in_values=True, ignore_empty_lines=not self._alone, invalid_row_handler=self._odd_row
                ),
                csv.ConvertOptions(
                    check_utf8=not block.isascii(),
                    column_types=dict.fromkeys(self._names, pa.string()),
                    null_values=[""],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                ),
            )
        except pa.ArrowInvalid:
            # Its message quotes the row.
            raise self._what_is_wrong(block) from None
        if self._ends != 1 or not self._are_rows(block, table.num_rows):
            raise self._what_is_wrong(block)
        return table

    def _odd_row(self, row: Any) -> str:
        """Say what pyarrow does with a row of another length."""
        if row.text != self._end_line:
            return "error"
        self._ends += 1
        return "skip"

    def _are_rows(self, block: bytes, rows: int) -> bool:
        """Tell whether all rows end in line feeds, for pyarrow takes a carriage return alone for a row's end too."""
        if b"\r" not in block or block.count(b"\r") == block.count(b"\r\n"):
            return True
        return rows == lines_in(block) - (0 if self._alone else blank_lines(block))

    def _what_is_wrong(self, block: bytes) -> ConversionError:
        rows = (row for row in read_records(block) if row)
        for number, row in enumerate(rows, self._rows + 1):
            if len(row) != len(self._names):
                return ConversionError(
                    f"{self._member}: row {number} has {counted(len(row), 'field')}, but the header {len(self._names)}. "
                    "Choose csv.gz, which takes the data as it is."
                )
            for name, value in zip(self._names, row, strict=True):
                if "\ufffd" in value:
                    return ConversionError(
                        f"{self._member}: column {clean(name)!r} of row {number} is not UTF-8. Choose csv.gz."
                    )
        return ConversionError(
            f"{self._member}: the rows from {self._rows + 1} on are no regular CSV: they have quotes or carriage returns in "
            "odd places. Choose csv.gz, which takes the data as it is."
        )

    def _typed_table(self, table: pa.Table) -> pa.Table:
        import pyarrow as pa

        for name, conversion in self._conversions.items():
            at = self._names.index(name)
            column = table.column(at).combine_chunks()
            try:
                values = conversion.values(column)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError, NoZoneError, NoSuchTimeError) as error:
                row = self._rows + 1 + conversion.first_wrong(column)
                raise self._no_value(name, row, conversion, error) from None
            table = table.set_column(at, name, values)
        return table

    def _no_value(self, name: str, row: int, conversion: Conversion, error: Exception) -> ConversionError:
        where, kind = f"{self._member}: column {clean(name)!r} of row {row}", conversion.kind
        if isinstance(error, NoZoneError):
            return ConversionError(
                f"{where} has no time zone, so it can't be read as {kind}. Set window_timezone to the zone of the export's "
                "times ('UTC' if the site exports in UTC), or give the column the type timestamp[s], which keeps times as "
                "they are written."
            )
        if isinstance(error, NoSuchTimeError):
            return ConversionError(
                f"{where} is a time that does not exist in {conversion.timezone}, because the clocks are put forward over "
                "it. So the times are of another zone: correct window_timezone."
            )
        return ConversionError(
            f"{where} can't be read as {kind}. Give the column another type in column_types, or none: then it is text."
        )
