"""The tests on the five Airflow versions that are supported: ``make test-all``, or ``nox -s "tests(airflow='2.11.2')"``.

The environments are those of ``make test``: uv makes them, under MWAA's own constraint files. What knows no Airflow is
tested on the oldest and on the newest version, which have the oldest and the newest Python and libraries:
``tests/support/airflow_free.py`` lists it. Everything else is tested on all versions.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nox
from nox.command import CommandFailed

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "local"))

import environment  # noqa: E402

VERSIONS = sorted(environment.airflow_versions(), key=lambda version: [int(part) for part in version.split(".")])
OLDEST_AND_NEWEST = (VERSIONS[0], VERSIONS[-1])
NO_TESTS_COLLECTED = 5

nox.options.sessions = ["tests"]
nox.options.stop_on_first_error = False


@nox.session(venv_backend="none")
@nox.parametrize("airflow", VERSIONS)
def tests(session: nox.Session, airflow: str) -> None:
    """Unit and integration tests on one Airflow."""
    python = environment.airflow_python(airflow)
    if airflow == VERSIONS[-1]:
        environment.readers_python()  # for tests/integration/readers
    if airflow in environment.OBSERVED:
        environment.observers_folder(airflow)  # for tests/integration/observers
    parts = {"everything that knows Airflow": "not airflow_free"}
    if airflow in OLDEST_AND_NEWEST:
        parts[f"what knows no Airflow, on {' and '.join(OLDEST_AND_NEWEST)} only"] = "airflow_free"
    failed = []
    for part, marked in parts.items():
        session.log(f"Airflow {airflow}: {part}")
        command = [str(python), "-m", "pytest", "-n", os.environ.get("WORKERS", "4"), "--dist", "worksteal"]
        try:
            session.run(
                *command,
                *("-m", marked, *session.posargs),
                external=True,
                env={"PYTHONDONTWRITEBYTECODE": ""},
                # Somebody who names a few tests may name none of this part.
                success_codes=[0, NO_TESTS_COLLECTED] if session.posargs else [0],
            )
        except CommandFailed:  # the other part is of interest all the same
            failed.append(part)
    if failed:
        session.error(f"failed: {'; '.join(failed)}")
