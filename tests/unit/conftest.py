"""What unit tests share: how hypothesis looks for counterexamples, and triggers that wait in virtual time.

Airflow is imported by the fixtures that need it: most of these tests do without.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from virtual_time import VirtualTime

if TYPE_CHECKING:
    from support.waiting import Lines

# The same counterexamples on every machine, however slow it is.
settings.register_profile("same everywhere", deadline=None, derandomize=True, database=None)
settings.load_profile("same everywhere")


@pytest.fixture
def calls() -> list[float]:
    """When Chargebee was called."""
    return []


@pytest.fixture
def clock(connected, calls, monkeypatch) -> Iterator[VirtualTime]:
    """Virtual time that begins with the simulator's and moves its clock along; it is held until a call has its answer."""
    from chargebee_operators.chargebee.async_client import AsyncExportsClient

    clock = VirtualTime(connected.control.now(), on_jump=connected.control.advance)

    def noted(call: Any) -> Any:
        async def note(*args: Any, **kwargs: Any) -> Any:
            calls.append(time.time())
            with clock.held():
                return await call(*args, **kwargs)

        return note

    for name in ("create_export", "get_export"):
        monkeypatch.setattr(AsyncExportsClient, name, noted(getattr(AsyncExportsClient, name)))
    with clock.installed():
        yield clock


@pytest.fixture
def lines(monkeypatch) -> Lines:
    """The lines of both triggers' logs."""
    from chargebee_operators.triggers import ExportReadyTrigger, ExportSlotTrigger
    from support.waiting import Lines

    handler, log = Lines(), logging.Logger("waiting", logging.INFO)
    log.addHandler(handler)
    for kind in (ExportSlotTrigger, ExportReadyTrigger):
        monkeypatch.setattr(kind, "log", log)
    return handler


@pytest.fixture
def new_export(connected, clock, calls) -> Callable[[float], str]:
    """Return the id of an export that takes so many seconds."""
    from chargebee_operators import ChargebeeHook

    def make(job_seconds: float) -> str:
        connected.control.settings(job_seconds=job_seconds)
        export = clock.run(ChargebeeHook().acreate_export("customers", (), idempotency_key="an-export"))
        connected.control.clear_requests()
        calls.clear()
        return export.id

    return make
