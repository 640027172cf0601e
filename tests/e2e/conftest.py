"""One deployment for the tests of a module."""

from __future__ import annotations

import pytest
from e2e import processes
from e2e.deployment import deployed

import stack


@pytest.fixture(scope="session", autouse=True)
def installed():
    """Say at once what the machine lacks."""
    try:
        processes.postgres_binaries()
        processes.redis_program()
    except stack.StackError as error:
        pytest.exit(str(error), returncode=3)


@pytest.fixture(scope="module")
def airflow(tmp_path_factory, request):
    """A whole deployment with the executor that the module names, just brought up."""
    with deployed(tmp_path_factory.mktemp("deployment"), request.module.EXECUTOR) as deployment:
        yield deployment
