"""The 18 exports and the parameters each takes, from Chargebee's own description of its API."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

SINGULAR = {
    "addons": "addon",
    "attached_items": "attached_item",
    "coupons": "coupon",
    "credit_notes": "credit_note",
    "customers": "customer",
    "deferred_revenue": "deferred_revenue",
    "differential_prices": "differential_price",
    "invoices": "invoice",
    "item_families": "item_family",
    "item_prices": "item_price",
    "items": "item",
    "orders": "order",
    "plans": "plan",
    "price_variants": "price_variant",
    "ramps": "ramp",
    "revenue_recognition": "revenue_recognition",
    "subscriptions": "subscription",
    "transactions": "transaction",
}
"""Every export, and the name of one of its records."""

REPORTS = frozenset({"deferred_revenue", "revenue_recognition"})
"""The exports that are computed from others: their rows have no `updated_at` of their own to move."""

KEEPS_DELETED = frozenset({"addons", "coupons", "item_prices", "items", "plans"})
"""The exports whose filters know the status `deleted`: a deleted record of theirs can still be exported by it."""

ASKS_FOR = {"attached_items": "parent_item_id", "differential_prices": "item_price_id"}
"""What a retrieve of one record needs beside its id."""

CATALOGS = {
    "v1": frozenset({"addons", "plans"}),
    "v2": frozenset(
        {"attached_items", "differential_prices", "item_families", "item_prices", "items", "price_variants", "ramps"}
    ),
}
"""The exports that only one Product Catalog has."""

_DATA = Path(__file__).parent / "data" / "exports_params.json"


@dataclass(frozen=True)
class Parameter:
    """One parameter a request may carry, by its name on the wire."""

    wire: str  # customer[updated_at][between]
    key: str  # the record's field it looks at: updated_at, or billing_address.city for another object's field
    operator: str | None  # between; None for a plain parameter such as export_type
    kind: str  # timestamp, number, flag, choice, text, list, integer, boolean or word
    pattern: str | None = None
    choices: tuple[str, ...] = ()
    required: bool = False
    longest: int | None = None  # characters


@cache
def parameters(resource: str) -> dict[str, Parameter]:
    """Return what the export of `resource` takes: name on the wire -> parameter."""
    described = json.loads(_DATA.read_text(encoding="utf-8"))["endpoints"][resource]
    found: dict[str, Parameter] = {}
    for name, node in described.items():
        if "fields" not in node:
            found[name] = _parameter(name, name, None, node, {})
        elif any("fields" in inner for inner in node["fields"].values()):
            for attribute, inner in node["fields"].items():
                key = attribute if name == SINGULAR[resource] else f"{name}.{attribute}"
                found |= _operators(f"{name}[{attribute}]", key, inner["fields"])
        else:
            found |= _operators(name, name, node["fields"])
    return found


@cache
def time_fields(resource: str) -> frozenset[str]:
    """Return the record fields of `resource` that a timestamp filter looks at."""
    return frozenset(p.key for p in parameters(resource).values() if p.kind == "timestamp")


def timestamp_pattern(operator: str) -> str:
    """Return the form in which a timestamp filter with this operator counts; it is the same for all of them."""
    return parameters("customers")[f"customer[updated_at][{operator}]"].pattern or ""


def _operators(wire: str, key: str, described: dict[str, Any]) -> dict[str, Parameter]:
    return {f"{wire}[{op}]": _parameter(f"{wire}[{op}]", key, op, node, described) for op, node in described.items()}


def _parameter(wire: str, key: str, operator: str | None, node: dict[str, Any], field: dict[str, Any]) -> Parameter:
    return Parameter(
        wire=wire,
        key=key,
        operator=operator,
        kind=_kind(operator, node, field),
        pattern=node.get("pattern"),
        choices=tuple(node.get("enum", ())),
        required=bool(node.get("required")),
        longest=node.get("max"),
    )


def _kind(operator: str | None, node: dict[str, Any], field: dict[str, Any]) -> str:
    if operator is None:
        return "choice" if "enum" in node else str(node.get("type", "word"))
    if operator == "is_present":
        return "flag"
    if "after" in field:
        return "timestamp"
    if "lt" in field:
        return "number"
    if "enum" in node:
        return "choice"
    return "list" if operator in ("in", "not_in") else "text"
