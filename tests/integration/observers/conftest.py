"""Lineage and metrics of a real run, with the packages of requirements-observers.txt beside those of Airflow.

On two of the versions alone: what differs between the others is shown by the tests of the operators.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import environment
import pytest

# Nothing here imports Airflow: pytest loads this file also in the run of the tests that do without it.
AIRFLOW = version("apache-airflow")
collect_ignore_glob = [] if AIRFLOW in environment.OBSERVED else ["test_*.py"]


@pytest.fixture(scope="session")
def observers() -> Path:
    """The folder with these packages."""
    folder = environment.VENVS / f"observers-{AIRFLOW}"
    assert folder.exists(), f"There are no observers: run `make observers AIRFLOW_VERSION={AIRFLOW}`."
    return folder
