"""The download URL, shared by all requests until it dies."""

from __future__ import annotations

import threading
from collections.abc import Callable

from chargebee_operators.common.exceptions import DownloadError, ThrottledError, UnavailableError
from chargebee_operators.common.polling import next_try
from chargebee_operators.common.task_log import task_log
from chargebee_operators.common.wording import counted
from chargebee_operators.download.block_buffer import Stopped

log = task_log(__name__)


class SharedUrl:
    """Asks for a URL when there is none; one thread asks, the others wait for it.

    :param fresh_url: gives a URL that works now.
    :param export_id: for the log and for errors.
    :param attempts: how often Chargebee is asked again in a row when it can't answer.
    :param pause: seconds before asking again, growing with each in a row.
    """

    def __init__(self, fresh_url: Callable[[], str], export_id: str, attempts: int, pause: float) -> None:
        self._fresh_url = fresh_url
        self._export_id = export_id
        self._attempts = attempts
        self._pause = pause
        self._lock = threading.Lock()
        self._url: str | None = None

    def get(self, stopped: threading.Event) -> str:
        """Return a URL that was not found dead yet.

        :param stopped: ends the waiting.
        :raises Stopped: when it was set.
        :raises DownloadError: when Chargebee gives none.
        """
        with self._lock:
            if self._url is None:
                self._url = self._ask(stopped)
            return self._url

    def died(self, url: str) -> None:
        """Take note that a URL does not work any more; one that was replaced meanwhile does not matter."""
        with self._lock:
            if self._url == url:
                self._url = None

    def _ask(self, stopped: threading.Event) -> str:
        failures = 0
        while not stopped.is_set():
            try:
                return self._fresh_url()
            except (ThrottledError, UnavailableError) as error:
                problem, asked = str(error), error.retry_after
            failures += 1
            if failures > self._attempts:
                tries = counted(failures, "try", "tries")
                raise DownloadError(f"Export {self._export_id}: no fresh download URL in {tries} in a row: {problem}")
            log.info("Export %s: no fresh download URL yet, asking again: %s", self._export_id, problem)
            stopped.wait(next_try(failures, self._pause, asked))
        raise Stopped
