"""Measures what each thing that is done to an export's bytes costs by itself, with nothing beside it.

    python benchmarks/parts.py

The sum is what no arrangement of threads or processes can get below, in CPU seconds.
"""

from __future__ import annotations

import ctypes
import hashlib
import io
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "plugins"), str(ROOT / "local")]

from benchmarks import testdata  # noqa: E402
from chargebee_operators.archive.inflate import Codec, best_codec, zlib_codec  # noqa: E402
from chargebee_operators.archive.zip_stream import ZipStream  # noqa: E402
from chargebee_operators.chargebee.resources import get_resource  # noqa: E402
from chargebee_operators.chargebee.windows import window_of  # noqa: E402
from chargebee_operators.checks.window_check import WindowCheck  # noqa: E402
from chargebee_operators.formats.block_cutter import BlockCutter  # noqa: E402
from chargebee_operators.formats.csv_facts import CsvFacts  # noqa: E402
from chargebee_operators.formats.parquet import BLOCK  # noqa: E402
from chargebee_operators.formats.parquet_table import GROUP_ROWS  # noqa: E402

if TYPE_CHECKING:
    import pyarrow as pa

FOLDER = ROOT / ".local" / "benchmarks"
SIZE, GB = 10**8, 10**9
RUNS = 5
_CHUNK = 256 << 10
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's mallopt
_WINDOW = ("2026-01-01", "2027-01-01")


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while data := file.read(_CHUNK):
            yield data


def _inflate(path: Path, codec: Codec) -> None:
    for member in ZipStream(_chunks(path), new_inflater=codec.new_inflater).members():
        for _ in member:
            pass


def _observe(pieces: list[bytes], window: bool) -> None:
    check = WindowCheck("Customers1.csv", get_resource("customers"), window_of(*_WINDOW), "updated_at")
    facts = CsvFacts(check if window else None)
    for piece in pieces:
        facts.feed(piece)
    facts.finish()


def _blocks(pieces: list[bytes]) -> Iterator[bytes]:
    cutter = BlockCutter(BLOCK)
    for piece in pieces:
        yield from cutter.feed(piece)
    yield from cutter.finish()


def _cut(pieces: list[bytes]) -> None:
    for _ in _blocks(pieces):
        pass


def _parsed(block: bytes, names: list[str]) -> pa.Table:
    """Parse with pyarrow alone, all columns as text."""
    import pyarrow as pa
    from pyarrow import csv

    return csv.read_csv(
        pa.BufferReader(block),
        csv.ReadOptions(use_threads=False, block_size=len(block) + 1, column_names=names),
        csv.ParseOptions(newlines_in_values=True),
        csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), check_utf8=False),
    )


def _parse(blocks: list[bytes], names: list[str]) -> None:
    for block in blocks:
        _parsed(block, names)


def _write(groups: list[pa.Table]) -> None:
    """Write with pyarrow alone, without the dictionaries and the statistics that cost time."""
    from pyarrow.parquet import ParquetWriter

    schema = groups[0].schema
    with ParquetWriter(
        io.BytesIO(), schema, compression="zstd", compression_level=1, use_dictionary=False, write_statistics=False
    ) as writer:
        for group in groups:
            writer.write_table(group)


def _groups(blocks: list[bytes], names: list[str]) -> list[pa.Table]:
    import pyarrow as pa

    table = pa.concat_tables([_parsed(block, names) for block in blocks])
    return [table.slice(at, GROUP_ROWS) for at in range(0, len(table), GROUP_ROWS)]


def _hash(path: Path) -> None:
    digest = hashlib.sha256()
    for chunk in _chunks(path):
        digest.update(chunk)


def measured() -> dict[str, float]:
    """Return the CPU seconds of each part for a GB of CSV."""
    # As in a worker, whose heap is large: else blocks would be fresh mappings, whose page faults would be measured too.
    libc = ctypes.CDLL(None)
    libc.mallopt(_TRIM_THRESHOLD, 256 << 20)
    libc.mallopt(_MMAP_THRESHOLD, 32 << 20)
    zipped = testdata.make_zip(FOLDER, SIZE)
    pieces = [inflated for member in ZipStream(_chunks(zipped.path)).members() for _, inflated in member]
    codec = best_codec()
    blocks = list(_blocks(pieces))
    names = blocks[0].partition(b"\n")[0].decode().split(",")
    groups = _groups(blocks, names)
    parts = {
        f"inflate, and check the CRC-32, with {codec.name}": lambda: _inflate(zipped.path, codec),
        "the same with zlib, where isal is not installed": lambda: _inflate(zipped.path, zlib_codec()),
        "count the rows": lambda: _observe(pieces, window=False),
        "count the rows, and compare each with the window": lambda: _observe(pieces, window=True),
        "the zip's SHA-256, for the manifest": lambda: _hash(zipped.path),
        "Parquet: cut the CSV between records": lambda: _cut(pieces),
        "Parquet: parse with pyarrow alone": lambda: _parse(blocks, names),
        "Parquet: compress and write with pyarrow alone": lambda: _write(groups),
    }
    return {name: _seconds(work) * GB / zipped.inflated for name, work in parts.items()}


def _seconds(work: Callable[[], object]) -> float:
    work()
    costs = []
    for _ in range(RUNS):
        began = time.process_time()
        work()
        costs.append(time.process_time() - began)
    return statistics.median(costs)


def as_text(parts: dict[str, float]) -> str:
    """Return a Markdown table."""
    lines = [f"| {name} | {seconds:.2f} |" for name, seconds in parts.items()]
    return "\n".join(["| for a GB of CSV | CPU s |", "|---|---:|", *lines])


if __name__ == "__main__":
    print(as_text(measured()))
