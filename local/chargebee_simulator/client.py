"""A client of the control endpoint, for a simulator in this process or in another. Standard library only."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

_TIMEOUT_SECONDS = 60


class ControlError(Exception):
    """The simulator could not do what a control call requested."""


class ControlClient:
    """Calls the control endpoint at `url`, which ends in /_control; `ca_bundle` is needed with TLS."""

    def __init__(self, url: str, ca_bundle: str | None = None) -> None:
        self._url = url.rstrip("/")
        # No proxies: the simulator is on this machine, whatever the environment says. And no handler of https where there
        # is none, for each would read all certificate authorities of the machine.
        handlers = [
            urllib.request.HTTPHandler,
            urllib.request.HTTPDefaultErrorHandler,
            urllib.request.HTTPErrorProcessor,
        ]
        self._opener = urllib.request.OpenerDirector()
        for each in handlers:
            self._opener.add_handler(each())
        if ca_bundle:
            context = ssl.create_default_context(cafile=ca_bundle)
            self._opener.add_handler(urllib.request.HTTPSHandler(context=context))

    def requests(self, **wanted: Any) -> list[dict[str, Any]]:
        """Return the log of requests, only those whose fields are as `wanted`: `requests(method="POST")`."""
        entries = self._call("GET", "requests")["requests"]
        return [entry for entry in entries if all(entry.get(name) == value for name, value in wanted.items())]

    def clear_requests(self) -> None:
        """Empty the log of requests."""
        self._call("DELETE", "requests")

    def stats(self, site: str | None = None) -> dict[str, Any]:
        """Return the counts of a site, or of the first one."""
        sites = self._call("GET", "stats")["sites"]
        return dict(sites[site or next(iter(sites))])

    def exports(self, ids: bool = False) -> list[dict[str, Any]]:
        """Return every export, oldest first, and with `ids` the ids of its records."""
        return list(self._call("GET", "exports", {"ids": "1"} if ids else {})["exports"])

    def records(self, resource: str, site: str | None = None) -> list[dict[str, Any]]:
        """Return the truth: the id and the times of each record of a site, or of the first one."""
        return list(self._call("GET", "records", _given(resource=resource, site=site))["records"])

    def touch(
        self,
        resource: str,
        ids: Iterable[str] | None = None,
        count: int = 1,
        at: int | str | None = None,
        fields: dict[str, Any] | None = None,
        site: str | None = None,
    ) -> list[str]:
        """Change these records, or the first `count`, and return their ids.

        Their updated_at moves to `at`, or to now, and `fields` take the values given.
        """
        body = _given(resource=resource, ids=_listed(ids), count=count, at=at, fields=fields, site=site)
        return list(self._call("POST", "touch", body=body)["ids"])

    def remove(
        self,
        resource: str,
        ids: Iterable[str] | None = None,
        count: int = 1,
        at: int | str | None = None,
        event: bool = True,
        site: str | None = None,
    ) -> list[str]:
        """Delete these records, or the first `count`, at `at` or now, with an event or without; return their ids."""
        body = _given(resource=resource, ids=_listed(ids), count=count, at=at, event=event, site=site)
        return list(self._call("POST", "remove", body=body)["ids"])

    def create(
        self,
        resource: str,
        ids: Iterable[str],
        at: int | str | None = None,
        fields: dict[str, Any] | None = None,
        site: str | None = None,
    ) -> list[str]:
        """Create records with these ids, which may be those of deleted ones, at `at` or now; return the ids."""
        body = _given(resource=resource, ids=_listed(ids), at=at, fields=fields, site=site)
        return list(self._call("POST", "create", body=body)["ids"])

    def now(self) -> float:
        """Return the server's time, in seconds since the epoch."""
        return float(self._call("GET", "clock")["now"])

    def advance(self, seconds: float) -> float:
        """Move the server's clock forward, end the jobs that are due by then, and return its time."""
        return float(self._call("POST", "clock", body={"advance": seconds})["now"])

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Change settings, if any are given, and return those in force."""
        return dict(self._call("POST", "settings", body=changes) if changes else self._call("GET", "settings"))

    def reset_settings(self) -> dict[str, Any]:
        """Go back to the settings that the server started with, and return them."""
        return dict(self._call("DELETE", "settings"))

    def fault(self, kind: str, **options: Any) -> None:
        """Let something go wrong: `fault("status", status=503, times=2)`. `times=None` is without end."""
        self.add_faults([{"kind": kind, **options}])

    def add_faults(self, faults: Iterable[dict[str, Any]]) -> None:
        """Let several things go wrong."""
        self._call("POST", "faults", body=list(faults))

    def faults(self) -> list[dict[str, Any]]:
        """Return the faults that are left."""
        return list(self._call("GET", "faults")["faults"])

    def clear_faults(self) -> None:
        """Forget every fault."""
        self._call("DELETE", "faults")

    def _call(self, method: str, name: str, query: dict[str, Any] | None = None, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        url = f"{self._url}/{name}?{urlencode(query)}" if query else f"{self._url}/{name}"
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
        try:
            with self._opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise ControlError(_reason(error)) from None


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["error"])
    except (ValueError, KeyError):
        return f"This is no control endpoint: it answers {error.code}."


def _listed(ids: Iterable[str] | None) -> list[str] | None:
    return None if ids is None else list(ids)


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
