"""One Parquet file as it is written: blocks of CSV into row groups, with pyarrow and two threads beside the caller's."""

from __future__ import annotations

import io
import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chargebee_operators.common.calls import Calls
from chargebee_operators.formats.parquet_blocks import BlockParser, ParsedBlock
from chargebee_operators.formats.parquet_values import Conversion
from chargebee_operators.formats.rows import Rows

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

GROUP_ROWS = 65_536
# In memory: fewer rows make a group when they are long ones.
GROUP_BYTES = 24 << 20

# Where the metadata has the names in the CSV's header: of a field, and of the whole file as JSON.
EXPORTED_NAME, EXPORTED_NAMES = "exported_name", "exported_names"

# Blocks that are parsed, or wait for it; more of them would gain nothing.
_BLOCKS_AHEAD = 2
# A group is written while the next one is gathered.
_GROUPS_AHEAD = 1
# A dictionary pays where a value comes this often, on average, in the first group.
_REPEATS = 4


class ParquetTable:
    """One Parquet file. ``close`` it in any case.

    :param member: the CSV's name, for errors.
    :param names: those of the columns.
    :param header: the names of the columns in the CSV. They are kept in the fields' metadata.
    :param conversions: of the columns that are not text, by name.
    :param look: is given the records of each block, in their order.
    """

    def __init__(
        self,
        member: str,
        names: Sequence[str],
        header: Sequence[str],
        conversions: Mapping[str, Conversion],
        look: Callable[[Rows], None] | None = None,
    ) -> None:
        self._look = look
        self._alone = len(names) == 1
        self._groups = _Groups()
        self._file = _File(_schema(names, header, conversions))
        self._parser = BlockParser(member, names, conversions)
        # One thread each, which keeps the order: pyarrow works there without holding Python up.
        self._parsing, self._writing = Calls(1, "parquet-parse"), Calls(1, "parquet-write")
        self._blanks = 0  # lines, held back

    @property
    def rows(self) -> int:
        """Rows that are in the file; exact after ``finish``."""
        return self._groups.rows

    def add(self, block: bytes) -> None:
        """Take whole records.

        :raises ConversionError: when one of them, or of those before, does not fit.
        """
        if not self._alone:
            self._parse(block)
            return
        # Blank lines at a block's end are held back: they are values if more comes, and none at the file's end.
        whole = len(block.rstrip(b"\r\n"))
        end = block.find(b"\n", whole) + 1 if whole else 0
        blanks = block.count(b"\n", end) if end or not whole else 0
        if whole:
            while self._blanks:
                some = min(self._blanks, GROUP_ROWS)
                self._parse(b"\n" * some)
                self._blanks -= some
            self._parse(block[:end] if end else block)
        self._blanks += blanks

    def finish(self) -> None:
        """Write what is left, and the file's end.

        :raises ConversionError: as ``add``.
        """
        self._gather(self._parsing.leave_at_most(0))
        for group in self._groups.rest():
            self._write(group)
        self._writing.leave_at_most(0)
        self._file.finish()

    def taken(self) -> Iterator[bytes]:
        """Yield the bytes that were written since the last call."""
        return self._file.taken()

    def close(self) -> None:
        """End the threads."""
        self._parsing.close()
        self._writing.close()

    def _parse(self, block: bytes) -> None:
        self._parsing.begin(self._parser.parse, block)
        self._gather(self._parsing.leave_at_most(_BLOCKS_AHEAD))

    def _write(self, group: pa.Table) -> None:
        self._writing.begin(self._file.write, group)
        self._writing.leave_at_most(_GROUPS_AHEAD)

    def _gather(self, blocks: Sequence[ParsedBlock]) -> None:
        for block in blocks:
            if self._look is not None:
                self._look(block)
            for group in self._groups.add(block.table):
                self._write(group)


class _Groups:
    """Gathers tables into groups of so many rows, or so many bytes."""

    def __init__(self) -> None:
        self.rows = 0
        self._tables: list[pa.Table] = []
        self._rows = self._bytes = 0

    def add(self, table: pa.Table) -> Iterator[pa.Table]:
        """Take a table; yield full groups."""
        self.rows += table.num_rows
        self._tables.append(table)
        self._rows += table.num_rows
        self._bytes += table.nbytes
        while self._rows >= GROUP_ROWS:
            yield self._group(GROUP_ROWS)
        if self._bytes >= GROUP_BYTES:
            yield self._group(self._rows)

    def rest(self) -> Iterator[pa.Table]:
        """Yield what is no full group."""
        if self._rows:
            yield self._group(self._rows)

    def _group(self, rows: int) -> pa.Table:
        import pyarrow as pa

        table = pa.concat_tables(self._tables)
        rest = table.slice(rows)
        self._tables, self._rows, self._bytes = [], rest.num_rows, 0
        if rest.num_rows:
            self._tables, self._bytes = [rest], rest.nbytes
        return table.slice(0, rows)


class _File:
    """The file's bytes. Only the thread that writes may write."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._sink = _Sink()
        self._writer: pq.ParquetWriter | None = None

    def write(self, group: pa.Table) -> None:
        """Write a row group."""
        if self._writer is None:
            self._writer = self._open(group)
        self._writer.write_table(group, row_group_size=group.num_rows)

    def finish(self) -> None:
        """Write the end."""
        writer = self._writer or self._open(self._schema.empty_table())
        writer.close()

    def taken(self) -> Iterator[bytes]:
        return self._sink.taken()

    def _open(self, first: pa.Table) -> pq.ParquetWriter:
        import pyarrow.parquet as pq

        return pq.ParquetWriter(
            self._sink,
            self._schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=_repetitive(first),
            write_statistics=_not_text(self._schema),
        )


def _schema(names: Sequence[str], header: Sequence[str], conversions: Mapping[str, Conversion]) -> pa.Schema:
    import pyarrow as pa

    def field(name: str, exported: str) -> pa.Field:
        kind = conversions[name].type if name in conversions else pa.string()
        return pa.field(name, kind, metadata={EXPORTED_NAME: exported})

    fields = [field(*each) for each in zip(names, header, strict=True)]
    # For readers that know nothing of pyarrow's own notes in a file, DuckDB for one.
    return pa.schema(fields, metadata={EXPORTED_NAMES: json.dumps(dict(zip(names, header, strict=True)))})


def _repetitive(table: pa.Table) -> list[str]:
    """Return the text columns for which a dictionary pays."""
    import pyarrow as pa
    from pyarrow import compute

    def pays(name: str) -> bool:
        column = table[name]
        return column.type == pa.string() and compute.count_distinct(column).as_py() * _REPEATS <= len(column)

    return [name for name in table.column_names if pays(name)]


def _not_text(schema: pa.Schema) -> list[str]:
    """Return the columns whose least and greatest values are worth their time, for readers that skip row groups."""
    import pyarrow as pa

    return [field.name for field in schema if field.type != pa.string()]


class _Sink(io.RawIOBase):
    """A file that is only written to, and whose bytes are taken out again, by another thread."""

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._size = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._size

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._pieces.append(piece)
        self._size += len(piece)
        return len(piece)

    def taken(self) -> Iterator[bytes]:
        taken = []
        while self._pieces:
            taken.append(self._pieces.popleft())
        if taken:
            yield b"".join(taken)
