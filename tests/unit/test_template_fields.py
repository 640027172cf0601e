"""Every text argument of the operators is templated, or refused when it has a template in it."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from chargebee_operators import (
    ChargebeeAuditOperator,
    ChargebeeDeletedRecordsOperator,
    ChargebeeDoctorOperator,
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
    ChargebeeAuditOperator: {"snapshot": {}, "s3_bucket": "bucket", "due": "2026-11-23T00:00:00Z"},
    ChargebeeDoctorOperator: {"s3_bucket": "bucket"},
}
# The audit reads what uploads have written under names with Jinja: to it, Jinja stands for any text.
PATTERNS = {(ChargebeeAuditOperator, "manifest_name"), (ChargebeeAuditOperator, "deletions_manifest_name")}


def arguments(kind: type) -> list[str]:
    """Return the operator's own arguments that may be a text."""
    parameters = inspect.signature(inspect.unwrap(kind.__init__)).parameters
    return [
        name for name, each in parameters.items() if "str" in str(each.annotation) or each.annotation in (Any, "Any")
    ]


PAIRS = [(kind, name) for kind in REQUIRED for name in arguments(kind) if name != "kwargs"]
PAIRS = [pair for pair in PAIRS if pair not in PATTERNS]


def wrong_values(kind: type, name: str) -> list[Any]:
    """Return an argument with a template in each place where it may have one."""
    annotation = str(inspect.signature(inspect.unwrap(kind.__init__)).parameters[name].annotation)
    if "Mapping" in annotation:
        return [{"column": TEMPLATE}, {TEMPLATE: "date"}]
    return [TEMPLATE, [TEMPLATE]] if "Sequence" in annotation else [TEMPLATE]


def test_every_operator_is_looked_at():
    import chargebee_operators

    operators = {each for each in chargebee_operators.__all__ if each.endswith(("Operator", "Sensor"))}
    assert {kind.__name__ for kind in REQUIRED} == operators


def test_the_arguments_are_found():
    assert {"resource", "window_field", "export_type"} <= set(arguments(ChargebeeExportOperator))
    assert {"manifest_name", "window_column", "file_format", "job"} <= set(arguments(ChargebeeExportToS3Operator))


@pytest.mark.parametrize(("kind", "name"), PAIRS, ids=[f"{kind.__name__}-{name}" for kind, name in PAIRS])
def test_a_template_is_rendered_or_refused(kind, name):
    given = {"task_id": "t", **REQUIRED[kind], name: TEMPLATE}
    if name not in kind.template_fields:
        for value in wrong_values(kind, name):
            with pytest.raises(SettingsError):
                kind(**{**given, name: value})
        return
    operator = kind(**given)
    operator.render_template_fields({"ds": "2026-11-23"})
    assert getattr(operator, name) == "2026-11-23"
