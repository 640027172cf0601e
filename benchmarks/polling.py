"""Measures what waiting exports cost a triggerer, beside the SDK's own async client.

    python benchmarks/polling.py --write-docs
    python benchmarks/polling.py --sides triggers --runs 1    # ours alone, in two minutes

It needs the Python of an Airflow environment, and Linux. A thousand ExportReadyTriggers wait on one event loop for
exports of the Chargebee simulator, which answers over HTTPS from a process of its own. CPU seconds are this process's;
the simulator's are not counted. Then as many loops around the SDK's async client do the same.

Ends with an error when a poll goes wrong, never because something was slow.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "plugins"), str(ROOT / "local")]

import stack  # noqa: E402
from benchmarks.waiting import report  # noqa: E402
from benchmarks.waiting.pollers import POLLERS, Polled, Task, polled  # noqa: E402

FOLDER = ROOT / ".local" / "benchmarks"
SITE, KEY = "acme-test", "test_benchmark_key"
RUN_TIMEOUT = 1800.0


class BenchmarkError(Exception):
    """A run did not do what it should; the message holds the end of what it said."""


def main() -> int:
    options = _options()
    if options.run:
        print(json.dumps(asdict(asyncio.run(polled(Task(**json.loads(options.run)))))))
        return 0
    results: dict[str, list[Polled]] = {name: [] for name in POLLERS if name in options.sides}
    try:
        with _simulator() as simulator:
            trusted = _trusted(simulator)
            for number in range(1, options.runs + 1):
                for name in results:
                    results[name].append(_measured(name, simulator.url, trusted, options))
                    print(f"  run {number} {name}: {results[name][-1]}", file=sys.stderr, flush=True)
    except (BenchmarkError, stack.StackError, subprocess.TimeoutExpired) as error:
        print(error, file=sys.stderr)
        return 1
    medians = {name: median(runs) for name, runs in results.items()}
    print(report.table(medians))
    if options.write_docs:
        command = f"benchmarks/polling.py --exports {options.exports} --seconds {options.seconds} --runs {options.runs}"
        page = ROOT / "docs" / "polling.md"
        report.write_docs(page, medians, f"{command} --write-docs", options.exports, options.interval)
    return 0


def median(runs: list[Polled]) -> Polled:
    """Return the median of each figure by itself."""
    return Polled(**{name: statistics.median(asdict(run)[name] for run in runs) for name in asdict(runs[0])})


def _simulator() -> AbstractContextManager[stack.SimulatorAddress]:
    options = ["--site", f"{SITE}:{KEY}", "--customers", "1", "--port", "0", "--download-port", "0"]
    options += ["--job-seconds", "1000000", "--rate-limit", "0", "--max-jobs", "100000"]
    return stack.simulator(FOLDER / "servers", *options, "--tls", "--tls-dir", str(FOLDER / "tls"))


def _trusted(simulator: stack.SimulatorAddress) -> str:
    """Return the path of a CA bundle as long as a real one: certifi's, and the simulator's CA."""
    import certifi

    bundle = FOLDER / "ca-bundle.pem"
    bundle.write_text(Path(certifi.where()).read_text() + Path(str(simulator.ca_bundle)).read_text())
    return str(bundle)


def _measured(name: str, url: str, trusted: str, options: argparse.Namespace) -> Polled:
    """Run one side in a process of its own.

    :raises BenchmarkError: when it fails.
    """
    task = Task(name, options.exports, options.interval, options.seconds, SITE, KEY, url, trusted)
    connection = {
        "conn_type": "generic",
        "login": SITE,
        "password": KEY,
        "host": url,
        "extra": {"ca_bundle": trusted},
    }
    done = subprocess.run(
        [sys.executable, __file__, "--run", json.dumps(asdict(task))],
        env={
            **os.environ,
            "AIRFLOW_HOME": str(FOLDER / "airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW_CONN_CHARGEBEE_DEFAULT": json.dumps(connection),
        },
        capture_output=True,
        text=True,
        timeout=RUN_TIMEOUT,
        check=False,
    )
    if done.returncode:
        raise BenchmarkError(f"{name}: ended with {done.returncode}\n{done.stderr[-4000:]}")
    return Polled(**json.loads(done.stdout.splitlines()[-1]))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure what waiting exports cost a triggerer.")
    parser.add_argument("--exports", type=int, default=1000, help="that are waited for at once")
    parser.add_argument("--interval", type=float, default=10.0, help="seconds between two looks at one of them")
    parser.add_argument("--seconds", type=float, default=30.0, help="of each measured stretch")
    parser.add_argument("--runs", type=int, default=3, help="of each side; medians are shown")
    parser.add_argument(
        "--sides", nargs="+", choices=POLLERS, default=list(POLLERS), help="to measure; the SDK's takes minutes"
    )
    parser.add_argument("--write-docs", action="store_true", help="write docs/polling.md; it wants all the sides")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write_docs and set(options.sides) != set(POLLERS):
        parser.error("--write-docs compares all the sides: leave --sides out")
    return options


if __name__ == "__main__":
    stack.exit_on_signals()
    sys.exit(main())
