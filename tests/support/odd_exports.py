"""Lands zips of any look as a day's export of customers, and keeps what was logged."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from chargebee_operators.chargebee.jobs import JobRecord
from support import landing
from support.zips import made

HEAD = b"id,first_name,last_name,updated_at\r\n"
ROWS = b"c1,Ada,Lovelace,2026-11-23T01:00:00Z\r\nc2,Grace,Hopper,2026-11-23T02:00:00Z\r\n"
WINDOW = ("2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z")
_numbers = itertools.count()


def land_zip(store: landing.Store, data: bytes | Mapping[str, bytes], file_format: str, **checks: str) -> Any:
    """Land a zip, or one of these members, and return its manifest.

    :param checks: those of ``Checks``.
    """
    if not isinstance(data, bytes):
        data = made(list(data.items()))
    job = JobRecord(f"exp{next(_numbers)}", "customers", "acme", {}, *WINDOW, "updated_at", WINDOW[1])
    return landing.land_archive(store, job, data, file_format, **checks)


@contextmanager
def task_log_lines() -> Iterator[list[str]]:
    """Keep each line that the package logs, as a handler writes it."""
    lines: list[str] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    landing.hook_of(99, "{}")  # which configures Airflow's logging, and so takes all handlers away
    handler, log = Keeping(), logging.getLogger("airflow.task.chargebee_operators")
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
