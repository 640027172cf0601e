"""Turns results into tables and into docs/performance.md."""

from __future__ import annotations

import operator
import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.uploading import chart
from benchmarks.uploading.measure import Cost
from benchmarks.uploading.page import PAGE
from benchmarks.uploading.paths import PATHS

MB = 10**6
SHORT = {
    "limit": "the limit",
    "csv.gz": "this package, csv.gz",
    "csv.gz-window": "this package, csv.gz, window compared",
    "csv": "this package, csv",
    "zip": "this package, zip",
    "parquet": "this package, parquet",
    "parquet-window": "this package, parquet, window compared",
    "original": "in memory, unzipped",
    "http_to_s3": "in memory, as it is (HttpToS3Operator)",
}


@dataclass(frozen=True)
class Table:
    """The medians for one size.

    :param size: bytes asked for, inflated.
    :param zip_size: bytes of the zip.
    :param members: files in it.
    :param runs: behind each median.
    :param titles: what each path is called.
    :param rows: the median of each path.
    :param pace: the most bytes a second that one connection of the download host gave; None without such a limit.
    """

    size: int
    zip_size: int
    members: int
    runs: int
    titles: dict[str, str]
    rows: dict[str, Cost]
    pace: int | None = None

    def of_limit(self, name: str, what: str = "wall") -> float | None:
        """How many times the limit's wall time, ``cpu`` or ``peak`` a path took."""
        return getattr(self.rows[name], what) / getattr(self.rows["limit"], what) if "limit" in self.rows else None

    def of_original(self, name: str) -> float | None:
        """How many times as fast as the in-memory way a path was."""
        return self.rows["original"].wall / self.rows[name].wall if "original" in self.rows else None


def size_text(size: int) -> str:
    """Return bytes as the command line takes them."""
    return f"{size / 10**9:g} GB" if size >= 10**9 else f"{size / MB:g} MB"


def heading(table: Table) -> str:
    """Return a sentence that says what was landed."""
    files = "one file" if table.members == 1 else f"{table.members} files"
    runs = "one run" if table.runs == 1 else f"median of {table.runs} runs"
    pace = f", {table.pace / MB:.0f} MB/s a connection" if table.pace else ""
    return f"{size_text(table.size)} of CSV in {files}, a zip of {table.zip_size / MB:,.0f} MB{pace} ({runs})"


def as_text(table: Table) -> str:
    """Return a Markdown table, which reads well in a terminal too."""
    head = [
        "path",
        "wall s",
        "x limit",
        "CPU s",
        "x limit",
        "peak MB",
        "x limit",
        "above idle MB",
        "x faster than in memory",
    ]
    lines = [head]
    for name, cost in table.rows.items():
        figures: list[str] = []
        for what, text in (
            ("wall", f"{cost.wall:.2f}"),
            ("cpu", f"{cost.cpu:.2f}"),
            ("peak", f"{cost.peak / MB:,.0f}"),
        ):
            figures += [text, _times(table.of_limit(name, what))]
        figures += [f"{(cost.peak - cost.idle) / MB:,.0f}", _times(table.of_original(name))]
        lines.append([table.titles[name], *figures])
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    rows = [[_padded(text, widths[at], at) for at, text in enumerate(line)] for line in lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in [rows[0], rule, *rows[1:]])


def _padded(text: str, width: int, column: int) -> str:
    return text.rjust(width) if column else text.ljust(width)


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}"


def write_docs(folder: Path, tables: list[Table], others: Mapping[str, str]) -> None:
    """Write performance.md and performance.svg.

    :param others: the tables of ``parts``, ``parse``, ``tasks``, ``reading`` and ``audit``.
    """
    blocks = [chart.Block(heading(table), _bars(table)) for table in tables]
    (folder / "performance.svg").write_text(chart.svg(blocks))
    results = "\n\n".join(f"### {heading(table)}\n\n{as_text(table)}" for table in tables)
    text = PAGE.format(
        machine=_machine(),
        command=_command(tables),
        results=results,
        memory=_memory(tables),
        aims=_aims(tables),
        **others,
    )
    (folder / "performance.md").write_text(text)


def _bars(table: Table) -> list[chart.Bar]:
    return [
        chart.Bar(SHORT.get(name, name), cost.wall, (cost.peak - cost.idle) / MB, name in PATHS and PATHS[name].ours)
        for name, cost in table.rows.items()
    ]


def _aims(tables: list[Table]) -> str:
    """Return a table of the aims, and the results at 1 GB."""
    found = [table for table in tables if table.size == 10**9]
    lines = ["| aim | " + " | ".join(_pace_text(table) for table in found) + " |", "|---|" + "---|" * len(found)]

    def add(aim: str, figures: list[float | None], is_met: Callable[[float], bool] | None) -> None:
        told = [
            "" if each is None else f"{each:.2f}{'' if is_met is None else ': met' if is_met(each) else ': missed'}"
            for each in figures
        ]
        lines.append(f"| {aim} | {' | '.join(told)} |")

    add("`csv.gz` within 1.6 of the limit's time", [each.of_limit("csv.gz") for each in found], lambda x: x <= 1.6)
    add("`csv.gz` 4 times as fast as in memory", [each.of_original("csv.gz") for each in found], lambda x: x >= 4)
    add(
        "the same with each row compared, as a daily run does",
        [each.of_original("csv.gz-window") for each in found],
        None,
    )
    add("`csv` twice as fast as in memory", [each.of_original("csv") for each in found], lambda x: x >= 2)
    for aim, name, what, most in (
        ("`csv.gz` at most 3 CPU seconds a GB", "csv.gz", "cpu", 3.0),
        ("`csv.gz` with each row compared at most 4 CPU seconds a GB", "csv.gz-window", "cpu", 4.0),
        ("`parquet` at most 7.5 CPU seconds a GB", "parquet", "cpu", 7.5),
        ("`parquet` at most 5 seconds a GB", "parquet", "wall", 5.0),
    ):
        add(aim, [getattr(each.rows[name], what) for each in found], partial(operator.ge, most))
    for aim, most, names in (
        (
            "at most 80 MB above idle, at every size",
            80,
            [name for name in PATHS if PATHS[name].ours and "parquet" not in name],
        ),
        ("at most 256 MB for Parquet, at every size", 256, ["parquet", "parquet-window"]),
    ):
        costs = [table.rows[name] for table in tables for name in names if name in table.rows]
        highest = max((cost.peak - cost.idle) / MB for cost in costs)
        lines.append(
            f"| {aim} | {highest:.0f} MB: {'met' if highest <= most else 'missed'} |" + " |" * (len(found) - 1)
        )
    return "\n".join(lines)


def _pace_text(table: Table) -> str:
    return f"{table.pace / MB:.0f} MB/s a connection" if table.pace else "no pace"


def _memory(tables: list[Table]) -> str:
    """Return one line for each path: its memory above idle at each size."""
    tables = [table for table in tables if table.pace is None]
    lines = [
        "| path | " + " | ".join(f"{size_text(table.size)}" for table in tables) + " |",
        "|---|" + "---:|" * len(tables),
    ]
    for name in tables[0].rows:
        costs = [table.rows[name] for table in tables]
        figures = " | ".join(f"{(cost.peak - cost.idle) / MB:,.0f}" for cost in costs)
        lines.append(f"| {tables[0].titles[name]} | {figures} |")
    return "\n".join(lines)


def _command(tables: list[Table]) -> str:
    sizes, paced = (
        ",".join(
            f"{size_text(each.size).replace(' ', '')}:{each.runs}" for each in tables if bool(each.pace) == is_paced
        )
        for is_paced in (False, True)
    )
    return f"benchmarks/upload.py --sizes {sizes}{f' --paced {paced}' if paced else ''} --write-docs"


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 10**9
    names = ["apache-airflow", "boto3", "requests", "urllib3", "isal"]
    libraries = ", ".join(f"{name} {_version(name)}" for name in names)
    system = f"{platform.system()} on {platform.machine()}, {_processor()}"
    return f"{os.cpu_count()} cores, {memory:.0f} GB, {system}; Python {platform.python_version()}, {libraries}."


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "unknown processor"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
