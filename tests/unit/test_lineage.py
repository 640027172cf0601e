"""Lineage costs nothing where nobody asks for it. tests/integration/observers shows what OpenLineage is told."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from chargebee_operators import (
    ChargebeeExportOperator,
    ChargebeeExportToS3Operator,
    ExportReadySensor,
)

METHODS = ("get_openlineage_facets_on_start", "get_openlineage_facets_on_complete")


def test_without_the_provider_nothing_of_openlineage_is_imported():
    for kind in (ChargebeeExportOperator, ExportReadySensor, ChargebeeExportToS3Operator):
        assert all(callable(getattr(kind, each)) for each in METHODS)
    assert find_spec("openlineage") is None, "these environments do without it, as most do"
    # Modules of that name in other providers look for it too, when something else imports them.
    assert not [each for each in sys.modules if each.startswith(("openlineage", "airflow.providers.openlineage"))]
