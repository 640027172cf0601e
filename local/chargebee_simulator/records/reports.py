"""The two revenue reports: one row for each invoice, with all that the reports' filters look at."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from .world import DAY, World

Record = dict[str, Any]

_INVOICE = (
    "id", "recurring", "status", "price_type", "date", "paid_at", "total", "amount_paid", "amount_adjusted",
    "credits_applied", "amount_due", "dunning_status", "updated_at", "channel",
)  # fmt: skip
_SUBSCRIPTION = (
    "id", "customer_id", "status", "cancel_reason", "remaining_billing_cycles", "created_at", "activated_at",
    "next_billing_at", "cancelled_at", "has_scheduled_changes", "updated_at", "offline_payment_method",
    "auto_close_invoices", "channel", "plan_id",
)  # fmt: skip
_CUSTOMER = (
    "id", "first_name", "last_name", "email", "company", "phone", "auto_collection", "taxability", "created_at",
    "updated_at", "offline_payment_method", "auto_close_invoices", "channel",
)  # fmt: skip
_RELATIONSHIP = ("parent_id", "payment_owner_id", "invoice_owner_id")


def report_row(world: World, resource: str, customer: Record, subscription: Record, invoice: Record) -> Record:
    """Return what this invoice adds to the report `resource`."""
    month = datetime.fromtimestamp(invoice["date"], UTC).strftime("%Y-%m")
    served = min(30, (world.now - invoice["date"]) // DAY)
    recognized = invoice["sub_total"] * served // 30
    amount = recognized if resource == "revenue_recognition" else invoice["sub_total"] - recognized
    return {
        "id": f"{resource[:3]}_{invoice['id']}",
        "month": month,
        "currency_code": invoice["currency_code"],
        "amount": amount,
        "payment_owner": invoice["payment_owner"],
        "item_id": subscription["item_id"],
        "item_price_id": subscription["item_price_id"],
        "cancel_reason_code": subscription["cancel_reason_code"],
        "business_entity_id": subscription["business_entity_id"],
        **{f"invoice.{name}": invoice[name] for name in _INVOICE},
        **{f"subscription.{name}": subscription[name] for name in _SUBSCRIPTION},
        **{f"customer.{name}": customer.get(name) for name in _CUSTOMER},
        **{f"relationship.{name}": customer.get(f"relationship.{name}") for name in _RELATIONSHIP},
    }
