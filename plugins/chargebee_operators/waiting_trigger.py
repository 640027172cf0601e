"""What all triggers have in common: an absolute deadline, one event, and a line in the log now and then."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from chargebee_operators._compat import BaseTrigger, TriggerEvent
from chargebee_operators.chargebee.trigger_events import Outcome, outcome_event
from chargebee_operators.common.exceptions import ChargebeeExportError

# Seconds between two lines in the log of a task that waits.
LOG_EVERY = 60.0
# So much later a line may be for a look that is due by then, which saves waking up twice.
LOG_SLACK = 15.0


class WaitingTrigger(BaseTrigger):
    """Waits, looks, and fires once. A trigger below it says ``what`` it is about, and how it waits: ``_wait``.

    :param chargebee_conn_id: the Airflow connection.
    :param deadline: epoch seconds at which the waiting ends.
    :param since: epoch seconds at which it began, for the log.
    :param carry: JSON data that the event hands back to the task as it is. (``defer(kwargs=...)`` would do the same,
        but ``airflow dags test`` drops it.)
    """

    what = ""

    def __init__(
        self,
        *,
        chargebee_conn_id: str,
        deadline: float,
        since: float | None = None,
        carry: Mapping[str, Any] | None = None,
        **retired: Any,
    ) -> None:
        super().__init__()
        self.chargebee_conn_id = chargebee_conn_id
        self.deadline = deadline
        self.carry = dict(carry or {})
        self.since = since if since is not None else time.time()
        self._logged_at = time.monotonic()

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait until there is something to report, and report it once."""
        try:
            event = await self._wait()
        except ChargebeeExportError as error:
            event = outcome_event(Outcome.REJECTED, message=str(error))
        except Exception as error:
            # Only the kind: a library's own message may quote a URL or a header.
            self.log.warning("%s: unexpected %s", self.what, type(error).__name__)
            event = outcome_event(
                Outcome.ERROR, message=f"{self.what}: unexpected {type(error).__name__} in the trigger"
            )
        yield TriggerEvent({**event, "carry": self.carry})

    async def _wait(self) -> dict[str, Any]:
        raise NotImplementedError

    async def _sleep(self, seconds: float, why: str) -> bool:
        """Sleep, but not beyond the deadline, and log every minute or so why; return whether there is time left."""
        ends = min(time.time() + seconds, self.deadline)
        while (line_in := self._next_line_in()) <= 0 or ends - time.time() > line_in + LOG_SLACK:
            await asyncio.sleep(line_in)
            self._log_waiting(why, ends - time.time())
        await asyncio.sleep(ends - time.time())
        return ends < self.deadline

    def _next_line_in(self) -> float:
        """Return the seconds until the next line about the waiting is due."""
        return self._logged_at + LOG_EVERY - time.monotonic()

    def _log_waiting(self, why: str, seconds: float | None = None) -> None:
        """Log what is waited for and for how long; and when the next call is, if it is known."""
        self._logged_at = time.monotonic()
        next_one = f", next call in {seconds:.0f} s" if seconds is not None else ""
        self.log.info("%s: %s, %.0f s so far%s", self.what, why, time.time() - self.since, next_one)

    def _timed_out(self) -> dict[str, Any]:
        return outcome_event(Outcome.TIMED_OUT, message=f"{self.what}: gave up after {time.time() - self.since:.0f} s")
