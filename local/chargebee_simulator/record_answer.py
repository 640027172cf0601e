"""One record in the form the API gives it: nested objects, times as epochs, and nothing for what is empty."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .catalogue import SINGULAR
from .changes import resource_version
from .company import Company

_EMPTY: tuple[Any, ...] = (None, "", [])
# An imported record has an empty text where its file has an empty cell.

_JOINED = ("customer", "address")
# An export of subscriptions or invoices holds these of the customer; the API shows them with the customer alone.


_WITHOUT = {
    "addons": ("created_at", "deleted"),
    "attached_items": ("item_type",),
    "coupons": ("applicable_item_price_ids",),
    "credit_notes": ("created_at",),
    "customers": ("notes", "portal_status"),
    "differential_prices": ("item_id",),
    "invoices": ("created_at",),
    "item_families": ("created_at",),
    "items": ("created_at",),
    "plans": ("created_at", "deleted"),
    "subscriptions": ("comments", "contract_terms", "item_id", "item_price_id"),
    "transactions": ("created_at", "invoice_id"),
}
# Fields that exports or their filters have, and the API's records do not, by the models of Chargebee's SDK.


def answer_of(company: Company, resource: str, record: Mapping[str, Any], deleted: bool = False) -> dict[str, Any]:
    """Return `{"customer": {...}}` for a record of `customers`; a subscription comes with its customer.

    `deleted`: as the event of its deletion shows it.
    """
    answer = {SINGULAR[resource]: _shown(resource, record, deleted)}
    if resource == "subscriptions" and (owner := company.find("customers", record["customer_id"])):
        answer["customer"] = _shown("customers", owner, deleted=False)
    return answer


def _shown(resource: str, record: Mapping[str, Any], deleted: bool) -> dict[str, Any]:
    name = SINGULAR[resource]
    shown: dict[str, Any] = {}
    for column, value in record.items():
        if value in _EMPTY:
            continue
        owner, dot, attribute = column.partition(".")
        if dot and owner in _JOINED:
            continue
        if dot:
            shown.setdefault(owner, {"object": owner})[attribute] = value
        elif isinstance(value, list) and isinstance(value[0], dict):
            shown[column] = [_without_empty(each) | {"object": column.removesuffix("s")} for each in value]
        else:
            shown[column] = value
    shown |= {"resource_version": resource_version(record), "deleted": deleted, "object": name}
    return {column: value for column, value in shown.items() if column not in _WITHOUT.get(resource, ())}


def _without_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in _EMPTY}
