"""Runs the end-to-end tests on one Airflow version after another, and ends with a table: `make e2e-all`."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "local"))

import environment  # noqa: E402


def main() -> int:
    """Run them all, whatever fails; return 1 when one has failed."""
    table, failed = [], False
    for version in environment.airflow_versions():
        print(f"\n=== Airflow {version}", flush=True)
        began = time.monotonic()
        command = ["make", "--no-print-directory", "e2e", f"AIRFLOW_VERSION={version}"]
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        failed |= bool(code)
        table.append(f"{version:<10} {'FAILED' if code else 'ok':<8} {time.monotonic() - began:5.0f} s")
    print("\nEnd to end, by Airflow version:", *table, sep="\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
