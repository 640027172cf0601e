"""One site's company: its records, made when they are asked for, imported where a file was given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

from .catalogue import REPORTS, SINGULAR
from .csv_import import Imported
from .records import billing, customers, products, reports, subscriptions
from .records.world import World, pair

Record = dict[str, Any]

_KEPT_RECORDS = 20_000
"""A resource of up to this many records stays in memory once made; a larger one is made anew each time."""

_LARGE = 50_000_000
"""Customers times days of history beyond which a CSV may pass 2 GB."""

_PRODUCTS: dict[str, Callable[[World], Iterator[Record]]] = {
    "addons": products.addons,
    "attached_items": products.attached_items,
    "coupons": products.coupons,
    "differential_prices": products.differential_prices,
    "item_families": products.item_families,
    "item_prices": products.item_prices,
    "items": products.items,
    "plans": products.plans,
    "price_variants": products.price_variants,
}


class CompanyError(ValueError):
    """Something was asked of the records that they cannot do."""


@dataclass(frozen=True)
class Snapshot:
    """One resource as it is at one moment, to be read as often as needed."""

    resource: str
    columns: Sequence[str]
    children: Mapping[str, Sequence[str]]  # columns that hold a list of objects -> the objects' fields
    read: Callable[[], Iterator[Record]]


class Company:
    """The records of one site."""

    def __init__(self, world: World, imports: Mapping[str, Imported]) -> None:
        self._world = world
        self._imports = imports
        self._kept: dict[str, list[Record]] = {r: imported.records for r, imported in imports.items()}
        self._moved: dict[str, dict[str, int]] = {resource: {} for resource in SINGULAR}
        self._removed: dict[str, set[str]] = {resource: set() for resource in SINGULAR}

    @property
    def is_large(self) -> bool:
        """Whether a CSV of this company may pass 2 GB, which a ZIP must say beforehand."""
        return self._world.customers * self._world.history_days > _LARGE

    def snapshot(self, resource: str) -> Snapshot:
        """Return the resource as it is now; a later touch or removal does not change it."""
        prototype = self._prototype(resource)
        children = {key: list(value[0]) for key, value in prototype.items() if _is_objects(value)}
        columns = [key for key in prototype if key not in children]
        moved, removed = dict(self._moved[resource]), set(self._removed[resource])
        return Snapshot(resource, columns, children, lambda: _changed(self._rows(resource), moved, removed))

    def touch(self, resource: str, at: int, ids: Iterable[str] | None = None, count: int = 1) -> list[str]:
        """Move the updated_at of these records, or of the first `count`, to `at`; return their ids."""
        if resource in REPORTS or "updated_at" not in self._prototype(resource):
            raise CompanyError(f"The records of {resource} carry no updated_at that could move.")
        first = (record["id"] for record in islice(self._rows(resource), count))
        chosen = list(first) if ids is None else self._known(resource, ids)
        self._moved[resource].update(dict.fromkeys(chosen, at))
        return chosen

    def remove(self, resource: str, ids: Iterable[str]) -> list[str]:
        """Delete these records for good, as Chargebee does: no export shows that they ever were; return their ids."""
        chosen = self._known(resource, ids)
        self._removed[resource].update(chosen)
        return chosen

    def _known(self, resource: str, ids: Iterable[str]) -> list[str]:
        chosen = list(ids)
        unknown = set(chosen) - {record["id"] for record in self._rows(resource)}
        if unknown:
            raise CompanyError(f"There is no record '{min(unknown)}' in {resource}.")
        return chosen

    def _prototype(self, resource: str) -> Record:
        """Return a record that shows the columns, whether or not the company has any such record."""
        if resource in self._imports:
            return dict.fromkeys(self._imports[resource].columns)
        if resource in _PRODUCTS:
            return next(_PRODUCTS[resource](self._world))
        return self._prototypes[resource]

    @cached_property
    def _prototypes(self) -> dict[str, Record]:
        world = self._world
        customer = customers.customer(world, 0)
        subscription = subscriptions.subscription(world, 0, customer, self._plan_prices)
        invoice = billing.invoice(world, 1, 0, 0, subscription, world.now)
        return {
            "customers": customer,
            "subscriptions": subscription,
            "invoices": invoice,
            "ramps": subscriptions.ramp(world, 0, subscription),
            "credit_notes": next(billing.credit_notes(world, 0, 1, invoice, certain=True)),
            "transactions": next(billing.transactions(world, 0, invoice)),
            "orders": next(billing.orders(world, 0, invoice, certain=True)),
            **{r: reports.report_row(world, r, customer, subscription, invoice) for r in REPORTS},
        }

    @cached_property
    def _plan_prices(self) -> list[Record]:
        return products.plan_prices(self._world)

    def _rows(self, resource: str) -> Iterator[Record]:
        kept = self._kept.get(resource)
        return iter(kept) if kept is not None else self._keeping(resource, self._make(resource))

    def _keeping(self, resource: str, source: Iterator[Record]) -> Iterator[Record]:
        kept: list[Record] | None = []
        for record in source:
            if kept is not None:
                kept.append(record)
                if len(kept) > _KEPT_RECORDS:
                    kept = None
            yield record
        if kept is not None:
            self._kept[resource] = kept

    def _make(self, resource: str) -> Iterator[Record]:
        if resource in _PRODUCTS:
            return _PRODUCTS[resource](self._world)
        if resource in REPORTS:
            return (reports.report_row(self._world, resource, c, s, i) for _, c, s, i in self._history())
        makers: dict[str, Callable[[], Iterator[Record]]] = {
            "customers": lambda: (customers.customer(self._world, n) for n in range(self._world.customers)),
            "subscriptions": lambda: (subscription for _, _, subscription in self._subscriptions()),
            "ramps": self._ramps,
            "invoices": lambda: (invoice for _, _, _, invoice in self._history()),
            "credit_notes": self._credit_notes,
            "transactions": self._transactions,
            "orders": self._orders,
        }
        return makers[resource]()

    def _subscriptions(self) -> Iterator[tuple[int, Record, Record]]:
        """Yield each subscription's number, its customer and the subscription."""
        world = self._world
        for number, customer in enumerate(self._rows("customers")):
            for offset in range(world.dice("subscription count", number).pick((0, 1, 1, 1, 1, 1, 1, 2, 2, 3))):
                owner = number * 4 + offset
                made = subscriptions.subscription(world, owner, self._dated(customer), self._plan_prices)
                yield owner, customer, made

    def _dated(self, customer: Record) -> Record:
        # An imported customer may have an empty created_at, or one that is yet to come.
        created = customer.get("created_at")
        return customer if isinstance(created, int) else {**customer, "created_at": self._world.start}

    def _ramps(self) -> Iterator[Record]:
        for number, _, subscription in self._subscriptions():
            if subscriptions.has_ramp(self._world, number):
                yield subscriptions.ramp(self._world, number, subscription)

    def _history(self) -> Iterator[tuple[int, Record, Record, Record]]:
        """Yield a number for the draws, the customer, the subscription and the invoice, for each invoice."""
        count = 0
        for owner, customer, subscription in self._subscriptions():
            for position, date in enumerate(billing.invoice_dates(self._world, subscription)):
                count += 1
                invoice = billing.invoice(self._world, count, owner, position, subscription, date)
                yield pair(owner, position), customer, subscription, invoice

    def _credit_notes(self) -> Iterator[Record]:
        count = 0
        for key, _, _, invoice in self._history():
            for note in billing.credit_notes(self._world, key, count + 1, invoice):
                count += 1
                yield note

    def _transactions(self) -> Iterator[Record]:
        for key, _, _, invoice in self._history():
            yield from billing.transactions(self._world, key, invoice)

    def _orders(self) -> Iterator[Record]:
        for key, _, _, invoice in self._history():
            yield from billing.orders(self._world, key, invoice)


def _is_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _changed(records: Iterator[Record], moved: Mapping[str, int], removed: set[str]) -> Iterator[Record]:
    for record in records:
        if record["id"] in removed:
            continue
        at = moved.get(record["id"])
        yield record if at is None else {**record, "updated_at": at}
