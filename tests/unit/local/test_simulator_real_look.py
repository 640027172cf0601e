"""The look of real exports, as public programs read them."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from chargebee_simulator.catalogue import REPORTS, SINGULAR, parameters
from chargebee_simulator.company import Company
from chargebee_simulator.csv_import import Imported
from chargebee_simulator.filters import judge
from chargebee_simulator.profiles import PROFILES, switched
from chargebee_simulator.records.world import World
from chargebee_simulator.tables import tables
from chargebee_simulator.zips import write_zip

NOW = 1_717_200_000
WORLD = World("acme-test", 7, 200, 400, NOW)
COMPANY = Company(WORLD, {})
LOOK = PROFILES["chargebee"]
MONTHS = {"report_by": "invoice", "report_from_month": "1", "report_from_year": "2020", "report_to_month": "12"}
MONTHS |= {"report_to_year": "2030"}
HUMAN = re.compile(r"\d\d-[A-Z][a-z][a-z]-\d{4} \d\d:\d\d")


def moment(text: str) -> datetime:
    return datetime.strptime(text, "%d-%b-%Y %H:%M")


Files = dict[str, list[dict[str, str]]]


@pytest.fixture
def raw(tmp_path: Path) -> Callable[..., dict[str, bytes]]:
    """Export a resource; return the members of the ZIP."""

    def export(resource: str, fields: Any = (), company: Company = COMPANY, **switches: Any) -> dict[str, bytes]:
        profile = switched(LOOK, switches).of(resource)
        selection = judge(resource, fields or (MONTHS.items() if resource in REPORTS else ()))
        write_zip(tmp_path / "made.zip", resource, tables(company.snapshot(resource), selection, profile), profile)
        with zipfile.ZipFile(tmp_path / "made.zip") as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    return export


@pytest.fixture
def export(raw: Callable[..., dict[str, bytes]]) -> Callable[..., Files]:
    """Export a resource; return the rows of each member."""
    return lambda *args, **switches: {
        name: list(csv.DictReader(io.StringIO(data.decode(), newline="")))
        for name, data in raw(*args, **switches).items()
    }


@pytest.mark.parametrize(
    ("resource", "names"),
    [
        ("customers", ["Customers.csv"]),
        (
            "subscriptions",
            [
                "Subscriptions.csv",
                "SubscriptionAddons.csv",
                "SubscriptionCoupons.csv",
                "SubscriptionContracts.csv",
                "SubscriptionDiscounts.csv",
                "SubscriptionComments.csv",
            ],
        ),
        (
            "invoices",
            [
                "Invoices.csv",
                "LineItems.csv",
                "LineItemTaxes.csv",
                "Transactions.csv",
                "AppliedCreditNotes.csv",
                "AdjustmentCreditNotes.csv",
                "InvoiceProperties.csv",
            ],
        ),
        ("credit_notes", ["CreditNotes.csv", "CreditNoteLineItems.csv", "AllocatedInvoices.csv"]),
        ("coupons", ["Coupons.csv"]),
        ("item_prices", ["ItemPrices.csv"]),
    ],
)
def test_the_files_beside_an_exports_own_have_columns_of_their_own(
    export: Any, resource: str, names: list[str]
) -> None:
    made = export(resource)
    assert list(made) == names and all(made.values())
    assert len({tuple(rows[0]) for rows in made.values()}) == len(names)


@pytest.mark.parametrize("resource", SINGULAR)
def test_the_first_column_is_the_records_id_and_no_header_occurs_twice(raw: Any, resource: str) -> None:
    for number, data in enumerate(raw(resource).values()):
        header, *rows = csv.reader(io.StringIO(data.decode(), newline=""))
        assert len(set(header)) == len(header)
        assert all(len(row) == len(header) for row in rows)
        if number == 0:
            assert [row[0] for row in rows] == [record["id"] for record in COMPANY.snapshot(resource).read()]


def test_two_spellings_of_headers(export: Any) -> None:
    (customers,) = export("customers").values()
    assert list(customers[0])[:4] == ["Customer Id", "Email", "First Name", "Last Name"]
    assert {"Billing Address Line1", "Offline payment method", "Card Status"} <= customers[0].keys()
    subscriptions = export("subscriptions")["Subscriptions.csv"][0]
    assert {"subscriptions.id", "subscriptions.plan_id", "customers.email", "addresses.addr"} <= subscriptions.keys()
    assert {name.count(".") for name in subscriptions} == {1}


def test_custom_fields_of_customers_have_their_bare_name_or_their_label(export: Any) -> None:
    (customers,) = export("customers").values()
    assert {"city", "segment", "Account Manager"} <= customers[0].keys()
    assert not any(name.startswith("cf_") for name in customers[0])
    subscriptions = export("subscriptions")["Subscriptions.csv"][0]
    assert {"subscriptions.cf_purchase_order", "customers.cf_segment"} <= subscriptions.keys()


@pytest.mark.parametrize("resource", ["customers", "subscriptions", "invoices", "credit_notes", "coupons"])
def test_no_column_says_when_a_known_record_was_updated(raw: Any, resource: str) -> None:
    for data in raw(resource).values():
        assert b"updated" not in data.splitlines()[0].lower()


def test_some_of_the_unknown_exports_say_it_and_some_do_not(raw: Any) -> None:
    known = {"customers", "subscriptions", "invoices", "credit_notes", "coupons"}
    told = {
        resource: b"updated" in next(iter(raw(resource).values())).splitlines()[0].lower()
        for resource in set(SINGULAR) - REPORTS - known
    }
    assert set(told.values()) == {True, False}


def test_times_are_the_sites_or_utc(export: Any) -> None:
    truth = next(COMPANY.snapshot("customers").read())["created_at"]
    (ny,), (utc,) = export("customers").values(), export("customers", zone="UTC").values()
    assert HUMAN.fullmatch(ny[0]["Created At"]) and HUMAN.fullmatch(utc[0]["Created At"])
    read = moment(utc[0]["Created At"]).replace(tzinfo=UTC)
    assert int(read.timestamp()) == truth // 60 * 60
    local = moment(ny[0]["Created At"]).replace(tzinfo=ZoneInfo("America/New_York"))
    assert local == read and ny[0]["Created At"] != utc[0]["Created At"]


@pytest.mark.parametrize("resource", SINGULAR)
def test_no_time_is_left_in_epoch_seconds(export: Any, resource: str) -> None:
    seconds = re.compile(r"1[6-9]\d{8}")
    found = {
        f"{name}: {column}"
        for name, rows in export(resource).items()
        for row in rows
        for column, value in row.items()
        if seconds.fullmatch(value or "")
    }
    assert found == set()


def test_an_empty_time_is_empty(export: Any) -> None:
    unpaid = [row for row in export("invoices")["Invoices.csv"] if row["Status"] != "Paid"]
    assert unpaid and {row["Paid On"] for row in unpaid} == {""}


def test_money_choices_and_flags(export: Any) -> None:
    truth = {record["id"]: record for record in COMPANY.snapshot("invoices").read()}
    rows = export("invoices")["Invoices.csv"]
    assert all(row["Amount"] == f"{truth[row['Invoice Number']]['total'] / 100:.2f}" for row in rows)
    assert {"Payment Due", "Paid"} <= {row["Status"] for row in rows}
    assert {row["Recurring"] for row in rows} == {"true", "false"}
    assert {row["Auto Collection"] for row in export("customers")["Customers.csv"]} == {"On", "Off"}


def test_a_value_that_begins_with_a_plus_has_an_apostrophe_before_it(export: Any) -> None:
    phones = [row["Phone"] for row in export("customers")["Customers.csv"] if row["Phone"]]
    assert phones and all(phone.startswith("'+") for phone in phones)


def test_the_transactions_of_an_invoice_are_others_than_those_of_the_transactions_export(export: Any) -> None:
    inside, own = export("invoices")["Transactions.csv"], export("transactions")["Transactions.csv"]
    assert inside[0].keys() != own[0].keys()
    assert any(", " in row["Invoice Number"] for row in inside), "a payment may be for several invoices"
    issued = {row["Invoice Number"]: moment(row["Invoice Date"]) for row in export("invoices")["Invoices.csv"]}
    ages = [issued[row["Invoice Number"].partition(",")[0]] - moment(row["Date"]) for row in inside]
    assert max(ages) > timedelta(days=90), "and may be much older than the invoice"


def test_lists_of_objects_have_the_fields_that_are_declared() -> None:
    for resource in SINGULAR:
        snapshot = COMPANY.snapshot(resource)
        seen = {name: set() for name in snapshot.children}
        for record in snapshot.read():
            for name in seen:
                seen[name] |= {tuple(sorted(item)) for item in record[name]}
        for name, shapes in seen.items():
            assert shapes == {tuple(sorted(snapshot.children[name]))}, (resource, name)


def test_what_nobody_knows_differs_from_resource_to_resource(raw: Any) -> None:
    ends, quotes, empties = set(), set(), set()
    for resource in SINGULAR:
        data = next(iter(raw(resource).values()))
        ends.add(data.splitlines(keepends=True)[0].endswith(b"\r\n"))
        quotes.add("all" if data.startswith(b'"') else "empty" if b',"",' in data else "needed")
        assert not data.startswith(b"\xef\xbb\xbf")
        if f"{SINGULAR[resource]}[id][is]" in parameters(resource):
            own = raw(resource, [(f"{SINGULAR[resource]}[id][is]", "nobody")])
            empties.add("no-member" if not own else "header" if next(iter(own.values())) else "zero-byte")
    assert ends == {True, False} and quotes == {"all", "empty", "needed"}
    assert empties == {"no-member", "header", "zero-byte"}


def test_a_switch_ends_the_variation(raw: Any) -> None:
    nobody = [("customer[id][is]", "x")]
    assert raw("customers", nobody, empty="no-member") == {}
    assert raw("customers", nobody, empty="zero-byte") == {"Customers.csv": b""}
    assert (
        raw("invoices", line_ends="lf")["Invoices.csv"].count(b"\r\n")
        < 20
        < raw("invoices")["Invoices.csv"].count(b"\r\n")
    )


def test_imported_columns_all_come_out_again(export: Any) -> None:
    record = {
        "id": "c1",
        "first_name": "Zoë",
        "billing_address.city": "東京",
        "cf_x": "0012",
        "card.number": "4",
        "x": "y",
    }
    record |= {"created_at": NOW, "updated_at": NOW}
    own = Company(WORLD, {"customers": Imported(list(record), [record])})
    (row,) = export("customers", (), own)["Customers.csv"]
    assert row["Customer Id"] == "c1" and row["First Name"] == "Zoë" and row["Billing Address City"] == "東京"
    assert (row["x"], row["Card Number"], row["X"], row["Email"]) == ("0012", "4", "y", "")
    assert "Updated At" not in row


def test_import_friendly_data_has_the_bulk_header(export: Any) -> None:
    (row, *_) = export("subscriptions", [("export_type", "import_friendly_data")])["Subscriptions.csv"]
    assert "subscription[id]" in row
