"""docs/reference.md: every argument of the public classes has a row, with its default, and no row is about nothing."""

from __future__ import annotations

import ast
import inspect
import re
from dataclasses import MISSING, fields
from datetime import datetime
from typing import Any

import pytest

from support.pages import ROOT, section, table

PAGE = "docs/reference.md"


def row_names(cell: str) -> list[str]:
    return re.findall(r"`([a-z0-9_]+)`", cell)


def documented(heading: str, first: str) -> dict[str, str]:
    """Return the default that the page gives for each name."""
    return {name: row[1] for row in table(section(PAGE, heading), first) for name in row_names(row[0])}


def arguments(kind: type) -> dict[str, Any]:
    """Return the defaults of a class's own arguments; ``MISSING`` for those without one."""
    if kind.__name__.endswith("Settings"):
        return {
            each.name: each.default_factory() if each.default_factory is not MISSING else each.default
            for each in fields(kind)
        }
    parameters = inspect.signature(inspect.unwrap(kind.__init__)).parameters.values()
    return {
        each.name: MISSING if each.default is each.empty else each.default
        for each in parameters
        if each.name != "self" and each.kind is not each.VAR_KEYWORD
    }


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("ExportDagSettings", "setting"),
        ("ResourceSettings", "setting"),
        ("ChargebeeExportOperator", "argument"),
        ("ExportReadySensor", "argument"),
        ("ChargebeeExportToS3Operator", "argument"),
        ("ChargebeeDeletedRecordsOperator", "argument"),
        ("ChargebeeAuditOperator", "argument"),
        ("ChargebeeDoctorOperator", "argument"),
        ("ChargebeeGlueTableOperator", "argument"),
        ("ChargebeeHook", "argument"),
    ],
)
def test_each_argument_has_a_row_with_its_default(name, first):
    import chargebee_operators

    told, real = documented(f"`{name}`", first), arguments(getattr(chargebee_operators, name))
    assert told.keys() == real.keys()
    wrong = {each: (told[each], default) for each, default in real.items() if not is_default(each, told[each], default)}
    assert not wrong


def is_default(name: str, cell: str, default: Any) -> bool:
    if default is MISSING:
        return cell == "required"
    if name in ("resources", "resource_names"):
        from chargebee_operators.chargebee.resources import PRODUCT_CATALOG_2

        return default == PRODUCT_CATALOG_2 and f"all {len(default)} of Product Catalog 2.0" in cell
    code = re.match(r"`(.+?)`", cell)
    if isinstance(default, datetime):
        return bool(code) and code[1] == default.date().isoformat()
    return bool(code) and ast.literal_eval(code[1]) == default


def test_each_templated_argument_says_so():
    import chargebee_operators

    operators = [name for name in chargebee_operators.__all__ if name.endswith(("Operator", "Sensor"))]
    assert len(operators) >= 4
    for name in operators:
        rows = table(section(PAGE, f"`{name}`"), "argument")
        told = {each for row in rows for each in row_names(row[0]) if "(templated)" in row[2]}
        assert told == set(getattr(chargebee_operators, name).template_fields)


def test_each_public_name_is_on_the_page():
    import chargebee_operators

    page = (ROOT / PAGE).read_text(encoding="utf-8")
    assert not [each for each in chargebee_operators.__all__ if each not in page and each != "__version__"]


def test_each_public_method_of_the_hook_has_a_row():
    from chargebee_operators import ChargebeeHook

    rows = table(section(PAGE, "`ChargebeeHook`"), "method")
    told = {name for row in rows for name in re.findall(r"`([a-z0-9_]+)(?:\(.*?\))?`", row[0])}
    of_airflow = {"get_ui_field_behaviour", "get_connection_form_widgets"}  # Airflow calls these for the form
    own = {name for name, each in vars(ChargebeeHook).items() if name[0] != "_" and not isinstance(each, str)}
    assert told == own - of_airflow


def test_each_field_of_the_connection_s_extra_has_a_row():
    from types import SimpleNamespace

    from chargebee_operators.chargebee.connection import settings_from_connection

    rows = documented("The Chargebee connection", "extra field")
    bare = SimpleNamespace(conn_id="c", login="acme", password="k", host="", schema="", port=None, extra="{}")
    settings = settings_from_connection(bare)
    own = {"site", "api_key", "base_url", "custom_endpoint"}  # from login, password and host
    assert rows.keys() == {each.name for each in fields(settings)} - own
    for name, cell in rows.items():
        if code := re.fullmatch(r"`(.+)`", cell):
            assert str(getattr(settings, name)) in (code[1], f"{code[1]}.0")


def test_each_parameter_of_the_trigger_form_has_a_row():
    from chargebee_operators import ExportDagSettings, chargebee_export_dag

    made = chargebee_export_dag(ExportDagSettings(s3_bucket="bucket"))
    assert documented("Parameters of the trigger form", "parameter").keys() == made.params.keys()


def test_each_resource_is_named():
    from chargebee_operators.chargebee.resources import RESOURCE_NAMES

    text = section(PAGE, "`ResourceSettings`")
    assert not [each for each in RESOURCE_NAMES if f"`{each}`" not in text]


def test_each_placeholder_has_a_row():
    from chargebee_operators.partition.key_templates import _EXAMPLE, OF_OBJECTS, placeholders

    rows = table(section(PAGE, "Key templates"), "placeholder")
    told = {name: row[2] for row in rows for name in re.findall(r"`\{(\w+)\}`", row[0])}
    everywhere = {name for name, where in told.items() if where == "all three"}
    assert everywhere == placeholders(_EXAMPLE).keys()
    assert told.keys() - everywhere == set(OF_OBJECTS)
