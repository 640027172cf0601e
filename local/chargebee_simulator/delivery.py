"""Sending the bytes of a download: whole, at a pace, or not quite to the end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from .objects import StoredObject
from .ranges import Span
from .wire import hang_up, is_gone

_CHUNK = 1 << 18  # bytes
_PACES = 20  # how many times a second a slowed download sends
_STALL_CHECK = 0.1  # seconds between two looks at whether a stalled client has gone
_STOP_AFTER = 1000  # bytes that go out before a download stalls


@dataclass(frozen=True)
class Delivery:
    """What is to be sent, and what is to go wrong."""

    found: StoredObject
    span: Span
    headers: dict[str, str]
    bytes_per_second: int | None
    cut: Mapping[str, Any] | None
    stall: Mapping[str, Any] | None

    @property
    def status(self) -> int:
        """The HTTP status of the answer."""
        return 206 if self.span.partial else 200

    @property
    def chunked(self) -> bool:
        """Whether the answer has no Content-Length."""
        return bool(self.cut and self.cut.get("chunked"))

    @property
    def hangs_up(self) -> bool:
        """Whether the connection is cut; a chunked body can end as if it were whole, and usually does."""
        return self.cut is not None and not (self.chunked and self.cut.get("clean", True))

    @property
    def end(self) -> int:
        """The offset in front of which sending stops."""
        whole = self.span.last + 1
        if self.cut is not None:
            return min(whole, self.span.first + int(self.cut["after_bytes"]))
        if self.stall is not None:
            # At least the last byte is held back: otherwise the client would have it all and not wait.
            return min(whole - 1, self.span.first + int(self.stall.get("after_bytes", _STOP_AFTER)))
        return whole


async def deliver(request: web.Request, delivery: Delivery, stopping: asyncio.Event) -> web.StreamResponse:
    """Send a download."""
    headers = dict(delivery.headers)
    if delivery.chunked:
        del headers["Content-Length"]
    answer = web.StreamResponse(status=delivery.status, headers=headers)
    if request.method == "HEAD":
        return answer
    if delivery.chunked:
        answer.enable_chunked_encoding()
    # A client that goes away is its own affair.
    with suppress(ConnectionError):
        await answer.prepare(request)
        await _write(request, answer, delivery, stopping)
        if delivery.stall is not None:
            await _stall(request, stopping)
        if delivery.hangs_up or delivery.stall is not None or stopping.is_set():
            # Closing lets what was written go out first, so that the client gets exactly the requested bytes.
            hang_up(request)
        elif not is_gone(request):
            await answer.write_eof()
    return answer


async def _write(request: web.Request, answer: web.StreamResponse, delivery: Delivery, stopping: asyncio.Event) -> None:
    rate = delivery.bytes_per_second
    size = max(1, rate // _PACES) if rate else _CHUNK
    offset = delivery.span.first
    with open(delivery.found.path, "rb") as file:
        while offset < delivery.end and not is_gone(request) and not stopping.is_set():
            data = delivery.found.read(file, offset, min(size, delivery.end - offset))
            await answer.write(data)
            offset += len(data)
            if rate:
                await asyncio.sleep(len(data) / rate)


async def _stall(request: web.Request, stopping: asyncio.Event) -> None:
    """Send nothing until the client has gone or the server stops."""
    while not is_gone(request) and not stopping.is_set():
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(stopping.wait(), _STALL_CHECK)
