"""Export jobs that the doctor runs: a few at a time, waited for in the worker."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chargebee_operators.chargebee.api import Export, ExportStatus
from chargebee_operators.chargebee.filters import Fields
from chargebee_operators.common.exceptions import ChargebeeApiError, ThrottledError, UnavailableError
from chargebee_operators.common.polling import next_try
from chargebee_operators.common.task_log import task_log
from chargebee_operators.hooks import ChargebeeHook

log = task_log(__name__)

# Of a site's five slots, so that one is left for others.
AT_ONCE = 4


@dataclass(frozen=True)
class Wanted:
    """One export that is wanted.

    :param resource: for example ``customers``.
    :param fields: checked form fields.
    :param key: the idempotency key.
    """

    resource: str
    fields: Fields
    key: str


@dataclass(frozen=True)
class Outcome:
    """What became of an export.

    :param export: as it was last seen; None when Chargebee refused it.
    :param error: what was refused, or why it was given up; empty when it is completed.
    :param seconds: from the request to the look that found it ended.
    """

    export: Export | None
    error: str
    seconds: float

    @property
    def is_ready(self) -> bool:
        """Whether its zip can be downloaded."""
        return self.export is not None and self.export.status is ExportStatus.COMPLETED


class ExportRuns:
    """Runs exports, a few at a time.

    ``throttled`` counts the answers 429, and ``retry_after`` keeps the seconds that they named.

    :param hook: of the site.
    :param poll_interval: seconds between two looks.
    :param timeout: seconds for all of them.
    :param sleep: waits so many seconds.
    """

    def __init__(
        self,
        hook: ChargebeeHook,
        poll_interval: float,
        timeout: float,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.throttled = 0
        self.retry_after: list[float] = []
        self._hook = hook
        self._interval = poll_interval
        self._ends = time.monotonic() + timeout
        self._sleep = sleep

    def run(self, wanted: Mapping[str, Wanted]) -> dict[str, Outcome]:
        """Run exports to their end.

        :param wanted: the exports, each under a name.
        :return: what became of each, under the same names.
        """
        waiting, began = list(wanted), dict[str, float]()
        running, ended = dict[str, Export](), dict[str, Outcome]()
        while waiting or running:
            while waiting and len(running) < AT_ONCE:
                name = waiting[0]
                started = self._start(wanted[name])
                if started is None:
                    break  # no slot is free
                waiting.pop(0)
                began[name] = time.monotonic()
                if isinstance(started, Outcome):
                    ended[name] = started
                else:
                    running[name] = started
            if not waiting and not running:
                break
            if time.monotonic() > self._ends:
                ended |= {
                    name: Outcome(running.get(name), "it did not end in time", 0.0) for name in [*running, *waiting]
                }
                break
            self._sleep(self._interval)
            for name in list(running):
                running[name] = self._look(running[name])
                if running[name].status is not ExportStatus.IN_PROCESS:
                    ended[name] = self._ended(running.pop(name), time.monotonic() - began[name])
        return ended

    def _start(self, wanted: Wanted) -> Export | Outcome | None:
        tries = 0
        while True:
            try:
                export = self._hook.create_export(wanted.resource, wanted.fields, idempotency_key=wanted.key)
                log.info("Export %s: %s was requested", export.id, wanted.resource)
                return export
            except ThrottledError as error:
                self.throttled += 1
                if error.retry_after is not None:
                    self.retry_after.append(error.retry_after)
                return None
            except UnavailableError as error:
                tries += 1
                if tries == 3:
                    return Outcome(None, str(error), 0.0)
                self._sleep(next_try(tries, self._interval, error.retry_after))
            except ChargebeeApiError as error:
                return Outcome(None, str(error), 0.0)

    def _look(self, export: Export) -> Export:
        try:
            return self._hook.get_export(export.id)
        except (ThrottledError, UnavailableError) as error:
            log.info("Export %s: %s", export.id, error)
            return export

    @staticmethod
    def _ended(export: Export, seconds: float) -> Outcome:
        failed = export.status is ExportStatus.FAILED
        return Outcome(export, "Chargebee failed the export" if failed else "", seconds)
