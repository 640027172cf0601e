"""How an export's ZIP looks: everything Chargebee's documentation leaves open, each a switch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any


class ProfileError(ValueError):
    """A profile or a switch that does not exist, or a value a switch does not take."""


@dataclass(frozen=True)
class ZipProfile:
    """One look of the ZIP and of the CSV files in it."""

    name: str = "default"
    member: str = "{resource}.csv"  # also {Resource}, with a capital
    folder: str = ""  # a directory inside the ZIP
    rows_per_part: int = 0  # more rows than this open another member, customers_2.csv; 0 is one member
    related: bool = True  # addresses and line items in CSVs of their own, instead of more columns
    header: str = "plain"  # plain: id; bulk: customer[id]; title: Customer Id
    bom: bool = False
    crlf: bool = False
    quote_all: bool = False
    dates: str = "iso"  # iso: 2024-01-31T23:59:59Z; epoch: seconds; human: 31-Jan-2024 23:59
    money: str = "cents"  # cents: 1999; decimal: 19.99
    empty: str = "header"  # of an export without rows: header, zero-byte (an empty member), no-member (an empty ZIP)
    stored: bool = False  # not compressed
    data_descriptors: bool = False  # sizes and CRC follow the data instead of standing in the local header
    zip64: bool = False  # the local header in the form for members over 4 GB
    content_type: str = "application/zip"  # of the download


CHOICES: dict[str, tuple[str, ...]] = {
    "header": ("plain", "bulk", "title"),
    "dates": ("iso", "epoch", "human"),
    "money": ("cents", "decimal"),
    "empty": ("header", "zero-byte", "no-member"),
}

_NAMED = (
    ZipProfile(),
    ZipProfile(name="bulk", related=False, header="bulk"),
    ZipProfile(name="parts", rows_per_part=100, related=False),
    ZipProfile(
        name="excel",
        member="{Resource}.csv",
        header="title",
        bom=True,
        crlf=True,
        quote_all=True,
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
        raise ProfileError(f"There is no profile '{name}'; there are {', '.join(PROFILES)}.")
    return PROFILES[name]


def switched(profile: ZipProfile, switches: Mapping[str, Any]) -> ZipProfile:
    """Return `profile` with some switches set."""
    for name, value in switches.items():
        if name not in SWITCHES:
            raise ProfileError(f"There is no switch '{name}'; there are {', '.join(SWITCHES)}.")
        if type(value) is not SWITCHES[name]:
            raise ProfileError(f"The switch '{name}' takes a value of type {SWITCHES[name].__name__}.")
        if value not in CHOICES.get(name, (value,)):
            raise ProfileError(f"The switch '{name}' takes one of {', '.join(CHOICES[name])}.")
    return replace(profile, **switches)
