"""What can be changed while the server runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from .catalogue import CATALOGS
from .profiles import SWITCHES, ZipProfile, named, switched
from .settings import SettingsError, SimulatorSettings, parse_job_seconds

_LOWEST = {
    "max_jobs": 1,
    "rate_limit": 0,
    "url_ttl": 1,
    "idempotency_window": 0,
    "event_days": 0,
    "clock_skew": -366 * 86400,
}
_YES_OR_NO = {
    "retry_after",
    "ignore_filters",
    "ignore_event_filters",
    "ignore_business_entity",
    "refuse_other_catalog",
}


@dataclass
class Knobs:
    """The settings in force. Times are in seconds."""

    job_seconds: tuple[float, float]
    max_jobs: int
    rate_limit: int
    retry_after: bool
    url_ttl: float
    idempotency_window: float
    ignore_filters: bool
    ignore_event_filters: bool
    ignore_business_entity: bool
    catalog: str
    refuse_other_catalog: bool
    event_days: float
    clock_skew: float
    profile: ZipProfile
    # Name of a file without its ending -> the columns that follow its first one.
    columns: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: SimulatorSettings) -> Knobs:
        """Return the settings a server starts with."""
        return cls(
            settings.job_range(),
            settings.max_jobs,
            settings.rate_limit,
            settings.retry_after,
            settings.url_ttl,
            settings.idempotency_window,
            settings.ignore_filters,
            settings.ignore_event_filters,
            settings.ignore_business_entity,
            settings.catalog,
            settings.refuse_other_catalog,
            settings.event_days,
            settings.clock_skew,
            switched(named(settings.profile), {"zone": settings.zone} if settings.zone else {}),
        )

    def reset(self, settings: SimulatorSettings) -> None:
        """Go back to the settings a server starts with."""
        self.__dict__.update(Knobs.of(settings).__dict__)

    def turn(self, changes: Mapping[str, Any]) -> None:
        """Change some settings, all or none. A profile's switches go by their own names."""
        found: dict[str, Any] = {}
        profile = named(changes["profile"]) if "profile" in changes else self.profile
        for name, value in changes.items():
            if name == "job_seconds":
                text = "-".join(map(str, value)) if isinstance(value, list) else value
                found[name] = parse_job_seconds(text)
            elif name in _LOWEST:
                found[name] = _number(name, value, _LOWEST[name])
            elif name in _YES_OR_NO:
                found[name] = _boolean(name, value)
            elif name == "columns":
                found[name] = _columns(value)
            elif name == "catalog":
                found[name] = _one_of(name, value, CATALOGS)
            elif name in SWITCHES:
                profile = switched(profile, {name: value})
            elif name != "profile":
                raise SettingsError(f"There is no setting '{name}' to change; choose from {', '.join(self.shown())}.")
        for name, value in {**found, "profile": profile}.items():
            setattr(self, name, value)

    def shown(self) -> dict[str, Any]:
        """Return the settings in force, a profile's switches by their own names."""
        values = asdict(self)
        profile = values.pop("profile")
        return {**values, "profile": profile.pop("name"), **profile}


def _number(name: str, value: Any, lowest: int) -> Any:
    allowed = (int,) if name in ("max_jobs", "rate_limit") else (int, float)
    if isinstance(value, bool) or not isinstance(value, allowed) or value < lowest:
        raise SettingsError(f"'{name}' takes a number of {lowest} or more.")
    return value


def _columns(value: Any) -> dict[str, list[str]]:
    if not isinstance(value, dict) or not all(_is_header(each) for each in value.values()):
        raise SettingsError("'columns' takes names of files, without their endings, each with a list of columns.")
    return value


def _is_header(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value) and len(set(value)) == len(value)


def _one_of(name: str, value: Any, choices: Collection[str]) -> str:
    if value not in choices:
        raise SettingsError(f"'{name}' takes one of {', '.join(choices)}.")
    return str(value)


def _boolean(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise SettingsError(f"'{name}' takes true or false.")
    return value
