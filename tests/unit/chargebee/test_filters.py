"""Filters: whatever leaves is in a shape that Chargebee reads, for every export, field and operator."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargebee_operators.chargebee.api import ApiRequest
from chargebee_operators.chargebee.filters import check_field, export_fields, flatten
from chargebee_operators.chargebee.resources import RESOURCE_NAMES, get_resource
from chargebee_operators.chargebee.windows import Window
from chargebee_operators.common.exceptions import SettingsError
from chargebee_simulator.catalogue import REPORTS, Parameter, parameters
from chargebee_simulator.filters import Selection, judge

WINDOW = Window(datetime(2026, 11, 23), datetime(2026, 11, 24))
CUSTOMERS = get_resource("customers")
UPDATED_AT = {"window": WINDOW, "window_field": "updated_at"}
REQUIRED = {"report_by": "invoice", "report_to_year": 2100}
PLUGINS = Path(__file__).resolve().parents[3] / "plugins"
EVERY_FILTER = [(name, each) for name in RESOURCE_NAMES for each in parameters(name).values() if each.operator]

epochs = st.integers(10**9, 10**10 - 1)
times = st.one_of(epochs, epochs.map(str), epochs.map(lambda second: datetime.fromtimestamp(second, UTC)))
numbers = st.one_of(st.integers(), st.integers().map(str))
texts = st.text(min_size=1).filter(str.strip)


def judged(resource: str, fields: Any) -> Selection:
    """Return what the simulator makes of fields that went over the wire."""
    body = ApiRequest("POST", f"/exports/{resource}", fields).body.decode()
    received = parse_qsl(body, keep_blank_values=True, strict_parsing=bool(body))
    assert received == list(fields)
    return judge(resource, received)


def values(parameter: Parameter) -> st.SearchStrategy[Any]:
    """Values for one parameter as people write them."""
    one = {"timestamp": times, "number": numbers, "flag": st.sampled_from([True, "true", False, "false"])}.get(
        parameter.kind, st.sampled_from(parameter.choices) if parameter.choices else texts
    )
    if parameter.operator == "between":
        return st.tuples(one, one).flatmap(_written_pairs)
    if parameter.operator in ("in", "not_in"):
        return st.lists(one, min_size=1, unique=True).flatmap(
            lambda items: st.sampled_from([items, tuple(items), set(items), frozenset(items)])
        )
    return one if parameter.operator else _plain(parameter)


def _written_pairs(pair: tuple[Any, Any]) -> st.SearchStrategy[Any]:
    low, high = sorted(pair, key=_as_number)
    text = f"[{_as_number(low)}, {_as_number(high)}]"
    return st.sampled_from([[low, high], (low, high), text, text.replace(" ", "")])


def _as_number(value: Any) -> int:
    return int(value.timestamp()) if isinstance(value, datetime) else int(value)


def _plain(parameter: Parameter) -> st.SearchStrategy[Any]:
    if parameter.kind == "boolean":
        return st.booleans()
    if parameter.kind == "integer":
        return st.integers(1, 12) if parameter.wire.endswith("month") else st.integers(1970, 2026)
    return st.sampled_from(parameter.choices) if parameter.choices else st.sampled_from(["EUR", "USD"])


@pytest.mark.parametrize("resource", RESOURCE_NAMES)
@given(data=st.data())
@settings(max_examples=3)
def test_every_filter_of_an_export_is_understood(resource, data):
    filters = {each.wire: data.draw(values(each), label=each.wire) for each in parameters(resource).values()}
    fields = export_fields(get_resource(resource), filters={**filters, **(REQUIRED if resource in REPORTS else {})})
    assert {name for name, _ in fields} == set(parameters(resource))
    selection = judged(resource, fields)
    assert (selection.applied, selection.ignored) == (list(fields), [])


@given(st.sampled_from(EVERY_FILTER), st.data())
@settings(max_examples=600)
def test_whatever_leaves_is_in_the_shape_of_the_api_description(resource_and_filter, data):
    resource, parameter = resource_and_filter
    wire = check_field(get_resource(resource), parameter.wire, data.draw(values(parameter)))
    assert wire
    assert parameter.pattern is None or re.fullmatch(parameter.pattern, wire, re.ASCII)
    items = json.loads(wire) if parameter.operator in ("in", "not_in") else [wire]
    assert not parameter.choices or set(items) <= set(parameter.choices)


@pytest.mark.parametrize("resource", [name for name in RESOURCE_NAMES if get_resource(name).window_fields])
@given(start=st.integers(10**9, 9 * 10**9), length=st.integers(1, 10**7))
@settings(max_examples=10)
def test_every_window_is_understood(resource, start, length):
    kind, end = get_resource(resource), start + length
    window = Window(datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC))
    for field in kind.window_fields:
        fields = export_fields(kind, window=window, window_field=field)
        selection = judged(resource, fields)
        assert selection.applied == [(f"{kind.record}[{field}][between]", f"[{start},{end - 1}]")]
        held = [selection.matches({field: second}) for second in (start - 1, start, end - 1, end)]
        assert held == [False, True, True, False]


@pytest.mark.parametrize("resource", sorted(REPORTS))
def test_a_report_gets_the_months_of_the_window(resource):
    fields = export_fields(get_resource(resource), window=WINDOW, filters={"report_by": "customer"})
    assert judged(resource, fields).ignored == []
    assert dict(fields) == {
        "report_by": "customer",
        "report_from_month": "11",
        "report_from_year": "2026",
        "report_to_month": "11",
        "report_to_year": "2026",
    }


@given(st.sampled_from(sorted(parameters("customers"))), st.integers(0, 40), st.sampled_from(list("[]xXs_ ]")))
def test_a_name_that_is_off_by_a_sign_never_leaves(name, at, sign):
    at = min(at, len(name))
    for wrong in {name[:at] + sign + name[at:], name[:at] + name[at + 1 :]} - set(parameters("customers")):
        with pytest.raises(SettingsError):
            export_fields(CUSTOMERS, filters={wrong: "1700000000"})


def test_flat_and_nested_are_the_same():
    nested = {"customer": {"auto_collection": {"is": "on"}, "id": {"in": ["a", "b"]}}, "export_type": "data"}
    flat = {"customer[auto_collection][is]": "on", "customer[id][in]": ["a", "b"], "export_type": "data"}
    assert dict(flatten(nested)) == flat
    assert export_fields(CUSTOMERS, filters=nested) == export_fields(CUSTOMERS, filters=flat)


def test_fields_leave_in_one_order_however_they_were_written():
    filters = {"customer[id][is]": "a", "customer[auto_collection][is]": "on"}
    backwards = dict(reversed(filters.items()))
    fields = export_fields(CUSTOMERS, **UPDATED_AT, filters=filters)
    assert fields == export_fields(CUSTOMERS, **UPDATED_AT, filters=backwards) == tuple(sorted(fields))


def test_a_set_leaves_in_the_same_order_from_every_process():
    code = (
        "from chargebee_operators.chargebee.filters import check_field\n"
        "from chargebee_operators.chargebee.resources import get_resource\n"
        "print(check_field(get_resource('customers'), 'customer[id][in]', set('abcdefgh')))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONPATH": str(PLUGINS), "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2", "3")
    }
    assert told == {'["a","b","c","d","e","f","g","h"]'}


@pytest.mark.parametrize(
    ("name", "value", "wire"),
    [
        ("customer[id][in]", '["a", "b"]', '["a","b"]'),
        ("customer[id][in]", "[a, b]", '["a","b"]'),
        ("customer[id][in]", "a,b", '["a","b"]'),
        ("customer[id][in]", "123", '["123"]'),
        ("customer[id][in]", "[1,2]", '["1","2"]'),
        ("customer[id][in]", ['q"uo,te', "Ünï"], '["q\\"uo,te","Ünï"]'),
        ("customer[channel][not_in]", ["web"], '["web"]'),
        ("customer[email][is_present]", False, "false"),
        ("customer[auto_close_invoices][is]", True, "true"),
        ("customer[created_at][on]", datetime(2026, 11, 23), "1795392000"),
        ("customer[created_at][between]", "[1795392000, 1795478399]", "[1795392000,1795478399]"),
        ("customer[created_at][between]", [datetime(2026, 11, 23), "1795478399"], "[1795392000,1795478399]"),
    ],
)
def test_the_wire_form(name, value, wire):
    assert check_field(CUSTOMERS, name, value) == wire
    assert judged("customers", ((name, wire),)).applied == [(name, wire)]


@pytest.mark.parametrize(
    ("name", "value", "parts"),
    [
        ("customer[auto_colection][is]", "on", ["no filter", "did you mean 'customer[auto_collection][is]'"]),
        ("customer[updated_at]", 1, ["no filter 'customer[updated_at]'", "did you mean 'customer[updated_at][on]'"]),
        ("customers[updated_at][after]", 1, ["did you mean 'customer[updated_at][after]'"]),
        ("updated_at[after]", 1, ["customers export has no filter", "would ignore it and export everything"]),
        (
            "customer[updated_at][befor]",
            1,
            ["no operator 'befor'", "did you mean 'before'", "after, before, on, between"],
        ),
        ("customer[updated_at][after", 1, ["no operator", "it takes after, before, on, between"]),
        ("export_type[is]", "data", ["export_type", "takes no operator", "write 'export_type' alone"]),
        ("export_type", "dada", ["export_type is 'dada'", "did you mean 'data'", "knows data, import_friendly_data"]),
        ("customer[auto_collection][is]", "onn", ["is 'onn'", "did you mean 'on'", "Chargebee knows on, off"]),
        ("customer[channel][in]", ["web", "fax"], ["customer[channel][in] is 'fax'", "web, app_store, play_store"]),
        ("customer[email][is_present]", "yes", ["is 'yes'", "Chargebee knows true, false"]),
        ("customer[created_at][after]", "2026-11-23", ["'2026-11-23'", "a datetime or a ten-digit epoch second"]),
        ("customer[created_at][after]", "١٧٠٢٠٠٠٠٠٠", ["'١٧٠٢٠٠٠٠٠٠'", "ten-digit"]),
        ("customer[created_at][after]", 1700000000000, ["'1700000000000'", "ten-digit"]),
        ("customer[created_at][after]", 17e8, ["1700000000.0", "ten-digit"]),
        ("customer[created_at][between]", 1700000000, ["1700000000", "give two values, the first and the last"]),
        ("customer[created_at][between]", [1700000001, 1700000000], ["second value is below the first"]),
        ("customer[created_at][between]", "[1,2,3]", ["'[1,2,3]'", "give two values"]),
        ("customer[id][is]", " ", ["' '", "give it one value"]),
        ("customer[id][is]", ["a"], ["['a']", "give it one value"]),
        ("customer[id][is]", None, ["None", "give it one value"]),
        ("customer[id][in]", [], ["[]", "give a list of one or more values"]),
        ("customer[id][in]", "", ["''", "give it one value"]),
        ("customer[id][in]", 5, ["is 5", "give a list of one or more values"]),
    ],
)
def test_a_wrong_filter_names_the_field_the_value_and_the_mend(name, value, parts):
    with pytest.raises(SettingsError) as caught:
        export_fields(CUSTOMERS, filters={name: value})
    told = str(caught.value)
    assert all(part in told for part in [name.split("[")[0], *parts]), told


@pytest.mark.parametrize("value", ["12.5", 12.5, "a", "1,000", "٣"])
def test_an_amount_is_a_whole_number(value):
    with pytest.raises(SettingsError, match="give it a whole number") as caught:
        check_field(get_resource("invoices"), "invoice[total][gt]", value)
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize(
    ("resource", "arguments", "message"),
    [
        ("customers", {"filters": ["x"]}, r"filters \['x'\] is not a dict: write \{'customer"),
        ("customers", {"filters": "x"}, "filters 'x' is not a dict"),
        ("customers", {"export_type": "import_friendly"}, "did you mean 'import_friendly_data'"),
        (
            "invoices",
            {"export_type": "data"},
            "export_type 'data': the invoices export has no export_type; leave it out",
        ),
        ("customers", {"window": WINDOW, "window_field": "update_at"}, "did you mean 'updated_at'.*it has updated_at"),
        ("differential_prices", {"window": WINDOW, "window_field": "updated_at"}, r"take it whole \(snapshot=True\)"),
        (
            "customers",
            {**UPDATED_AT, "filters": {"customer[updated_at][after]": 1700000000}},
            "bounds the field that the window bounds. Drop one",
        ),
        ("deferred_revenue", {"window": WINDOW}, "deferred_revenue export needs report_by: give them in filters"),
        ("deferred_revenue", {"filters": {"report_by": "invoice"}}, "report_to_year.*months come from the window"),
        ("deferred_revenue", {"window": WINDOW, "filters": {"report_by": "invoices"}}, "did you mean 'invoice'"),
        (
            "customers",
            {"filters": {"customer[id][is]": "a", "customer": {"id": {"is": "b"}}}},
            r"customer\[id\]\[is\] is given twice, 'a' and 'b': drop one",
        ),
    ],
)
def test_a_wrong_request_says_what_to_mend(resource, arguments, message):
    with pytest.raises(SettingsError, match=message):
        export_fields(get_resource(resource), **arguments)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("customer[updated_at][after]", "{{ macros.x }}"),
        ("customer[channel][in]", "{{ macros.x }}"),
        ("customer[channel][in]", ["web", "{{ macros.x }}"]),
        ("customer[updated_at][between]", ["{{ macros.x }}", "{{ macros.y }}"]),
        ("customer[updated_at][after]", "{% if params.x %}1767225600{% endif %}"),
        ("customer[channel][is]", SimpleNamespace(resolve=None)),  # as another task's output has it
    ],
)
def test_a_template_passes_until_it_is_rendered_and_never_leaves(name, value):
    assert export_fields(CUSTOMERS, filters={name: value}, rendered=False)
    with pytest.raises(SettingsError):
        export_fields(CUSTOMERS, filters={name: value})


def test_a_wrong_name_is_seen_even_before_its_template_is_rendered():
    with pytest.raises(SettingsError, match="did you mean"):
        export_fields(CUSTOMERS, filters={"customer[updated_at][afterr]": "{{ macros.x }}"}, rendered=False)


def test_without_window_and_filters_nothing_is_sent():
    assert export_fields(CUSTOMERS) == ()
