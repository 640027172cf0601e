"""The made-up company: the same for a seed, whole in itself, and plausible."""

from __future__ import annotations

from typing import Any

import pytest

from chargebee_simulator.catalogue import KEEPS_DELETED, SINGULAR, parameters
from chargebee_simulator.changes import resource_version
from chargebee_simulator.company import Company, CompanyError
from chargebee_simulator.csv_import import Imported
from chargebee_simulator.filters import judge
from chargebee_simulator.records.world import World

NOW = 1_717_200_000
DAY = 86400


def company(site: str = "acme-test", seed: int = 7, imports: dict[str, Imported] | None = None) -> Company:
    return Company(World(site, seed, 120, 400, NOW), imports or {})


def rows(made: Company, resource: str) -> list[dict[str, Any]]:
    return list(made.snapshot(resource).read())


def ids_of(records: list[dict[str, Any]]) -> list[str]:
    return [record["id"] for record in records]


@pytest.fixture(scope="module")
def acme() -> Company:
    return company()


@pytest.mark.parametrize("resource", SINGULAR)
def test_a_seed_makes_the_same_records_again(acme: Company, resource: str) -> None:
    records = rows(acme, resource)
    assert records and records == rows(company(), resource)


@pytest.mark.parametrize("resource", ["customers", "coupons", "invoices", "transactions"])
def test_another_seed_or_site_makes_others(acme: Company, resource: str) -> None:
    records = rows(acme, resource)
    assert records != rows(company(seed=8), resource)
    assert records != rows(company(site="other"), resource)


@pytest.mark.parametrize("resource", SINGULAR)
def test_records_have_one_shape_and_ids_of_their_own(acme: Company, resource: str) -> None:
    snapshot = acme.snapshot(resource)
    records = list(snapshot.read())
    assert {tuple(record) for record in records} == {tuple(records[0])}
    assert [*snapshot.columns, *snapshot.children] == sorted(
        records[0], key=lambda column: (column in snapshot.children, list(records[0]).index(column))
    )
    assert len({record["id"] for record in records}) == len(records)


@pytest.mark.parametrize(
    ("resource", "column", "parent", "key"),
    [
        ("customers", "relationship.parent_id", "customers", "id"),
        ("items", "item_family_id", "item_families", "id"),
        ("item_prices", "item_id", "items", "id"),
        ("item_prices", "price_variant_id", "price_variants", "id"),
        ("attached_items", "item_id", "items", "id"),
        ("attached_items", "parent_item_id", "items", "id"),
        ("differential_prices", "item_price_id", "item_prices", "id"),
        ("differential_prices", "parent_item_id", "items", "id"),
        ("subscriptions", "customer_id", "customers", "id"),
        ("subscriptions", "item_price_id", "item_prices", "id"),
        ("subscriptions", "plan_id", "plans", "id"),
        ("ramps", "subscription_id", "subscriptions", "id"),
        ("invoices", "customer_id", "customers", "id"),
        ("invoices", "subscription_id", "subscriptions", "id"),
        ("credit_notes", "reference_invoice_id", "invoices", "id"),
        ("transactions", "invoice_id", "invoices", "id"),
        ("orders", "invoice_id", "invoices", "id"),
        ("revenue_recognition", "invoice.id", "invoices", "id"),
        ("deferred_revenue", "customer.id", "customers", "id"),
    ],
)
def test_references_lead_somewhere(acme: Company, resource: str, column: str, parent: str, key: str) -> None:
    known = {record[key] for record in rows(acme, parent)}
    assert {record[column] for record in rows(acme, resource)} - {None} <= known


def test_line_items_name_prices_that_exist(acme: Company) -> None:
    prices = {price["id"] for price in rows(acme, "item_prices")}
    assert {line["item_price_id"] for invoice in rows(acme, "invoices") for line in invoice["line_items"]} <= prices


@pytest.mark.parametrize("resource", SINGULAR)
def test_times_lie_in_the_companys_history(acme: Company, resource: str) -> None:
    for record in rows(acme, resource):
        created, updated = record.get("created_at"), record.get("updated_at")
        for moment in (created, updated):
            assert moment is None or NOW - 400 * DAY <= moment <= NOW
        assert None in (created, updated) or created <= updated


@pytest.mark.parametrize("resource", SINGULAR)
def test_values_are_of_the_choices_the_filters_know(acme: Company, resource: str) -> None:
    records = rows(acme, resource)
    for parameter in parameters(resource).values():
        # In the reports' own description a subscription has the statuses of an invoice.
        if parameter.kind == "choice" and parameter.operator == "is" and parameter.key != "subscription.status":
            values = {str(record.get(parameter.key)) for record in records} - {"None"}
            plain = {value.lower() if value in ("True", "False") else value for value in values}
            assert plain <= {*parameter.choices, "true", "false"}


def test_about_one_transaction_in_twenty_was_never_stamped(acme: Company) -> None:
    stamps = [transaction["updated_at"] for transaction in rows(acme, "transactions")]
    assert 0.01 < stamps.count(None) / len(stamps) < 0.12


def test_text_is_hard_on_readers(acme: Company) -> None:
    text = "".join(str(value) for customer in rows(acme, "customers") for value in customer.values())
    for hard in ('"', ",", "\n", "\r\n", "é", "山田", "\N{ROCKET}"):
        assert hard in text


def test_a_touch_moves_updated_at_but_no_snapshot_taken_before() -> None:
    made = company()
    before = made.snapshot("customers")
    ids = ids_of(made.touch("customers", NOW + 5, count=3))
    assert len(ids) == 3
    assert {r["id"] for r in rows(made, "customers") if r["updated_at"] == NOW + 5} == set(ids)
    assert all(record["updated_at"] != NOW + 5 for record in before.read())
    assert ids_of(made.touch("customers", NOW + 9, ids=ids[:1])) == ids[:1]
    assert [r["id"] for r in rows(made, "customers") if r["updated_at"] == NOW + 9] == ids[:1]


def test_a_touch_of_what_cannot_move_is_refused() -> None:
    with pytest.raises(CompanyError, match="no updated_at"):
        company().touch("differential_prices", NOW)
    with pytest.raises(CompanyError, match="no updated_at"):
        company().touch("deferred_revenue", NOW)
    with pytest.raises(CompanyError, match="no record 'nobody'"):
        company().touch("customers", NOW, ids=["nobody"])


def test_a_touch_can_change_other_fields_too() -> None:
    made = company()
    (changed,) = made.touch("customers", NOW + 5, fields={"company": "Acme", "updated_at": None})
    assert (changed["company"], changed["updated_at"]) == ("Acme", None)
    assert rows(made, "customers")[0] == changed
    with pytest.raises(CompanyError, match="no field 'colour'"):
        made.touch("customers", NOW, fields={"colour": "red"})


@pytest.mark.parametrize("resource", ["customers", "invoices", "item_families", "differential_prices"])
def test_a_removed_record_is_gone_and_its_id_can_be_used_again(resource: str) -> None:
    made = company()
    before = rows(made, resource)
    (removed,) = made.remove(resource, NOW + 5, ids=[before[1]["id"]])
    assert {key: removed[key] for key in before[1]} == before[1]
    assert rows(made, resource) == [before[0], *before[2:]] and made.find(resource, removed["id"]) is None
    with pytest.raises(CompanyError, match="There is no record"):
        made.remove(resource, NOW + 6, ids=[removed["id"]])
    (created,) = made.create(resource, NOW + 9, [removed["id"]])
    assert made.find(resource, removed["id"]) == created and len(rows(made, resource)) == len(before)
    assert resource_version(created) > resource_version(removed) > resource_version(before[1])
    assert {created[clock] for clock in ("created_at", "updated_at", "date") if clock in created} <= {NOW + 9}
    with pytest.raises(CompanyError, match="There is a record .* already"):
        made.create(resource, NOW + 9, [removed["id"]])


@pytest.mark.parametrize("resource", sorted(KEEPS_DELETED))
def test_a_removed_record_of_the_catalogue_keeps_the_status_deleted(resource: str) -> None:
    made = company()
    before = rows(made, resource)
    (removed,) = made.remove(resource, NOW + 5, count=1)
    assert (removed["status"], removed["updated_at"]) == ("deleted", NOW + 5)
    live = list(made.live(resource))
    assert ids_of(live) == ids_of(before)[1:] and made.find(resource, removed["id"]) == removed
    exported = [record for record in rows(made, resource) if judge(resource, []).matches(record)]
    assert exported == live, "an export without a filter holds no deleted record"
    name = f"{SINGULAR[resource]}[status]"
    for operator, value in (("is", "deleted"), ("in", '["deleted"]')):
        deleted = judge(resource, [(f"{name}[{operator}]", value)])
        assert [record for record in rows(made, resource) if deleted.matches(record)] == [removed]
    not_active = judge(resource, [(f"{name}[is_not]", "active")])
    assert removed not in [record for record in rows(made, resource) if not_active.matches(record)]
    made.create(resource, NOW + 9, [removed["id"]])
    assert sorted(ids_of(list(made.live(resource)))) == sorted(ids_of(before))


def test_new_records_are_plausible(acme: Company) -> None:
    made = company()
    (created,) = made.create("invoices", NOW, ["new/1"], {"total": 5})
    assert created.keys() - {"resource_version"} == rows(made, "invoices")[0].keys()
    assert created["date"] == created["updated_at"] == NOW and created["total"] == 5
    assert created["due_date"] > NOW
    with pytest.raises(CompanyError, match="cannot be created"):
        made.create("deferred_revenue", NOW, ["x"])


def test_imported_customers_take_the_place_of_the_made_up_ones() -> None:
    own = [{"id": f"c{n}", "email": f"{n}@x.y", "created_at": None, "updated_at": NOW} for n in range(30)]
    made = company(imports={"customers": Imported(["id", "email", "created_at", "updated_at"], own)})
    assert rows(made, "customers") == own
    assert {s["customer_id"] for s in rows(made, "subscriptions")} <= {record["id"] for record in own}
    assert rows(made, "deferred_revenue")
