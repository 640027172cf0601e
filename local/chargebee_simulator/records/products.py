"""What the company sells: both product catalogs, coupons and price variants. Small, so made as whole lists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import words
from .dice import Dice
from .world import DAY, World

Record = dict[str, Any]

_TIERS = ("basic", "pro", "enterprise")
_USAGES = ("sum_of_usages", "last_usage", "max_usage")
_PERIODS = (("monthly", "month", 1), ("yearly", "year", 1))


def _times(world: World, dice: Dice) -> Record:
    created = dice.between(world.start, world.now)
    return {"created_at": created, "updated_at": world.changed(dice, created)}


def _status(dice: Dice) -> str:
    return dice.pick(("active", "active", "active", "active", "archived"))


def family_names(world: World) -> tuple[str, ...]:
    """Return the product families; a bigger company has more of them."""
    return words.PRODUCTS[: max(2, min(len(words.PRODUCTS), world.customers // 100))]


def item_families(world: World) -> Iterator[Record]:
    """Yield the item families."""
    for number, name in enumerate(family_names(world)):
        dice = world.dice("item_families", number)
        yield {
            "id": name.lower(),
            "name": name,
            "description": dice.pick(words.NOTES),
            "status": "active",
            "business_entity_id": dice.pick(words.ENTITIES),
            **_times(world, dice),
        }


def items(world: World) -> Iterator[Record]:
    """Yield plans, an addon and a charge for each family."""
    for family_number, family in enumerate(family_names(world)):
        kinds = [("plan", tier) for tier in _TIERS] + [("addon", "seats"), ("charge", "setup")]
        for number, (kind, name) in enumerate(kinds):
            dice = world.dice("items", family_number * 10 + number)
            yield {
                "id": f"{family.lower()}-{name}",
                "name": f"{family} {name.title()}",
                "item_family_id": family.lower(),
                "type": kind,
                "status": _status(dice) if kind != "plan" else "active",
                "item_applicability": dice.pick(("all", "restricted")),
                "is_giftable": dice.chance(10),
                "enabled_for_checkout": dice.chance(80),
                "enabled_in_portal": dice.chance(80),
                "metered": kind == "addon" and dice.chance(50),
                "usage_calculation": dice.pick(_USAGES) if kind == "addon" else None,
                "channel": dice.pick(words.CHANNELS),
                "business_entity_id": dice.pick(words.ENTITIES),
                **_times(world, dice),
            }


def item_prices(world: World) -> Iterator[Record]:
    """Yield the prices of each item: by currency, and for plans by period."""
    for number, item in enumerate(items(world)):
        recurring = item["type"] != "charge"
        for offset, (currency, (period, unit, length)) in enumerate(_price_points(recurring)):
            dice = world.dice("item_prices", number * 10 + offset)
            yield {
                "id": f"{item['id']}-{currency}-{period}",
                "name": f"{item['name']} {currency} {period}",
                "item_id": item["id"],
                "item_family_id": item["item_family_id"],
                "item_type": item["type"],
                "currency_code": currency,
                "price": dice.between(5, 400) * 100 - 1,
                "pricing_model": dice.pick(("flat_fee", "per_unit", "tiered", "volume", "stairstep")),
                "price_variant_id": dice.pick((None, None, "students", "partners")),
                "period": length if recurring else None,
                "period_unit": unit if recurring else None,
                "trial_period": 14 if item["type"] == "plan" and dice.chance(50) else None,
                "trial_period_unit": "day",
                "status": item["status"],
                "channel": item["channel"],
                "business_entity_id": item["business_entity_id"],
                **_times(world, dice),
            }


def _price_points(recurring: bool) -> list[tuple[str, tuple[str, str, int]]]:
    periods = _PERIODS if recurring else (("once", "month", 1),)
    return [(currency, period) for currency in words.CURRENCIES for period in periods]


def plan_prices(world: World) -> list[Record]:
    """Return the item prices one can subscribe to."""
    return [price for price in item_prices(world) if price["item_type"] == "plan"]


def attached_items(world: World) -> Iterator[Record]:
    """Yield which addons and charges go with which plans."""
    for number, plan in enumerate(item for item in items(world) if item["type"] == "plan"):
        for offset, name in enumerate(("seats", "setup")):
            dice = world.dice("attached_items", number * 10 + offset)
            yield {
                "id": dice.code(20),
                "parent_item_id": plan["id"],
                "item_id": f"{plan['item_family_id']}-{name}",
                "item_type": "addon" if name == "seats" else "charge",
                "type": dice.pick(("recommended", "mandatory", "optional")),
                "quantity": dice.between(1, 5),
                "charge_on_event": "subscription_activation" if name == "setup" else "on_demand",
                **_times(world, dice),
            }


def differential_prices(world: World) -> Iterator[Record]:
    """Yield the special prices of addons under certain plans. They carry no time at all."""
    for number, price in enumerate(p for p in item_prices(world) if p["item_type"] == "addon"):
        dice = world.dice("differential_prices", number)
        yield {
            "id": dice.code(36),
            "item_price_id": price["id"],
            "item_id": price["item_id"],
            "parent_item_id": f"{price['item_family_id']}-{dice.pick(_TIERS)}",
            "currency_code": price["currency_code"],
            "price": price["price"] * 8 // 10,
        }


def price_variants(world: World) -> Iterator[Record]:
    """Yield the price variants."""
    for number, name in enumerate(("students", "partners", "early-birds")):
        dice = world.dice("price_variants", number)
        yield {
            "id": name,
            "name": name.title(),
            "external_name": f"For {name}",
            "status": "archived" if name == "early-birds" else "active",
            "business_entity_id": dice.pick(words.ENTITIES),
            **_times(world, dice),
        }


def coupons(world: World) -> Iterator[Record]:
    """Yield the coupons."""
    prices = [price["id"] for price in plan_prices(world)]
    for number in range(max(5, world.customers // 50)):
        dice = world.dice("coupons", number)
        kind = dice.pick(("fixed_amount", "percentage", "offer_quantity"))
        yield {
            "id": f"COUPON{number:04d}",
            "name": f"{dice.pick(words.PRODUCTS)} offer {number}, {dice.pick(words.SEGMENTS)}",
            "invoice_name": f"Offer {number}",
            "discount_type": kind,
            "discount_percentage": dice.between(5, 50) if kind == "percentage" else None,
            "discount_amount": dice.between(1, 50) * 100 if kind == "fixed_amount" else None,
            "discount_quantity": dice.between(1, 5) if kind == "offer_quantity" else None,
            "currency_code": dice.pick(words.CURRENCIES),
            "duration_type": dice.pick(("one_time", "forever", "limited_period")),
            "duration_month": dice.between(1, 12),
            "max_redemptions": dice.pick((None, 10, 100)),
            "valid_till": world.now + dice.between(1, 90) * DAY if dice.chance(40) else None,
            "redemptions": dice.between(0, 9),
            "status": dice.pick(("active", "active", "expired", "archived", "future")),
            "apply_on": dice.pick(("invoice_amount", "each_specified_item")),
            "applicable_item_price_ids": sorted({dice.pick(prices) for _ in range(dice.below(3))}),
            **_times(world, dice),
            "archived_at": None,
        }


def plans(world: World) -> Iterator[Record]:
    """Yield the plans of Product Catalog 1.0."""
    for number, price in enumerate(plan_prices(world)):
        dice = world.dice("plans", number)
        yield {
            "id": price["id"].lower(),
            "name": price["name"],
            "price": price["price"],
            "currency_code": price["currency_code"],
            "period": price["period"],
            "period_unit": price["period_unit"],
            "trial_period": price["trial_period"],
            "trial_period_unit": price["trial_period_unit"],
            "addon_applicability": dice.pick(("all", "restricted")),
            "giftable": dice.chance(10),
            "status": _status(dice),
            "channel": price["channel"],
            **_times(world, dice),
        }


def addons(world: World) -> Iterator[Record]:
    """Yield the addons of Product Catalog 1.0."""
    for number, price in enumerate(p for p in item_prices(world) if p["item_type"] != "plan"):
        dice = world.dice("addons", number)
        recurring = price["item_type"] == "addon"
        yield {
            "id": price["id"].lower(),
            "name": price["name"],
            "charge_type": "recurring" if recurring else "non_recurring",
            "price": price["price"],
            "currency_code": price["currency_code"],
            "period": price["period"],
            "period_unit": price["period_unit"] or "not_applicable",
            "status": _status(dice),
            "channel": price["channel"],
            **_times(world, dice),
        }
