"""What waits in the triggerer: for a window to settle and a free export slot, for an export to be ready, or for a time.

Each trigger has an absolute deadline and ends in exactly one event, made by ``trigger_events``. Nothing in the arguments
or the event is secret, for Airflow stores both. The argument names and the class paths are for good: serialized
triggers outlive an upgrade, so a new argument needs a default.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from chargebee_operators.chargebee.api import ExportStatus
from chargebee_operators.chargebee.async_client import client_of
from chargebee_operators.chargebee.trigger_events import Outcome, created_event, ended_event, outcome_event
from chargebee_operators.common.exceptions import (
    ChargebeeApiError,
    ThrottledError,
    UnavailableError,
)
from chargebee_operators.common.polling import first_look, next_look, next_try, until_tick
from chargebee_operators.waiting_trigger import WaitingTrigger

# What is waited for, in its lines.
IN_PROCESS, NO_SLOT = "in process at Chargebee", "waiting for a free slot"
NOT_SETTLED = "waiting for its window to settle"


class ExportSlotTrigger(WaitingTrigger):
    """Requests an export, again and again until Chargebee has a slot for it.

    :param chargebee_conn_id: the Airflow connection.
    :param resource: for example ``customers``.
    :param wire_fields: the form fields, name -> value.
    :param idempotency_key: the same for every try, so that one of them at most makes a job.
    :param business_entity_id: overrides the connection's, or None.
    :param retry_interval: seconds before the next try, before backing off.
    :param retry_after: seconds that Chargebee asked to wait before the first try here, or None.
    :param not_before: epoch seconds before which the export must not be requested, for its window has not settled; or
        None.
    :param deadline: epoch seconds at which the waiting ends.
    :param since: epoch seconds at which it began, for the log.
    :param carry: JSON data that the event hands back.
    """

    def __init__(
        self,
        *,
        chargebee_conn_id: str,
        resource: str,
        wire_fields: Mapping[str, str],
        idempotency_key: str,
        deadline: float,
        retry_interval: float,
        business_entity_id: str | None = None,
        retry_after: float | None = None,
        not_before: float | None = None,
        since: float | None = None,
        carry: Mapping[str, Any] | None = None,
        **retired: Any,
    ) -> None:
        super().__init__(chargebee_conn_id=chargebee_conn_id, deadline=deadline, since=since, carry=carry)
        self.resource = resource
        self.wire_fields = dict(wire_fields)
        self.idempotency_key = idempotency_key
        self.business_entity_id = business_entity_id
        self.retry_interval = retry_interval
        self.retry_after = retry_after
        self.not_before = not_before
        self.what = f"Export of {resource}"

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments, as JSON-ready data."""
        return (
            "chargebee_operators.triggers.ExportSlotTrigger",
            {
                "chargebee_conn_id": self.chargebee_conn_id,
                "resource": self.resource,
                "wire_fields": self.wire_fields,
                "idempotency_key": self.idempotency_key,
                "business_entity_id": self.business_entity_id,
                "retry_interval": self.retry_interval,
                "retry_after": self.retry_after,
                "not_before": self.not_before,
                "deadline": self.deadline,
                "since": self.since,
                "carry": self.carry,
            },
        )

    async def _wait(self) -> dict[str, Any]:
        # Wait before the first try: a trigger that fires within seconds loses a race in Airflow 3.
        first_try = time.time() + next_try(1, self.retry_interval, self.retry_after)
        if self.not_before is not None:
            await self._sleep(self.not_before - time.time(), NOT_SETTLED)
        async with client_of(self.chargebee_conn_id) as client:
            slots, tries, why = client.slots, 0, NO_SLOT
            with slots.place(self.since, first_try) as place:
                while time.time() < self.deadline:
                    # A second at least: a line that is due must not come in front of a call that is due.
                    until_line = max(1.0, self._next_line_in())
                    if not await slots.turn(place, min(self.deadline, time.time() + until_line)):
                        next_try_in = max(slots.closed_for(), place.not_before - time.time())
                        self._log_line(why, slots.ahead(place), next_try_in)
                        continue
                    try:
                        export = await client.create_export(
                            self.resource,
                            tuple(sorted(self.wire_fields.items())),
                            idempotency_key=self.idempotency_key,
                            business_entity_id=self.business_entity_id,
                        )
                    except ThrottledError as error:
                        # A steady pace, for a slot may fall free at any time; only the oldest start asks.
                        tries, why = 0, NO_SLOT
                        delay, asked = next_try(1, self.retry_interval, error.retry_after), error.retry_after
                    except UnavailableError as error:
                        tries, why = tries + 1, _no_answer(error)
                        delay, asked = next_try(tries, self.retry_interval, error.retry_after), error.retry_after
                    else:
                        return created_event(export)
                    slots.refused(delay, asked)
        return self._timed_out()

    def _log_line(self, why: str, ahead: int, next_try_in: float) -> None:
        if time.time() >= self.deadline:
            return  # the event says that the trigger has given up
        if ahead:
            self._log_waiting(f"in line for a free slot, {ahead} ahead")
        else:
            self._log_waiting(why, next_try_in)


class ExportReadyTrigger(WaitingTrigger):
    """Looks at an export until Chargebee has completed or failed it.

    :param chargebee_conn_id: the Airflow connection.
    :param export_id: Chargebee's id of the job.
    :param business_entity_id: overrides the connection's, or None.
    :param poll_interval: the least seconds between two looks.
    :param max_poll_interval: the most seconds between two looks at a long job.
    :param outage_timeout: seconds without one usable answer after which the trigger gives up.
    :param deadline: epoch seconds at which the waiting ends.
    :param since: epoch seconds at which it began, for the log.
    :param carry: JSON data that the event hands back.
    """

    def __init__(
        self,
        *,
        chargebee_conn_id: str,
        export_id: str,
        deadline: float,
        poll_interval: float,
        max_poll_interval: float,
        outage_timeout: float,
        business_entity_id: str | None = None,
        since: float | None = None,
        carry: Mapping[str, Any] | None = None,
        **retired: Any,
    ) -> None:
        super().__init__(chargebee_conn_id=chargebee_conn_id, deadline=deadline, since=since, carry=carry)
        self.export_id = export_id
        self.business_entity_id = business_entity_id
        self.poll_interval = poll_interval
        self.max_poll_interval = max_poll_interval
        self.outage_timeout = outage_timeout
        self.what = f"Export {export_id}"

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments, as JSON-ready data."""
        return (
            "chargebee_operators.triggers.ExportReadyTrigger",
            {
                "chargebee_conn_id": self.chargebee_conn_id,
                "export_id": self.export_id,
                "business_entity_id": self.business_entity_id,
                "poll_interval": self.poll_interval,
                "max_poll_interval": self.max_poll_interval,
                "outage_timeout": self.outage_timeout,
                "deadline": self.deadline,
                "since": self.since,
                "carry": self.carry,
            },
        )

    async def _wait(self) -> dict[str, Any]:
        async with client_of(self.chargebee_conn_id) as client:
            answered_at, outages, why, in_time = time.time(), 0, IN_PROCESS, True
            delay = first_look(self.poll_interval, client.users)
            while in_time:
                tick = until_tick(delay, self.poll_interval, asyncio.get_running_loop().time())
                in_time = await self._sleep(tick, why)  # the last look is at the deadline itself
                try:
                    export = await client.get_export(self.export_id, self.business_entity_id)
                except (ThrottledError, UnavailableError) as error:
                    outages += 1
                    if isinstance(error, ThrottledError):
                        answered_at = time.time()
                    silent = time.time() - answered_at
                    if silent >= self.outage_timeout:
                        return outcome_event(
                            Outcome.UNAVAILABLE, message=f"{self.what}: no usable answer for {silent:.0f} s. {error}"
                        )
                    delay, why = next_try(outages, self.poll_interval, error.retry_after), _no_answer(error)
                    continue
                answered_at, outages, why = time.time(), 0, IN_PROCESS
                if export.status is not ExportStatus.IN_PROCESS:
                    client.slots.freed()
                    return ended_event(export)
                delay = next_look(answered_at - self.since, self.poll_interval, self.max_poll_interval)
        return self._timed_out()


class WakeTrigger(WaitingTrigger):
    """Waits until a time at which the task is to go on. It makes no call.

    :param chargebee_conn_id: the Airflow connection of the task.
    :param wake_at: epoch seconds.
    :param what: what the task is about, for the log.
    :param why: why it waits, for the log.
    :param deadline: epoch seconds at which the waiting ends.
    :param since: epoch seconds at which it began, for the log.
    :param carry: JSON data that the event hands back.
    """

    def __init__(
        self,
        *,
        chargebee_conn_id: str,
        wake_at: float,
        what: str,
        why: str,
        deadline: float,
        since: float | None = None,
        carry: Mapping[str, Any] | None = None,
        **retired: Any,
    ) -> None:
        super().__init__(chargebee_conn_id=chargebee_conn_id, deadline=deadline, since=since, carry=carry)
        self.wake_at = wake_at
        self.what = what
        self.why = why

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments, as JSON-ready data."""
        return (
            "chargebee_operators.triggers.WakeTrigger",
            {
                "chargebee_conn_id": self.chargebee_conn_id,
                "wake_at": self.wake_at,
                "what": self.what,
                "why": self.why,
                "deadline": self.deadline,
                "since": self.since,
                "carry": self.carry,
            },
        )

    async def _wait(self) -> dict[str, Any]:
        in_time = await self._sleep(self.wake_at - time.time(), self.why)
        return outcome_event(Outcome.AWAKE) if in_time else self._timed_out()


def _no_answer(error: ChargebeeApiError) -> str:
    if isinstance(error, UnavailableError) and not error.reached:
        return "no usable answer (no connection)"
    return f"no usable answer ({error.status or 'not complete'})"
