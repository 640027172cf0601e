"""Measures the comparison of an audit: seconds, memory and disk, for so many records.

    python benchmarks/audit.py --records 1000000

The history is one window with all records, and seven with two in a hundred each; the snapshot has all of them. The files are
on the local disk, in the place of S3. Each figure is that of a process of its own.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "plugins")]

from benchmarks.memory import memory  # noqa: E402
from chargebee_operators.audit.comparison import Comparison, Copy  # noqa: E402
from chargebee_operators.audit.partitions import Partition, TableFile  # noqa: E402
from chargebee_operators.audit.record_store import record_store  # noqa: E402
from chargebee_operators.chargebee.jobs import JobRecord  # noqa: E402
from chargebee_operators.chargebee.windows import iso  # noqa: E402

FORMATS = ("csv.gz", "parquet")
COLUMNS = ("id", *(f"column_{number}" for number in range(28)), "updated_at")
SMALL_WINDOWS, SHARE = 7, 50
START = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def rows(count: int, first: int, step: int, day: int) -> Iterator[list[str]]:
    """Yield rows whose values depend on the record's number alone, the last one aside."""
    at = iso(START + day * DAY)
    for number in range(first, count, step):
        yield [
            f"cust-{number * 2654435761 % 2**32:010}",
            *(f"value {number % 1000} of {place}" for place in range(28)),
            at,
        ]


def write(folder: Path, name: str, form: str, content: Iterator[list[str]]) -> TableFile:
    """Write one file of customers."""
    path = folder / f"{name}.{form}"
    if form == "parquet":
        import pyarrow as pa
        import pyarrow.parquet

        schema = pa.schema([(each, pa.string()) for each in COLUMNS])
        with pa.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
            while block := list(islice(content, 20_000)):
                columns = [pa.array(column) for column in zip(*block, strict=True)]
                writer.write_batch(pa.record_batch(columns, schema=schema))
    else:
        with gzip.open(path, "wb", compresslevel=1) as data, io.TextIOWrapper(data, "utf-8", newline="") as text:
            csv.writer(text).writerows([COLUMNS])
            csv.writer(text).writerows(content)
    return TableFile(path.name, "Customers.csv", "", form, COLUMNS, COLUMNS)


def history(folder: Path, form: str, count: int) -> list[str]:
    """Write the files of all windows and of the snapshot, and return their names."""
    files = [write(folder, "all", form, rows(count, 0, 1, 0))]
    for day in range(1, SMALL_WINDOWS + 1):
        files.append(write(folder, f"day-{day}", form, rows(count, day, SHARE, day)))
    return [each.key for each in [*files, write(folder, "snapshot", form, _latest(count))]]


def _latest(count: int) -> Iterator[list[str]]:
    for number in range(count):
        day = number % SHARE if 1 <= number % SHARE <= SMALL_WINDOWS else 0
        yield from rows(number + 1, number, 1, day)


def _window(day: int, files: list[TableFile]) -> Partition:
    start, end = START + day * DAY, START + (day + 1) * DAY
    job = JobRecord("e", "customers", "acme", {}, iso(start), iso(end), "updated_at", iso(end))
    return Partition(f"window-{day}", job, tuple(files))


def _snapshot(file: TableFile) -> Partition:
    job = JobRecord("e", "customers", "acme", {}, None, None, None, iso(START + 30 * DAY))
    return Partition("snapshot", job, (file,))


def measure(folder: Path, form: str, count: int) -> dict[str, float]:
    """Compare once, in this process."""
    keys = json.loads((folder / "history.json").read_text())
    files = [TableFile(key, "Customers.csv", "", form, COLUMNS, COLUMNS) for key in keys]
    windows, snapshot = [_window(day, [file]) for day, file in enumerate(files[:-1])], _snapshot(files[-1])

    @contextmanager
    def fetch(file: TableFile) -> Iterator[Copy]:
        yield Copy(folder / file.key)

    began, cpu = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory(dir=folder) as scratch, record_store(Path(scratch)) as store:
        comparison = Comparison("customers", store, fetch)
        comparison.run(windows, snapshot)
        found = store.find(20)
        disk = sum(each.stat().st_size for each in Path(scratch).iterdir())
    assert comparison.snapshot_rows == count and not any(each.count for each in found.values()), found
    return {
        "wall": time.perf_counter() - began,
        "cpu": time.process_time() - cpu,
        "memory": memory("VmHWM") / 2**20,
        "disk": disk / 2**20,
        "rows": comparison.landed_rows + comparison.snapshot_rows,
    }


def measured(count: int, form: str) -> dict[str, float]:
    """Write a history, and compare in a fresh process."""
    with tempfile.TemporaryDirectory(dir=_scratch()) as name:
        folder = Path(name)
        (folder / "history.json").write_text(json.dumps(history(folder, form, count)))
        command = [sys.executable, __file__, "--records", str(count), "--format", form, "--in", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return dict(json.loads(done.stdout))


def _scratch() -> Path:
    folder = ROOT / ".local" / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def as_text(count: int, figures: dict[str, dict[str, float]]) -> str:
    """Return a Markdown table."""
    lines = [
        f"| {form} | {count:,} | {each['rows']:,.0f} | {each['wall']:.0f} | {each['cpu']:.0f} | {each['memory']:.0f} | "
        f"{each['disk']:.0f} |"
        for form, each in figures.items()
    ]
    head = "| format | records | rows read | wall s | CPU s | peak MB | MB on disk |"
    return "\n".join([head, "|---|---:|---:|---:|---:|---:|---:|", *lines])


def main() -> None:
    """Measure each format, or one in this process."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--format", choices=FORMATS)
    parser.add_argument("--in", dest="folder", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder:
        print(json.dumps(measure(Path(options.folder), options.format, options.records)))
        return
    forms = [options.format] if options.format else list(FORMATS)
    print(as_text(options.records, {form: measured(options.records, form) for form in forms}))


if __name__ == "__main__":
    main()
