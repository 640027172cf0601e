"""All that a running server knows, shared by its two listeners and the control endpoint."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from .clock import Clock
from .company import Company
from .csv_import import load
from .events import EventLog
from .faults import Faults
from .happenings import history
from .jobs import Jobs
from .journal import Journal
from .knobs import Knobs
from .limits import IdempotencyKeys, RateLimit
from .records.world import World
from .settings import SimulatorSettings
from .signing import Signer


@dataclass
class Site:
    """One Chargebee site: independent of the others in everything."""

    name: str
    keys: dict[str, bool]  # API key -> whether it may export
    company: Company
    events: EventLog
    rate: RateLimit = field(default_factory=RateLimit)
    answers: IdempotencyKeys = field(default_factory=IdempotencyKeys)
    counts: Counter[str] = field(default_factory=Counter)
    most_in_process: int = 0


class State:
    """The sites, their jobs, and what a test has set."""

    def __init__(self, settings: SimulatorSettings, folder: Path) -> None:
        self.settings = settings
        self.clock = Clock(settings.company_now())
        self.knobs = Knobs.of(settings)
        self.faults = Faults()
        self.journal = Journal()
        self.signer = Signer()
        self.stopping = asyncio.Event()
        self.sites = self._make_sites()
        ready_made = {resource: Path(path) for resource, path in settings.serve_zips.items()}
        self.jobs = Jobs(self.clock, self.knobs, folder, ready_made, settings.seed)
        # Set once the listeners have their ports.
        self.download_port = 0
        self.scheme = "https" if settings.tls else "http"

    def company_now(self) -> int:
        """Return the companies' present, in whole seconds: that of the clock."""
        return int(self.clock.now())

    def address(self, host: str, port: int) -> str:
        """Return the beginning of a URL."""
        return f"{self.scheme}://[{host}]:{port}" if ":" in host else f"{self.scheme}://{host}:{port}"

    async def settle(self) -> None:
        """End the jobs that are due."""
        await self.jobs.settle({name: site.company for name, site in self.sites.items()})

    def _make_sites(self) -> dict[str, Site]:
        settings, now = self.settings, self.company_now()
        imports = {resource: load(resource, path, now) for resource, path in settings.imports.items()}
        sites: dict[str, Site] = {}
        for entry in settings.site_keys():
            if entry.site not in sites:
                world = World(entry.site, settings.seed, settings.customers, settings.history_days, now)
                company = Company(world, imports)
                events = EventLog(entry.site, settings.seed, partial(history, company))
                sites[entry.site] = Site(entry.site, {}, company, events)
            sites[entry.site].keys[entry.key] = entry.may_export
        return sites
