"""How an export's ZIP looks: everything Chargebee's documentation leaves open, each a switch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any
from zoneinfo import available_timezones


class ProfileError(ValueError):
    """A profile or a switch that does not exist, or a value a switch does not take."""


@dataclass(frozen=True)
class ZipProfile:
    """One look of the ZIP and of the CSV files in it. `varies`: nobody knows, so each resource has another."""

    name: str = "api"
    layout: str = "api"  # api: the API's names, by `header`; chargebee: files and columns as in real exports
    member: str = "{resource}.csv"  # also {Resource}, with a capital
    folder: str = ""  # a directory inside the ZIP
    rows_per_part: int = 0  # more rows than this open another member, customers_2.csv; 0 is one member
    related: bool = True  # addresses and line items in CSVs of their own, instead of more columns
    header: str = "plain"  # plain: id; bulk: customer[id]; title: Customer Id
    bom: bool = False
    line_ends: str = "lf"  # lf, crlf, varies
    quotes: str = "needed"  # needed; all; empty: needed, and empty fields too; varies
    dates: str = "iso"  # iso: 2024-01-31T23:59:59Z; epoch: seconds; human: 31-Jan-2024 23:59; digits: 31/01/2024 23:59
    zone: str = "UTC"  # of dates that name none: the site's time zone, or UTC
    money: str = "cents"  # cents: 1999; decimal: 19.99
    labels: bool = False  # choices as people read them: Payment Due for payment_due
    apostrophe: str = ""  # a value that begins with one of these gets an apostrophe before it
    empty: str = "header"  # of a table without rows: header, zero-byte (an empty member), no-member, varies
    stored: bool = False  # not compressed
    data_descriptors: bool = False  # sizes and CRC follow the data instead of standing in the local header
    zip64: bool = False  # the local header in the form for members over 4 GB
    content_type: str = "application/zip"  # of the download

    def of(self, resource: str) -> ZipProfile:
        """Return this look with one choice for each that varies, always the same for a resource."""
        choices = _VARIATIONS[resource]
        return replace(self, **{name: choices[name] for name in choices if getattr(self, name) == VARIES})


VARIES = "varies"

CHOICES: dict[str, tuple[str, ...]] = {
    "layout": ("api", "chargebee"),
    "header": ("plain", "bulk", "title"),
    "line_ends": ("lf", "crlf", VARIES),
    "quotes": ("needed", "all", "empty", VARIES),
    "dates": ("iso", "epoch", "human", "digits"),
    "money": ("cents", "decimal"),
    "empty": ("header", "zero-byte", "no-member", VARIES),
}


def _variation(line_ends: str, quotes: str, empty: str) -> dict[str, str]:
    return {"line_ends": line_ends, "quotes": quotes, "empty": empty}


_VARIATIONS = {
    "addons": _variation("crlf", "needed", "zero-byte"),
    "attached_items": _variation("lf", "empty", "no-member"),
    "coupons": _variation("crlf", "empty", "header"),
    "credit_notes": _variation("crlf", "needed", "no-member"),
    "customers": _variation("lf", "empty", "header"),
    "deferred_revenue": _variation("crlf", "all", "zero-byte"),
    "differential_prices": _variation("lf", "needed", "header"),
    "invoices": _variation("crlf", "needed", "header"),
    "item_families": _variation("lf", "all", "zero-byte"),
    "item_prices": _variation("crlf", "empty", "no-member"),
    "items": _variation("lf", "needed", "zero-byte"),
    "orders": _variation("crlf", "empty", "zero-byte"),
    "plans": _variation("lf", "needed", "no-member"),
    "price_variants": _variation("crlf", "all", "header"),
    "ramps": _variation("lf", "empty", "zero-byte"),
    "revenue_recognition": _variation("lf", "all", "header"),
    "subscriptions": _variation("lf", "needed", "zero-byte"),
    "transactions": _variation("lf", "all", "no-member"),
}

_NAMED = (
    ZipProfile(
        name="chargebee",
        layout="chargebee",
        member="{Resource}.csv",
        line_ends=VARIES,
        quotes=VARIES,
        dates="human",
        zone="America/New_York",
        money="decimal",
        labels=True,
        apostrophe="+",
        empty=VARIES,
    ),
    ZipProfile(),
    ZipProfile(name="bulk", related=False, header="bulk"),
    ZipProfile(name="parts", rows_per_part=100, related=False),
    ZipProfile(
        name="excel",
        member="{Resource}.csv",
        header="title",
        bom=True,
        line_ends="crlf",
        quotes="all",
        dates="human",
        money="decimal",
        content_type="application/octet-stream",
    ),
    ZipProfile(name="epoch", related=False, dates="epoch"),
    ZipProfile(name="stored", stored=True, data_descriptors=True),
    ZipProfile(name="nested", folder="exports/{resource}", member="data.csv", data_descriptors=True),
    ZipProfile(name="zip64", related=False, data_descriptors=True, zip64=True, content_type="binary/octet-stream"),
    ZipProfile(name="empty-zip", empty="no-member"),
    ZipProfile(name="zero-byte", empty="zero-byte"),
)

PROFILES: dict[str, ZipProfile] = {profile.name: profile for profile in _NAMED}
"""The named looks."""

SWITCHES: dict[str, type] = {f.name: type(f.default) for f in fields(ZipProfile) if f.name != "name"}
"""What can be switched alone, and the type it takes."""


def named(name: Any) -> ZipProfile:
    """Return a named profile."""
    if name not in PROFILES:
        raise ProfileError(f"There is no profile '{name}'; choose from {', '.join(PROFILES)}.")
    return PROFILES[name]


def switched(profile: ZipProfile, switches: Mapping[str, Any]) -> ZipProfile:
    """Return `profile` with some switches set."""
    for name, value in switches.items():
        if name not in SWITCHES:
            raise ProfileError(f"There is no switch '{name}'; choose from {', '.join(SWITCHES)}.")
        if type(value) is not SWITCHES[name]:
            raise ProfileError(f"The switch '{name}' takes a value of type {SWITCHES[name].__name__}.")
        if value not in CHOICES.get(name, (value,)):
            raise ProfileError(f"The switch '{name}' takes one of {', '.join(CHOICES[name])}.")
        if name == "zone" and value not in available_timezones():
            raise ProfileError(f"There is no time zone '{value}'; give a name such as America/New_York, or UTC.")
    return replace(profile, **switches)
