"""The failures a test asks for: each happens a number of times, to the requests it fits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .catalogue import SINGULAR

API, DOWNLOAD = "api", "download"
EXPORT, RECORD, EVENTS = "export", "record", "events"
CALLS = (EXPORT, RECORD, EVENTS)
"""What can be called on the API listener: an export, one record, or the events."""

OPTIONS: dict[str, dict[str, tuple[type, ...]]] = {
    "fail_job": {},
    "hang_job": {},
    "status": {"status": (int,), "text": (bool,), "retry_after": (int, str)},
    "drop_before": {},
    "drop_after": {},
    "slow_after": {"delay": (int, float)},
    "slow": {"delay": (int, float), "bytes_per_second": (int,)},
    "redirect": {"to": (str,), "status": (int,)},
    "expire_url": {},
    "not_a_zip": {"body": (str,)},
    "change_object": {},
    "corrupt_zip": {},
    "truncate_zip": {"keep_bytes": (int,)},
    "cut_download": {"after_bytes": (int,), "chunked": (bool,), "clean": (bool,)},
    "stall_download": {"after_bytes": (int,)},
    "no_range": {},
    "no_etag": {},
}
"""Every kind of fault, and the options it takes beside those that all take."""

_COMMON: dict[str, tuple[type, ...]] = {
    "kind": (str,),
    "times": (int, type(None)),
    "skip": (int,),
    "site": (str,),
    "resource": (str,),
    "method": (str,),
    "listener": (str,),
    "call": (str,),
}
_ON_DOWNLOADS = {
    "redirect", "expire_url", "not_a_zip", "change_object", "corrupt_zip", "truncate_zip", "cut_download",
    "stall_download", "no_range", "no_etag",
}  # fmt: skip
_ON_CREATION = {"drop_before", "drop_after", "slow_after", "fail_job", "hang_job"}
_ON_EITHER = {"status", "slow", "redirect"}
_NEEDED = {"status": "status", "cut_download": "after_bytes", "slow_after": "delay"}


class FaultError(ValueError):
    """A fault that does not exist or is not fully described; the message is one sentence."""


@dataclass(frozen=True)
class Target:
    """The features of a request by which faults select it."""

    listener: str
    method: str
    site: str | None
    resource: str | None
    call: str | None = None  # of the API listener


@dataclass
class Fault:
    """One failure to come."""

    kind: str
    listener: str
    times: int | None  # how often yet; None is without end
    skip: int  # how many requests that it fits it lets pass first
    site: str | None
    resource: str | None
    method: str | None
    call: str | None
    options: dict[str, Any]

    def fits(self, target: Target) -> bool:
        """Return whether this failure is meant for such a request."""
        return (
            self.listener == target.listener
            and self.site in (None, target.site)
            and self.resource in (None, target.resource)
            and self.method in (None, target.method)
            and self.call in (None, target.call)
        )

    def shown(self) -> dict[str, Any]:
        """Return what is left of the fault."""
        names = ("kind", "listener", "times", "skip", "site", "resource", "method", "call")
        common = {name: getattr(self, name) for name in names}
        return {name: value for name, value in common.items() if value is not None or name == "times"} | self.options


class Faults:
    """The failures to come, in the order they were requested."""

    def __init__(self) -> None:
        self._coming: list[Fault] = []

    def add(self, described: list[Mapping[str, Any]]) -> None:
        """Take more faults, all or none."""
        self._coming += [_fault(description) for description in described]

    def clear(self) -> None:
        """Forget every fault."""
        self._coming.clear()

    def shown(self) -> list[dict[str, Any]]:
        """Return the faults that are left."""
        return [fault.shown() for fault in self._coming]

    def take(self, kind: str, target: Target, when: Callable[[Fault], bool] = lambda fault: True) -> Fault | None:
        """Return the next fault of a kind for this request and count it down; None where there is none."""
        for fault in self._coming:
            if fault.kind != kind or not fault.fits(target) or not when(fault):
                continue
            if fault.skip:
                fault.skip -= 1
                return None
            if fault.times is not None:
                fault.times -= 1
                if not fault.times:
                    self._coming.remove(fault)
            return fault
        return None


def _fault(description: Mapping[str, Any]) -> Fault:
    kind = description.get("kind")
    if kind not in OPTIONS:
        raise FaultError(f"There is no fault '{kind}'; choose from {', '.join(OPTIONS)}.")
    takes = {**_COMMON, **OPTIONS[kind]}
    for name, value in description.items():
        if name not in takes:
            raise FaultError(f"The fault '{kind}' has no option '{name}'; it takes {', '.join(takes)}.")
        if not isinstance(value, takes[name]) or (isinstance(value, bool) and bool not in takes[name]):
            raise FaultError(f"The option '{name}' of the fault '{kind}' takes another type of value.")
    _check(kind, description)
    options = {name: value for name, value in description.items() if name not in _COMMON}
    usual_method = "POST" if kind in _ON_CREATION else None
    return Fault(
        kind=kind,
        listener=_listener(kind, description),
        times=description.get("times", 1),
        skip=description.get("skip", 0),
        site=description.get("site"),
        resource=description.get("resource"),
        method=description.get("method", usual_method),
        call=description.get("call"),
        options=options,
    )


def _check(kind: str, description: Mapping[str, Any]) -> None:
    times = description.get("times", 1)
    if (times is not None and times < 1) or description.get("skip", 0) < 0:
        raise FaultError("'times' is one or more, or null for ever, and 'skip' is zero or more.")
    if kind in _NEEDED and _NEEDED[kind] not in description:
        raise FaultError(f"The fault '{kind}' needs the option '{_NEEDED[kind]}'.")
    if kind == "slow" and not {"delay", "bytes_per_second"} & description.keys():
        raise FaultError("The fault 'slow' needs the option 'delay' or 'bytes_per_second'.")
    if description.get("bytes_per_second", 1) < 1 or description.get("after_bytes", 0) < 0:
        raise FaultError("'bytes_per_second' is one or more, and 'after_bytes' zero or more.")
    if kind == "status" and not 400 <= description["status"] <= 599:
        raise FaultError("'status' is an HTTP status from 400 to 599.")
    if description.get("body", "html") not in ("html", "xml"):
        raise FaultError("'body' is html or xml.")
    if "resource" in description and description["resource"] not in SINGULAR:
        raise FaultError(f"There is no resource '{description['resource']}'.")
    if description.get("call", EXPORT) not in CALLS:
        raise FaultError(f"'call' is one of {', '.join(CALLS)}.")


def _listener(kind: str, description: Mapping[str, Any]) -> str:
    usual = DOWNLOAD if kind in _ON_DOWNLOADS or "bytes_per_second" in description else API
    asked = description.get("listener", usual)
    if asked not in (API, DOWNLOAD) or (asked != usual and kind not in _ON_EITHER):
        raise FaultError(f"The fault '{kind}' does not happen on the listener '{asked}'.")
    return str(asked)
