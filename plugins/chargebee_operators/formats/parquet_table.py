"""Blocks of CSV records into the row groups of one Parquet file, with pyarrow."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chargebee_operators.common.exceptions import ConversionError
from chargebee_operators.formats.column_names import unique_names
from chargebee_operators.formats.csv_facts import blank_lines, read_records

if TYPE_CHECKING:
    import pyarrow as pa

GROUP_ROWS = 20_000
# Of CSV: fewer rows make a group when they are long ones.
GROUP_BYTES = 16 << 20

DECIMAL = re.compile(r"decimal\(\s*(\d{1,2})\s*,\s*(\d{1,2})\s*\)")
TIMESTAMP = re.compile(r"timestamp\[\s*(s|ms|us)\s*(,\s*UTC\s*)?\]")
SIMPLE_TYPES = {
    "string": "string",
    "bool": "bool_",
    "int32": "int32",
    "int64": "int64",
    "float64": "float64",
    "date": "date32",
}

_EPOCH = re.compile(r"\d{10}(?:\d{3})?")
_NAMED_MONTH = re.compile(r"\d\d-[A-Za-z]{3}-\d{4}(?: \d\d:\d\d(:\d\d)?)?")
_ZONE = re.compile(r":\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)$")


class ParquetTable:
    """One Parquet file as it is written.

    :param member: the CSV's name, for errors.
    :param header: its columns.
    :param types: the type of each column that is not text, as ``ColumnTypes`` takes them.
    """

    def __init__(self, member: str, header: Sequence[str], types: Mapping[str, str]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._member = member
        self._names = unique_names(header)
        self._typed = {
            name: arrow_type(types[given]) for name, given in zip(self._names, header, strict=True) if given in types
        }
        self._schema = pa.schema([(name, self._typed.get(name, pa.string())) for name in self._names])
        self._sink = _Sink()
        self._writer = pq.ParquetWriter(self._sink, self._schema, compression="snappy")
        self._waiting: list[pa.Table] = []
        self._waiting_rows = self._waiting_bytes = 0
        self._rows = 0
        self._blanks = 0  # lines, held back

    def add(self, block: bytes, records: int) -> None:
        """Take whole records.

        :param records: how many they are, blank lines included.
        :raises ConversionError: when one of them does not fit.
        """
        whole = len(block.rstrip(b"\r\n"))
        if len(self._names) > 1:
            if whole:
                self._take(block, records)
            return
        # Blank lines at a block's end are held back: they are values if more comes, and none at the file's end.
        end = block.find(b"\n", whole) + 1 if whole else 0
        blanks = block.count(b"\n", end) if end or not whole else 0
        if whole:
            while self._blanks:
                some = min(self._blanks, GROUP_ROWS)
                self._take(b"\n" * some, some)
                self._blanks -= some
            self._take(block[:end] if end else block, records - blanks)
        self._blanks += blanks

    def _take(self, block: bytes, records: int) -> None:
        table = self._typed_table(self._text_table(block, records))
        self._rows += table.num_rows
        self._waiting.append(table)
        self._waiting_rows += table.num_rows
        self._waiting_bytes += len(block)
        while self._waiting_rows >= GROUP_ROWS:
            self._write_group(GROUP_ROWS)
        if self._waiting_bytes >= GROUP_BYTES:
            self._write_group(self._waiting_rows)

    def close(self) -> None:
        """Write what is left, and the file's end."""
        if self._waiting_rows:
            self._write_group(self._waiting_rows)
        self._writer.close()

    def taken(self) -> Iterator[bytes]:
        """Yield the bytes that were written since the last call."""
        return self._sink.taken()

    def _write_group(self, rows: int) -> None:
        import pyarrow as pa

        table = pa.concat_tables(self._waiting)
        rest = table.slice(rows)
        self._waiting, self._waiting_rows, self._waiting_bytes = [], rest.num_rows, 0
        if rest.num_rows:
            self._waiting = [rest]
            self._waiting_bytes = rest.nbytes
        self._writer.write_table(table.slice(0, rows).combine_chunks(), row_group_size=rows)

    def _text_table(self, block: bytes, records: int) -> pa.Table:
        import pyarrow as pa
        from pyarrow import csv

        alone = len(self._names) == 1  # where a blank line is an empty value
        try:
            table = csv.read_csv(
                pa.BufferReader(block),
                csv.ReadOptions(use_threads=False, block_size=len(block) + 1, column_names=self._names),
                csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=not alone),
                csv.ConvertOptions(
                    column_types=dict.fromkeys(self._names, pa.string()),
                    null_values=[""],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                ),
            )
        except pa.ArrowInvalid:
            # Its message quotes the row.
            raise self._what_is_wrong(block) from None
        if table.num_rows != records - (0 if alone else blank_lines(block)):
            # The two don't agree on where quotes begin: then a block may end within a record.
            raise self._what_is_wrong(block)
        return table

    def _what_is_wrong(self, block: bytes) -> ConversionError:
        rows = (row for row in read_records(block) if row)
        for number, row in enumerate(rows, self._rows + 1):
            if len(row) != len(self._names):
                return ConversionError(
                    f"{self._member}: row {number} has {len(row)} fields, but the header {len(self._names)}. "
                    "Choose csv.gz, which takes the data as it is."
                )
            for name, value in zip(self._names, row, strict=True):
                if "\ufffd" in value:
                    return ConversionError(
                        f"{self._member}: column {name!r} of row {number} is not UTF-8. Choose csv.gz."
                    )
        return ConversionError(
            f"{self._member}: the rows from {self._rows + 1} on are no regular CSV (quotes or carriage returns in odd "
            "places). Choose csv.gz, which takes the data as it is."
        )

    def _typed_table(self, table: pa.Table) -> pa.Table:
        import pyarrow as pa

        for name, kind in self._typed.items():
            at = self._names.index(name)
            column = table.column(at).combine_chunks()
            try:
                converted = convert(column, kind)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                row = self._rows + 1 + _first_wrong(column, kind)
                raise ConversionError(
                    f"{self._member}: column {name!r} of row {row} can't be read as {kind}. Give the column another type "
                    "in column_types, or none: then it is text."
                ) from None
            table = table.set_column(at, self._schema.field(at), converted)
        return table


def arrow_type(kind: str) -> pa.DataType:
    """Return pyarrow's type for one as ``column_types`` has it."""
    import pyarrow as pa

    if match := DECIMAL.fullmatch(kind):
        return pa.decimal128(int(match[1]), int(match[2]))
    if match := TIMESTAMP.fullmatch(kind):
        return pa.timestamp(match[1], "UTC" if match[2] else None)
    return getattr(pa, SIMPLE_TYPES[kind])()


def convert(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return a column of texts as another type; empty ones are null.

    :raises pyarrow.ArrowInvalid: when one is not of that type, or would lose something.
    """
    import pyarrow as pa
    from pyarrow import compute

    if kind == pa.string():
        return column
    filled = compute.if_else(compute.equal(column, ""), pa.scalar(None, pa.string()), column)
    return _timestamps(filled, kind) if pa.types.is_timestamp(kind) else filled.cast(kind)


def _timestamps(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """Read times in the format of the first; one without a zone is taken as UTC."""
    import pyarrow as pa
    from pyarrow import compute

    first = next((value.as_py() for value in column if value.is_valid), "")
    if _EPOCH.fullmatch(first):
        others = r"^\d{13}$" if len(first) == 10 else r"^\d{10}$"
        if compute.any(compute.match_substring_regex(column, others)).as_py():
            raise pa.ArrowInvalid("some are seconds and some milliseconds")
        found = column.cast(pa.int64()).cast(pa.timestamp("s" if len(first) == 10 else "ms"))
    elif match := _NAMED_MONTH.fullmatch(first):
        pattern = "%d-%b-%Y" + (" %H:%M" if " " in first else "") + (":%S" if match[1] else "")
        found = compute.strptime(column, format=pattern, unit="s")
    else:
        plain = compute.replace_substring_regex(column, r" UTC$", "Z")
        zoned = _ZONE.search(plain.drop_null()[0].as_py()) if first else None
        found = plain.cast(pa.timestamp("us", "UTC" if zoned else None))
    return found.cast(kind)


def _first_wrong(column: pa.Array, kind: pa.DataType) -> int:
    """Return the offset of the first value that does not convert."""
    import pyarrow as pa

    first, behind = 0, len(column)
    while behind - first > 1:
        middle = (first + behind) // 2
        try:
            convert(column.slice(0, middle), kind)
            first = middle
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            behind = middle
    return first


class _Sink(io.RawIOBase):
    """A file that is only written to, and whose bytes are taken out again."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._size

    def write(self, data: Any) -> int:
        self._pieces.append(bytes(data))
        self._size += len(self._pieces[-1])
        return len(self._pieces[-1])

    def taken(self) -> Iterator[bytes]:
        pieces, self._pieces = self._pieces, []
        if pieces:
            yield b"".join(pieces)
