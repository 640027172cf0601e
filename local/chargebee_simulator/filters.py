"""Which of a request's filters count, which are silently ignored, and which are refused.

Chargebee judges a filter by its shape. One it understands narrows the export; one in another shape is *ignored*,
and the job exports everything; only a wrong choice, and a time that is no time at all, are refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from .catalogue import REPORTS, Parameter, parameters
from .conditions import Condition, condition, items_of

DELETED = "deleted"
"""The status of a catalogue record that was deleted while others still refer to it."""

_MEANT_AS_TIMES = re.compile(r"[\d,]*")
_ENCLOSURE = re.compile(r"[\[\]\"'\s]")


class WrongValue(Exception):
    """A parameter whose value is refused with `param_wrong_value`."""

    def __init__(self, param: str, message: str) -> None:
        super().__init__(f"{param} : {message}")
        self.param = param


@dataclass
class Selection:
    """What a request selects: the filters that count, those that do not and why, and the tests a record must pass."""

    applied: list[tuple[str, str]] = field(default_factory=list)
    ignored: list[tuple[str, str, str]] = field(default_factory=list)  # name, value, why
    conditions: list[Condition] = field(default_factory=list)
    export_type: str = "data"
    with_deleted: bool = False  # whether a filter names the status of deleted records

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Return whether the answer holds this record."""
        if record.get("status") == DELETED and not self.with_deleted:
            return False
        return all(test(record) for test in self.conditions)

    def of_entity(self, entity: str) -> Selection:
        """Return the selection without the records of another business entity; those of none stay."""

        def belongs(record: Mapping[str, Any]) -> bool:
            return record.get("business_entity_id") in (None, entity)

        return replace(self, conditions=[*self.conditions, belongs])

    def without_filters(self) -> Selection:
        """Return the selection of a server that ignores every filter, well-formed or not."""
        kept = [(name, value) for name, value in self.applied if name == "export_type"]
        why = "the server ignores all filters"
        ignored = [(name, value, why) for name, value in self.applied if name != "export_type"]
        return Selection(kept, [*self.ignored, *ignored], export_type=self.export_type)


def judge(resource: str, fields: Iterable[tuple[str, str]]) -> Selection:
    """Judge the fields of an export request. Raises WrongValue where the request is refused."""
    selection, counted = judge_by(parameters(resource), fields)
    if resource in REPORTS:
        selection.conditions.append(_in_months(counted))
    return selection


def judge_by(known: Mapping[str, Parameter], fields: Iterable[tuple[str, str]]) -> tuple[Selection, dict[str, str]]:
    """Judge fields by the parameters that a call knows; return the selection, and name -> value of what counts.

    Raises WrongValue where the request is refused.
    """
    selection = Selection()
    counted: dict[str, str] = {}
    for name, value in fields:
        why = _why_ignored(known.get(name), value)
        if why is None and name in counted:
            why = "the same name came before"
        if why is None:
            counted[name] = value
        else:
            selection.ignored.append((name, value, why))
    for parameter in known.values():
        if parameter.required and parameter.wire not in counted:
            raise WrongValue(parameter.wire, "cannot be blank")
    for name, value in counted.items():
        _apply(selection, known[name], value, counted)
    return selection, counted


def _why_ignored(parameter: Parameter | None, value: str) -> str | None:
    """Return why a filter does not count, None when it does. Raises WrongValue where it is refused."""
    if parameter is None:
        return "not a filter of this export"
    if parameter.operator is None:
        _check_plain(parameter, value)
        return None
    if not value:
        return "empty"
    if parameter.kind == "timestamp":
        return _why_no_time(parameter, value)
    if parameter.kind in ("choice", "flag"):
        return _why_no_choice(parameter, value)
    if parameter.pattern and not re.fullmatch(parameter.pattern, value):
        return "not in the form the operator takes"
    return None


def _why_no_time(parameter: Parameter, value: str) -> str | None:
    if re.fullmatch(parameter.pattern or "", value, re.ASCII):
        return None
    if _MEANT_AS_TIMES.fullmatch(_ENCLOSURE.sub("", value)):
        return "not in the form the operator takes"
    raise WrongValue(parameter.wire, "value is not a timestamp")


def _why_no_choice(parameter: Parameter, value: str) -> str | None:
    several = parameter.operator in ("in", "not_in")
    if several and not (value.startswith("[") and value.endswith("]")):
        return "not in the form the operator takes"
    for item in items_of(value) if several else [value]:
        if item not in parameter.choices:
            raise WrongValue(parameter.wire, f"invalid value, allowed are {', '.join(parameter.choices)}")
    return None


def _check_plain(parameter: Parameter, value: str) -> None:
    if parameter.kind == "choice" and value not in parameter.choices:
        raise WrongValue(parameter.wire, f"invalid value, allowed are {', '.join(parameter.choices)}")
    if parameter.kind == "boolean" and value not in ("true", "false"):
        raise WrongValue(parameter.wire, "should be true or false")
    if parameter.longest is not None and len(value) > parameter.longest:
        raise WrongValue(parameter.wire, f"must not have more than {parameter.longest} characters")
    if parameter.kind == "integer":
        lowest, highest = (1, 12) if parameter.wire.endswith("_month") else (1970, 2100)
        if not re.fullmatch(r"\d{1,4}", value, re.ASCII) or not lowest <= int(value) <= highest:
            raise WrongValue(parameter.wire, f"must be a number from {lowest} to {highest}")


def _apply(selection: Selection, parameter: Parameter, value: str, all_values: Mapping[str, str]) -> None:
    selection.applied.append((parameter.wire, value))
    if parameter.wire == "export_type":
        selection.export_type = value
    elif parameter.kind == "word" and value:
        selection.conditions.append(lambda record: record.get(parameter.key) == value)
    elif parameter.operator and parameter.key != "include_site_level_resources":
        names_deleted = parameter.operator in ("is", "in") and DELETED in items_of(value)
        selection.with_deleted |= parameter.key == "status" and names_deleted
        test = condition(parameter, value)
        if parameter.wire == "business_entity_id[is]":
            test = _or_site_level(test, all_values)
        selection.conditions.append(test)


def _or_site_level(test: Condition, values: Mapping[str, str]) -> Condition:
    """Let records of no business entity pass as well, where the request asks for them."""
    if values.get("include_site_level_resources[is]") != "true":
        return test
    return lambda record: not record.get("business_entity_id") or test(record)


def _in_months(values: Mapping[str, str]) -> Callable[[Mapping[str, Any]], bool]:
    """Return the test of a revenue report's rows: an invoice date within the requested months."""
    first = (int(values["report_from_year"]), int(values["report_from_month"]))
    last = (int(values["report_to_year"]), int(values["report_to_month"]))
    if first > last:
        raise WrongValue("report_to_month", "must not be before the month the report starts in")

    def matches(record: Mapping[str, Any]) -> bool:
        moment = datetime.fromtimestamp(record["invoice.date"], UTC)
        return first <= (moment.year, moment.month) <= last

    return matches
