"""Which column of a file holds the time that the window bounds, and how sure that is. Pure.

Chargebee does not document the names. So a column is looked for under every spelling that was seen: ``updated_at``,
``customer[updated_at]``, ``Updated At``, ``subscriptions.created_at``, ``Customer Updated At (UTC)``, ``Invoice Date``,
``Paid On``. Case, blanks, dots and brackets make no difference. In a file that is not called after the resource, a clock
counts only together with an id. A file that is called after another resource has no clock of the record.

Many exports have no ``updated_at``. Where there is ``created_at``, it proves one thing: a record that was created after the
end of the window was not changed in the window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from chargebee_operators.chargebee.resources import Resource
from chargebee_operators.checks.columns import fold, kind_of
from chargebee_operators.checks.record_id import holds_others, is_called_after, named_id, places

# What real files call a field, folded, where they do not use its name in the API.
_LABELS = {"paid_at": ("paid_on",)}


class Clock(NamedTuple):
    """Where a file has its clock.

    :param at: the column's place in the header.
    :param id_at: that of the record's id; None when there is none.
    :param is_own: whether it is surely the record's own: the file or the column is called after it. Elsewhere it may be
        that of related things.
    :param one_sided: whether it is the time of creation in the place of ``updated_at``.
    """

    at: int
    id_at: int | None
    is_own: bool
    one_sided: bool = False


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
    record = resource.record
    if holds_others(member, resource):
        return f"it holds {fold(kind_of(member))}"
    at = places(columns)
    own, bare = named_id(at, resource), at.get("id", at.get("number"))
    is_main = is_called_after(member, resource)
    if wanted:
        clock = columns.index(wanted) if wanted in columns else at.get(fold(wanted))
        if clock is None:
            return f"it has no column {wanted!r}"
        of_record = fold(columns[clock]) == f"{record}_{field}"
        return Clock(clock, bare if own is None else own, is_main or of_record)
    if not record:
        return "a revenue report has no clock of its own"
    if found := _find(at, resource, field, own, bare, is_main):
        return found
    if field == "updated_at" and is_main and (created := _find(at, resource, "created_at", own, bare, is_main)):
        return created._replace(one_sided=True)
    return f"it has no column that is surely the {record}'s {field}"


def _find(
    at: Mapping[str, int], resource: Resource, field: str, own: int | None, bare: int | None, is_main: bool
) -> Clock | None:
    """Return the clock of a field under one of its names."""
    names = [f"{name}{zone}" for name in (field, *_LABELS.get(field, ())) for zone in ("", "_utc")]
    has_id = is_main or own is not None or bare is not None
    for clock in (at.get(f"{whose}_{name}") for whose in (resource.record, resource.name) for name in names):
        if clock is not None and has_id:
            return Clock(clock, bare if own is None else own, True)
    # In a file of related things `customer_id` says whose they are, and `id` and `updated_at` would be their own.
    for clock in map(at.get, names):
        if clock is not None and has_id and (own is None or is_main):
            return Clock(clock, own if bare is None else bare, is_main)
    return None
