"""A site with one finished export to download, and what a test asks of a download."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from chargebee_operators.chargebee.connection import SiteSettings
from chargebee_operators.common.exceptions import ChargebeeExportError
from chargebee_operators.download.download import Download
from chargebee_simulator import Simulator
from support.simulator_calls import KEY, SITE, Caller

BLOCK = 64 << 10
ZIP = random.Random(7).randbytes(10 * BLOCK + 321)
BLOCKS = 11


class Site:
    """A simulator with one finished export, and the settings of a connection to it."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.control = simulator.control
        self.ca_bundle = simulator.ca_bundle
        self.caller = Caller(simulator)
        self.export_id = ""

    def renew(self) -> None:
        """Forget what an earlier test has done: a new export, no faults, no requests."""
        self.control.clear_faults()
        self.export_id = self.caller.create("coupons")
        self.control.clear_requests()

    def settings(self, **changes: Any) -> SiteSettings:
        endpoint = {"base_url": f"{self.simulator.url}/api/v2", "custom_endpoint": True, "ca_bundle": self.ca_bundle}
        return SiteSettings(**{"site": SITE, "api_key": KEY, **endpoint, **changes})

    def url(self) -> str:
        return str(self.caller.export(self.export_id)["download"]["download_url"])

    def download(self, **arguments: Any) -> Download:
        settings = self.settings(**arguments.pop("settings", {}))
        given = {"pause": 0.001, "block_size": BLOCK, **arguments}
        return Download(given.pop("fresh_url", self.url), settings, self.export_id, **given)

    def fetched(self) -> list[dict[str, Any]]:
        return self.control.requests(listener="download")

    def urls_asked_for(self) -> int:
        return len(self.control.requests(listener="api", method="GET"))


over_tls = pytest.mark.parametrize("any_site", ["https"], indirect=True)
over_http = pytest.mark.parametrize("any_site", ["http"], indirect=True)


def workers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("download-")]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within 30 seconds"
        time.sleep(0.01)


def failing(download: Download) -> ChargebeeExportError:
    """Read a download that must fail, and see that nothing hangs on its error that could quote a URL."""
    with pytest.raises(ChargebeeExportError) as caught:
        b"".join(download)
    error = caught.value
    assert error.__cause__ is None and error.__context__ is None
    for secret in ("http:", "https:", "X-Amz", "Signature", ".zip", "/acme", "?", KEY):
        assert secret not in f"{error!s} {error!r}"
    return error
