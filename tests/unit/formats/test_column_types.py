"""Types by name: exact or by pattern, for one table or all; what is misspelt is found, what is absent is no fault."""

from __future__ import annotations

import pytest

from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.formats.column_types import Column, ColumnTypes, shared


@pytest.mark.parametrize(
    ("types", "kind"),
    [
        ({"Unit Amount": "int64"}, "int64"),
        ({"unit_amount": "int64"}, "int64"),
        ({"*amount": "int64"}, "int64"),
        ({"Unit*": "int64"}, "int64"),
        ({"unit_amoun?": "int64"}, "int64"),
        ({"invoices__line_items.unit_amount": "int64"}, "int64"),
        ({"invoices__line_items.Unit Amount": "int64"}, "int64"),
        ({"invoices*.*amount": "int64"}, "int64"),
        ({"*.unit_amount": "int64"}, "int64"),
        ({"amount": "int64"}, None),
        ({"unit amount": "int64"}, None),
        ({"invoices.*amount": "int64"}, None),
        ({"invoices*": "int64"}, None),
        ({"*": "string"}, None),
        # What is written out comes before patterns, with a table before without, the first before the others.
        ({"*": "int32", "unit_amount": "int64"}, "int64"),
        ({"*.*amount": "int32", "unit_amount": "int64"}, "int64"),
        ({"unit_amount": "int32", "invoices__line_items.unit_amount": "int64"}, "int64"),
        ({"*amount": "int32", "invoices*.*": "int64"}, "int64"),
        ({"*amount": "int64", "unit*": "int32"}, "int64"),
        ({"*": "int64", "unit_amount": "string"}, None),
    ],
)
def test_a_column_has_the_type_of_the_key_that_is_nearest(types, kind):
    assert ColumnTypes(types).of("invoices__line_items", "Unit Amount") == kind


@pytest.mark.parametrize("key", ["customer[created_at]", "customer_created_at", "customer[*]", "*_at", "*[created_at]"])
def test_brackets_are_no_pattern(key):
    types = ColumnTypes({key: "date"})
    assert types.of("customers", "customer[created_at]") == "date"
    assert types.of("customers", "customerc") is None


def test_a_dot_may_belong_to_the_exported_name():
    types = ColumnTypes({"subscriptions.created_at": "date", "customers.*_at": "date"})
    assert types.of("subscriptions", "subscriptions.created_at") == "date"
    assert types.of("subscriptions", "customers.created_at") == "date"
    assert types.unknown() == []


@pytest.mark.parametrize(
    "kind", ["integer", "int63", "decimal(40, 2)", "decimal(2, 3)", "decimal(0, 0)", "timestamp[ns]", "", None]
)
def test_an_unknown_type_is_named(kind):
    with pytest.raises(SettingsError, match="column_types: 'x' has the type"):
        ColumnTypes({"x": kind})


@pytest.mark.parametrize("key", ["", None, 5])
def test_a_key_that_is_no_name_is_refused(key):
    with pytest.raises(SettingsError, match="is no column's name"):
        ColumnTypes({key: "date"})


def seen(types: dict[str, str], table: str = "customers", *header: str) -> ColumnTypes:
    found = ColumnTypes(types)
    for each in header:
        found.of(table, each)
    return found


@pytest.mark.parametrize(
    ("key", "exported"),
    [
        ("update_at", "updated_at"),
        ("Updatd At", "Updated At"),
        ("updated_at", "customer[updated_at]"),
        ("update_at", "customers.updated_at"),
        ("customer_update_at", "customer[updated_at]"),
        ("customers.update_at", "Updated At"),
    ],
)
def test_a_misspelt_column_is_found(key, exported):
    types = seen({key: "date"}, "customers", "id", exported)
    with pytest.raises(SettingsError, match=r"no file of the export has a column .*did you mean '\w*updated_at'"):
        types.unknown()


def test_what_was_meant_may_be_known_from_an_earlier_export_alone():
    types = seen({"updat_at": "date"}, "customers", "id")
    with pytest.raises(SettingsError, match="did you mean 'updated_at'"):
        types.unknown([Column("customers", "Updated At")])


def test_a_column_of_a_file_that_is_absent_is_no_fault():
    types = seen({"quantity": "int32", "Total": "int64"}, "invoices", "Invoice Number", "Total")
    assert types.unknown() == ["quantity"]
    assert types.unknown([Column("invoices__line_items", "Quantity")]) == []


def test_a_column_of_a_table_that_is_not_known_is_no_fault():
    types = seen({"invoices.totl": "int64", "invoices__line_items.quantity": "int32"}, "customers", "Total")
    assert types.unknown() == []


def test_an_export_without_files_tells_nothing():
    assert ColumnTypes({"created_at": "date"}).unknown() == []


def test_patterns_may_match_nothing():
    assert (
        seen({"*_att": "date", "updated_a?": "date", "*.updat_at": "date"}, "customers", "updated_at").unknown() == []
    )


def test_types_for_several_exports_may_match_nothing_in_one_of_them():
    types = shared({"updat_at": "date", "customer[id]": "int64", "*_on": "date", "invoices.total": "int64"})
    assert seen(types, "customers", "updated_at").unknown() == []
    assert ColumnTypes(types).of("customers", "updat_at") == "date"
    assert ColumnTypes(types).of("customers", "customer[id]") == "int64"
    assert ColumnTypes(types).of("customers", "Paid On") == "date"
    assert ColumnTypes(types).of("invoices", "Total") == "int64"


def test_names_from_outside_are_cut_in_errors():
    types = seen({"updated_at" + "x" * 150: "date"}, "customers", "updated_at\n" + "x" * 150)
    with pytest.raises(SettingsError) as caught:
        types.unknown()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_many_columns_and_keys_take_no_long():
    types = ColumnTypes({f"column_{number}": "date" for number in range(50)})
    for number in range(20_000):
        types.of("customers", f"field {number}")
    assert len(types.unknown()) == 50
