"""The simulator judges filters as Chargebee does: by their shape."""

from __future__ import annotations

import pytest

from chargebee_simulator.catalogue import SINGULAR, parameters
from chargebee_simulator.company import Company
from chargebee_simulator.conditions import items_of
from chargebee_simulator.filters import WrongValue, judge
from chargebee_simulator.records.world import World

DAY = 86400
NOON = 1_704_110_400  # 2024-01-01T12:00:00Z
MIDNIGHT = NOON - DAY // 2
MONTHS = [
    ("report_by", "invoice"),
    ("report_from_month", "1"),
    ("report_from_year", "2024"),
    ("report_to_month", "2"),
    ("report_to_year", "2024"),
]


def matches(resource: str, name: str, value: str, **record: object) -> bool:
    selection = judge(resource, [(name, value)])
    assert selection.applied == [(name, value)], "the filter was meant to count"
    return selection.matches(record)


def ignored(resource: str, name: str, value: str) -> bool:
    selection = judge(resource, [(name, value)])
    return not selection.applied and not selection.conditions and [i[:2] for i in selection.ignored] == [(name, value)]


@pytest.mark.parametrize(
    ("operator", "value", "inside", "outside"),
    [
        ("after", str(NOON), [NOON + 1], [NOON, NOON - 1]),
        ("before", str(NOON), [NOON - 1], [NOON, NOON + 1]),
        ("between", f"[{NOON},{NOON + 9}]", [NOON, NOON + 9], [NOON - 1, NOON + 10]),
        ("between", f"[{NOON + 9},{NOON}]", [], [NOON, NOON + 5, NOON + 9]),
        ("on", str(NOON), [MIDNIGHT, MIDNIGHT + DAY - 1], [MIDNIGHT - 1, MIDNIGHT + DAY]),
    ],
)
def test_time_filters(operator: str, value: str, inside: list[int], outside: list[int]) -> None:
    name = f"customer[updated_at][{operator}]"
    for moment in inside:
        assert matches("customers", name, value, updated_at=moment)
    for moment in [*outside, None]:
        assert not matches("customers", name, value, updated_at=moment)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("customer[updated_at][between][0]", "1702000000"),
        ("customer[updated_at][between]", "['1702000000', '1702600000']"),
        ("customer[updated_at][between]", "[1702000000, 1702600000]"),
        ("customer[updated_at][between]", '["1702000000","1702600000"]'),
        ("customer[updated_at][between]", "1702000000,1702600000"),
        ("customer[updated_at][between]", "[1702000000]"),
        ("customer[updated_at][between]", "[1702000000000,1702600000000]"),
        ("customer[updated_at][between]", "[١٧٠٢٠٠٠٠٠٠,١٧٠٢٦٠٠٠٠٠]"),
        ("customer[updated_at][between]", "[1702000000,1702600000]\n"),
        ("customer[updated_at][after]", "1702000000000"),
        ("customer[updated_at][after]", ""),
        ("customer[updated_at][since]", "1702000000"),
        ("customer[updated]", "1702000000"),
        ("customer[colour][is]", "red"),
        ("customers[updated_at][after]", "1702000000"),
        ("updated_at[after]", "1702000000"),
        ("subscription[updated_at][after]", "1702000000"),
        ("customer[channel][in]", "web,app_store"),
        ("customer[id][in]", "a,b"),
    ],
)
def test_a_filter_in_another_shape_is_silently_ignored(name: str, value: str) -> None:
    assert ignored("customers", name, value)


@pytest.mark.parametrize(
    ("resource", "name", "value"),
    [
        ("customers", "customer[updated_at][after]", "abc"),
        ("customers", "customer[updated_at][on]", "2024-01-01"),
        ("customers", "customer[updated_at][between]", "[abc,def]"),
        ("customers", "customer[updated_at][between]", "[2024-01-01,2024-01-02]"),
        ("customers", "customer[auto_collection][is]", "maybe"),
        ("customers", "customer[channel][in]", '["web","fax"]'),
        ("customers", "customer[email][is_present]", "yes"),
        ("customers", "export_type", "xml"),
        ("transactions", "transaction[type][is]", "gift"),
    ],
)
def test_a_wrong_choice_and_no_time_at_all_are_refused(resource: str, name: str, value: str) -> None:
    with pytest.raises(WrongValue) as caught:
        judge(resource, [(name, value)])
    assert caught.value.param == name


@pytest.mark.parametrize(
    ("name", "value", "email", "expected"),
    [
        ("is", "a@b.c", "a@b.c", True),
        ("is", "a@b.c", None, False),
        ("is_not", "a@b.c", "x@y.z", True),
        ("is_not", "a@b.c", "a@b.c", False),
        ("is_not", "a@b.c", None, True),
        ("starts_with", "a@", "a@b.c", True),
        ("starts_with", "b", "a@b.c", False),
        ("is_present", "true", "a@b.c", True),
        ("is_present", "true", "", False),
        ("is_present", "false", None, True),
    ],
)
def test_text_filters(name: str, value: str, email: str | None, expected: bool) -> None:
    assert matches("customers", f"customer[email][{name}]", value, email=email) is expected


@pytest.mark.parametrize("value", ['["a","b"]', "[a,b]", "['a', 'b']"])
def test_lists(value: str) -> None:
    assert matches("customers", "customer[id][in]", value, id="b")
    assert not matches("customers", "customer[id][in]", value, id="c")
    assert matches("customers", "customer[id][not_in]", value, id="c")
    assert not matches("customers", "customer[id][not_in]", value, id="a")


@pytest.mark.parametrize(
    ("value", "items"),
    [
        ('["a,b"]', ["a,b"]),
        ('["a,b", c]', ["a,b", "c"]),
        ("['a,b','c']", ["a,b", "c"]),
        ('["a","b,c","d"]', ["a", "b,c", "d"]),
        ('["say \\"hi\\", twice"]', ['say "hi", twice']),
        ('["\\u00fc, \u00fc"]', ["\u00fc, \u00fc"]),
        ("[1702000000,1702600000]", ["1702000000", "1702600000"]),
        ("[a]", ["a"]),
        ("[]", []),
    ],
)
def test_a_quoted_item_of_a_list_may_hold_a_comma(value: str, items: list[str]) -> None:
    assert items_of(value) == items
    for item in items:
        assert matches("customers", "customer[id][in]", value, id=item)
    parts = {part for item in items for part in item.split(",")} - set(items)
    assert not any(matches("customers", "customer[id][in]", value, id=part) for part in parts)


@pytest.mark.parametrize(
    ("operator", "value", "inside", "outside"),
    [
        ("is", "10", 10, 11),
        ("is_not", "10", 11, 10),
        ("lt", "10", 9, 10),
        ("lte", "10", 10, 11),
        ("gt", "-10", -9, -10),
        ("gte", "10", 10, 9),
        ("between", "[-5,10]", -5, 11),
    ],
)
def test_number_filters(operator: str, value: str, inside: int, outside: int) -> None:
    name = f"invoice[total][{operator}]"
    assert matches("invoices", name, value, total=inside)
    assert matches("invoices", name, value, total=str(inside)), "an imported amount is a text"
    assert not matches("invoices", name, value, total=outside)
    assert not matches("invoices", name, value, total=None)


def test_choices_flags_and_lists_of_values() -> None:
    assert matches("customers", "customer[auto_close_invoices][is]", "true", auto_close_invoices=True)
    assert matches("customers", "customer[channel][not_in]", "[web]", channel="app_store")
    assert matches("coupons", "applicable_item_price_ids[in]", "[x,y]", applicable_item_price_ids=["z", "y"])
    assert not matches("coupons", "applicable_item_price_ids[is]", "x", applicable_item_price_ids=[])


def test_all_filters_must_match_and_the_first_of_a_name_counts() -> None:
    selection = judge(
        "customers",
        [("customer[id][is]", "a"), ("customer[email][is]", "e"), ("customer[id][is]", "b")],
    )
    assert selection.matches({"id": "a", "email": "e"})
    assert not selection.matches({"id": "a", "email": "f"})
    assert [item[:2] for item in selection.ignored] == [("customer[id][is]", "b")]


def test_site_level_resources_can_come_along_with_a_business_entity() -> None:
    entity = ("business_entity_id[is]", "be_1")
    alone = judge("items", [entity])
    along = judge("items", [entity, ("include_site_level_resources[is]", "true")])
    assert [alone.matches({"business_entity_id": e}) for e in ("be_1", "be_2", None)] == [True, False, False]
    assert [along.matches({"business_entity_id": e}) for e in ("be_1", "be_2", None)] == [True, False, True]


def test_export_type() -> None:
    assert judge("customers", []).export_type == "data"
    assert judge("ramps", [("export_type", "import_friendly_data")]).export_type == "import_friendly_data"
    assert ignored("invoices", "export_type", "import_friendly_data")


@pytest.mark.parametrize("resource", ["revenue_recognition", "deferred_revenue"])
@pytest.mark.parametrize("missing", [name for name, _ in MONTHS])
def test_a_report_demands_its_months(resource: str, missing: str) -> None:
    with pytest.raises(WrongValue) as caught:
        judge(resource, [item for item in MONTHS if item[0] != missing])
    assert caught.value.param == missing


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("report_by", "colour"),
        ("report_from_month", "13"),
        ("report_from_month", "0"),
        ("report_to_year", "24"),
        ("report_to_month", "x"),
        ("report_to_year", "2023"),
        ("currency_code", "EURO"),
        ("include_discounts", "maybe"),
    ],
)
def test_a_report_refuses_values_out_of_range(name: str, value: str) -> None:
    fields = [*(item for item in MONTHS if item[0] != name), (name, value)]
    with pytest.raises(WrongValue):
        judge("deferred_revenue", fields)


def test_a_report_holds_the_months_asked_for() -> None:
    selection = judge("deferred_revenue", MONTHS)
    assert selection.matches({"invoice.date": NOON})
    assert selection.matches({"invoice.date": NOON + 59 * DAY})
    assert not selection.matches({"invoice.date": NOON - DAY})
    assert not selection.matches({"invoice.date": NOON + 60 * DAY})


@pytest.mark.parametrize("resource", SINGULAR)
def test_every_field_with_a_filter_is_in_the_records(resource: str) -> None:
    snapshot = Company(World("any", 1, 10, 30, NOON), {}).snapshot(resource)
    filtered = {p.key for p in parameters(resource).values() if p.operator} - {"include_site_level_resources"}
    assert filtered <= set(snapshot.columns)


def test_a_server_that_ignores_filters_keeps_what_is_no_filter() -> None:
    name = "customer[updated_at][after]"
    told = judge("customers", [("export_type", "import_friendly_data"), (name, str(NOON)), ("colour", "red")])
    nothing = told.without_filters()
    assert not told.matches({"updated_at": NOON}) and nothing.matches({"updated_at": NOON})
    assert nothing.applied == [("export_type", "import_friendly_data")] == [("export_type", nothing.export_type)]
    assert [each[0] for each in nothing.ignored] == ["colour", name]
