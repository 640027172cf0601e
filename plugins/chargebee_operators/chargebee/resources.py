"""The eighteen exports that Chargebee offers, and what each can be asked.

The filters, their operators and their allowed values stand in ``export_filters.json``, which is boiled down
from Chargebee's own API description (https://apidocs.chargebee.com/docs/api/exports).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from chargebee_operators.common.argument_checks import is_template
from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.common.spelling import nearest

# Parameters of the revenue reports that follow from the window.
MONTH_FIELDS = ("report_from_month", "report_from_year", "report_to_month", "report_to_year")


@dataclass(frozen=True)
class Resource:
    """One kind of export.

    :param name: as in the URL, ``customers``.
    :param record: as in filters and headers, ``customer``; empty for the revenue reports.
    :param catalog: the Product Catalog version that it belongs to, ``1.0`` or ``2.0``; empty for both.
    :param fields: wire name without its operator -> operators, allowed values and kind.
    """

    name: str
    record: str
    catalog: str = ""
    fields: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_report(self) -> bool:
        """Whether this is a revenue report, which takes months in the place of a time filter."""
        return not self.record

    @property
    def window_fields(self) -> tuple[str, ...]:
        """The record's own time fields that can bound a window, ``updated_at`` first."""
        prefix = f"{self.record}["
        names = [
            wire[len(prefix) : -1]
            for wire, spec in self.fields.items()
            if wire.startswith(prefix) and spec.get("kind") == "timestamp"
        ]
        return tuple(sorted(names, key=lambda name: (name != "updated_at", name)))

    @property
    def default_window_field(self) -> str | None:
        """``updated_at`` where the export has it, else None: such an export can only be taken whole."""
        return "updated_at" if "updated_at" in self.window_fields else None

    @property
    def export_types(self) -> tuple[str, ...]:
        """The values of ``export_type``, or nothing where the export has no such parameter."""
        return tuple(self.fields.get("export_type", {}).get("values", ()))

    def check_window_field(self, name: str) -> str:
        """Return the name of a time field after checking that it can bound a window.

        :raises SettingsError: when this export has no such time filter.
        """
        if name in self.window_fields:
            return name
        if not self.window_fields:
            raise SettingsError(
                f"window_field {name!r}: the {self.name} export has no time filter. "
                "Leave window_field out and take it whole (snapshot=True)."
            )
        raise SettingsError(
            f"window_field {name!r} is no time filter of the {self.name} export"
            f"{nearest(name, self.window_fields)}; it has {', '.join(self.window_fields)}."
        )


# Catalogs: https://www.chargebee.com/docs/billing/2.0/product-catalog, and the resources that the API descriptions of 1.0 and
# of 2.0 name (https://github.com/chargebee/openapi, September 2026).
_KINDS = {
    "addons": ("addon", "1.0"),
    "attached_items": ("attached_item", "2.0"),
    "coupons": ("coupon", ""),
    "credit_notes": ("credit_note", ""),
    "customers": ("customer", ""),
    "deferred_revenue": ("", ""),
    "differential_prices": ("differential_price", "2.0"),
    "invoices": ("invoice", ""),
    "item_families": ("item_family", "2.0"),
    "item_prices": ("item_price", "2.0"),
    "items": ("item", "2.0"),
    "orders": ("order", ""),
    "plans": ("plan", "1.0"),
    "price_variants": ("price_variant", "2.0"),
    "ramps": ("ramp", "2.0"),
    "revenue_recognition": ("", ""),
    "subscriptions": ("subscription", ""),
    "transactions": ("transaction", ""),
}

RESOURCE_NAMES = tuple(_KINDS)

# What a site on Product Catalog 2.0 exports. The revenue reports are left to be asked for: they need the
# RevRec add-on and a `report_by`, and a site without them would fail every day.
PRODUCT_CATALOG_2 = tuple(name for name, (record, catalog) in _KINDS.items() if record and catalog != "1.0")
PRODUCT_CATALOG_1 = tuple(name for name, (record, catalog) in _KINDS.items() if record and catalog != "2.0")


@cache
def _all_fields() -> dict[str, dict[str, dict[str, Any]]]:
    text = Path(__file__).with_name("export_filters.json").read_text(encoding="utf-8")
    fields: dict[str, dict[str, dict[str, Any]]] = json.loads(text)
    return fields


def get_resource(name: str) -> Resource:
    """Return the export of that name.

    :raises SettingsError: when Chargebee has no such export; the nearest name is offered.
    """
    if name not in RESOURCE_NAMES:
        raise SettingsError(
            f"resource {name!r} is not one that Chargebee exports{nearest(name, RESOURCE_NAMES)}; "
            f"choose from {', '.join(RESOURCE_NAMES)}."
        )
    record, catalog = _KINDS[name]
    return Resource(name, record, catalog, _all_fields()[name])


def check_business_entity(value: Any) -> None:
    """Refuse a business entity's id that can't be sent in a header; a template is left for the run.

    :raises SettingsError: with what to give.
    """
    if value is None or is_template(value) or (isinstance(value, str) and value.isascii() and value.isprintable()):
        return
    raise SettingsError(
        f"business_entity_id is {value!r}: give the entity's id as Chargebee shows it, or leave it out."
    )
