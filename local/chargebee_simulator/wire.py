"""Small things both listeners do to a connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from aiohttp import web

from .faults import Fault


def json_answer(status: int, body: Any, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return an answer in JSON."""
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    return web.Response(status=status, body=payload, headers=headers, content_type="application/json", charset="utf-8")


def is_gone(request: web.Request) -> bool:
    """Return whether the connection is closed or closing."""
    return request.transport is None or request.transport.is_closing()


def hang_up(request: web.Request) -> web.Response:
    """Close the connection; the answer returned goes nowhere."""
    if request.transport is not None:
        request.transport.close()
    return web.Response(status=500)


def redirection(request: web.Request, fault: Fault) -> web.Response:
    """Return a redirect, to the very same address where the fault names no other."""
    status = fault.options.get("status", 302)
    return web.Response(status=status, headers={"Location": fault.options.get("to", str(request.url))})


async def delay(fault: Fault | None, stopping: asyncio.Event) -> None:
    """Wait as long as a fault says, unless the server stops before."""
    seconds = fault.options.get("delay", 0) if fault else 0
    if seconds:
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), seconds)
