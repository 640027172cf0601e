"""Measures how long DuckDB takes to read an export back, as csv.gz and as Parquet.

    python benchmarks/reading.py --size 100MB

The files are on the local disk, in the place of S3, and hold the same rows. The formats take turns.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "plugins"), str(ROOT / "local")]

from benchmarks import testdata  # noqa: E402
from chargebee_operators.archive.zip_stream import ZipStream  # noqa: E402
from chargebee_operators.formats.file_format import get_format, member_bytes  # noqa: E402
from chargebee_operators.formats.parquet import ParquetFile, ParquetSettings  # noqa: E402

FOLDER = ROOT / ".local" / "benchmarks"
SIZE, RUNS = 10**8, 5
_CHUNK = 256 << 10
READERS = {
    "csv.gz": "read_csv('{folder}/*.csv.gz', all_varchar=true)",
    "parquet": "read_parquet('{folder}/*.parquet')",
}
# The columns have their exported names in both, so the queries are the same.
QUERIES = {
    "count the rows": "SELECT count(*) FROM {table}",
    "customers by country": 'SELECT "billing_address[country]", count(*) FROM {table} GROUP BY 1 ORDER BY 1',
    "one customer, all columns": "SELECT * FROM {table} WHERE \"customer[id]\" = '{one}'",
}


def measured(size: int = SIZE) -> dict[str, dict[str, float]]:
    """Return, for each format, the MB of its files and the median seconds of each query.

    :param size: bytes of CSV.
    """
    import duckdb

    zipped = testdata.make_zip(FOLDER, size)
    with tempfile.TemporaryDirectory(dir=FOLDER) as name, duckdb.connect() as database:
        folder = Path(name)
        write(folder, zipped.path)
        tables = {form: reader.format(folder=folder) for form, reader in READERS.items()}
        (one,) = _ask(database, f'SELECT min("customer[id]") FROM {tables["parquet"]}')[0]
        figures = {
            form: {"MB": sum(each.stat().st_size for each in folder.glob(f"*.{form}")) / 10**6} for form in tables
        }
        for what, query in QUERIES.items():
            found = _by_turns(database, {form: query.format(table=table, one=one) for form, table in tables.items()})
            for form, seconds in found.items():
                figures[form][what] = seconds
    return figures


def write(folder: Path, path: Path) -> None:
    """Write the files of a zip in each format, as an upload does."""
    for form in READERS:
        for number, member in enumerate(ZipStream(_chunks(path)).members()):
            parquet = ParquetFile(member.name, "customers", ParquetSettings(column_names="as_exported"))
            with (folder / f"{number}.{form}").open("wb") as file:
                file.writelines(member_bytes(member, get_format(form), parquet=parquet))


def _by_turns(database: Any, queries: dict[str, str]) -> dict[str, float]:
    """Return the median seconds of each query, once all have given the same answer."""
    answers = [_ask(database, query) for query in queries.values()]
    if any(answer != answers[0] for answer in answers):
        raise SystemExit(f"The formats give other answers to {next(iter(queries.values()))}")
    seconds: dict[str, list[float]] = {form: [] for form in queries}
    for _ in range(RUNS):
        for form, query in queries.items():
            began = time.perf_counter()
            _ask(database, query)
            seconds[form].append(time.perf_counter() - began)
    return {form: statistics.median(each) for form, each in seconds.items()}


def _ask(database: Any, query: str) -> list[tuple[Any, ...]]:
    return list(database.execute(query).fetchall())


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while data := file.read(_CHUNK):
            yield data


def as_text(figures: dict[str, dict[str, float]]) -> str:
    """Return a Markdown table."""
    rows = [
        "| | csv.gz | Parquet | Parquet is |",
        "|---|---:|---:|---:|",
        f"| MB in S3 | {figures['csv.gz']['MB']:.0f} | {figures['parquet']['MB']:.0f} | |",
    ]
    for what in QUERIES:
        slow, fast = figures["csv.gz"][what], figures["parquet"][what]
        rows.append(f"| {what}, seconds | {slow:.3f} | {fast:.3f} | {slow / fast:.0f} times as fast |")
    return "\n".join(rows)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--size", type=testdata.parse_size, default=SIZE, help="of the CSV: 100MB")
    print(as_text(measured(parser.parse_args().size)))


if __name__ == "__main__":
    main()
