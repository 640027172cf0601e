"""The log of requests that tests read. It holds no key and no download URL."""

from __future__ import annotations

from collections import deque
from typing import Any

from aiohttp import web

from .faults import Target

_KEPT = 20_000
"""How many requests are remembered."""

_HEADERS = ("chargebee-idempotency-key", "chargebee-business-entity-id", "content-type", "user-agent")


class Journal:
    """The latest requests to both listeners, in the order they came in."""

    def __init__(self) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=_KEPT)
        self._count = 0

    def open(self, request: web.Request, target: Target, at: float, **more: Any) -> dict[str, Any]:
        """Write down a request that has just come in, and return the entry for its answer to be filled in."""
        self._count += 1
        headers: dict[str, Any] = {name: request.headers[name] for name in _HEADERS if name in request.headers}
        entry = {
            "n": self._count,
            "at": at,
            "listener": target.listener,
            "site": target.site,
            "resource": target.resource,
            "call": target.call,
            "method": request.method,
            # Without the query string: that of a download is the secret.
            "path": request.path,
            "status": None,  # stays so where the connection was closed without an answer
            "fields": [],
            "body": "",
            "headers": {**headers, "authorized": "Authorization" in request.headers},
            "replayed": False,
            "range": request.headers.get("Range"),
            **more,
        }
        self._entries.append(entry)
        return entry

    def shown(self) -> list[dict[str, Any]]:
        """Return the entries, oldest first."""
        return list(self._entries)

    def clear(self) -> None:
        """Forget the entries; the numbers go on."""
        self._entries.clear()
