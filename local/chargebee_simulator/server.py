"""The server: two listeners, the state they share, and the file with their addresses."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import socket
import tempfile
from pathlib import Path
from typing import Any

from aiohttp import web

from .api import Api
from .control import Control
from .downloads import Downloads
from .settings import SimulatorSettings
from .state import State
from .tls import server_context

_EVERY_ADDRESS = ("0.0.0.0", "::")
_SHUTDOWN_SECONDS = 0.5
_TICK_SECONDS = 0.25
"""How often jobs that are due end although nobody asks for them."""

_log = logging.getLogger(__name__)


class Server:
    """Both listeners, within a running event loop."""

    def __init__(self, settings: SimulatorSettings) -> None:
        self._settings = settings
        self._folder = Path(tempfile.mkdtemp(prefix="chargebee-simulator-"))
        self._runners: list[web.AppRunner] = []
        self._ticker: asyncio.Task[None] | None = None
        self.ca_bundle: Path | None = None
        self.url = ""
        self.download_url = ""
        try:
            self._state = State(settings, self._folder)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    @property
    def control_url(self) -> str:
        """Where the control endpoint is."""
        return f"{self.url}/_control"

    async def start(self) -> None:
        """Listen on both ports, then write the state file."""
        if self._settings.state_file:
            # An earlier run's file would send its readers to a server that has ended.
            Path(self._settings.state_file).unlink(missing_ok=True)
        try:
            await self._listen()
        except BaseException:
            await self.stop()
            raise
        self._ticker = asyncio.create_task(self._tick())
        if self._settings.state_file:
            write_atomically(Path(self._settings.state_file), json.dumps(self.described(), indent=1) + "\n")

    async def stop(self) -> None:
        """Stop listening and remove everything that was written for the downloads."""
        self._state.stopping.set()
        if self._ticker:
            self._ticker.cancel()
        self._state.jobs.close()
        for runner in self._runners:
            await runner.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)

    def described(self) -> dict[str, Any]:
        """Return what others need to use this server."""
        sites = self._state.sites.values()
        return {
            "url": self.url,
            "download_url": self.download_url,
            "control_url": self.control_url,
            "ca_bundle": str(self.ca_bundle) if self.ca_bundle else None,
            "sites": {site.name: next(iter(site.keys)) for site in sites},
            "pid": os.getpid(),
        }

    async def _listen(self) -> None:
        settings, context = self._settings, None
        if settings.tls:
            folder = Path(settings.tls_dir or self._folder / "tls").resolve()
            hosts = [f"{site}.localhost" for site in self._state.sites]
            listens = [settings.host] if settings.host not in _EVERY_ADDRESS else []
            context, self.ca_bundle = server_context(folder, [*hosts, *listens])
        api, download = web.Application(), web.Application()
        api.router.add_route("*", "/_control/{name}", Control(self._state).handle)
        api.router.add_route("*", "/{path:.*}", Api(self._state).handle)
        download.router.add_route("*", "/{path:.*}", Downloads(self._state).handle)
        self._state.download_port = await self._serve(download, settings.download_port, context)
        port = await self._serve(api, settings.port, context)
        host = "127.0.0.1" if settings.host in _EVERY_ADDRESS else settings.host
        self.url = self._state.address(host, port)
        self.download_url = self._state.address(host, self._state.download_port)

    async def _serve(self, app: web.Application, port: int, context: Any) -> int:
        # No access log: its lines would hold the download URLs.
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
        await runner.setup()
        self._runners.append(runner)
        family = socket.AF_INET6 if ":" in self._settings.host else socket.AF_INET
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self._settings.host, port))
        await web.SockSite(runner, listener, ssl_context=context).start()
        return int(listener.getsockname()[1])

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            try:
                await self._state.settle()
            except Exception:
                _log.exception("The jobs that are due could not be ended")


def write_atomically(path: Path, text: str) -> None:
    """Write a file that readers see whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with open(handle, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(name, path)
