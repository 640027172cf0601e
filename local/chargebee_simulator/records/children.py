"""The lists of objects within records: which there are, and the fields of their objects."""

from __future__ import annotations

CHILDREN: dict[str, dict[str, tuple[str, ...]]] = {
    "subscriptions": {
        "subscription_items": ("item_price_id", "item_type", "quantity", "unit_price", "amount"),
        "coupons": ("coupon_id",),
        "discounts": ("id", "type", "percentage", "amount", "apply_till", "created_at"),
        "contract_terms": ("id", "status", "contract_start", "contract_end", "billing_cycle"),
        "comments": ("id", "notes", "added_by", "created_at"),
    },
    "invoices": {
        "line_items": (
            "id", "item_price_id", "item_type", "entity_type", "date_from", "date_to", "description", "unit_amount",
            "quantity", "amount", "tax_amount", "tax_rate",
        ),
        "line_item_taxes": ("line_item_id", "tax_name", "tax_amount"),
        "linked_payments": (
            "txn_id", "txn_status", "txn_date", "txn_amount", "payment_method", "error_text", "invoice_numbers",
        ),
        "applied_credits": ("cn_id", "applied_amount", "applied_at"),
        "adjustment_credit_notes": ("cn_id", "cn_total", "cn_date"),
    },
    "credit_notes": {
        "line_items": (
            "id", "entity_type", "date_from", "date_to", "description", "unit_amount", "quantity", "amount",
        ),
        "allocations": ("invoice_id", "allocated_amount", "allocated_at"),
    },
    "ramps": {"items_to_add": ("item_price_id", "quantity", "amount")},
}  # fmt: skip
