"""Code in a Python of its own, in which only the DAGs and plugins folders are on the path."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def in_a_clean_interpreter(code: str, **environment: str) -> str:
    """Run code with only the DAGs and plugins folders on the path, and return what it prints."""
    path = f"{ROOT / 'plugins'}{os.pathsep}{ROOT / 'dags'}"
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()[-1] if done.stdout else ""


def airflow_major() -> int:
    return int(version("apache-airflow").partition(".")[0])
