"""Invoices, and what follows from them: credit notes, transactions and orders."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import words
from .dice import Dice
from .world import DAY, World, pair

Record = dict[str, Any]

_STATUSES = ("paid",) * 14 + ("payment_due", "not_paid", "posted", "voided", "pending")
_TAX_PERCENT = 19
_NOTE_LINE = ("id", "entity_type", "date_from", "date_to", "description", "unit_amount", "quantity", "amount")


def invoice_dates(world: World, subscription: Record) -> list[int]:
    """Return when this subscription was billed: every 30 days from its start to its end."""
    if not subscription["activated_at"]:
        return []
    return list(range(subscription["created_at"], (subscription["cancelled_at"] or world.now) + 1, 30 * DAY))


def invoice(world: World, number: int, owner: int, position: int, subscription: Record, date: int) -> Record:
    """Return invoice `number`, the one at `position` of subscription number `owner`."""
    dice = world.dice("invoices", pair(owner, position))
    lines = [
        _line(dice, line, date, subscription["billing_period_unit"]) for line in subscription["subscription_items"]
    ]
    net = sum(line["amount"] for line in lines)
    total = net + net * _TAX_PERCENT // 100
    status = dice.pick(_STATUSES)
    adjusted = total // 10 if dice.chance(4) else 0
    applied = total // 5 if dice.chance(5) else 0
    paid = total - adjusted - applied if status == "paid" else 0
    paid_at = min(world.now, date + dice.between(0, 3 * DAY)) if status == "paid" else None
    made = {
        "id": str(number),
        "customer_id": subscription["customer_id"],
        "subscription_id": subscription["id"] if dice.chance(95) else None,
        "payment_owner": subscription["customer_id"],
        "recurring": position > 0,
        "status": status,
        "price_type": "tax_inclusive" if dice.chance(20) else "tax_exclusive",
        "date": date,
        "due_date": date + 15 * DAY,
        "paid_at": paid_at,
        "currency_code": subscription["currency_code"],
        "sub_total": net,
        "tax": total - net,
        "total": total,
        "amount_paid": paid,
        "amount_adjusted": adjusted,
        "credits_applied": applied,
        "amount_due": total - paid - adjusted - applied if status not in ("paid", "voided") else 0,
        "dunning_status": _dunning(status, dice),
        "updated_at": max(paid_at or 0, world.changed(dice, date)),
        "channel": subscription["channel"],
        "notes": dice.pick(words.NOTES),
        "po_number": subscription["po_number"],
        **{key: value for key, value in subscription.items() if key.startswith(("customer.", "address."))},
        "line_items": lines,
        "line_item_taxes": [
            {"line_item_id": line["id"], "tax_name": "VAT", "tax_amount": line["tax_amount"]} for line in lines
        ],
    }
    return {
        **made,
        "linked_payments": _payments(world, pair(owner, position), made),
        "applied_credits": [{"cn_id": f"CN-{number}-A", "applied_amount": applied, "applied_at": date}][: applied > 0],
        "adjustment_credit_notes": [
            {"cn_id": f"CN-{number}-B", "cn_total": adjusted, "cn_date": min(world.now, date + DAY)}
        ][: adjusted > 0],
    }


def _line(dice: Dice, item: Record, date: int, period_unit: str) -> Record:
    return {
        "id": f"li_{dice.code(16)}",
        "item_price_id": item["item_price_id"],
        "item_type": item["item_type"],
        "entity_type": f"{item['item_type']}_item_price",
        "date_from": date,
        "date_to": date + (365 if period_unit == "year" else 30) * DAY,
        "description": item["item_price_id"],
        "unit_amount": item["unit_price"],
        "quantity": item["quantity"],
        "amount": item["amount"],
        "tax_amount": item["amount"] * _TAX_PERCENT // 100,
        "tax_rate": _TAX_PERCENT,
    }


def _payments(world: World, key: int, invoice: Record) -> list[Record]:
    """Return the payments of an invoice. Now and then one is much older, or was for other invoices too."""
    dice = world.dice("linked payments", key)
    paid = [
        {
            "txn_id": each["id"],
            "txn_status": each["status"],
            "txn_date": each["date"],
            "txn_amount": each["amount"],
            "payment_method": each["payment_method"],
            "error_text": each["error_text"],
            "invoice_numbers": [invoice["id"]],
        }
        for each in transactions(world, key, invoice)
    ]
    if dice.chance(5):
        advance = {"txn_id": f"txn_{dice.code(18)}", "txn_status": "success", "payment_method": "bank_transfer"}
        old = {"txn_date": invoice["date"] - dice.between(100, 300) * DAY, "txn_amount": 1000, "error_text": None}
        paid.append({**advance, **old, "invoice_numbers": [invoice["id"], str(int(invoice["id"]) + 1)]})
    return paid


def _dunning(status: str, dice: Dice) -> str | None:
    if status in ("payment_due", "not_paid"):
        return "in_progress" if status == "payment_due" else "exhausted"
    return "success" if status == "paid" and dice.chance(3) else None


def credit_notes(world: World, key: int, number: int, invoice: Record, certain: bool = False) -> Iterator[Record]:
    """Yield the credit note of an invoice that has one, numbered `number`; `certain` gives one to any invoice."""
    dice = world.dice("credit_notes", key)
    if not dice.chance(6) and not certain:
        return
    status = dice.pick(("adjusted", "refunded", "refund_due", "voided"))
    total = max(1, invoice["total"] // dice.between(1, 4))
    date = dice.between(invoice["date"], world.now)
    voided = dice.between(date, world.now) if status == "voided" else None
    yield {
        "id": f"CN-{number}",
        "customer_id": invoice["customer_id"],
        "subscription_id": invoice["subscription_id"],
        "reference_invoice_id": invoice["id"],
        "type": "adjustment" if status == "adjusted" else "refundable",
        "reason_code": dice.pick(("subscription_change", "product_unsatisfactory", "waiver", "other")),
        "create_reason_code": dice.pick(("Other", "Waiver, agreed", "Order Change")),
        "status": status,
        "date": date,
        "currency_code": invoice["currency_code"],
        "total": total,
        "price_type": invoice["price_type"],
        "amount_allocated": total if status == "adjusted" else 0,
        "amount_refunded": total if status == "refunded" else 0,
        "amount_available": total if status == "refund_due" else 0,
        "voided_at": voided,
        "updated_at": max(voided or 0, world.changed(dice, date)),
        "channel": invoice["channel"],
        "line_items": [{name: line[name] for name in _NOTE_LINE} for line in invoice["line_items"]],
        "allocations": [{"invoice_id": invoice["id"], "allocated_amount": total, "allocated_at": date}]
        if status == "adjusted"
        else [],
    }


def transactions(world: World, key: int, invoice: Record) -> Iterator[Record]:
    """Yield the payments tried for an invoice, and a refund now and then."""
    dice = world.dice("transactions", key)
    settled = invoice["status"] == "paid"
    for kind in ("payment", "refund") if settled and dice.chance(3) else ("payment",):
        date = min(world.now, max(invoice["date"], invoice["paid_at"] or 0) + (DAY if kind == "refund" else 0))
        yield {
            "id": f"txn_{dice.code(18)}",
            "customer_id": invoice["customer_id"],
            "subscription_id": invoice["subscription_id"],
            "invoice_id": invoice["id"],
            "payment_source_id": f"pm_{dice.code(14)}" if dice.chance(85) else None,
            "payment_method": dice.pick(("card", "card", "card", "direct_debit", "bank_transfer")),
            "gateway": dice.pick(("stripe", "stripe", "adyen", "gocardless")),
            "gateway_account_id": f"gw_{invoice['currency_code'].lower()}",
            "id_at_gateway": f"ch_{dice.code(24)}",
            "reference_number": f"{dice.between(0, 999999):06d}" if dice.chance(25) else None,
            "type": kind,
            "date": date,
            "amount": invoice["total"],
            "amount_capturable": 0,
            "currency_code": invoice["currency_code"],
            "status": "success" if settled else dice.pick(("failure", "in_progress", "needs_attention")),
            "error_text": None if settled else 'Declined: "insufficient funds", try again',
            # Real exports have them too: about one transaction in twenty was never stamped.
            "updated_at": None if dice.chance(5) else dice.between(date, world.now),
        }


def orders(world: World, key: int, invoice: Record, certain: bool = False) -> Iterator[Record]:
    """Yield the order of an invoice that has one; `certain` gives one to any invoice."""
    dice = world.dice("orders", key)
    if not dice.chance(15) and not certain:
        return
    status = dice.pick(("new", "processing", "complete", "cancelled", "shipped", "delivered", "queued", "on_hold"))
    ordered = invoice["date"]
    shipped = ordered + dice.between(0, 2 * DAY) if status in ("shipped", "delivered", "complete") else None
    delivered = shipped + dice.between(0, 4 * DAY) if shipped and status != "shipped" else None
    cancelled = ordered + dice.between(0, DAY) if status == "cancelled" else None
    resent = dice.chance(4)
    yield {
        "id": dice.code(22),
        "invoice_id": invoice["id"],
        "subscription_id": invoice["subscription_id"],
        "customer_id": invoice["customer_id"],
        "status": status,
        "price_type": invoice["price_type"],
        "order_date": ordered,
        "shipping_date": ordered + 2 * DAY,
        "shipped_at": shipped,
        "delivered_at": delivered,
        "cancelled_at": cancelled,
        "currency_code": invoice["currency_code"],
        "total": invoice["total"],
        "amount_paid": invoice["amount_paid"],
        "refundable_credits": invoice["amount_paid"] // 2,
        "refundable_credits_issued": 0,
        "is_resent": resent,
        "resent_status": "partially_resent" if resent else None,
        "original_order_id": dice.code(22) if resent else None,
        "updated_at": max(ordered, min(world.now, max(shipped or 0, delivered or 0, cancelled or 0))),
        "note": dice.pick(words.NOTES),
    }
