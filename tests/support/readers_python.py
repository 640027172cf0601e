"""Runs a script in the Python of the readers, which has packages that no Airflow has: ``requirements-readers.txt``."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import environment

SCRIPTS = Path(__file__).resolve().parent.parent / "integration" / "readers"


def in_readers(script: str, given: Any, folder: Path, **variables: str) -> Any:
    """Run a script that takes JSON and prints JSON in its last line.

    :param script: its name in ``tests/integration/readers``.
    :param given: what it finds on its standard input.
    :param folder: where it runs.
    :param variables: of its environment, beside those of this process.
    """
    python = environment.VENVS / "readers" / "bin" / "python"
    assert python.exists(), "There is no environment for readers: run `make readers`."
    done = subprocess.run(
        [str(python), str(SCRIPTS / script)],
        input=json.dumps(given),
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])
