"""The simulator within a test's own process, on a thread and an event loop of its own."""

from __future__ import annotations

import asyncio
import threading
from functools import cached_property
from types import TracebackType

from .client import ControlClient
from .server import Server
from .settings import SimulatorSettings

_START_SECONDS = 60


class Simulator:
    """A running simulator: `with Simulator(SimulatorSettings(customers=50)) as sim: ...`."""

    def __init__(self, settings: SimulatorSettings | None = None) -> None:
        self.settings = settings or SimulatorSettings()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="chargebee-simulator", daemon=True)
        self._server: Server | None = None

    def start(self) -> Simulator:
        """Start the server and return once it listens."""
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(_START_SECONDS)
        except BaseException:
            self._end_loop()
            raise
        return self

    def stop(self) -> None:
        """Stop the server and remove its files."""
        asyncio.run_coroutine_threadsafe(self._running.stop(), self._loop).result(_START_SECONDS)
        self._end_loop()

    def __enter__(self) -> Simulator:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where the API is, without /api/v2."""
        return self._running.url

    @property
    def download_url(self) -> str:
        """Where the download host is."""
        return self._running.download_url

    @property
    def control_url(self) -> str:
        """Where the control endpoint is."""
        return self._running.control_url

    @property
    def ca_bundle(self) -> str | None:
        """The path of the CA certificate, None without TLS."""
        return str(self._running.ca_bundle) if self._running.ca_bundle else None

    @cached_property
    def control(self) -> ControlClient:
        """A client of the control endpoint."""
        return ControlClient(self.control_url, self.ca_bundle)

    @property
    def _running(self) -> Server:
        if self._server is None:
            raise RuntimeError("The simulator has not been started.")
        return self._server

    async def _start(self) -> None:
        server = Server(self.settings)
        await server.start()
        self._server = server

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_START_SECONDS)
        self._loop.close()
