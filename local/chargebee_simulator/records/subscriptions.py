"""Subscriptions and their ramps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import words
from .dice import Dice
from .world import DAY, World

Record = dict[str, Any]

_STATUSES = ("active",) * 12 + ("cancelled",) * 4 + ("in_trial", "non_renewing", "future", "paused")


def subscription(world: World, number: int, customer: Record, prices: Sequence[Record]) -> Record:
    """Return subscription `number`, of this customer, to one of the plan prices."""
    dice = world.dice("subscriptions", number)
    price = dice.pick(prices)
    status = dice.pick(_STATUSES)
    created = dice.between(customer["created_at"], max(customer["created_at"], world.now))
    started = status not in ("future", "in_trial")
    cancelled = dice.between(created, world.now) if status == "cancelled" else None
    quantity = dice.between(1, 20)
    return {
        "id": dice.code(17),
        "customer_id": customer["id"],
        "status": status,
        "plan_id": price["id"].lower(),
        "item_id": price["item_id"],
        "item_price_id": price["id"],
        "currency_code": price["currency_code"],
        "plan_quantity": quantity,
        "mrr": price["price"] * quantity if status == "active" else 0,
        "billing_period": price["period"],
        "billing_period_unit": price["period_unit"],
        "remaining_billing_cycles": dice.between(0, 11) if dice.chance(15) else None,
        "created_at": created,
        "activated_at": created if started else None,
        "next_billing_at": world.now + dice.between(0, 30 * DAY) if status in ("active", "in_trial") else None,
        "cancelled_at": cancelled,
        "updated_at": max(cancelled or 0, world.changed(dice, created)),
        "cancel_reason": "not_paid" if cancelled and dice.chance(40) else None,
        "cancel_reason_code": dice.pick(("Too expensive", "No longer needed")) if cancelled else None,
        "has_scheduled_changes": dice.chance(5),
        "auto_close_invoices": customer.get("auto_close_invoices", True),
        "offline_payment_method": customer.get("offline_payment_method", "no_preference"),
        "channel": customer.get("channel", "web"),
        "decommissioned": False,
        "business_entity_id": customer.get("business_entity_id"),
        "cf_purchase_order": f"PO, {dice.between(1000, 9999)}" if dice.chance(30) else None,
        "subscription_items": _items(price, quantity, dice),
    }


def _items(price: Record, quantity: int, dice: Dice) -> list[Record]:
    lines = [
        {"item_price_id": price["id"], "item_type": "plan", "quantity": quantity, "amount": price["price"] * quantity}
    ]
    if dice.chance(40):
        addon = f"{price['item_family_id']}-seats-{price['currency_code']}-monthly"
        lines.append({"item_price_id": addon, "item_type": "addon", "quantity": 1, "amount": 999})
    return lines


def has_ramp(world: World, number: int) -> bool:
    """Return whether subscription `number` has a ramp."""
    return world.dice("has ramp", number).chance(8)


def ramp(world: World, number: int, owner: Record) -> Record:
    """Return the ramp of this subscription."""
    dice = world.dice("ramps", number)
    created = dice.between(owner["created_at"], world.now)
    effective = created + dice.between(DAY, 180 * DAY)
    past = effective < world.now
    return {
        "id": dice.code(20),
        "subscription_id": owner["id"],
        "description": dice.pick(words.NOTES),
        "status": dice.pick(("succeeded", "succeeded", "failed") if past else ("scheduled", "scheduled", "draft")),
        "effective_from": effective,
        "created_at": created,
        "updated_at": world.changed(dice, created),
        "items_to_add": [
            {
                "item_price_id": owner["item_price_id"],
                "quantity": dice.between(1, 50),
                "amount": dice.between(10, 99) * 100,
            }
        ],
    }
