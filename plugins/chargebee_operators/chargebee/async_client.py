"""The Exports API from the triggerer: one pooled HTTP client per site and event loop.

The SDK's async client makes a new client and a new TLS context for every call, on the event loop, which
costs every trigger of the process some 18 ms a poll. Here a poll reuses a connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, WeakValueDictionary

from chargebee_operators._compat import aget_connection
from chargebee_operators.chargebee.api import Export, create_export_request, get_export_request, read_export
from chargebee_operators.chargebee.calls import ApiAnswer, ApiRequest, no_answer, parse_json
from chargebee_operators.chargebee.connection import SiteSettings, settings_from_connection
from chargebee_operators.chargebee.filters import Fields
from chargebee_operators.chargebee.proxies import environment_proxy
from chargebee_operators.chargebee.slot_queue import SlotQueue
from chargebee_operators.common.tls import tls_context

if TYPE_CHECKING:
    import aiohttp
    from yarl import URL

# Connections kept to one site; enough for a hundred polls a second at the API's usual 100 ms.
CONNECTIONS = 20
# Looks kept prepared for one site: an export is looked at again and again, and parsing its URL takes as long as all of
# our own work on a look.
PREPARED = 4096


@dataclass(frozen=True)
class _Prepared:
    """A request as the session takes it."""

    method: str
    url: URL
    headers: Mapping[str, str]
    body: bytes | None = None


class AsyncExportsClient:
    """Creates and looks at exports of one site over a shared session.

    :param settings: the site.
    :param session: open for as long as the client is used.
    :param slots: the line that starts for this site stand in; its own by default.

    ``users`` says how many have it on loan.
    """

    def __init__(self, settings: SiteSettings, session: aiohttp.ClientSession, slots: SlotQueue | None = None) -> None:
        self.settings = settings
        self.slots = slots or SlotQueue()
        self.users = 0
        self._session = session
        self._proxy = environment_proxy(settings.base_url)
        self._prepared_look = lru_cache(PREPARED)(self._prepare_look)
        # Waited for before the request's own clock starts, so that a crowd of pollers makes no timeouts.
        self._connections = asyncio.Semaphore(CONNECTIONS)

    async def create_export(
        self, resource: str, fields: Fields, *, idempotency_key: str, business_entity_id: str | None = None
    ) -> Export:
        """Ask for an export; see ``ChargebeeHook.create_export``."""
        request = create_export_request(
            self.settings, resource, fields, idempotency_key=idempotency_key, business_entity_id=business_entity_id
        )
        return read_export(self.settings, await self._send(self._prepare(request)))

    async def get_export(self, export_id: str, business_entity_id: str | None = None) -> Export:
        """Look at an export; see ``ChargebeeHook.get_export``."""
        answer = await self._send(self._prepared_look(export_id, business_entity_id))
        return read_export(self.settings, answer, export_id)

    def _prepare_look(self, export_id: str, business_entity_id: str | None) -> _Prepared:
        return self._prepare(get_export_request(self.settings, export_id, business_entity_id))

    def _prepare(self, request: ApiRequest) -> _Prepared:
        from yarl import URL

        has_query = request.target != request.path  # which is encoded as it has to be
        url, headers = URL(self.settings.base_url + request.target, encoded=has_query), dict(request.headers)
        if request.method != "POST":
            return _Prepared(request.method, url, headers)
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        return _Prepared(request.method, url, headers, request.body)

    async def _send(self, request: _Prepared) -> ApiAnswer:
        import aiohttp

        try:
            async with (
                self._connections,
                self._session.request(
                    request.method,
                    request.url,
                    data=request.body,
                    headers=request.headers,
                    allow_redirects=False,
                    proxy=self._proxy,
                ) as response,
            ):
                body = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            kind = type(error).__name__
            reached = not isinstance(
                error, aiohttp.ClientConnectorError | aiohttp.ClientHttpProxyError | aiohttp.ConnectionTimeoutError
            )
        else:
            return ApiAnswer.of(response.status, response.headers, parse_json(body.decode(errors="replace")))
        # Raised outside the except block: the library's own message may quote what was sent.
        raise no_answer(self.settings.site, kind, reached=reached)


@dataclass
class _Pooled:
    client: AsyncExportsClient
    session: aiohttp.ClientSession


@dataclass
class _Shared:
    """What the triggers of one event loop share.

    :param clients: one for all connections with the same settings; a changed key makes another.
    :param lines: base URL and site -> the line for its slots, which outlives a change of the key.
    :param lookups: connection id -> the lookup under way.
    """

    clients: dict[SiteSettings, _Pooled] = field(default_factory=dict)
    lines: WeakValueDictionary[tuple[str, str], SlotQueue] = field(default_factory=WeakValueDictionary)
    lookups: dict[str, asyncio.Task[SiteSettings]] = field(default_factory=dict)


# A session belongs to the loop that made it, and a triggerer may run triggers in more than one.
_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _Shared] = WeakKeyDictionary()


def _shared() -> _Shared:
    return _loops.setdefault(asyncio.get_running_loop(), _Shared())


@asynccontextmanager
async def shared_client(settings: SiteSettings) -> AsyncIterator[AsyncExportsClient]:
    """Lend the loop's client for a site; the last one to give it back closes it.

    :param settings: the site; two connections with the same settings share a client.
    """
    shared = _shared()
    pooled = shared.clients.get(settings)
    if pooled is None:
        slots = shared.lines.setdefault((settings.base_url, settings.site), SlotQueue())
        session = open_session(settings)
        pooled = shared.clients[settings] = _Pooled(AsyncExportsClient(settings, session, slots), session)
    pooled.client.users += 1
    try:
        yield pooled.client
    finally:
        pooled.client.users -= 1
        if not pooled.client.users:
            del shared.clients[settings]
            await pooled.session.close()


@asynccontextmanager
async def client_of(chargebee_conn_id: str) -> AsyncIterator[AsyncExportsClient]:
    """Lend the loop's client for an Airflow connection, as the connection is now.

    :param chargebee_conn_id: the Airflow connection.
    :raises SettingsError: when the connection lacks something or has it wrong.
    """
    async with shared_client(await _look_up(chargebee_conn_id)) as client:
        yield client


async def _look_up(chargebee_conn_id: str) -> SiteSettings:
    """Read a connection; those who ask while it is being read share the answer.

    A triggerer that restarts starts all its triggers at once, and a secrets backend answers some forty calls a second.
    """
    lookups = _shared().lookups
    task = lookups.get(chargebee_conn_id)
    if task is None:
        read = aget_connection(chargebee_conn_id, settings_from_connection)
        task = lookups[chargebee_conn_id] = asyncio.create_task(read)
        task.add_done_callback(lambda _: lookups.pop(chargebee_conn_id))
    return await asyncio.shield(task)  # one that is cancelled takes nothing from the others


def open_session(settings: SiteSettings) -> aiohttp.ClientSession:
    """Open the session that a client of the site sends through."""
    import aiohttp

    tls = tls_context(settings.ca_bundle) if settings.base_url.startswith("https") else False
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=tls, limit=CONNECTIONS, keepalive_timeout=75),
        timeout=aiohttp.ClientTimeout(
            total=settings.connect_timeout + settings.read_timeout,
            sock_connect=settings.connect_timeout,
            sock_read=settings.read_timeout,
        ),
        # Not trust_env: aiohttp would read ~/.netrc and the proxies again for every request, and a .netrc that names
        # the site would break them all.
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Authorization": settings.authorization, "Accept": "application/json"},
    )
