"""Runs the end-to-end tests on one Airflow version after another, and ends with a table: `make e2e`, `make e2e-all`.

    python3 tests/e2e/run.py 3.3.1 2.11.2      # or no version for all of them

A version's modules run side by side, each with a deployment of its own: most of a crash is waiting. Their output is
shown when both have ended, and kept with all logs in .local/e2e/.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "local"))

import environment  # noqa: E402


def main(versions: list[str]) -> int:
    """Run them all, whatever fails; return 1 when one has failed."""
    table: list[str] = []
    for version in versions or environment.airflow_versions():
        try:
            table += run(version, environment.airflow_python(version))
        except environment.SetUpError as error:
            table.append(f"{version:<10} {'':<14} FAILED   {error}")
    print("\nEnd to end in a real Airflow:", *table, sep="\n")
    return int(any("FAILED" in line for line in table))


def run(version: str, python: Path) -> list[str]:
    """Run the modules side by side with one Airflow version, and return a line of the table for each."""
    folder = ROOT / ".local" / "e2e" / f"airflow-{version}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began, modules = time.monotonic(), sorted(HERE.glob("test_*.py"))
    print(f"Airflow {version}: {', '.join(each.stem for each in modules)} ...", flush=True)
    running: dict[str, subprocess.Popen[bytes]] = {}
    for module in modules:
        command = [str(python), "-m", "pytest", str(module), "--durations=15", f"--basetemp={folder / module.stem}"]
        with (folder / f"{module.stem}.log").open("wb") as output:
            running[module.stem] = subprocess.Popen(
                command, cwd=ROOT, env=kept, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
    lines, took = [], {}
    try:
        while len(took) < len(running):
            took |= {
                name: time.monotonic() - began
                for name, each in running.items()
                if name not in took and each.poll() is not None
            }
            time.sleep(0.5)
    finally:  # after Ctrl-C too: each takes its deployment down
        for each in running.values():
            if each.poll() is None:
                each.terminate()
        for each in running.values():
            each.wait()
    for name, each in running.items():
        print((folder / f"{name}.log").read_text(errors="replace"))
        lines.append(f"{version:<10} {name:<14} {'FAILED' if each.returncode else 'ok':<8} {took[name]:5.0f} s")
    return lines


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
