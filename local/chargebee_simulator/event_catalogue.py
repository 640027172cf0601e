"""The events the simulator knows, and the parameters their list takes, from Chargebee's SDK and API descriptions."""

from __future__ import annotations

from functools import cache

from .catalogue import CATALOGS, REPORTS, SINGULAR, Parameter, timestamp_pattern

CREATED, CHANGED, DELETED = "created", "changed", "deleted"

SOURCES = (
    "admin_console", "api", "bulk_operation", "scheduled_job", "hosted_page", "portal", "system", "none", "js_api",
    "migration", "external_service",
)  # fmt: skip
"""Who may have caused an event."""

LONGEST_PAGE = 100
USUAL_PAGE = 10
"""Events on a page: at most, and where the request does not say."""

# Where the name of an event does not begin with the record's, or a change has another word than "updated".
_NAMED = {"ramps": "subscription_ramp"}
_WORDS = {
    ("customers", CHANGED): "changed",
    ("subscriptions", CHANGED): "changed",
    ("invoices", CREATED): "generated",
}
_OPERATORS = {
    "event_type": ("is", "is_not", "in", "not_in"),
    "source": ("is", "is_not", "in", "not_in"),
    "id": ("is", "is_not", "starts_with", "in", "not_in"),
    "occurred_at": ("after", "before", "on", "between"),
}
_ORDERS = ("occurred_at",)


def event_type(resource: str, what: str) -> str:
    """Return the name of the event that a record of `resource` was `created`, `changed` or `deleted`."""
    usual = "updated" if what == CHANGED else what
    return f"{_NAMED.get(resource, SINGULAR[resource])}_{_WORDS.get((resource, what), usual)}"


def has_events(resource: str, catalog: str) -> bool:
    """Return whether a site of a Product Catalog has events of such records: of ramps both have."""
    others = (names for name, names in CATALOGS.items() if name != catalog)
    return resource == "ramps" or not any(resource in names for names in others)


@cache
def event_types(catalog: str) -> tuple[str, ...]:
    """Return every event of an exportable record that a site of that Product Catalog knows."""
    named = (resource for resource in SINGULAR if resource not in REPORTS and has_events(resource, catalog))
    return tuple(event_type(resource, what) for resource in named for what in (CREATED, CHANGED, DELETED))


@cache
def parameters(catalog: str) -> dict[str, Parameter]:
    """Return the filters of the list of events, and its order, for a catalog: name on the wire -> parameter."""
    choices = {"event_type": event_types(catalog), "source": SOURCES}
    found = {f"{key}[{op}]": _parameter(key, op, choices) for key, operators in _OPERATORS.items() for op in operators}
    for order in ("asc", "desc"):
        name = f"sort_by[{order}]"
        found[name] = Parameter(wire=name, key="sort_by", operator=None, kind="choice", choices=_ORDERS)
    return found


def _parameter(key: str, operator: str, choices: dict[str, tuple[str, ...]]) -> Parameter:
    wire = f"{key}[{operator}]"
    if key == "occurred_at":
        return Parameter(wire, key, operator, "timestamp", timestamp_pattern(operator))
    if key in choices:
        return Parameter(wire, key, operator, "choice", choices=choices[key])
    if operator in ("in", "not_in"):
        return Parameter(wire, key, operator, "list", r"\[.*\]")
    return Parameter(wire, key, operator, "text")
