"""The eighteen exports, in step with Chargebee's own description of them."""

from __future__ import annotations

import json
from pathlib import Path

import make_export_filters
import pytest

from chargebee_operators.chargebee import resources
from chargebee_operators.chargebee.resources import PRODUCT_CATALOG_1, PRODUCT_CATALOG_2, RESOURCE_NAMES, get_resource
from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.common.spelling import nearest
from chargebee_simulator.catalogue import REPORTS, SINGULAR, parameters, time_fields

EXPORT_FILTERS = Path(resources.__file__).with_name("export_filters.json")


def test_the_filters_are_those_that_the_script_makes():
    description = json.loads(make_export_filters.FULL.read_text(encoding="utf-8"))["endpoints"]
    made = make_export_filters.as_text(make_export_filters.boiled_down(description))
    assert EXPORT_FILTERS.read_text(encoding="utf-8") == made


@pytest.mark.parametrize("name", RESOURCE_NAMES)
def test_the_filters_are_those_of_the_api_description(name):
    # The simulator reads the description by itself, so the two readings check each other.
    ours = {
        f"{wire}[{operator}]" if operator else wire: spec
        for wire, spec in get_resource(name).fields.items()
        for operator in spec.get("operators", [""])
    }
    theirs = parameters(name)
    assert set(ours) == set(theirs)
    for wire, parameter in theirs.items():
        spec = ours[wire]
        assert bool(spec.get("required")) == parameter.required
        if parameter.kind != "flag":  # is_present asks of any field, whatever its kind
            kind = {"timestamp": "timestamp", "number": "integer", "integer": "integer"}.get(parameter.kind)
            choices = ("true", "false") if parameter.kind == "boolean" else parameter.choices
            assert (spec.get("kind"), tuple(spec.get("values", ()))) == (kind, choices)


def test_there_are_eighteen():
    assert set(RESOURCE_NAMES) == set(SINGULAR)
    assert len(RESOURCE_NAMES) == 18
    assert {name: get_resource(name).record for name in RESOURCE_NAMES if name not in REPORTS} == {
        name: record for name, record in SINGULAR.items() if name not in REPORTS
    }
    assert {name for name in RESOURCE_NAMES if get_resource(name).is_report} == REPORTS


def test_the_catalogs_share_what_belongs_to_both():
    assert set(PRODUCT_CATALOG_2) - set(PRODUCT_CATALOG_1) == {
        *("attached_items", "differential_prices", "item_families", "item_prices", "items", "price_variants", "ramps")
    }
    assert set(PRODUCT_CATALOG_1) - set(PRODUCT_CATALOG_2) == {"addons", "plans"}
    assert not REPORTS & {*PRODUCT_CATALOG_1, *PRODUCT_CATALOG_2}


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("customers", ("updated_at", "created_at")),
        ("coupons", ("updated_at", "created_at")),
        ("price_variants", ("updated_at", "created_at")),
        ("subscriptions", ("updated_at", "activated_at", "cancelled_at", "created_at", "next_billing_at")),
        ("invoices", ("updated_at", "date", "paid_at")),
        ("credit_notes", ("updated_at", "date", "voided_at")),
        ("transactions", ("updated_at", "date")),
        ("orders", ("updated_at", "cancelled_at", "delivered_at", "order_date", "shipped_at", "shipping_date")),
        *((name, ("updated_at",)) for name in ("item_families", "items", "item_prices", "attached_items")),
        *((name, ("updated_at",)) for name in ("plans", "addons")),
        ("ramps", ("updated_at", "effective_from")),
        ("differential_prices", ()),
        ("deferred_revenue", ()),
        ("revenue_recognition", ()),
    ],
)
def test_the_clocks_of_each_export(name, fields):
    kind = get_resource(name)
    assert kind.window_fields == fields
    assert set(fields) <= time_fields(name)
    assert kind.default_window_field == ("updated_at" if fields else None)
    assert all(kind.check_window_field(field) == field for field in fields)


@pytest.mark.parametrize("name", RESOURCE_NAMES)
def test_only_three_exports_have_an_export_type(name):
    with_type = name in ("customers", "subscriptions", "ramps")
    assert get_resource(name).export_types == (("data", "import_friendly_data") if with_type else ())


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("customer", ["resource 'customer'", "did you mean 'customers'"]),
        ("Invoices", ["did you mean 'invoices'"]),
        ("itemprices", ["did you mean 'item_prices'"]),
        ("zzz", ["resource 'zzz' is not one that Chargebee exports; choose from addons, attached_items"]),
        (None, ["resource None"]),
        (["customers"], ["resource ['customers']"]),
    ],
    ids=str,
)
def test_a_wrong_resource_gets_the_nearest_right_one(name, parts):
    with pytest.raises(SettingsError) as caught:
        get_resource(name)
    assert all(part in str(caught.value) for part in [*parts, "transactions"]), caught.value


@pytest.mark.parametrize(
    ("name", "field", "message"),
    [
        (
            "customers",
            "update_at",
            "window_field 'update_at' .* customers .*did you mean 'updated_at'.*it has updated_at",
        ),
        ("orders", "orderdate", "did you mean 'order_date'"),
        ("invoices", "created_at", "no time filter of the invoices export.*it has updated_at, date, paid_at"),
        ("differential_prices", "updated_at", "has no time filter. Leave window_field out and take it whole"),
    ],
)
def test_a_wrong_clock_gets_the_nearest_right_one(name, field, message):
    with pytest.raises(SettingsError, match=message):
        get_resource(name).check_window_field(field)


def test_nothing_is_offered_for_a_word_like_no_other():
    assert nearest("qqqq", ["customers"]) == ""
    assert nearest("customer", ["customers", "consumer"]) == " (did you mean 'customers'?)"
