"""The tests on every Airflow that Amazon MWAA offers: ``make test-all``, or ``nox -s "tests(airflow='2.11.2')"``.

The environments are those of ``make test``: uv makes them, under MWAA's own constraint files.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nox

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "local"))

import environment  # noqa: E402

nox.options.sessions = ["tests"]
nox.options.stop_on_first_error = False


@nox.session(venv_backend="none")
@nox.parametrize("airflow", environment.airflow_versions())
def tests(session: nox.Session, airflow: str) -> None:
    """Unit and integration tests on one Airflow."""
    python = environment.airflow_python(airflow)
    session.run(str(python), "-m", "pytest", *session.posargs, external=True, env={"PYTHONDONTWRITEBYTECODE": ""})
