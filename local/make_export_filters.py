"""Boil Chargebee's full description of the exports' filters down to what the package checks at parse time.

    python local/make_export_filters.py > plugins/chargebee_operators/chargebee/export_filters.json

The full description is the simulator's (``local/chargebee_simulator/data/exports_params.json``); a test keeps
the two in step.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FULL = Path(__file__).parent / "chargebee_simulator" / "data" / "exports_params.json"
OPERATORS = {"is", "is_not", "starts_with", "is_present", "in", "not_in", "lt", "lte", "gt", "gte"}
OPERATORS |= {"after", "before", "on", "between"}


def boiled_down(endpoints: dict[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return resource -> wire name without its operator -> operators, allowed values and kind."""
    return {resource: dict(_fields(node, "")) for resource, node in sorted(endpoints.items())}


def as_text(filters: dict[str, dict[str, dict[str, Any]]]) -> str:
    """Return the table as JSON with one field a line, so that a change reads well in a diff."""
    resources = []
    for resource, fields in filters.items():
        rows = ",\n".join(f"  {json.dumps(name)}: {json.dumps(field)}" for name, field in fields.items())
        resources.append(f" {json.dumps(resource)}: {{\n{rows}\n }}")
    return "{\n" + ",\n".join(resources) + "\n}\n"


def _fields(node: dict[str, Any], prefix: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, value in sorted(node.items()):
        wire = f"{prefix}[{name}]" if prefix else name
        inner = value.get("fields")
        if inner is None:
            yield wire, _field([], value)
        elif OPERATORS.issuperset(inner):
            # `is_present` has its own enum (true, false); any other operator has the field's.
            example = next((inner[operator] for operator in inner if operator != "is_present"), {})
            yield wire, _field(list(inner), example)
        else:
            yield from _fields(inner, wire)


def _field(operators: list[str], example: dict[str, Any]) -> dict[str, Any]:
    field: dict[str, Any] = {"operators": operators} if operators else {}
    if "enum" in example:
        field["values"] = example["enum"]
    elif "after" in operators:
        field["kind"] = "timestamp"
    elif "lt" in operators or example.get("type") == "integer":
        field["kind"] = "integer"
    elif example.get("type") == "boolean":
        field["values"] = ["true", "false"]
    if example.get("required"):
        field["required"] = True
    return field


if __name__ == "__main__":
    print(as_text(boiled_down(json.loads(FULL.read_text())["endpoints"])), end="")
