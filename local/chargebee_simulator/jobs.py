"""Export jobs: started by a request, in process for a while, then a ZIP on disk."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from .clock import Clock
from .company import Company, Record, Snapshot
from .filters import Selection
from .knobs import Knobs
from .profiles import ZipProfile
from .records.dice import Dice, seed_of
from .tables import tables
from .zips import Written, write_zip

IN_PROCESS, COMPLETED, FAILED = "in_process", "completed", "failed"

PATIENCE = 2.0
"""How many seconds requests wait for a ZIP in the making; a job whose ZIP takes longer stays in process."""

_log = logging.getLogger(__name__)


@dataclass
class Export:
    """One job. Times are in seconds since the epoch."""

    id: str
    site: str
    resource: str
    selection: Selection
    created_at: float
    due_at: float
    ending: str  # completed, failed, or in_process for a job that never ends
    idempotency_key: str | None = None
    business_entity_id: str | None = None
    status: str = IN_PROCESS
    completed_at: float | None = None
    path: Path | None = None
    content_type: str = "application/zip"
    revision: int = 0  # counts up when the object behind the download URL is replaced
    written: Written | None = None  # unknown of a ready-made ZIP


class Jobs:
    """The jobs of all sites."""

    def __init__(self, clock: Clock, knobs: Knobs, folder: Path, ready_made: dict[str, Path], seed: int) -> None:
        self._clock = clock
        self._knobs = knobs
        self._folder = folder
        self._ready_made = ready_made
        self._seed = seed
        # Ids differ between two runs of the server, so that one cannot be taken for another run's.
        self._id_seed = seed_of(seed, time.time_ns())
        self._exports: dict[str, Export] = {}
        self._open: dict[str, Export] = {}  # in process
        self._building: dict[str, tuple[asyncio.Task[None], float]] = {}  # and when it began
        self._closed = False
        self._pool = ThreadPoolExecutor(2, "zip")

    def all(self) -> list[Export]:
        """Return every job, oldest first."""
        return list(self._exports.values())

    def get(self, site: str, export_id: str) -> Export | None:
        """Return a site's job, None where it has none of that id."""
        export = self._exports.get(export_id)
        return export if export and export.site == site else None

    def in_process(self, site: str) -> list[Export]:
        """Return a site's jobs that hold a slot."""
        return [export for export in self._open.values() if export.site == site]

    def start(self, site: str, resource: str, selection: Selection, ending: str) -> Export:
        """Start a job that will end as `ending`."""
        number = len(self._exports)
        shortest, longest = self._knobs.job_seconds
        share = Dice(seed_of(self._seed, site, "job"), number).below(1001) / 1000
        now = self._clock.now()
        export = Export(
            id=Dice(self._id_seed, number).code(28),
            site=site,
            resource=resource,
            selection=selection,
            created_at=now,
            due_at=now + shortest + (longest - shortest) * share,
            ending=ending,
        )
        self._exports[export.id] = self._open[export.id] = export
        return export

    async def settle(self, companies: dict[str, Company]) -> None:
        """End the jobs that are due, waiting a moment for their ZIPs."""
        for export in list(self._open.values()):
            if export.due_at > self._clock.now() or export.id in self._building:
                continue
            if export.ending == FAILED:
                self._end(export, FAILED)
            elif export.ending == COMPLETED:
                # The snapshot is taken here, at completion, before the loop can serve another request.
                snapshot = companies[export.site].snapshot(export.resource)
                profile = self._knobs.profile.of(export.resource)
                profile = replace(profile, zip64=profile.zip64 or companies[export.site].is_large)
                task = asyncio.create_task(self._build(export, snapshot, profile))
                self._building[export.id] = task, time.monotonic()
        young = [task for task, started in self._building.values() if time.monotonic() - started < PATIENCE]
        if young:
            await asyncio.wait(young, timeout=PATIENCE)

    def close(self) -> None:
        """Give up what is not done."""
        self._closed = True
        for task, _ in self._building.values():
            task.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _end(self, export: Export, status: str) -> None:
        export.status = status
        export.completed_at = export.due_at
        self._open.pop(export.id)

    async def _build(self, export: Export, snapshot: Snapshot, profile: ZipProfile) -> None:
        status = FAILED
        try:
            export.path = self._ready_made.get(export.resource)
            if export.path is None:
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(self._pool, self._write, export, snapshot, profile)
            export.content_type = profile.content_type
            status = COMPLETED
        except Exception:
            _log.exception("The ZIP of an export of %s could not be made", export.resource)
        finally:
            self._end(export, status)
            del self._building[export.id]

    def _write(self, export: Export, snapshot: Snapshot, profile: ZipProfile) -> None:
        path = self._folder / f"{export.id}.zip"
        watched = replace(snapshot, read=lambda: self._until_closed(snapshot.read()))
        made = tables(watched, export.selection, profile)
        export.written = write_zip(path, export.resource, made, profile, self._knobs.columns)
        export.path = path

    def _until_closed(self, records: Iterator[Record]) -> Iterator[Record]:
        # A large ZIP in the making must not keep the process from ending.
        for record in records:
            if self._closed:
                raise RuntimeError("The server stopped.")
            yield record
