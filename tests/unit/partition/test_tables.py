"""Which table a file of an export belongs to, by its name."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.chargebee.resources import RESOURCE_NAMES
from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.partition.tables import Table, Tables, snake_kind


def tables(resource: str = "customers", *ahead: str, site: str = "acme", known: bool = True) -> Tables:
    job = JobRecord("AzQ1x9", resource, site, {}, None, None, None, "2026-11-24T00:00:00Z")
    return Tables(job, lambda: ahead if known else None)


@pytest.mark.parametrize(
    ("resource", "member", "kind"),
    [
        # Names of files that real exports had.
        ("customers", "Customers.csv", "customers"),
        ("subscriptions", "Subscriptions.csv", "subscriptions"),
        ("subscriptions", "SubscriptionAddons.csv", "subscription_addons"),
        ("subscriptions", "SubscriptionCoupons.csv", "subscription_coupons"),
        ("invoices", "Invoices.csv", "invoices"),
        ("invoices", "LineItems.csv", "line_items"),
        ("invoices", "LineItemTaxes.csv", "line_item_taxes"),
        ("invoices", "Transactions.csv", "transactions"),
        ("invoices", "AppliedCreditNotes.csv", "applied_credit_notes"),
        ("credit_notes", "CreditNotes.csv", "credit_notes"),
        ("credit_notes", "CreditNoteLineItems.csv", "credit_note_line_items"),
        ("transactions", "Transactions.csv", "transactions"),
        # Other spellings, and parts of one table.
        ("customers", "customer.csv", "customers"),
        ("customers", "customers_1.csv", "customers"),
        ("customers", "customers-2.csv", "customers"),
        ("customers", "Customers 2", "customers"),
        ("customers", "export/Customers (3).CSV", "customers"),
        ("customers", "CUSTOMERS.part4.csv", "customers"),
        ("invoices", "line items_12.csv", "line_items"),
        ("invoices", "invoice-line-items.csv", "invoice_line_items"),
        ("item_prices", "ItemPrices.csv", "item_prices"),
        ("items", "item_prices.csv", "item_prices"),
    ],
)
def test_a_file_s_name_says_its_table(resource, member, kind):
    name = resource if kind == resource else f"{resource}__{kind}"
    assert tables(resource, member, f"{resource}.csv").of(member) == Table(kind, name)


@pytest.mark.parametrize(
    "member",
    [
        "data.csv",
        "Export.csv",
        "2026-11-23.csv",
        "7.csv",
        "export_AzQ1x9.csv",
        "acme-export-20261123.csv",
        "acme_customers_export.csv",
        "Chargebee Customers 2026.csv",
        "report.xlsx.csv",
    ],
)
def test_a_file_whose_name_says_nothing_is_the_export_s_own_where_no_other_is(member):
    own = Table("customers", "customers")
    if member != "report.xlsx.csv":
        assert tables("customers", member).of(member) == own
        assert tables("customers", known=False).of(member) == own
        assert tables("customers", member, "addresses.csv").of(member) == own
    assert tables("customers", member, "Customers.csv").of(member) != own
    assert tables("customers", member, "download.csv").of(member) != own


@pytest.mark.parametrize("member", ["line_items.csv", "subscriptions.csv", "Customer.csv", "addresses.csv"])
def test_a_lone_file_whose_name_says_something_else_is_not_the_export_s_own(member):
    kind = member.removesuffix(".csv").lower()
    assert tables("invoices", member).of(member) == Table(kind, f"invoices__{kind}")


def test_a_site_s_name_hides_no_resource():
    found = tables("subscriptions", "customers.csv", site="customers").of("customers.csv")
    assert found.name == "subscriptions__customers"


def test_parts_of_a_file_whose_name_says_nothing_are_of_one_table():
    names = [f"data_{number}.csv" for number in range(3)]
    for known in (True, False):
        several = tables("customers", *names, known=known)
        assert {several.of(each).name for each in names} == {"customers"}


@pytest.mark.parametrize("second", ["Customers.csv", "export.csv"])
def test_where_the_names_are_not_known_ahead_a_second_claim_is_refused(second):
    unknown = tables("customers", known=False)
    assert unknown.of("data.csv").name == "customers"
    assert unknown.of("addresses.csv").name == "customers__addresses"
    with pytest.raises(SettingsError, match=f"The zip holds 'data.csv' and '{second}'"):
        unknown.of(second)


def test_the_names_are_asked_for_only_where_they_matter():
    def ahead() -> list[str]:
        raise AssertionError("not needed")

    job = JobRecord("e", "customers", "acme", {}, None, None, None, "")
    several = Tables(job, ahead)
    assert [several.of(each).kind for each in ("Customers.csv", "Addresses_2.csv")] == ["customers", "addresses"]


@given(st.text(min_size=1), st.sampled_from(RESOURCE_NAMES))
def test_any_name_gives_a_table_that_is_safe_in_a_key_and_tells_its_resource(member, resource):
    table = tables(resource, member, f"{resource}.csv").of(member)
    assert re.fullmatch("[a-z0-9]+(_[a-z0-9]+)*", table.kind)
    assert len(table.kind) < 120
    assert table.name.split("__")[0] == resource


def test_names_that_can_not_be_written_plainly_do_not_meet():
    names = ["Файл.csv", "文件.csv", f"{'a' * 200}b.csv", f"{'a' * 200}c.csv", "é.csv"]
    assert len({snake_kind(each) for each in names}) == len(names)
    assert snake_kind("Kundenübersicht.csv") == "kundenubersicht"
