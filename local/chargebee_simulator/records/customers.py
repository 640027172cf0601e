"""Customers, with their billing address, hierarchy and custom fields."""

from __future__ import annotations

from typing import Any

from . import words
from .dice import Dice
from .world import World

Record = dict[str, Any]


def customer_id(world: World, number: int) -> str:
    """Return the id of customer `number`."""
    return world.dice("customer id", number).code(16)


def customer(world: World, number: int) -> Record:
    """Return customer `number`."""
    dice = world.dice("customers", number)
    identity = customer_id(world, number)
    first, last = dice.pick(words.FIRST_NAMES), dice.pick(words.LAST_NAMES)
    company = dice.pick(words.COMPANIES) + dice.pick(words.COMPANY_FORMS) if dice.chance(70) else None
    place = dice.below(len(words.PLACES))
    created = dice.between(world.start, world.now)
    portal = world.dice("portal", number)
    return {
        "id": identity,
        "first_name": first,
        "last_name": last if dice.chance(95) else None,
        "email": f"customer{number}@example.com" if dice.chance(97) else None,
        "company": company,
        "phone": f"+1-555-{dice.between(0, 9999):04d}" if dice.chance(60) else None,
        "auto_collection": "on" if dice.chance(80) else "off",
        "card_status": portal.pick(("valid", "valid", "valid", "no_card", "expiring", "expired")),
        "portal_status": portal.pick(("enabled", "enabled", "not_enabled", "disabled")),
        "net_term_days": dice.pick((0, 0, 15, 30)),
        "taxability": "exempt" if dice.chance(8) else "taxable",
        "vat_number": f"DE{dice.between(100000000, 999999999)}" if dice.chance(20) else None,
        "locale": words.LOCALES[place],
        "preferred_currency_code": dice.pick(words.CURRENCIES),
        "offline_payment_method": dice.pick(words.OFFLINE_METHODS),
        "auto_close_invoices": dice.chance(75),
        "channel": dice.pick(words.CHANNELS),
        "business_entity_id": dice.pick(words.ENTITIES),
        "created_at": created,
        "updated_at": world.changed(dice, created),
        "notes": dice.pick(words.NOTES),
        **_relationship(world, dice, number),
        **_billing_address(dice, first, last, company, words.PLACES[place]),
        "cf_city": words.PLACES[place][0] if dice.chance(90) else None,
        "cf_segment": dice.pick(words.SEGMENTS),
        "cf_account_manager": dice.pick(words.FIRST_NAMES) if dice.chance(40) else None,
    }


def _relationship(world: World, dice: Dice, number: int) -> Record:
    # A parent is always an earlier customer, so that no hierarchy goes round in a circle.
    parent = customer_id(world, dice.below(number)) if number and dice.chance(10) else None
    return {
        "relationship.parent_id": parent,
        "relationship.payment_owner_id": parent,
        "relationship.invoice_owner_id": parent,
    }


def _billing_address(dice: Dice, first: str, last: str, company: str | None, place: tuple[str, ...]) -> Record:
    city, state, country, code = place
    return {
        "billing_address.first_name": first,
        "billing_address.last_name": last,
        "billing_address.email": None,
        "billing_address.company": company,
        "billing_address.phone": None,
        "billing_address.line1": f"{dice.between(1, 999)} {dice.pick(words.STREETS)}",
        "billing_address.line2": "Floor 2\nBack door" if dice.chance(5) else None,
        "billing_address.line3": None,
        "billing_address.city": city,
        "billing_address.state": state or None,
        "billing_address.state_code": state or None,
        "billing_address.country": country,
        "billing_address.zip": code,
        "billing_address.validation_status": "not_validated",
    }
