"""The Chargebee simulator's rules, answered in the same process and event loop: no socket, no thread, no zip."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from multidict import CIMultiDict
from yarl import URL

from chargebee_operators.chargebee.api import IDEMPOTENCY_HEADER, REPLAYED_HEADER
from chargebee_operators.chargebee.connection import SiteSettings
from chargebee_simulator.api import Api
from chargebee_simulator.settings import SimulatorSettings
from chargebee_simulator.state import State

SITE, KEY = "acme-test", "test_simulated_key"
SLOTS = 5
CALLS_A_MINUTE = 150


@dataclass(frozen=True)
class Chances:
    """What Chargebee does with a job, drawn by the job's idempotency key, so that no order of asking changes it.

    :param shortest: seconds in process, at least.
    :param longest: seconds in process, at most.
    :param median: the median of the lognormal that lies between them.
    :param spread: its sigma.
    :param failing: the share of jobs that end as ``failed``.
    """

    shortest: float = 20.0
    longest: float = 600.0
    median: float = 90.0
    spread: float = 0.9
    failing: float = 0.005

    def of(self, key: str) -> tuple[float, bool]:
        """Return a job's seconds in process, and whether it fails."""
        dice = random.Random(key)
        seconds = self.median * dice.lognormvariate(0.0, self.spread)
        return min(max(seconds, self.shortest), self.longest), dice.random() < self.failing


@dataclass
class Call:
    """One request that reached the site.

    :param at: seconds since the epoch.
    :param sender: who sent it: ``worker``, or a triggerer's name.
    :param key: the idempotency key of a POST, None for a GET.
    """

    at: float
    sender: str
    key: str | None
    status: int
    replayed: bool


class _Transport:
    def is_closing(self) -> bool:
        return False


class _Request:
    """As much of ``aiohttp.web.Request`` as the simulator reads."""

    transport = _Transport()

    def __init__(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> None:
        self.method, self.url, self.headers = method, URL(url), CIMultiDict(headers)
        self.path, self.query = self.url.path, self.url.query
        self.content_type = headers.get("Content-Type", "application/octet-stream")
        self._body = body

    async def read(self) -> bytes:
        return self._body


class _Response:
    """As much of ``aiohttp.ClientResponse`` as ``AsyncExportsClient`` reads."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status, self.headers, self._body = status, headers, body

    async def read(self) -> bytes:
        return self._body


class SimulatedSite:
    """One Chargebee site with its slots, its rate limit and its memory of idempotency keys.

    :param folder: any folder; nothing is written there.
    :param retry_after: whether a 429 says how long to wait.
    :param latency: seconds that a request takes each way.
    """

    def __init__(self, folder: Path, chances: Chances, *, retry_after: bool, latency: float = 0.15) -> None:
        from chargebee_simulator.catalogue import SINGULAR

        ready_made = dict.fromkeys(SINGULAR, __file__)  # any file does: nobody downloads it
        settings = SimulatorSettings(
            sites=(f"{SITE}:{KEY}",),
            customers=1,
            history_days=1,
            max_jobs=SLOTS,
            rate_limit=CALLS_A_MINUTE,
            retry_after=retry_after,
            serve_zips=ready_made,
        )
        self._state = State(settings, folder)
        self._api = Api(self._state)
        self._chances = chances
        self._latency = latency
        self._one_at_a_time = asyncio.Lock()
        self.calls: list[Call] = []

    def jobs(self) -> list[Any]:
        """Return all jobs, oldest first."""
        return self._state.jobs.all()

    def close(self) -> None:
        """Give back what the simulator holds."""
        self._state.jobs.close()

    async def answer(self, sender: str, method: str, url: str, headers: Mapping[str, str], body: bytes) -> _Response:
        """Answer a request as the simulator's server does."""
        await asyncio.sleep(self._latency)
        key = headers.get(IDEMPOTENCY_HEADER)
        async with self._one_at_a_time:
            if key:
                seconds, fails = self._chances.of(key)
                self._state.knobs.job_seconds = (seconds, seconds)
                self._state.faults.clear()
                if fails:
                    self._state.faults.add([{"kind": "fail_job"}])
            at = self._state.clock.now()
            answered = await self._api.handle(_Request(method, url, headers, body))  # type: ignore[arg-type]
        self.calls.append(Call(at, sender, key, answered.status, REPLAYED_HEADER in answered.headers))
        await asyncio.sleep(self._latency)
        return _Response(answered.status, answered.headers, answered.body)  # type: ignore[attr-defined]


class Session:
    """Stands in for ``aiohttp.ClientSession``: what it is given to send, the site answers."""

    def __init__(self, site: SimulatedSite, sender: str) -> None:
        self._site = site
        self._sender = sender
        self._headers = {"Authorization": settings_of(sender).authorization}

    @asynccontextmanager
    async def request(
        self, method: str, url: URL, *, headers: Mapping[str, str], data: bytes | None, **_: Any
    ) -> AsyncIterator[_Response]:
        """Send one request."""
        yield await self._site.answer(self._sender, method, str(url), {**self._headers, **headers}, data or b"")

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""


def settings_of(sender: str) -> SiteSettings:
    """Return how a worker or a triggerer reaches the site; the host says who asks."""
    return SiteSettings(site=SITE, api_key=KEY, base_url=f"http://{sender}/api/v2", custom_endpoint=True)
