"""Which column of a file holds the ids of the exported records, and how sure that is. Pure.

The names are those of real exports: ``Customer Id``, ``subscriptions.id``, ``Invoice Number``, ``Credit Note Number``,
``customer[id]``, ``id``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from functools import cache
from typing import NamedTuple

from chargebee_operators.chargebee.resources import RESOURCE_NAMES, Resource, get_resource
from chargebee_operators.checks.columns import fold, kind_of

# What a spreadsheet takes for the beginning of a formula.
FORMULA_SIGNS = ("+", "-", "=", "@")


class Trust(IntEnum):
    """How sure it is that a column holds the ids of the exported records."""

    PERHAPS = 1  # a bare ``id``, in a file whose name says nothing
    OF_PARENT = 2  # ``Customer Id`` in a file of related things: whose they are
    OWN = 3  # the file is called after the resource


class RecordId(NamedTuple):
    """The column of the ids.

    :param at: its place in the header.
    :param trust: how sure that is.
    """

    at: int
    trust: Trust


def find_id(columns: Sequence[str], member: str, resource: Resource) -> RecordId | None:
    """Return the column of the exported records' ids; None when there is none.

    :param columns: the header's names.
    :param member: the file's name.
    :param resource: what was exported.
    """
    if not resource.record or holds_others(member, resource):
        return None
    at = places(columns)
    own = named_id(at, resource)
    bare = at.get("id", at.get("number"))
    if is_called_after(member, resource):
        found = bare if own is None else own
        return None if found is None else RecordId(found, Trust.OWN)
    if own is not None:
        return RecordId(own, Trust.OF_PARENT)
    return None if bare is None else RecordId(bare, Trust.PERHAPS)


def places(columns: Sequence[str]) -> dict[str, int]:
    """Return the first place of each name, folded."""
    return {fold(name): number for number, name in reversed(list(enumerate(columns)))}


def named_id(at: Mapping[str, int], resource: Resource) -> int | None:
    """Return the place of an id that is called after the record: ``Customer Id``, ``subscriptions.id``."""
    names = [f"{whose}_{what}" for what in ("id", "number") for whose in (resource.record, resource.name)]
    return next((at[name] for name in names if name in at), None)


def plain_id(text: str) -> str:
    """Return an id as the API has it: without the apostrophe that an export puts before what looks like a formula."""
    return text[1:] if text[:1] == "'" and text[1:2] in FORMULA_SIGNS else text


def is_called_after(member: str, resource: Resource) -> bool:
    """Return whether a file bears the resource's or its record's name: ``Customers_2.csv``, ``customer.csv``."""
    return fold(kind_of(member)) in (resource.name, resource.record)


def holds_others(member: str, resource: Resource) -> bool:
    """Return whether a file is called after another resource: ``Transactions.csv`` in an export of invoices."""
    return fold(kind_of(member)) in _names_of_others(resource)


@cache
def _names_of_others(resource: Resource) -> set[str]:
    others = (get_resource(name) for name in RESOURCE_NAMES if name != resource.name)
    return {name for each in others for name in (each.name, each.record) if name}
