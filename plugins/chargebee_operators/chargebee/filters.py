"""Filters as people write them, in the form that Chargebee reads.

Chargebee ignores a filter that it cannot read, without a word, and exports everything. So nothing leaves
here that is not in one of the exact shapes of its API description.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from chargebee_operators.chargebee.resources import MONTH_FIELDS, Resource
from chargebee_operators.chargebee.windows import Window, as_utc
from chargebee_operators.common.argument_checks import is_template
from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.common.spelling import nearest

# (wire name, value) pairs in a fixed order: the body of the POST, and part of the idempotency key.
Fields = tuple[tuple[str, str], ...]

_NUMBER = {"timestamp": re.compile(r"[0-9]{10}"), "integer": re.compile(r"-?[0-9]+")}
_KIND_HINT = {"timestamp": "a datetime or a ten-digit epoch second", "integer": "a whole number"}
_PAIR = re.compile(r"\[([^,\[\]]+),([^,\[\]]+)\]")


def export_fields(
    resource: Resource,
    *,
    window: Window | None = None,
    window_field: str | None = None,
    filters: Mapping[str, Any] | None = None,
    export_type: str | None = None,
    rendered: bool = True,
) -> Fields:
    """Return the form fields of one export request, checked and in a fixed order.

    :param resource: what is exported.
    :param window: the span of time, or None for everything.
    :param window_field: the record's time field that the window bounds, ``updated_at`` say; ignored for the
        revenue reports, which take the window's months.
    :param filters: further filters, flat (``{"customer[auto_collection][is]": "on"}``) or nested
        (``{"customer": {"auto_collection": {"is": "on"}}}``).
    :param export_type: ``data`` or ``import_friendly_data``, where the export has it.
    :param rendered: whether templates are rendered by now; before that, as at parse time, a value that holds Jinja or is
        another task's output is not looked at.
    :raises SettingsError: for anything that Chargebee would refuse or ignore.
    """
    fields: dict[str, Any] = {}
    for name, value in flatten(filters or {}):
        if name in fields:
            raise SettingsError(f"filters: {name} is given twice, {fields[name]!r} and {value!r}: drop one of the two.")
        fields[name] = value
    if export_type is not None:
        if not resource.export_types:
            raise SettingsError(
                f"export_type {export_type!r}: the {resource.name} export has no export_type; leave it out."
            )
        fields["export_type"] = export_type
    if window is not None and resource.is_report:
        fields = {**window.months(), **fields}
    fields = {name: check_field(resource, name, value, rendered=rendered) for name, value in fields.items()}
    if window is not None and window_field is not None and not resource.is_report:
        wire = f"{resource.record}[{resource.check_window_field(window_field)}]"
        taken = sorted(name for name in fields if name.startswith(f"{wire}["))
        if taken:
            raise SettingsError(
                f"filters: {taken[0]} bounds the field that the window bounds. Drop one of the two, "
                "because Chargebee does not document which one counts."
            )
        fields[f"{wire}[between]"] = window.between()
    missing = [name for name, spec in resource.fields.items() if spec.get("required") and name not in fields]
    if missing:
        raise SettingsError(
            f"The {resource.name} export needs {', '.join(missing)}: give them in filters"
            f"{' (the months come from the window)' if set(missing) & set(MONTH_FIELDS) else ''}."
        )
    return tuple(sorted(fields.items()))


def flatten(filters: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    """Yield ``(wire name, value)`` for filters written flat or nested.

    :raises SettingsError: when the filters are not a mapping of text to values.
    """
    if not isinstance(filters, Mapping):
        raise SettingsError(f"filters {filters!r} is not a dict: write {{'customer[auto_collection][is]': 'on'}}.")
    for name, value in filters.items():
        wire = f"{prefix}[{name}]" if prefix else str(name)
        if isinstance(value, Mapping):
            yield from flatten(value, wire)
        else:
            yield wire, value


def check_field(resource: Resource, name: str, value: Any, *, rendered: bool = True) -> str:
    """Return the wire form of one parameter's value.

    :param rendered: see ``export_fields``.
    :raises SettingsError: when the export has no such field or operator, or the value is not of its kind.
    """
    outer, operator = _split(resource, name)
    spec = resource.fields[outer]
    if not rendered and _holds_template(value):
        return str(value)
    if operator in ("in", "not_in"):
        return _list(name, value, spec)
    if operator == "between":
        return _between(name, value, spec)
    if operator == "is_present":
        return _one(name, value, {"values": ["true", "false"]})
    return _one(name, value, spec)


def _split(resource: Resource, name: str) -> tuple[str, str]:
    """Split a wire name into field and operator; a plain parameter has the operator ''."""
    spec = resource.fields.get(name)
    if spec is not None and "operators" not in spec:
        return name, ""
    outer, _, rest = name.rpartition("[")
    operator = rest.removesuffix("]")
    if outer not in resource.fields:
        known = [
            f"{wire}[{each}]" if each else wire
            for wire, one in resource.fields.items()
            for each in one.get("operators", [""])
        ]
        raise SettingsError(
            f"filters: the {resource.name} export has no filter {name!r}{nearest(name, known)}; "
            "Chargebee would ignore it and export everything."
        )
    operators = resource.fields[outer].get("operators", [])
    if not operators:
        raise SettingsError(f"filters: {outer} of the {resource.name} export takes no operator: write {outer!r} alone.")
    if name != f"{outer}[{operator}]" or operator not in operators:
        raise SettingsError(
            f"filters: {outer} has no operator {operator!r}{nearest(operator, operators)}; it takes {', '.join(operators)}."
        )
    return outer, operator


def _holds_template(value: Any) -> bool:
    if isinstance(value, list | tuple | set | frozenset):
        return any(_holds_template(each) for each in value)
    return is_template(value)


def _one(name: str, value: Any, spec: Mapping[str, Any]) -> str:
    if isinstance(value, bool):
        value = str(value).lower()
    if isinstance(value, datetime):
        value = int(as_utc(value).timestamp())
    text = str(value).strip() if isinstance(value, str | int) else ""
    hint = _KIND_HINT.get(spec.get("kind", ""), "one value, as text")
    if not text:
        raise SettingsError(f"filters: {name} is {value!r}: give it {hint}.")
    allowed = spec.get("values")
    if allowed and text not in allowed:
        raise SettingsError(
            f"filters: {name} is {text!r}{nearest(text, allowed)}; Chargebee knows {', '.join(map(str, allowed))}."
        )
    pattern = _NUMBER.get(spec.get("kind", ""))
    if pattern and not pattern.fullmatch(text):
        raise SettingsError(f"filters: {name} is {text!r}: give it {hint}.")
    return text


def _between(name: str, value: Any, spec: Mapping[str, Any]) -> str:
    if isinstance(value, str) and (match := _PAIR.fullmatch(value.strip())):
        value = match.groups()
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise SettingsError(f"filters: {name} is {value!r}: give two values, the first and the last that count.")
    low, high = (_one(name, part, spec) for part in value)
    if int(high) < int(low):
        raise SettingsError(f"filters: {name} is {value!r}: the second value is below the first.")
    return f"[{low},{high}]"


def _list(name: str, value: Any, spec: Mapping[str, Any]) -> str:
    if isinstance(value, str):
        value = _read_list(value.strip())
    if isinstance(value, set | frozenset):
        # Their order differs from process to process, and a retry must send what the first try has sent.
        value = sorted(value, key=str)
    if not isinstance(value, list | tuple) or not value:
        raise SettingsError(f"filters: {name} is {value!r}: give a list of one or more values.")
    return json.dumps([_one(name, part, spec) for part in value], ensure_ascii=False, separators=(",", ":"))


def _read_list(text: str) -> list[Any]:
    """Read a list written as ``["a","b"]``, ``[a,b]`` or ``a,b``."""
    if text.startswith("["):
        try:
            return list(json.loads(text))
        except ValueError:
            text = text.removeprefix("[").removesuffix("]")
    return [each.strip() for each in text.split(",")]
