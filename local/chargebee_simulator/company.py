"""One site's company: its records, made when they are read, or imported from a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

from .catalogue import KEEPS_DELETED, REPORTS, SINGULAR
from .changes import Changes, Record
from .csv_import import Imported
from .filters import DELETED
from .records import billing, customers, products, reports, subscriptions
from .records.children import CHILDREN
from .records.dice import seed_of
from .records.world import World, pair
from .times import is_time

_KEPT_RECORDS = 20_000
"""A resource of up to this many records stays in memory once made; a larger one is made anew each time."""

_MODELS = 100
"""New records are like one of this many."""

_BEGINNINGS = ("created_at", "date", "order_date", "updated_at")
"""The times of a record's beginning, the surest first."""

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
    """A change that the records do not allow."""


@dataclass(frozen=True)
class Snapshot:
    """One resource as it is at one moment, to be read as often as needed."""

    resource: str
    columns: Sequence[str]
    children: Mapping[str, Sequence[str]]  # columns that hold a list of objects -> the objects' fields
    read: Callable[[], Iterator[Record]]
    imported: bool = False  # from a file, whose columns may be any


class Company:
    """The records of one site."""

    def __init__(self, world: World, imports: Mapping[str, Imported]) -> None:
        self._world = world
        self._imports = imports
        self._kept: dict[str, list[Record]] = {r: imported.records for r, imported in imports.items()}
        self._changes: dict[str, Changes] = {resource: Changes() for resource in SINGULAR}

    @property
    def is_large(self) -> bool:
        """Whether a CSV of this company may pass 2 GB, which a ZIP must say beforehand."""
        return self._world.customers * self._world.history_days > _LARGE

    def snapshot(self, resource: str) -> Snapshot:
        """Return the resource as it is now; a later touch or removal does not change it."""
        prototype, imported = self._prototype(resource), resource in self._imports
        children = {} if imported else CHILDREN.get(resource, {})
        columns = [key for key in prototype if key not in children]
        changes = self._changes[resource].copy()
        return Snapshot(resource, columns, children, lambda: changes.over(self._rows(resource)), imported)

    def find(self, resource: str, identity: str) -> Record | None:
        """Return a record as it is now, None where there is none of that id."""
        return next((record for record in self._present(resource) if record["id"] == identity), None)

    def live(self, resource: str) -> Iterator[Record]:
        """Yield the records as they are now, without those that are only kept with the status `deleted`."""
        kept = resource in KEEPS_DELETED
        return (record for record in self._present(resource) if not kept or record.get("status") != DELETED)

    def touch(
        self,
        resource: str,
        at: int,
        ids: Iterable[str] | None = None,
        count: int = 1,
        fields: Mapping[str, Any] | None = None,
    ) -> list[Record]:
        """Change these records, or the first `count`: `updated_at` moves to `at`, `fields` get other values.

        Returns the records as they are then.
        """
        if resource in REPORTS or "updated_at" not in self._prototype(resource):
            raise CompanyError(f"The records of {resource} carry no updated_at that could move.")
        given = dict(fields or {})
        self._check_fields(resource, given)
        chosen = self._chosen(resource, ids, count)
        return [self._changes[resource].edit(record, at, {"updated_at": at, **given}) for record in chosen]

    def remove(self, resource: str, at: int, ids: Iterable[str] | None = None, count: int = 1) -> list[Record]:
        """Delete these records, or the first `count`, and return them as they were.

        Records of the catalogue are kept with the status `deleted`. Of others, no export shows that they ever were.
        """
        if resource in REPORTS:
            raise CompanyError(f"The rows of {resource} are computed and cannot be deleted.")
        chosen, changes = self._chosen(resource, ids, count), self._changes[resource]
        if resource in KEEPS_DELETED:
            gone = {"status": DELETED, **({"updated_at": at} if "updated_at" in self._prototype(resource) else {})}
            return [changes.edit(record, at, gone) for record in chosen]
        return [changes.remove(record, at) for record in chosen]

    def create(
        self, resource: str, at: int, ids: Iterable[str], fields: Mapping[str, Any] | None = None
    ) -> list[Record]:
        """Create records with these ids, which may be those of deleted ones, and return them.

        They are like records that were made before, but for their times, which begin at `at`, and `fields`.
        """
        wanted, given = list(ids), dict(fields or {})
        if resource in REPORTS:
            raise CompanyError(f"The rows of {resource} are computed and cannot be created.")
        self._check_fields(resource, given)
        if taken := {record["id"] for record in self.live(resource)} & set(wanted):
            raise CompanyError(f"There is a record '{min(taken)}' in {resource} already.")
        models = list(islice(self._rows(resource), _MODELS)) or [self._prototype(resource)]
        made = []
        for identity in wanted:
            model = models[seed_of(resource, identity) % len(models)]
            made.append(self._changes[resource].create({**_begun(model, at), "id": identity, **given}, at))
        return made

    def _present(self, resource: str) -> Iterator[Record]:
        return self._changes[resource].over(self._rows(resource))

    def _check_fields(self, resource: str, fields: Mapping[str, Any]) -> None:
        unknown = fields.keys() - self._prototype(resource).keys()
        if unknown:
            raise CompanyError(f"The records of {resource} have no field '{min(unknown)}'.")

    def _chosen(self, resource: str, ids: Iterable[str] | None, count: int) -> list[Record]:
        if ids is None:
            return list(islice(self.live(resource), count))
        wanted = list(ids)
        sought = set(wanted)
        found = {record["id"]: record for record in self.live(resource) if record["id"] in sought}
        if unknown := sought - found.keys():
            raise CompanyError(f"There is no record '{min(unknown)}' in {resource}.")
        return [found[identity] for identity in wanted]

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


def _begun(model: Record, at: int) -> Record:
    """Return a record like `model`, with all its times moved so that it begins at `at`."""
    began = next((model[key] for key in _BEGINNINGS if isinstance(model.get(key), int)), at)
    moved = {
        key: value + at - began if is_time(key) and isinstance(value, int) else value for key, value in model.items()
    }
    return {**moved, **{key: at for key in ("created_at", "updated_at") if key in model}}
