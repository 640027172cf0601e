"""The Exports API from the triggerer: one pooled HTTP client per site and event loop.

The SDK's async client makes a new client and a new TLS context for every call, on the event loop, which
costs every trigger of the process some 18 ms a poll. Here a poll reuses a connection.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from chargebee_operators.api import (
    ApiRequest,
    Export,
    create_export_request,
    get_export_request,
    parse_json,
    read_answer,
)
from chargebee_operators.connection import SiteSettings
from chargebee_operators.exceptions import SettingsError, UnavailableError
from chargebee_operators.filters import Fields
from chargebee_operators.slot_queue import SlotQueue

if TYPE_CHECKING:
    import aiohttp

# Connections kept to one site; enough for a hundred polls a second at the API's usual 100 ms.
CONNECTIONS = 20


class AsyncExportsClient:
    """Creates and looks at exports of one site over a shared session."""

    def __init__(self, settings: SiteSettings, session: aiohttp.ClientSession) -> None:
        self.settings = settings
        self.slots = SlotQueue()
        self._session = session

    async def create_export(
        self, resource: str, fields: Fields, *, idempotency_key: str, business_entity_id: str | None = None
    ) -> Export:
        """Ask for an export; see ``ChargebeeHook.create_export``."""
        return await self._send(
            create_export_request(
                self.settings,
                resource,
                fields,
                idempotency_key=idempotency_key,
                business_entity_id=business_entity_id,
            )
        )

    async def get_export(self, export_id: str, business_entity_id: str | None = None) -> Export:
        """Look at an export; see ``ChargebeeHook.get_export``."""
        return await self._send(get_export_request(self.settings, export_id, business_entity_id))

    async def _send(self, request: ApiRequest) -> Export:
        import aiohttp

        headers = {"Authorization": self.settings.authorization, "Accept": "application/json", **request.headers}
        if request.method == "POST":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            async with self._session.request(
                request.method,
                self.settings.base_url + request.path,
                data=request.body if request.method == "POST" else None,
                headers=headers,
                allow_redirects=False,
            ) as response:
                text = await response.text(errors="replace")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            kind = type(error).__name__
        else:
            return read_answer(self.settings, response.status, response.headers, parse_json(text))
        # Raised outside the except block: the library's own message may quote what was sent.
        raise UnavailableError(f"Site {self.settings.site} could not be reached ({kind}).")


@dataclass
class _Pooled:
    client: AsyncExportsClient
    session: aiohttp.ClientSession
    users: int = 0


# A session belongs to the loop that made it, and a triggerer may run triggers in more than one.
_pools: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[SiteSettings, _Pooled]] = WeakKeyDictionary()


@asynccontextmanager
async def shared_client(settings: SiteSettings) -> AsyncIterator[AsyncExportsClient]:
    """Lend the loop's client for a site; the last one to give it back closes it.

    :param settings: the site; two connections with the same settings share a client.
    """
    pool = _pools.setdefault(asyncio.get_running_loop(), {})
    pooled = pool.get(settings)
    if pooled is None:
        session = _session(settings)
        pooled = pool[settings] = _Pooled(AsyncExportsClient(settings, session), session)
    pooled.users += 1
    try:
        yield pooled.client
    finally:
        pooled.users -= 1
        if not pooled.users:
            del pool[settings]
            await pooled.session.close()


def _session(settings: SiteSettings) -> aiohttp.ClientSession:
    import aiohttp

    tls = tls_context(settings.ca_bundle) if settings.base_url.startswith("https") else False
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=tls, limit=CONNECTIONS, keepalive_timeout=75),
        timeout=aiohttp.ClientTimeout(
            total=settings.connect_timeout + settings.read_timeout,
            sock_connect=settings.connect_timeout,
            sock_read=settings.read_timeout,
        ),
        # Proxies of the environment are honoured, as the SDK does.
        trust_env=True,
        cookie_jar=aiohttp.DummyCookieJar(),
    )


@cache
def tls_context(ca_bundle: str | None) -> ssl.SSLContext:
    """Return the TLS context for a CA bundle; made once in a process, for making one takes 18 ms.

    :param ca_bundle: path of a PEM file, or None for the system's CAs.
    :raises SettingsError: when the file can't be read as one.
    """
    try:
        return ssl.create_default_context(cafile=ca_bundle)
    except (OSError, ssl.SSLError):
        raise SettingsError(f"Connection extra ca_bundle {ca_bundle!r} is not a readable PEM file of CAs.") from None
