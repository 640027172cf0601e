"""The triggerer's pooled client: what is shared, what is not, and what a crowd of pollers does to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from chargebee_operators.chargebee import async_client
from chargebee_operators.chargebee.async_client import AsyncExportsClient, client_of, shared_client
from chargebee_operators.chargebee.connection import SiteSettings
from chargebee_operators.common.exceptions import UnavailableError

EXPORT = {"export": {"id": "one", "status": "in_process", "created_at": 1_790_000_000}}


@asynccontextmanager
async def server(handler: Any) -> AsyncIterator[str]:
    """Serve a handler on loopback, and give its address."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    try:
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def site(base_url: str = "http://127.0.0.1:9/api/v2", **changes: Any) -> SiteSettings:
    return SiteSettings(**{"site": "acme-test", "api_key": "key", "base_url": base_url, **changes})


@pytest.fixture
def connect(monkeypatch):
    def point(url: str, password: str = "key") -> None:
        connection = {"conn_type": "generic", "login": "acme-test", "password": password, "host": url}
        monkeypatch.setenv("AIRFLOW_CONN_CHARGEBEE_DEFAULT", json.dumps(connection))

    return point


def test_a_changed_key_makes_a_new_client_and_the_line_stays(connect):
    async def story() -> tuple[AsyncExportsClient, AsyncExportsClient, AsyncExportsClient]:
        connect("http://127.0.0.1:9", "old")
        async with client_of("chargebee_default") as old, client_of("chargebee_default") as shared:
            connect("http://127.0.0.1:9", "new")
            async with client_of("chargebee_default") as new:
                return old, shared, new

    old, shared, new = asyncio.run(story())
    assert shared is old
    assert new is not old
    assert new.settings.api_key == "new"
    assert new.slots is old.slots


@pytest.mark.parametrize("changes", [{"base_url": "http://127.0.0.1:8/api/v2"}, {"site": "beta-test"}], ids=str)
def test_sites_have_lines_of_their_own(changes):
    async def story() -> bool:
        async with shared_client(site()) as one, shared_client(site(**changes)) as other:
            return one.slots is other.slots

    assert not asyncio.run(story())


def test_a_thousand_triggers_that_start_at_once_look_their_connection_up_once(connect, monkeypatch):
    connect("http://127.0.0.1:9")
    lookups = 0
    look_up = async_client.aget_connection

    async def counted(*arguments: Any) -> Any:
        nonlocal lookups
        lookups += 1
        await asyncio.sleep(0)
        return await look_up(*arguments)

    monkeypatch.setattr(async_client, "aget_connection", counted)

    async def hold() -> None:
        async with client_of("chargebee_default"):
            await asyncio.sleep(0)

    async def story() -> int:
        await asyncio.gather(*(hold() for _ in range(1000)))
        first = lookups
        await hold()
        return first

    assert asyncio.run(story()) == 1
    assert lookups == 2, "one that starts later reads the connection anew"


def test_a_lookup_outlives_the_trigger_that_began_it(connect):
    connect("http://127.0.0.1:9")

    async def hold() -> str:
        async with client_of("chargebee_default") as client:
            return client.settings.site

    async def story() -> str:
        first, second = asyncio.create_task(hold()), asyncio.create_task(hold())
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert asyncio.run(story()) == "acme-test"


def test_waiting_for_a_connection_is_no_timeout(monkeypatch):
    """The last of the crowd waits for longer than a request may take, and nobody fails."""
    monkeypatch.setattr(async_client, "CONNECTIONS", 1)

    async def slow(request: web.Request) -> web.Response:
        await asyncio.sleep(0.25)
        return web.json_response(EXPORT)

    async def story() -> int:
        async with (
            server(slow) as url,
            shared_client(site(f"{url}/api/v2", connect_timeout=0.5, read_timeout=1.0)) as client,
        ):
            return len(await asyncio.gather(*(client.get_export("one") for _ in range(8))))

    assert asyncio.run(story()) == 8


def test_no_more_connections_than_the_pool_has():
    peers: set[Any] = set()

    async def answer(request: web.Request) -> web.Response:
        peers.add(request.transport.get_extra_info("peername"))
        return web.json_response(EXPORT)

    async def story() -> None:
        async with server(answer) as url, shared_client(site(f"{url}/api/v2")) as client:
            for _ in range(3):
                await asyncio.gather(*(client.get_export("one") for _ in range(100)))

    asyncio.run(story())
    assert len(peers) <= async_client.CONNECTIONS


def test_a_cancelled_look_gives_its_connection_back():
    started = 0

    async def story() -> None:
        never = asyncio.Event()

        async def answer(request: web.Request) -> web.Response:
            nonlocal started
            started += 1
            if request.path.endswith("stuck"):
                await never.wait()
            return web.json_response(EXPORT)

        async with server(answer) as url, shared_client(site(f"{url}/api/v2")) as client:
            stuck = [asyncio.create_task(client.get_export("stuck")) for _ in range(async_client.CONNECTIONS)]
            while started < async_client.CONNECTIONS:
                await asyncio.sleep(0.01)
            for each in stuck:
                each.cancel()
            await asyncio.gather(*stuck, return_exceptions=True)
            assert (await client.get_export("one")).id == "one"
            never.set()

    asyncio.run(story())


def test_looks_at_one_export_for_two_business_entities_are_kept_apart():
    seen: list[tuple[str, str | None]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.path, request.headers.get("chargebee-business-entity-id")))
        return web.json_response({"export": {**EXPORT["export"], "id": request.path.rpartition("/")[2]}})

    async def story() -> None:
        async with server(answer) as url, shared_client(site(f"{url}/api/v2")) as client:
            for export_id, entity in [("one", "a"), ("one", None), ("two", "a"), ("one", "b"), ("one", "a")]:
                await client.get_export(export_id, entity)

    asyncio.run(story())
    one, two = "/api/v2/exports/one", "/api/v2/exports/two"
    assert seen == [(one, "a"), (one, None), (two, "a"), (one, "b"), (one, "a")]


def test_a_netrc_that_names_the_site_changes_nothing(tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    seen: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers["Authorization"])
        return web.json_response(EXPORT)

    async def story() -> str:
        async with server(answer) as url, shared_client(site(f"{url}/api/v2")) as client:
            await client.get_export("one")
            return client.settings.authorization

    assert [asyncio.run(story())] == seen


def test_a_proxy_is_used_with_its_credentials(monkeypatch):
    seen: list[tuple[str, str, str]] = []

    async def proxy(request: web.Request) -> web.Response:
        seen.append((request.headers["Host"], request.headers["Proxy-Authorization"], request.headers["Authorization"]))
        return web.json_response(EXPORT)

    async def story() -> None:
        async with server(proxy) as url:
            monkeypatch.setenv("http_proxy", url.replace("http://", "http://user:secret@"))
            async with shared_client(site("http://acme.example/api/v2")) as client:
                await client.get_export("one")

    asyncio.run(story())
    ((host, proxy_key, key),) = seen
    assert (host, proxy_key, key) == ("acme.example", "Basic dXNlcjpzZWNyZXQ=", site().authorization)


def test_no_connection_is_an_outage_that_quotes_nothing():
    async def story() -> None:
        async with shared_client(site(connect_timeout=0.5)) as client:
            await client.get_export("one")

    with pytest.raises(UnavailableError, match="acme-test could not be reached") as caught:
        asyncio.run(story())
    assert "127.0.0.1" not in str(caught.value)
