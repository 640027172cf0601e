"""What a well-formed filter asks of a record."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from .catalogue import Parameter

Condition = Callable[[Mapping[str, Any]], bool]

_DAY = 86400
_ITEM = re.compile(r"""\s*(?:"(?P<double>[^"]*)"\s*|'(?P<single>[^']*)'\s*|(?P<plain>[^,]*)),""")
_COMPARISONS = {
    "is": operator.eq,
    "is_not": operator.ne,
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}


def items_of(text: str) -> list[str]:
    """Return the items of a list as it travels: `["a","b"]` or `[a,b]`. An item in quotes may hold commas."""
    try:
        if isinstance(parsed := json.loads(text), list):
            return [as_text(item) for item in parsed]
    except ValueError:
        pass  # most lists are not JSON
    inner = text.strip().removeprefix("[").removesuffix("]")
    return [_item(match) for match in _ITEM.finditer(f"{inner},")] if inner.strip() else []


def _item(match: re.Match[str]) -> str:
    quoted = match["double"] if match["double"] is not None else match["single"]
    return quoted if quoted is not None else match["plain"].strip().strip("\"'")


def condition(parameter: Parameter, value: str) -> Condition:
    """Return the test of a record that `parameter` makes with this well-formed `value`."""
    if parameter.kind == "flag":
        wanted = value == "true"
        return lambda record: _is_present(record.get(parameter.key)) is wanted
    if parameter.kind == "timestamp":
        return _number_condition(parameter.key, _time_test(parameter.operator or "", value))
    if parameter.kind == "number":
        return _number_condition(parameter.key, _amount_test(parameter.operator or "", value))
    return _text_condition(parameter, value)


def as_text(value: Any) -> str:
    """Return a record's value as filters see it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _is_present(value: Any) -> bool:
    return value is not None and value != "" and value != []


def _number_condition(key: str, test: Callable[[int], bool]) -> Condition:
    # A record without the value matches no comparison: a null updated_at falls in no window.
    def matches(record: Mapping[str, Any]) -> bool:
        number = _whole(record.get(key))
        return number is not None and test(number)

    return matches


def _whole(value: Any) -> int | None:
    if isinstance(value, int):
        return value
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def _time_test(operator_name: str, value: str) -> Callable[[int], bool]:
    if operator_name == "between":
        return _between(value)
    moment = int(value)
    if operator_name == "on":
        return lambda number: number // _DAY == moment // _DAY
    return (lambda number: number > moment) if operator_name == "after" else (lambda number: number < moment)


def _amount_test(operator_name: str, value: str) -> Callable[[int], bool]:
    if operator_name == "between":
        return _between(value)
    compare, amount = _COMPARISONS[operator_name], int(value)
    return lambda number: compare(number, amount)


def _between(value: str) -> Callable[[int], bool]:
    first, last = (int(part) for part in items_of(value))
    return lambda number: first <= number <= last


def _text_condition(parameter: Parameter, value: str) -> Condition:
    key, name = parameter.key, parameter.operator
    if name == "starts_with":
        return lambda record: any(text.startswith(value) for text in _texts(record.get(key)))
    wanted = set(items_of(value)) if name in ("in", "not_in") else {value}
    # A record without the value is not `value`, so that is_not and not_in let it pass.
    negative = name in ("is_not", "not_in")
    return lambda record: wanted.isdisjoint(_texts(record.get(key))) is negative


def _texts(value: Any) -> list[str]:
    if not _is_present(value):
        return []
    return [as_text(item) for item in value] if isinstance(value, list) else [as_text(value)]
