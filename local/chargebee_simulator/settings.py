"""What a simulator is started with, checked before anything listens."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from os import PathLike
from pathlib import Path
from zoneinfo import available_timezones

from .catalogue import CATALOGS, SINGULAR
from .profiles import PROFILES
from .times import parse_time

_SITE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
# The first parts of the server's own paths: a site of that name could not be addressed by path.
_RESERVED_NAMES = {"api", "_control"}


class SettingsError(ValueError):
    """A setting that cannot be used; the message is one sentence for the person who typed it."""


@dataclass(frozen=True)
class SiteKey:
    """One API key of one site, and whether it may export."""

    site: str
    key: str
    may_export: bool = True

    @classmethod
    def parse(cls, text: str) -> SiteKey:
        """Read `NAME:KEY` or `NAME:KEY:forbidden`."""
        name, _, rest = text.partition(":")
        key, _, right = rest.partition(":")
        if not _SITE_NAME.fullmatch(name) or not key or right not in ("", "forbidden"):
            raise SettingsError(
                "A site is written NAME:KEY or NAME:KEY:forbidden, with letters, digits and '-' as NAME."
            )
        if name in _RESERVED_NAMES:
            raise SettingsError(f"A site cannot be called '{name}', which is a path of the server itself.")
        return cls(name, key, right != "forbidden")


@dataclass(frozen=True)
class SimulatorSettings:
    """Everything a simulator is started with. Times are in seconds unless a name says otherwise."""

    host: str = "127.0.0.1"
    port: int = 0  # 0 takes a free one
    download_port: int = 0
    sites: tuple[str, ...] = ("acme-test:test_key_acme",)
    seed: int = 7
    customers: int = 500
    history_days: int = 400
    now: str | float | datetime | None = None  # the site's present, which its clock starts at; None is the real one
    job_seconds: float | str = 2.0  # or a range, "1-4"
    max_jobs: int = 5
    rate_limit: int = 150  # calls a minute and site; 0 is no limit
    retry_after: bool = True
    url_ttl: float = 14400
    idempotency_window: float = 1800
    ignore_filters: bool = False  # every export holds everything, as if no filter had been understood
    ignore_event_filters: bool = False
    ignore_business_entity: bool = False  # the header that names one changes nothing
    catalog: str = "v2"  # Product Catalog, as /configurations tells it: v1 or v2
    refuse_other_catalog: bool = (
        False  # exports that belong to the other catalog are refused; nobody knows what happens
    )
    event_days: float = 90  # older events are forgotten
    clock_skew: float = 0  # seconds by which the server's clock is ahead of this machine's
    profile: str = "chargebee"
    zone: str | None = None  # the site's time zone, in exports that name none; None is the profile's
    tls: bool = False
    tls_dir: str | PathLike[str] | None = None
    imports: Mapping[str, str | PathLike[str]] = field(default_factory=dict)
    serve_zips: Mapping[str, str | PathLike[str]] = field(default_factory=dict)
    state_file: str | PathLike[str] | None = None

    def __post_init__(self) -> None:
        self.site_keys()
        self.job_range()
        self.company_now()
        _demand(bool(self.sites), "At least one site is needed.")
        _demand(self.customers >= 1, "The company needs at least one customer.")
        _demand(self.history_days >= 1, "The company needs at least one day of history.")
        _demand(self.max_jobs >= 1, "At least one job must be allowed in process.")
        _demand(self.rate_limit >= 0, "The rate limit is a number of calls a minute, 0 for none.")
        _demand(self.url_ttl >= 1, "A download URL must live for a second or more.")
        _demand(self.idempotency_window >= 0, "The idempotency window is zero or more seconds.")
        _demand(self.event_days >= 0, "Events are remembered for zero or more days.")
        _demand(self.catalog in CATALOGS, "The Product Catalog is v1 or v2.")
        _demand(self.profile in PROFILES, f"There is no profile '{self.profile}'; choose from {', '.join(PROFILES)}.")
        _demand(self.zone is None or self.zone in available_timezones(), f"There is no time zone '{self.zone}'.")
        _demand(not self.tls_dir or self.tls, "A TLS directory was given, but TLS was not requested.")
        for resource, path in {**self.imports, **self.serve_zips}.items():
            _demand(resource in SINGULAR, f"There is no resource '{resource}'; choose from {', '.join(SINGULAR)}.")
            _demand(Path(path).is_file(), f"There is no file '{path}' to take {resource} from.")

    def site_keys(self) -> list[SiteKey]:
        """Return the keys, in the order given; a site may have several."""
        return [SiteKey.parse(text) for text in self.sites]

    def job_range(self) -> tuple[float, float]:
        """Return the shortest and the longest time a job is in process."""
        return parse_job_seconds(self.job_seconds)

    def company_now(self) -> float | None:
        """Return the present that the site starts at, in seconds since the epoch; None for the real one."""
        try:
            return None if self.now is None else parse_time(self.now)
        except ValueError:
            raise SettingsError(f"'{self.now}' is not a time in ISO 8601, such as 2024-05-01T00:00:00Z.") from None


def parse_job_seconds(value: float | str) -> tuple[float, float]:
    """Read `2` or `"1-4"` as the shortest and longest seconds of a job."""
    first, _, last = str(value).partition("-") if isinstance(value, str) else (value, "", "")
    try:
        shortest = float(first)
        longest = float(last) if last else shortest
    except ValueError:
        shortest, longest = 1.0, 0.0
    if not 0 <= shortest <= longest < float("inf"):
        raise SettingsError(f"'{value}' is not a job time: give seconds, such as 2, or a range, such as 1-4.")
    return shortest, longest


def _demand(condition: bool, sentence: str) -> None:
    if not condition:
        raise SettingsError(sentence)
