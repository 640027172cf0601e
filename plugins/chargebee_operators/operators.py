"""The operator that asks Chargebee for an export."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

from chargebee_operators._compat import AirflowException, BaseOperator
from chargebee_operators.chargebee.filters import Fields, export_fields
from chargebee_operators.chargebee.jobs import JobRecord, idempotency_key, new_job
from chargebee_operators.chargebee.resources import get_resource
from chargebee_operators.chargebee.trigger_events import Outcome, is_of_another_try, read_event
from chargebee_operators.chargebee.windows import Window, iso, window_of
from chargebee_operators.common.argument_checks import check_seconds, is_template
from chargebee_operators.common.exceptions import SettingsError, ThrottledError, UnavailableError
from chargebee_operators.common.foreign_text import clean
from chargebee_operators.common.polling import next_try
from chargebee_operators.hooks import ChargebeeHook
from chargebee_operators.links import ChargebeeSiteLink
from chargebee_operators.task_errors import failing_fast, raise_outcome
from chargebee_operators.triggers import ExportSlotTrigger

if TYPE_CHECKING:
    from chargebee_operators._compat import Context
    from chargebee_operators.chargebee.api import Export
    from chargebee_operators.chargebee.connection import SiteSettings
    from chargebee_operators.chargebee.resources import Resource


class ChargebeeExportOperator(BaseOperator):
    """Asks Chargebee to prepare an export and returns its job record, without waiting for the data.

    When all five export slots of the site are taken, or Chargebee cannot be reached, it waits in the triggerer and
    asks again with the same idempotency key. An Airflow retry finds the job that an earlier try has started; clearing
    the task asks for a new one.

    :param resource: what to export, ``customers`` say; one of ``resources.RESOURCE_NAMES``.
    :param window_start: start of the window, inclusive, ISO 8601 or a datetime; the run's data interval when both
        ends are empty. (templated)
    :param window_end: end of the window, exclusive. (templated)
    :param window_field: the time field that the window bounds; ``updated_at`` by default where the export has it.
    :param snapshot: take everything, without a time filter; the partition is named after the time of the request. (templated)
    :param filters: further filters, flat (``{"customer[auto_collection][is]": "on"}``) or nested. Checked against
        Chargebee's API description when the DAG is parsed. (templated)
    :param export_type: ``data`` or ``import_friendly_data``; only for customers, subscriptions and ramps.
    :param business_entity_id: overrides the connection's business entity. (templated)
    :param chargebee_conn_id: the Airflow connection. (templated)
    :param slot_timeout: seconds to wait for a free slot or for an answer before the task fails.
    :param retry_interval: seconds before asking again, doubling up to six times of it.
    :param deferrable: wait in the triggerer; in the worker when False.
    :raises SettingsError: at parse time, for a resource, field or filter that Chargebee does not have.
    :raises AirflowFailException: for what no retry can mend: a wrong key, a refused request, no window.
    """

    template_fields: Sequence[str] = (
        "window_start",
        "window_end",
        "snapshot",
        "filters",
        "business_entity_id",
        "chargebee_conn_id",
    )
    template_fields_renderers = {"filters": "json"}
    operator_extra_links = (ChargebeeSiteLink(),)
    ui_color = "#ffe9d6"

    def __init__(
        self,
        *,
        resource: str,
        window_start: str | datetime | None = None,
        window_end: str | datetime | None = None,
        window_field: str | None = None,
        snapshot: bool | str = False,
        filters: Mapping[str, Any] | None = None,
        export_type: str | None = None,
        business_entity_id: str | None = None,
        chargebee_conn_id: str = ChargebeeHook.default_conn_name,
        slot_timeout: float = 12 * 60 * 60,
        retry_interval: float = 10,
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.resource = resource
        self.window_start = window_start
        self.window_end = window_end
        self.window_field = window_field
        self.snapshot = snapshot
        self.filters = filters
        self.export_type = export_type
        self.business_entity_id = business_entity_id
        self.chargebee_conn_id = chargebee_conn_id
        self.slot_timeout = slot_timeout
        self.retry_interval = retry_interval
        self.deferrable = deferrable
        self._check()

    def _check(self) -> None:
        """Refuse at parse time what can be known to be wrong then."""
        kind = get_resource(self.resource)
        for name in ("slot_timeout", "retry_interval"):
            check_seconds(name, getattr(self, name))
        if self.window_field is not None and self.snapshot is True:
            raise SettingsError(
                f"window_field {self.window_field!r} with snapshot=True: a snapshot has no window; drop one."
            )
        if self.window_field is not None:
            kind.check_window_field(self.window_field)
        elif self.snapshot is False and kind.default_window_field is None and not kind.is_report:
            raise SettingsError(f"The {kind.name} export has no time filter: set snapshot=True to take it whole.")
        literal = [value for value in (self.window_start, self.window_end) if not is_template(value)]
        if len(literal) == 2:
            window_of(self.window_start, self.window_end)
        if not is_template(self.filters):
            self._fields(kind, Window(datetime(2024, 1, 1), datetime(2024, 1, 2)), rendered=False)

    def execute(self, context: Context) -> dict[str, Any]:
        """Ask for the export; on a refusal for want of a slot, defer."""
        with failing_fast():
            window = self._window(context)
            hook = ChargebeeHook(self.chargebee_conn_id)
            job = self._job(window, hook.settings)
            key = self._idempotency_key(context, job)
            try:
                export = self._create(hook, job, key)
            except (ThrottledError, UnavailableError) as error:
                if not self.deferrable:
                    export = self._ask_until(hook, job, key, error)
                else:
                    self.log.info("%s The task waits in the triggerer and asks again.", error)
                    self._defer(job, key, error.retry_after, context["ti"].try_number)
            return self._accepted(job, export.id, export.created_at)

    def execute_complete(self, context: Context, event: Any) -> dict[str, Any]:
        """Resume when the trigger has started the export, or has given up."""
        outcome, details = read_event(event)
        if is_of_another_try(details, context["ti"].try_number):
            return self.execute(context)
        if outcome is not Outcome.CREATED:
            raise_outcome(outcome, details)
        with failing_fast():
            # As it was asked for, not worked out again: the DAG may have changed in the meantime.
            job = JobRecord.from_dict(details["carry"]["job"])
            return self._accepted(job, details["export_id"], datetime.fromtimestamp(details["created_at"], UTC))

    def _window(self, context: Context) -> Window | None:
        window = window_of(self.window_start, self.window_end)
        if window is None:
            # .get, for a manual run without a logical date has no interval in its context at all.
            start, end = context.get("data_interval_start"), context.get("data_interval_end")
            window = None if start == end and self._is_snapshot() else window_of(start, end)
        if window is None and not self._is_snapshot():
            raise SettingsError(
                "This run has no data interval (a manual run without a logical date): give window_start and window_end."
            )
        return window

    def _is_snapshot(self) -> bool:
        return str(self.snapshot).strip().lower() in ("true", "1")

    def _window_field(self, kind: Resource) -> str | None:
        if self._is_snapshot():
            return None
        return "month" if kind.is_report else self.window_field or kind.default_window_field

    def _fields(self, kind: Resource, window: Window | None, rendered: bool = True) -> Fields:
        snapshot = self._is_snapshot() and not kind.is_report
        return export_fields(
            kind,
            window=None if snapshot else window,
            window_field=self._window_field(kind),
            filters=self.filters,
            export_type=self.export_type,
            rendered=rendered,
        )

    def _job(self, window: Window | None, settings: SiteSettings) -> JobRecord:
        """Return the record of the job that is about to be asked for: all of it but its id and its time."""
        kind = get_resource(self.resource)
        return new_job(
            export_id="",
            resource=self.resource,
            site=settings.site,
            domain=settings.domain,
            wire_fields=self._fields(kind, window),
            window=window,
            window_field=self._window_field(kind),
            requested_at=datetime.now(UTC),
            business_entity_id=self.business_entity_id or settings.business_entity_id,
        )

    def _idempotency_key(self, context: Context, job: JobRecord) -> str:
        # max_tries grows when a person clears the task and stays when Airflow retries it: a retry gets its own job
        # again, a clear gets a new one.
        ti = context["ti"]
        task = (ti.dag_id, ti.run_id, ti.task_id, ti.map_index, ti.max_tries)
        entity = [job.business_entity_id] if job.business_entity_id else []
        return idempotency_key(job.site, job.resource, job.wire_fields, *task, *entity)

    def _create(self, hook: ChargebeeHook, job: JobRecord, key: str) -> Export:
        return hook.create_export(
            job.resource, job.wire_fields, idempotency_key=key, business_entity_id=job.business_entity_id
        )

    def _ask_until(
        self, hook: ChargebeeHook, job: JobRecord, key: str, error: ThrottledError | UnavailableError
    ) -> Export:
        """Wait in the worker, for deployments without a triggerer."""
        deadline, tries = time.monotonic() + self.slot_timeout, 1
        while (delay := next_try(tries, self.retry_interval, error.retry_after)) < deadline - time.monotonic():
            self.log.info("%s Asking again in %.0f s.", error, delay)
            time.sleep(delay)
            try:
                return self._create(hook, job, key)
            except (ThrottledError, UnavailableError) as refused:
                error, tries = refused, tries + 1
        raise AirflowException(f"Export of {self.resource}: gave up after {self.slot_timeout:.0f} s. {error}")

    def _defer(self, job: JobRecord, key: str, retry_after: float | None, try_number: int) -> NoReturn:
        now = time.time()
        self.defer(
            trigger=ExportSlotTrigger(
                chargebee_conn_id=self.chargebee_conn_id,
                resource=job.resource,
                wire_fields=dict(job.filters),
                idempotency_key=key,
                business_entity_id=job.business_entity_id,
                retry_interval=self.retry_interval,
                retry_after=retry_after,
                deadline=now + self.slot_timeout,
                since=now,
                carry={"job": job.to_dict(), "try_number": try_number},
            ),
            method_name="execute_complete",
        )
        raise AssertionError("defer() always raises")

    def _accepted(self, job: JobRecord, export_id: str, created_at: datetime) -> dict[str, Any]:
        self.log.info(
            "Export %s: %s of site %s, %s", export_id, job.resource, job.site, clean(job.filters or "everything")
        )
        return replace(job, export_id=export_id, requested_at=iso(created_at)).to_dict()
