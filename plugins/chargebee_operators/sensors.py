"""The sensor that waits until Chargebee has an export ready."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

from chargebee_operators._compat import (
    AirflowFailException,
    AirflowSensorTimeout,
    BaseSensorOperator,
    PokeReturnValue,
)
from chargebee_operators.chargebee.api import ExportStatus
from chargebee_operators.chargebee.connection import MIN_POLL_INTERVAL
from chargebee_operators.chargebee.jobs import JobRecord, restart_key
from chargebee_operators.chargebee.trigger_events import Outcome, is_of_another_try, read_event
from chargebee_operators.common.argument_checks import check_seconds, check_whole_number
from chargebee_operators.common.exceptions import ThrottledError, UnavailableError
from chargebee_operators.common.foreign_text import clean_line
from chargebee_operators.common.wording import counted
from chargebee_operators.hooks import ChargebeeHook
from chargebee_operators.lineage import Traced
from chargebee_operators.links import ChargebeeSiteLink
from chargebee_operators.task_errors import failing_fast, raise_outcome
from chargebee_operators.triggers import ExportReadyTrigger, ExportSlotTrigger

if TYPE_CHECKING:
    from chargebee_operators._compat import Context
    from chargebee_operators.chargebee.api import Export


class ExportReadySensor(Traced, BaseSensorOperator):
    """Waits until an export is completed and returns its job record.

    It looks once in the worker and then waits in the triggerer. An export that Chargebee ends as ``failed`` is requested
    again, ``max_restarts`` times at most; the record that the sensor returns names the export that succeeded.

    :param job: the job record of the start task, ``start.output``. (templated)
    :param chargebee_conn_id: the Airflow connection. (templated)
    :param business_entity_id: overrides the business entity of the job record, which overrides the connection's.
        (templated)
    :param max_restarts: how often a failed export is requested again.
    :param poll_interval: the least seconds between two looks; the connection's (10) by default, and at least 10 for
        Chargebee itself. In ``poke`` and ``reschedule`` mode an Airflow ``poke_interval`` takes its place.
    :param max_poll_interval: the most seconds between two looks at a long job; the connection's (60) by default.
    :param outage_timeout: seconds without one usable answer after which the task fails; its retry looks at the same
        job again.
    :param deferrable: wait in the triggerer; in ``poke`` or ``reschedule`` mode when False.
    :param timeout: seconds after which the sensor times out, without retries.
    :raises AirflowSensorTimeout: when the export is not ready in time.
    :raises AirflowFailException: when Chargebee fails the export for good, or refuses the key, or when the export was
        requested before its window ended.
    """

    template_fields: Sequence[str] = ("job", "chargebee_conn_id", "business_entity_id")
    template_fields_renderers = {"job": "json"}
    operator_extra_links = (ChargebeeSiteLink(),)
    ui_color = "#fff6d6"

    def __init__(
        self,
        *,
        job: Any,
        chargebee_conn_id: str = ChargebeeHook.default_conn_name,
        business_entity_id: str | None = None,
        max_restarts: int = 1,
        poll_interval: float | None = None,
        max_poll_interval: float | None = None,
        outage_timeout: float = 30 * 60,
        deferrable: bool = True,
        timeout: float = 12 * 60 * 60,
        **kwargs: Any,
    ) -> None:
        given = "poke_interval" in kwargs
        kwargs.setdefault("poke_interval", poll_interval or MIN_POLL_INTERVAL)
        super().__init__(timeout=timeout, **kwargs)
        self._wanted_poke_interval = self.poke_interval if given else poll_interval
        self.job = job
        self.chargebee_conn_id = chargebee_conn_id
        self.business_entity_id = business_entity_id
        self.max_restarts = max_restarts
        self.poll_interval = poll_interval
        self.max_poll_interval = max_poll_interval
        self.outage_timeout = outage_timeout
        self.deferrable = deferrable
        self._restarted: JobRecord | None = None
        self._try_number = 0
        for name in ("poll_interval", "max_poll_interval", "outage_timeout"):
            if getattr(self, name) is not None:
                check_seconds(name, getattr(self, name))
        check_whole_number("max_restarts", max_restarts, 0)

    def execute(self, context: Context) -> Any:
        """Look once, then wait in the triggerer; or poke, when not deferrable."""
        if not self.deferrable:
            with failing_fast():
                self.poke_interval = self._hook().settings.checked_poll_interval(self._wanted_poke_interval)
            return super().execute(context)
        now, self._try_number = time.time(), context["ti"].try_number
        with failing_fast():
            job = JobRecord.from_dict(self.job)
            try:
                export = self._look(job)
            except (ThrottledError, UnavailableError) as error:
                self.log.info("%s The task waits in the triggerer and looks again.", error)
                self._defer_until_ready(job, now + self._seconds(), now)
            return self._act_on(job, export.status, now + self._seconds(), now)

    def execute_complete(self, context: Context, event: Any) -> dict[str, Any]:
        """Resume when the export has ended, or the trigger has given up."""
        outcome, details = read_event(event)
        self._try_number = context["ti"].try_number
        if is_of_another_try(details, self._try_number):
            return self.execute(context)
        if outcome not in (Outcome.COMPLETED, Outcome.FAILED):
            self._raise(outcome, details)
        with failing_fast():
            record, deadline, since = self._carried(details)
            if outcome is Outcome.COMPLETED:
                if details.get("created_at"):  # an event of an earlier version has none
                    record.check_created_at(datetime.fromtimestamp(details["created_at"], UTC))
                self._log_completed(record.export_id, details["took"])
                return record.to_dict()
            return self._act_on(record, ExportStatus.FAILED, deadline, since)

    def restart_complete(self, context: Context, event: Any) -> Any:
        """Resume when the trigger has requested a failed export again, and wait for that one."""
        outcome, details = read_event(event)
        self._try_number = context["ti"].try_number
        if is_of_another_try(details, self._try_number):
            return self.execute(context)
        if outcome is not Outcome.CREATED:
            self._raise(outcome, details)
        with failing_fast():
            failed, deadline, since = self._carried(details)
            requested_at = datetime.fromtimestamp(details["created_at"], UTC)
            self._defer_until_ready(failed.restarted(details["export_id"], requested_at), deadline, since)

    def poke(self, context: Context) -> bool | PokeReturnValue:
        """Look once, for the poke and reschedule modes."""
        with failing_fast():
            job = self._restarted or JobRecord.from_dict(self.job)
            try:
                status = self._look(job).status
                if status is ExportStatus.FAILED:
                    job = self._restarted = self._restart(job)
                    # A rescheduled sensor forgets the new export, and after Chargebee's 30 minutes the key would make
                    # yet another one. So it keeps its worker from here on.
                    self.mode = "poke"
                    status = self._look(job).status
            except (ThrottledError, UnavailableError) as error:
                self.log.info("%s Looking again later.", error)
                return False
            if status is ExportStatus.FAILED:
                return self.poke(context)
            return PokeReturnValue(status is ExportStatus.COMPLETED, job.to_dict())

    def _hook(self) -> ChargebeeHook:
        return ChargebeeHook(self.chargebee_conn_id)

    def _entity(self, job: JobRecord) -> str | None:
        """Return the business entity to look with; None for the connection's."""
        return self.business_entity_id or job.business_entity_id

    def _to_restart(self, job: JobRecord) -> JobRecord:
        """Return a failed job's record with the business entity of the new request."""
        entity = self._entity(job) or self._hook().settings.business_entity_id
        return replace(job, business_entity_id=entity)

    def _look(self, job: JobRecord) -> Export:
        export = self._hook().get_export(job.export_id, self._entity(job))
        job.check_created_at(export.created_at)
        if export.status is ExportStatus.COMPLETED:
            self._log_completed(job.export_id, export.age)
        else:
            self.log.info("Export %s: %s", job.export_id, export.status)
        return export

    def _log_completed(self, export_id: str, took: float) -> None:
        # Chargebee does not say when it was done, only that it is.
        self.log.info("Export %s: completed, within %.0f s after it was requested", export_id, took)

    def _act_on(self, job: JobRecord, status: ExportStatus, deadline: float, since: float) -> dict[str, Any]:
        if status is ExportStatus.COMPLETED:
            return job.to_dict()
        if status is ExportStatus.FAILED:
            try:
                job = self._restart(job)
            except (ThrottledError, UnavailableError) as error:
                self._defer_restart(job, error.retry_after, deadline, since)
        self._defer_until_ready(job, deadline, since)

    def _restart(self, job: JobRecord) -> JobRecord:
        if job.restarts >= self.max_restarts:
            tries = counted(self.max_restarts + 1, "try", "tries")
            raise AirflowFailException(
                f"Export {job.export_id}: Chargebee failed it, {job.restarts + 1} of {tries}. It gives no reason. A large "
                "export usually passes with a narrower window."
            )
        job = self._to_restart(job)
        export = self._hook().create_export(
            job.resource,
            job.wire_fields,
            idempotency_key=restart_key(job),
            business_entity_id=job.business_entity_id,
        )
        self.log.warning(
            "Export %s: Chargebee failed it. It was requested again as export %s.", job.export_id, export.id
        )
        return job.restarted(export.id, export.created_at)

    def _defer_until_ready(self, job: JobRecord, deadline: float, since: float) -> NoReturn:
        settings = self._hook().settings
        poll_interval = settings.checked_poll_interval(self.poll_interval)
        self.defer(
            trigger=ExportReadyTrigger(
                chargebee_conn_id=self.chargebee_conn_id,
                export_id=job.export_id,
                business_entity_id=self._entity(job),
                poll_interval=poll_interval,
                max_poll_interval=max(poll_interval, self.max_poll_interval or settings.max_poll_interval),
                outage_timeout=self.outage_timeout,
                deadline=deadline,
                since=since,
                carry=self._carry(job, deadline, since),
            ),
            method_name="execute_complete",
        )
        raise AssertionError("defer() always raises")

    def _defer_restart(self, job: JobRecord, retry_after: float | None, deadline: float, since: float) -> NoReturn:
        self.log.info(
            "Export %s: Chargebee failed it. The task waits in the triggerer to request it again.", job.export_id
        )
        job = self._to_restart(job)
        self.defer(
            trigger=ExportSlotTrigger(
                chargebee_conn_id=self.chargebee_conn_id,
                resource=job.resource,
                wire_fields=dict(job.wire_fields),
                idempotency_key=restart_key(job),
                business_entity_id=job.business_entity_id,
                retry_interval=self._hook().settings.checked_poll_interval(self.poll_interval),
                retry_after=retry_after,
                deadline=deadline,
                since=since,
                carry=self._carry(job, deadline, since),
            ),
            method_name="restart_complete",
        )
        raise AssertionError("defer() always raises")

    def _carry(self, job: JobRecord, deadline: float, since: float) -> dict[str, Any]:
        return {"job": job.to_dict(), "deadline": deadline, "since": since, "try_number": self._try_number}

    @staticmethod
    def _carried(details: Mapping[str, Any]) -> tuple[JobRecord, float, float]:
        carry = details["carry"]
        return JobRecord.from_dict(carry["job"]), carry["deadline"], carry["since"]

    def _seconds(self) -> float:
        return float(self.timeout.total_seconds() if hasattr(self.timeout, "total_seconds") else self.timeout)

    def _raise(self, outcome: Outcome, details: Mapping[str, Any]) -> NoReturn:
        if outcome is Outcome.TIMED_OUT:
            raise AirflowSensorTimeout(clean_line(details.get("message")))
        raise_outcome(outcome, details)
