"""Runs the DAG for real on this machine, and shows what was written.

    make demo                         # an invented company, every resource
    make demo DATA=customers.csv      # your own records of the resource that the file is named after

Airflow is the real one, deferred tasks included; Chargebee is the simulator, S3 is SeaweedFS.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import landed
from airflow_runs import (
    BUCKET,
    DAG_ID,
    SITE,
    AirflowFailed,
    TaskEnd,
    airflow_environment,
    airflow_version,
    prepare,
    run_dag,
)
from demo_data import DAY, DataError, OwnData, own_data

import stack
from chargebee_operators.chargebee.settling import SETTLE
from chargebee_simulator.client import ControlClient


class DemoError(Exception):
    """What was written is not what it should be; the message is for the person who ran the demo."""


def main() -> int:
    """Run the demo that the command line asks for."""
    parser = argparse.ArgumentParser(description="Run the Chargebee export DAG on this machine.")
    parser.add_argument("--data", metavar="FILE.csv", help="records in Chargebee's bulk-operation format")
    data = parser.parse_args().data
    stack.exit_on_signals()
    os.environ.update(stack.without_proxy(os.environ))
    try:
        demo(own_data(data, int(time.time() - SETTLE)) if data else None)
    except (AirflowFailed, DataError, DemoError, stack.StackError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def demo(data: OwnData | None) -> None:
    """Start the servers, run the DAG, and show what was written.

    :param data: a person's own records, or None for an invented company.
    """
    key = f"test_{secrets.token_hex(16)}"
    folder = new_folder()
    options = ["--site", f"{SITE}:{key}", "--customers", "500", "--job-seconds", "2"]
    options += ["--import", f"{data.resource}={data.path}"] if data else []
    with stack.simulator(folder, *options) as chargebee, stack.s3_server(folder) as s3:
        s3.client().create_bucket(Bucket=BUCKET)
        print(f"Airflow {airflow_version()}, Chargebee simulator {chargebee.url}, S3 {s3.endpoint_url}")
        if data:
            print(data.sentences())
        else:
            delete_some(chargebee)
        environment = airflow_environment(folder, chargebee, s3, key)
        print("Making Airflow's database ...", flush=True)
        prepare(environment, folder)
        print(f"Running the DAG {DAG_ID}; its log is {shown(folder / 'run.log')}", flush=True)
        progress = Progress()
        seconds = run_dag(environment, folder, data.conf if data else {}, progress.task_ended)
        progress.end(seconds)
        show(s3, folder, progress)
        if data:
            check(data, landed.manifests(s3))
    shutil.rmtree(folder / "tmp", ignore_errors=True)


def delete_some(chargebee: stack.SimulatorAddress) -> None:
    """Let some customers be deleted at noon of the day that the run exports, so that the table of deletions has rows."""
    midnight = int(time.time()) // DAY * DAY
    ControlClient(chargebee.control_url, chargebee.ca_bundle).remove("customers", count=3, at=midnight - DAY // 2)


def new_folder() -> Path:
    """Return an empty folder for the run, and let every program that is started use a part of it as temporary folder."""
    folder = stack.ROOT / ".local" / "demo" / f"airflow-{airflow_version()}"
    shutil.rmtree(folder, ignore_errors=True)
    temporary = folder / "tmp"
    temporary.mkdir(parents=True)
    os.environ["TMPDIR"] = tempfile.tempdir = str(temporary)
    return folder


class Progress:
    """Prints a line as each task ends, and remembers how long each resource took."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._skipped = 0
        self._last_end: float | None = None
        self._spans: dict[str, tuple[float, float]] = {}

    def task_ended(self, end: TaskEnd) -> None:
        """Print a line for a task, and remember its times."""
        if end.state == "skipped":
            self._skipped += 1
            return
        # Airflow 2's `dags test` does not say when a task began: there, each begins when the one before it has ended.
        began, self._last_end = end.began or self._last_end, end.ended or self._last_end
        seconds = ""
        if began is not None and end.ended is not None:
            seconds = f"{end.ended - began:6.1f} s"
            resource = end.task_id.partition(".")[0]
            first, last = self._spans.get(resource, (began, end.ended))
            self._spans[resource] = min(first, began), max(last, end.ended)
        minutes, rest = divmod(int(time.monotonic() - self._began), 60)
        print(f"  {minutes:02d}:{rest:02d}  {end.task_id:<28} {end.state:<10} {seconds}", flush=True)

    def end(self, seconds: float) -> None:
        """Say that the run is over."""
        skipped = f" Skipped tasks: {self._skipped}." if self._skipped else ""
        print(f"The run took {seconds:.0f} s.{skipped}")

    def seconds(self, resource: str) -> float | None:
        """Return the seconds from a resource's first task to its last, None where they are unknown."""
        span = self._spans.get(resource)
        return span[1] - span[0] if span else None


def show(s3: stack.S3Server, folder: Path, progress: Progress) -> None:
    """Print what was written and how to look at it; save it, for the S3 server forgets it when it stops."""
    keys = landed.manifest_keys(s3)
    if not keys:
        raise DemoError("The run succeeded, but no partition was committed.")
    found = [landed.read(s3, key) for key in keys]
    print(f"\nWritten to s3://{BUCKET}:\n")
    print_table(sorted((row_of(each, progress) for each in found), key=lambda row: row[0]))
    copy = folder / "bucket"
    landed.save(s3, copy)
    key, example = max(zip(keys, found, strict=True), key=lambda each: landed.own_rows(each[1]) or 0)
    print(f"""
rows: records of the resource itself, without those of related files such as line items.
The S3 server has stopped. A copy of the bucket is in {shown(copy)}.

Look at it next:
  find {shown(copy)} -type f
  less {shown(copy / key)}""")
    for file in example["files"][:1]:
        print(f"  gunzip -c {shown(copy / file['key'])} | head -n 3")


def row_of(manifest: dict[str, Any], progress: Progress) -> tuple[str, ...]:
    """Return the cells of a resource's row."""
    resource, files = manifest["job"]["resource"], manifest["files"]
    rows, seconds = landed.own_rows(manifest), progress.seconds(resource)
    return (
        resource,
        str(len(files)),
        "unknown" if rows is None else f"{rows:,}",
        f"{sum(file['bytes'] for file in files):,}",
        "" if seconds is None else f"{seconds:.1f}",
    )


def print_table(rows: Sequence[tuple[str, ...]]) -> None:
    """Print a table: names to the left, numbers to the right."""
    head = ("resource", "files", "rows", "bytes", "seconds")
    widths = [max(len(row[place]) for row in [head, *rows]) for place in range(len(head))]
    for row in [head, tuple("-" * width for width in widths), *rows]:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        print("  " + "  ".join(cells).rstrip())


def check(data: OwnData, manifests: list[dict[str, Any]]) -> None:
    """Compare a person's records with what was written."""
    (manifest,) = manifests
    written, name = landed.own_rows(manifest), data.resource.replace("_", " ")
    print(f"\nOf {data.rows} {name} in {data.path.name}, {data.inside} are in the window; {written} were written.")
    if written != data.inside:
        raise DemoError(f"{data.inside} {name} are in the window, but {written} were written.")


def shown(path: Path) -> str:
    """Return a path as short as it can be typed."""
    return os.path.relpath(path)


if __name__ == "__main__":
    sys.exit(main())
