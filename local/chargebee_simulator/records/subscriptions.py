"""Subscriptions and their ramps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import words
from .dice import Dice
from .world import DAY, World

Record = dict[str, Any]

_STATUSES = ("active",) * 12 + ("cancelled",) * 4 + ("in_trial", "non_renewing", "future", "paused")


_CUSTOMER = ("first_name", "last_name", "company", "email", "net_term_days", "vat_number", "cf_segment")
_ADDRESS = (
    "first_name", "last_name", "email", "company", "phone", "line1", "line2", "line3", "city", "state", "state_code",
    "country", "zip",
)  # fmt: skip


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
        "plan_unit_price": price["price"],
        "plan_amount": price["price"] * quantity,
        "mrr": price["price"] * quantity if status == "active" else 0,
        "billing_period": price["period"],
        "billing_period_unit": price["period_unit"],
        "remaining_billing_cycles": dice.between(0, 11) if dice.chance(15) else None,
        "created_at": created,
        "activated_at": created if started else None,
        **_terms(world, dice, status, created, price),
        "next_billing_at": world.now + dice.between(0, 30 * DAY) if status in ("active", "in_trial") else None,
        "cancelled_at": cancelled,
        "updated_at": max(cancelled or 0, world.changed(dice, created)),
        "cancel_reason": "not_paid" if cancelled and dice.chance(40) else None,
        "cancel_reason_code": dice.pick(("Too expensive", "No longer needed")) if cancelled else None,
        "has_scheduled_changes": dice.chance(5),
        "auto_collection": customer.get("auto_collection", "on"),
        "po_number": f"PO {dice.between(1000, 9999)}" if dice.chance(20) else None,
        "auto_close_invoices": customer.get("auto_close_invoices", True),
        "offline_payment_method": customer.get("offline_payment_method", "no_preference"),
        "channel": customer.get("channel", "web"),
        "decommissioned": False,
        "business_entity_id": customer.get("business_entity_id"),
        "cf_purchase_order": f"PO, {dice.between(1000, 9999)}" if dice.chance(30) else None,
        **_owner(customer),
        "subscription_items": _items(price, quantity, dice),
        **_children(world, dice, number, created),
    }


def _terms(world: World, dice: Dice, status: str, created: int, price: Record) -> Record:
    """Return when the subscription began, and its trial and present term."""
    length = (365 if price["period_unit"] == "year" else 30) * DAY
    began = created + 30 * DAY if status == "future" else created
    term = began + max(0, (world.now - began) // length) * length
    pause = world.now - dice.between(0, 20 * DAY) if status == "paused" else None
    return {
        "start_date": began if status == "future" else None,
        "started_at": began if status != "future" else None,
        "trial_start": began if status == "in_trial" else None,
        "trial_end": began + 14 * DAY if status == "in_trial" else None,
        "current_term_start": None if status in ("future", "cancelled") else term,
        "current_term_end": None if status in ("future", "cancelled") else term + length,
        "pause_date": max(pause, created) if pause else None,
        "resume_date": pause + 60 * DAY if pause else None,
    }


def _owner(customer: Record) -> Record:
    """Return what an export of subscriptions holds of their customers."""
    owner = {f"customer.{name}": customer.get(name) for name in _CUSTOMER}
    return {**owner, **{f"address.{name}": customer.get(f"billing_address.{name}") for name in _ADDRESS}}


def _children(world: World, dice: Dice, number: int, created: int) -> Record:
    """Return the coupons, discounts, contract terms and comments; the comments are of any age."""
    coupons = [f"COUPON{dice.below(5):04d}"] if dice.chance(25) else []
    discount = {"id": dice.code(12), "type": "percentage", "percentage": 10, "amount": None, "created_at": created}
    discount = {**discount, "apply_till": created + 90 * DAY}
    contract = {"id": dice.code(12), "status": "active", "contract_start": created, "billing_cycle": 12}
    contract = {**contract, "contract_end": created + 365 * DAY}
    commented = dice.between(created, world.now)
    comment = {"id": dice.code(12), "notes": dice.pick(words.NOTES), "added_by": "someone", "created_at": commented}
    return {
        "coupons": [{"coupon_id": coupon} for coupon in coupons],
        "discounts": [discount] if dice.chance(10) else [],
        "contract_terms": [contract] if dice.chance(8) else [],
        "comments": [comment] if dice.chance(20) else [],
    }


def _items(price: Record, quantity: int, dice: Dice) -> list[Record]:
    lines = [_item(price["id"], "plan", quantity, price["price"])]
    if dice.chance(40):
        lines.append(_item(f"{price['item_family_id']}-seats-{price['currency_code']}-monthly", "addon", 1, 999))
    return lines


def _item(price_id: str, kind: str, quantity: int, unit_price: int) -> Record:
    counted = {"quantity": quantity, "unit_price": unit_price, "amount": unit_price * quantity}
    return {"item_price_id": price_id, "item_type": kind, **counted}


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
