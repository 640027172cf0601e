"""Measures the upload task against other ways to land an export in S3.

    python benchmarks/upload.py --sizes 100MB,1GB,5GB --paced 1GB --runs 3 --write-docs

It needs the Python of an Airflow environment, and Linux. The Chargebee simulator serves the zip and a sink takes the
objects, both on this machine and in processes of their own; each measured run is a fresh process too. The paths take
turns, so that a busy machine slows all of them; trust the ratios more than the seconds.

Ends with an error when something goes wrong, never because something was slow.
"""

from __future__ import annotations

import argparse
import json
import os
import ssl
import statistics
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "plugins"), str(ROOT / "local")]

import stack  # noqa: E402
from benchmarks import audit, parse, parts, reading, tasks, testdata  # noqa: E402
from benchmarks.uploading import report  # noqa: E402
from benchmarks.uploading.measure import Cost  # noqa: E402
from benchmarks.uploading.paths import (  # noqa: E402
    CONNECTION,
    HTTP_CONNECTION,
    PATHS,
    RESOURCE,
    S3_CONNECTION,
    WARM_UP,
    Setting,
)

FOLDER = ROOT / ".local" / "benchmarks"
SINK = ROOT / "benchmarks" / "uploading" / "sink.py"
SITE, KEY = "acme-test", "test_benchmark_key"
BUCKET = "benchmark"
GZIP_FRAME = 18  # bytes of header and trailer around deflated data
RUN_TIMEOUT = 1800.0
# Bytes a second of one connection to the download host, where it is paced: object stores give about as much.
PACE = 60_000_000
# Of the audit that is measured for the docs.
RECORDS = 1_000_000


class BenchmarkError(Exception):
    """A run did not do what it should; the message holds the end of what it said."""


@dataclass(frozen=True)
class Contender:
    """A path, with the package's code from a folder."""

    path: str
    plugins: Path
    label: str = ""

    @property
    def name(self) -> str:
        """For messages and as the key of results."""
        return f"{self.path} ({self.label})" if self.label else self.path


class Servers:
    """The simulator and the sink, for one zip."""

    def __init__(self, simulator: stack.SimulatorAddress, sink_url: str) -> None:
        self.simulator = simulator
        self.sink_url = sink_url

    def setting(self, prefix: str) -> Setting:
        """What a measured process is told of them."""
        return Setting(SITE, self.sink_url, "key", "secret", BUCKET, prefix)

    def environment(self, plugins: Path) -> dict[str, str]:
        """A measured process's environment: Airflow's connections, and where our code is."""
        bundle = str(self.simulator.ca_bundle)
        extra = {"endpoint_url": self.sink_url, "region_name": "us-east-1", "verify": bundle}
        connections = {
            CONNECTION: {
                "conn_type": "generic",
                "login": SITE,
                "password": KEY,
                "host": self.simulator.url,
                "extra": {"ca_bundle": bundle},
            },
            S3_CONNECTION: {"conn_type": "aws", "login": "key", "password": "secret", "extra": extra},
            HTTP_CONNECTION: {"conn_type": "http", "host": self._download_host()},
        }
        return {
            **os.environ,
            **{f"AIRFLOW_CONN_{name.upper()}": json.dumps(each) for name, each in connections.items()},
            "AIRFLOW_HOME": str(FOLDER / "airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "PYTHONPATH": str(plugins),
            "REQUESTS_CA_BUNDLE": bundle,
            "AWS_CA_BUNDLE": bundle,
        }

    def _download_host(self) -> str:
        state = json.loads((FOLDER / "servers" / "simulator.json").read_text())
        return str(state["download_url"])

    def pace(self, bytes_per_second: int) -> None:
        """Let each connection of the download host give so many bytes a second from now on."""
        fault = {"kind": "slow", "bytes_per_second": bytes_per_second, "listener": "download", "times": None}
        body, headers = json.dumps(fault).encode(), {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.simulator.control_url}/faults", body, headers)
        with self._open(request):
            pass

    def objects(self) -> dict[str, int]:
        """The size of each object that reached the sink."""
        with self._open(self.sink_url) as answer:
            return dict(json.load(answer))

    def forget(self) -> None:
        """Empty the sink."""
        with self._open(urllib.request.Request(self.sink_url, method="DELETE")):
            pass

    def _open(self, request: urllib.request.Request | str) -> Any:
        context = ssl.create_default_context(cafile=self.simulator.ca_bundle)
        return urllib.request.urlopen(request, timeout=10, context=context)


@contextmanager
def servers(zip_path: Path) -> Iterator[Servers]:
    """Run the servers for as long as the block does."""
    folder, tls = FOLDER / "servers", FOLDER / "tls"
    folder.mkdir(parents=True, exist_ok=True)
    state = folder / "sink.json"
    state.unlink(missing_ok=True)
    command = [sys.executable, str(SINK), "--state-file", str(state), "--tls-dir", str(tls)]
    options = ["--site", f"{SITE}:{KEY}", "--serve-zip", f"{RESOURCE}={zip_path}", "--job-seconds", "0"]
    options += ["--rate-limit", "0", "--max-jobs", "1000", "--customers", "1", "--port", "0", "--download-port", "0"]
    # The rows are of the year 2026, and no export is used that was requested before its window ended.
    options += ["--tls", "--tls-dir", str(tls), "--now", "2027-01-02T00:00:00Z"]
    # The simulator first: its certificate names more hosts, and the sink takes the one that is there.
    with stack.simulator(folder, *options) as simulator:
        with stack.running("sink", [*command, "--parent-pid", str(os.getpid())], folder) as sink:
            sink_url = sink.wait_until(lambda: state.exists() and json.loads(state.read_text())["url"])
            yield Servers(simulator, sink_url)


def measured(contender: Contender, run: int, facts: testdata.ZipFacts, on: Servers) -> Cost:
    """Run a path once in a process of its own, and check what arrived.

    :raises BenchmarkError: when the process fails, or other bytes than expected reached the sink.
    """
    on.forget()
    result = FOLDER / "result.json"
    result.unlink(missing_ok=True)
    setting = on.setting(f"{contender.path}/run={run}/{os.getpid()}")
    arguments = json.dumps([contender.path, str(result), asdict(setting)])
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.uploading.measure", arguments],
        cwd=ROOT,
        env=on.environment(contender.plugins),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=RUN_TIMEOUT,
        check=False,
    )
    if done.returncode:
        raise BenchmarkError(f"{contender.name}: ended with {done.returncode}\n{done.stdout[-4000:]}")
    _check(contender, facts, on.objects())
    return Cost(**json.loads(result.read_text()))


def _check(contender: Contender, facts: testdata.ZipFacts, objects: Mapping[str, int]) -> None:
    """Compare the bytes at the sink with those that the zip must give."""
    form = PATHS[contender.path].result
    bytes_expected = {
        "zip": facts.size,
        "csv": facts.inflated,
        "csv.gz": facts.compressed + facts.members * GZIP_FRAME,
        "parquet": None,  # which depends on pyarrow
    }[form]
    files = {
        key: size for key, size in objects.items() if ".json" not in key and not key.startswith(f"{BUCKET}/{WARM_UP}/")
    }
    sent = sum(files.values())
    expected = (1 if form == "zip" else facts.members, sent if bytes_expected is None else bytes_expected)
    if (len(files), sent) != expected or not sent:
        raise BenchmarkError(f"{contender.name}: {expected} objects and bytes were due, {files} reached the sink")


def median(costs: list[Cost]) -> Cost:
    """Return the median of each figure by itself."""
    columns = {name: statistics.median(asdict(cost)[name] for cost in costs) for name in asdict(costs[0])}
    return Cost(columns["wall"], columns["cpu"], int(columns["idle"]), int(columns["peak"]))


def measure_size(size: int, contenders: list[Contender], runs: int, pace: int | None = None) -> report.Table:
    """Run all paths by turns over one zip, and return the medians.

    :param pace: bytes a second that one connection of the download host gives; as fast as can be when None.
    """
    facts = testdata.make_zip(FOLDER, size)
    costs: dict[str, list[Cost]] = {each.name: [] for each in contenders}
    with servers(facts.path) as on:
        if pace:
            on.pace(pace)
        for run in range(1, runs + 1):
            for each in contenders:
                cost = measured(each, run, facts, on)
                costs[each.name].append(cost)
                print(f"  run {run} {each.name:24} {cost.wall:6.2f} s wall {cost.cpu:6.2f} s CPU", file=sys.stderr)
    titles = {each.name: PATHS[each.path].title + (f" ({each.label})" if each.label else "") for each in contenders}
    rows = {name: median(values) for name, values in costs.items()}
    return report.Table(size, facts.size, facts.members, runs, titles, rows, pace)


def main() -> int:
    options = _options()
    plugins = ROOT / "plugins"
    contenders = [Contender(name, plugins) for name in options.paths]
    for label, folder in options.compare:
        contenders += [Contender(name, folder, label) for name in options.paths if PATHS[name].ours]
    tables = []
    work = [(*each, None) for each in options.sizes] + [(*each, PACE) for each in options.paced]
    try:
        for size, runs, pace in work:
            tables.append(measure_size(size, contenders, runs or options.runs, pace))
            print(f"\n{report.heading(tables[-1])}\n\n{report.as_text(tables[-1])}\n", flush=True)
    except (BenchmarkError, stack.StackError, subprocess.TimeoutExpired) as error:
        print(error, file=sys.stderr)
        return 1
    if options.write_docs:
        others = {
            "parts": parts.as_text(parts.measured()),
            "parse": parse.as_text(parse.measured()),
            "tasks": tasks.as_text(tasks.measured()),
            "reading": reading.as_text(reading.measured()),
            "audit": audit.as_text(RECORDS, {form: audit.measured(RECORDS, form) for form in audit.FORMATS}),
        }
        report.write_docs(ROOT / "docs", tables, others)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the upload task against other ways.")
    sizes = "of the data inflated: 100MB,1GB,5GB; 5GB:1 is 5 GB with one run"
    parser.add_argument("--sizes", type=_sizes, default=_sizes("100MB,1GB"), help=sizes)
    parser.add_argument("--paced", type=_sizes, default=[], help="the same, where a connection gives 60 MB/s at most")
    parser.add_argument("--runs", type=int, default=3, help="of each path; medians are shown")
    parser.add_argument("--paths", type=_paths, default=list(PATHS), help=f"some of {','.join(PATHS)}")
    parser.add_argument(
        "--compare",
        type=_labelled,
        action="append",
        default=[],
        metavar="LABEL=FOLDER",
        help="run our paths also with the package from another folder, such as plugins/ of another checkout",
    )
    parser.add_argument("--write-docs", action="store_true", help="write docs/performance.md and its chart")
    return parser.parse_args()


def _sizes(text: str) -> list[tuple[int, int | None]]:
    """Read sizes, each with its own number of runs or None."""
    pairs = [each.partition(":") for each in text.split(",")]
    return [(testdata.parse_size(size), int(runs) if runs else None) for size, _, runs in pairs]


def _paths(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in PATHS]:
        raise argparse.ArgumentTypeError(f"no such path: {', '.join(unknown)}")
    return names


def _labelled(text: str) -> tuple[str, Path]:
    label, equals, folder = text.partition("=")
    if not equals or not (Path(folder) / "chargebee_operators").is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is not LABEL=FOLDER with a chargebee_operators in the folder")
    return label, Path(folder).resolve()


if __name__ == "__main__":
    stack.exit_on_signals()
    sys.exit(main())
