"""Which column of a file holds the time that the window bounds, and how sure that is. Pure.

Nobody documents it, so it is looked for under every spelling that has been seen: ``updated_at``,
``customer[updated_at]``, ``Updated At``, ``customers.updatedAt``, ``Customer Updated At (UTC)``; case, blanks, dots and
brackets make no difference. A file that is not called after the resource has it only together with an id, and one that is
called after another resource never.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from chargebee_operators.chargebee.resources import RESOURCE_NAMES, Resource, get_resource
from chargebee_operators.checks.columns import fold, kind_of


class Clock(NamedTuple):
    """Where a file has its clock.

    :param at: the column's place in the header.
    :param id_at: that of the record's id; None when there is none.
    :param is_own: whether it is surely the record's own: the file or the column is called after it. Elsewhere it may be
        that of related things.
    """

    at: int
    id_at: int | None
    is_own: bool


def find_clock(
    columns: Sequence[str], member: str, resource: Resource, field: str, wanted: str | None = None
) -> Clock | str:
    """Return where the record's clock and its id stand, or why the clock was not found.

    :param columns: the header's names.
    :param member: the file's name; ``Id`` and ``Customer Id`` say little of whose clock ``Updated At`` is.
    :param resource: what was exported.
    :param field: the clock's name in Chargebee's API.
    :param wanted: the column's name, when it is given by hand.
    """
    kind, record = fold(kind_of(member)), resource.record
    if kind in _names_of_others(resource):
        return f"it holds {kind}"
    folded = [fold(each) for each in columns]
    at = {name: number for number, name in reversed(list(enumerate(folded)))}
    bare, own = at.get("id"), at.get(f"{record}_id")
    is_main = is_called_after(member, resource)
    if wanted:
        clock = columns.index(wanted) if wanted in columns else at.get(fold(wanted))
        if clock is None:
            return f"it has no column {wanted!r}"
        return Clock(clock, bare if own is None else own, is_main or folded[clock] == f"{record}_{field}")
    if not record:
        return "a revenue report has no clock of its own"
    has_id = is_main or own is not None or bare is not None
    for clock in (at.get(f"{whose}_{field}{zone}") for whose in (record, resource.name) for zone in ("", "_utc")):
        if clock is not None and has_id:
            return Clock(clock, bare if own is None else own, True)
    # In a file of related things `customer_id` says whose they are, and `id` and `updated_at` would be their own.
    for clock in (at.get(field), at.get(f"{field}_utc")):
        if clock is not None and has_id and (own is None or is_main):
            return Clock(clock, own if bare is None else bare, is_main)
    return f"it has no column that is surely the {record}'s {field}"


def is_called_after(member: str, resource: Resource) -> bool:
    """Return whether a file bears the resource's or its record's name: ``Customers_2.csv``, ``customer.csv``."""
    return fold(kind_of(member)) in (resource.name, resource.record)


@cache
def _names_of_others(resource: Resource) -> set[str]:
    others = (get_resource(name) for name in RESOURCE_NAMES if name != resource.name)
    return {name for each in others for name in (each.name, each.record) if name}
