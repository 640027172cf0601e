"""Proves a bundle as MWAA would take it: ``make mwaa-check AIRFLOW_VERSION=3.3.1``, after ``make mwaa-bundle``.

It looks at the files, installs them without a network beside the packages that MWAA has, loads plugins and DAGs, and runs
the DAG against the simulator.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from pathlib import Path

import environment
from mwaa.check_files import CheckError, check_files
from mwaa.check_install import check_install
from mwaa.check_run import check_run
from mwaa.target import Target

import stack


def main() -> int:
    """Check the bundle that the command line names."""
    parser = argparse.ArgumentParser(description="Check a bundle for Amazon MWAA.")
    parser.add_argument("bundle", type=Path, help="the folder of the bundle")
    bundle = parser.parse_args().bundle.resolve()
    stack.exit_on_signals()
    os.environ.update(stack.without_proxy(os.environ))
    try:
        check(bundle)
    except (CheckError, environment.SetUpError, stack.StackError) as error:
        print(f"mwaa-check: {error}", file=sys.stderr)
        return 1
    return 0


def check(bundle: Path) -> None:
    """Check a bundle, and print what was found.

    :raises CheckError: with the first thing that is wrong.
    """
    began = time.monotonic()

    def say(sentence: str) -> None:
        print(f"  {time.monotonic() - began:3.0f} s  {sentence}", flush=True)

    wheels = check_files(bundle)
    version = _version_of(bundle)
    say(f"The files are as MWAA needs them: {len(wheels)} wheels for Airflow {version}.")
    folder = environment.ROOT / ".local" / "mwaa-check" / version
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        python = check_install(Target(version, "", "", ""), bundle, wheels, folder)
        say("They install without a network, under both constraint files, and change no other package.")
        say(check_run(bundle, python, folder))
    finally:
        shutil.rmtree(folder / "venv", ignore_errors=True)


def _version_of(bundle: Path) -> str:
    settings = (bundle / "settings.sh").read_text(encoding="utf-8").splitlines()
    found = dict(line.split("=", 1) for line in settings)
    return found["AIRFLOW_VERSION"]


if __name__ == "__main__":
    sys.exit(main())
