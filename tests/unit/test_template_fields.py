"""Every text argument of the operators is templated, or refused when it has a template in it."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from chargebee_operators import (
    ChargebeeDeletedRecordsOperator,
    ChargebeeExportOperator,
    ChargebeeExportToS3Operator,
    ChargebeeGlueTableOperator,
    ExportReadySensor,
)
from chargebee_operators.common.exceptions import SettingsError

TEMPLATE = "{{ ds }}"
REQUIRED: dict[type, dict[str, Any]] = {
    ChargebeeExportOperator: {"resource": "customers"},
    ExportReadySensor: {"job": {}},
    ChargebeeExportToS3Operator: {"job": {}, "s3_bucket": "bucket"},
    ChargebeeGlueTableOperator: {"written": {}, "database": "chargebee"},
    ChargebeeDeletedRecordsOperator: {"s3_bucket": "bucket"},
}


def arguments(kind: type) -> list[str]:
    """Return the operator's own arguments that may be a text."""
    parameters = inspect.signature(inspect.unwrap(kind.__init__)).parameters
    return [
        name for name, each in parameters.items() if "str" in str(each.annotation) or each.annotation in (Any, "Any")
    ]


PAIRS = [(kind, name) for kind in REQUIRED for name in arguments(kind) if name != "kwargs"]


def test_the_arguments_are_found():
    assert {"resource", "window_field", "export_type"} <= set(arguments(ChargebeeExportOperator))
    assert {"manifest_name", "window_column", "file_format", "job"} <= set(arguments(ChargebeeExportToS3Operator))


@pytest.mark.parametrize(("kind", "name"), PAIRS, ids=[f"{kind.__name__}-{name}" for kind, name in PAIRS])
def test_a_template_is_rendered_or_refused(kind, name):
    given = {"task_id": "t", **REQUIRED[kind], name: TEMPLATE}
    if name not in kind.template_fields:
        mapping = "Mapping" in str(inspect.signature(inspect.unwrap(kind.__init__)).parameters[name].annotation)
        for value in [{"column": TEMPLATE}, {TEMPLATE: "date"}] if mapping else [TEMPLATE]:
            with pytest.raises(SettingsError):
                kind(**{**given, name: value})
        return
    operator = kind(**given)
    operator.render_template_fields({"ds": "2026-11-23"})
    assert getattr(operator, name) == "2026-11-23"
