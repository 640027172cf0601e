"""One deployment for the tests of a module."""

from __future__ import annotations

import pytest
from e2e.deployment import deployed


@pytest.fixture(scope="module")
def airflow(tmp_path_factory):
    """A whole deployment, just brought up."""
    with deployed(tmp_path_factory.mktemp("deployment")) as deployment:
        yield deployment
