"""Whose clock a file holds, and which files of an export count: what cannot be the record's own fails nothing."""

from __future__ import annotations

import pytest

from chargebee_operators.checks.window_check import WindowCheck
from chargebee_operators.checks.window_files import choose_files
from chargebee_operators.checks.window_result import WindowResult
from chargebee_operators.checks.window_verdict import judge_window
from chargebee_operators.common.exceptions import WindowCheckError
from support.window_cases import JOB, check_of, checked


@pytest.mark.parametrize(
    ("columns", "clock", "arguments"),
    [
        ("id,updated_at", "updated_at", {}),
        ("customer[id],customer[updated_at]", "customer[updated_at]", {}),
        ("Customer Id,Customer Updated At", "Customer Updated At", {}),
        ("Id,Updated At", "Updated At", {}),
        ("Customer Id,Updated At", "Updated At", {"member": "exports/Customers_2.csv"}),
        ("id,customer_id,created_at", "created_at", {"resource": "subscriptions", "field": "created_at"}),
        ("invoice[id],invoice[date]", "invoice[date]", {"resource": "invoices", "field": "date"}),
        ("id,changed", "changed", {"column": "changed"}),
        ("key,Changed At", "Changed At", {"column": "changed_at"}),
        # Files of related things, whose clocks are others'.
        ("Customer Id,Updated At", None, {"member": "addresses.csv"}),
        ("id,customer_id,updated_at", None, {"member": "contacts.csv"}),
        ("customer_id,address_updated_at", None, {"member": "addresses.csv"}),
        ("id,email,updated_at", None, {"resource": "subscriptions", "member": "customers.csv"}),
        (
            "id,email,updated_at",
            None,
            {"resource": "subscriptions", "member": "x/Customer_2.csv", "column": "updated_at"},
        ),
        ("id,date", None, {"resource": "invoices", "member": "transactions.csv", "field": "date"}),
        ("id,invoice_id,invoice_date", None, {"resource": "invoices", "member": "transactions.csv", "field": "date"}),
        ("id,updated_at", None, {"resource": "item_prices", "member": "Item Family.csv"}),
        ("id,line_item[date_from]", None, {"resource": "invoices", "field": "date"}),
        ("updated_at,name", None, {"member": "data.csv"}),
        # A file that is called after the record needs no id.
        ("updated_at,name", "updated_at", {}),
        (
            "Invoice Number,Invoice Date",
            "Invoice Date",
            {"resource": "invoices", "field": "date", "member": "Invoices.csv"},
        ),
        ("Number,Updated At (UTC)", "Updated At (UTC)", {"resource": "credit_notes", "member": "CreditNotes.csv"}),
        ("id,customers.updatedAt", "customers.updatedAt", {"member": "data.csv"}),
        ("id,Customer Updated At (UTC)", "Customer Updated At (UTC)", {"member": "data.csv"}),
        ("id,name", None, {"column": "changed"}),
        ("id,updated_at", None, {"resource": "deferred_revenue"}),
        ("id,updated_at", None, {"window": None}),
        ("id,updated_at", None, {"field": None}),
    ],
)
def test_the_record_s_own_clock_is_found_or_none(columns, clock, arguments):
    old = "2020-01-01"
    rows = ",".join(old for _ in columns.split(","))
    result = checked(f"{columns}\n{rows}\n".encode(), **arguments)
    assert (result.column, result.outside) == (clock, 1 if clock else 0)
    assert (result.not_checked is None) is (clock is not None)


IN, OUT = "2026-11-23T01:00:00Z", "2020-01-01T00:00:00Z"
OWN_NAMES = ["customers.csv", "Customers1.csv", "x/Customer_2024.csv", "CUSTOMER (2).csv"]


def made(files: dict[str, tuple[str, list[str]]], **arguments) -> list[WindowCheck]:
    """Check an export of customers, of whose files a header is given and the last value of each row."""
    checks = []
    for member, (header, values) in files.items():
        blank = "r," * header.count(",")
        rows = [f"{blank}{value}" for value in values]
        checks.append(check_of("\n".join([header, *rows]).encode(), member=member, **arguments))
    return checks


def settled(files: dict[str, tuple[str, list[str]]], **arguments) -> dict[str, WindowResult]:
    return {each.member: each for each in choose_files(made(files, **arguments))}


def fails(files: dict[str, tuple[str, list[str]]], **arguments) -> bool:
    try:
        judge_window(made(files, **arguments), "fail", JOB)
    except WindowCheckError:
        return True
    return False


@pytest.mark.parametrize("main", ["id,updated_at", "Customer Id,Updated At", "customer[id],customer[updated_at]"])
@pytest.mark.parametrize("member", OWN_NAMES)
@pytest.mark.parametrize("values", [[IN], []], ids=["rows", "quiet"])
def test_beside_the_record_s_own_file_no_other_counts(main, member, values):
    """Old contacts of a changed customer do not mean that the filter was ignored."""
    files = {member: (main, values), "contacts.csv": ("id,email,updated_at", [OUT, IN])}
    results = settled(files)
    assert not fails(files)
    contacts = results["contacts.csv"]
    assert (contacts.column, contacts.checked, contacts.outside, contacts.is_compared) == ("updated_at", 0, 0, False)
    assert contacts.not_checked == f"it may hold related things, for {member} is the export's own file"
    assert results[member].checked == len(values)
    assert fails({member: (main, [OUT]), "contacts.csv": ("id,email,updated_at", [IN])})


def test_a_column_called_after_the_record_makes_a_file_its_own_whatever_the_name():
    main = ("customer[id],customer[updated_at]", [IN])
    assert not fails({"data.csv": main, "contacts.csv": ("id,updated_at", [OUT])})
    assert not fails({"contacts.csv": ("id,updated_at", [OUT]), "data.csv": main})
    assert fails({"data.csv": (main[0], [OUT]), "contacts.csv": ("id,updated_at", [IN])})


def test_beside_the_record_s_own_file_without_a_clock_no_guess_counts():
    files = {"customers.csv": ("id,changed", [OUT]), "contacts.csv": ("id,updated_at", [OUT])}
    assert settled(files)["contacts.csv"].not_checked.startswith("it may hold related things")
    proof, warnings = judge_window(made(files), "fail", JOB)
    assert (proof.by, warnings) == ("none", [])


GUESS, OTHER = "id,name,updated_at", "id,email,updated_at"


@pytest.mark.parametrize(
    ("files", "failed", "aside"),
    [
        ({"data.csv": (GUESS, [OUT, IN])}, True, []),
        ({"data.csv": (GUESS, [IN]), "addresses.csv": ("customer_id,line1", ["a"])}, False, []),
        ({"data.csv": (GUESS, [OUT]), "addresses.csv": ("customer_id,line1", ["a"])}, True, []),
        # A filter that was ignored shows in all of them.
        ({"data.csv": (GUESS, [IN]), "contacts.csv": (OTHER, [OUT])}, False, ["contacts.csv"]),
        # One without rows is no sign that it was heeded, nor one whose rows have no time that can be read.
        ({"contacts.csv": (OTHER, []), "data.csv": (GUESS, [OUT])}, True, []),
        ({"contacts.csv": (OTHER, [""]), "data.csv": (GUESS, [OUT])}, False, ["data.csv"]),
        ({"contacts.csv": (OTHER, [OUT]), "data.csv": (GUESS, ["soon"])}, False, ["contacts.csv"]),
        ({"data.csv": (GUESS, [IN, OUT]), "contacts.csv": (OTHER, [OUT, IN])}, True, []),
        ({"data.csv": (GUESS, [IN]), "contacts.csv": (OTHER, [IN])}, False, []),
        # Parts of one file, though their names do not tell.
        ({"a.csv": (GUESS, [OUT]), "b.csv": (GUESS, [IN]), "contacts.csv": (OTHER, [OUT])}, True, []),
        ({"a.csv": (GUESS, [OUT]), "b.csv": (GUESS, [IN]), "c.csv": (OTHER, [IN])}, False, ["a.csv", "b.csv"]),
    ],
)
def test_where_no_file_is_surely_the_record_s_own_all_likely_ones_must_agree(files, failed, aside):
    results = settled(files)
    assert fails(files) is failed
    found = [
        name for name, each in results.items() if each.not_checked and "a file of related things" in each.not_checked
    ]
    assert found == aside
    assert not any(results[name].checked for name in aside)


def test_a_file_that_was_set_aside_says_why():
    told = settled({"data.csv": (GUESS, [IN]), "contacts.csv": (OTHER, [OUT, IN, OUT])})["contacts.csv"].to_dict()
    assert told["not_checked"] == (
        "2 of its 3 rows lie outside the window, but none of those in data.csv, so it is taken for a file of related things"
    )
    assert (told["checked"], told["outside"], told["example_id"]) == (0, 0, None)


@pytest.mark.parametrize(
    ("files", "failed"),
    [
        ({"data.csv": ("id,changed", [OUT])}, True),
        ({"customers.csv": ("id,name", ["a"]), "data.csv": ("id,changed", [OUT])}, True),
        ({"customers.csv": ("id,changed", [IN]), "contacts.csv": ("id,email,changed", [OUT])}, False),
        ({"data.csv": ("id,changed", [IN]), "contacts.csv": ("id,email,changed", [OUT])}, False),
        ({"data.csv": ("id,changed", [OUT]), "contacts.csv": ("id,email,changed", [OUT])}, True),
    ],
)
def test_a_column_given_by_hand_is_looked_at_wherever_it_stands_but_beside_the_record_s_own_file(files, failed):
    assert fails(files, column="changed") is failed
