"""The operator that requests an export from Chargebee."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from chargebee_operators._compat import AirflowException, BaseOperator
from chargebee_operators.chargebee.export_spec import ExportSpec
from chargebee_operators.chargebee.jobs import JobRecord, idempotency_key, new_job
from chargebee_operators.chargebee.pending_export import PendingExport, Requested
from chargebee_operators.chargebee.settling import SETTLE, Settling
from chargebee_operators.chargebee.trigger_events import Outcome, is_of_another_try, read_event
from chargebee_operators.chargebee.windows import Window, iso, window_of
from chargebee_operators.common.argument_checks import check_not_templated, check_seconds, duration, is_template
from chargebee_operators.common.exceptions import (
    ThrottledError,
    UnavailableError,
)
from chargebee_operators.common.foreign_text import clean
from chargebee_operators.common.polling import next_try
from chargebee_operators.hooks import ChargebeeHook
from chargebee_operators.lineage import Traced
from chargebee_operators.links import SITE, ChargebeeSiteLink
from chargebee_operators.run_window import seconds_until_settled, window_beside_snapshot, window_of_run
from chargebee_operators.task_errors import failing_fast, raise_outcome
from chargebee_operators.triggers import ExportSlotTrigger

if TYPE_CHECKING:
    from chargebee_operators._compat import Context
    from chargebee_operators.chargebee.api import Export
    from chargebee_operators.chargebee.connection import SiteSettings


class ChargebeeExportOperator(Traced, BaseOperator):
    """Requests an export from Chargebee and returns its job record, without waiting for the data.

    It waits until the window has ended and settled, by Chargebee's clock. When all five export slots of the site are
    taken, or Chargebee can't be reached, it waits as well, and requests the export with the same idempotency key. All of
    this happens in the triggerer. An Airflow retry finds the export that an earlier try has requested. Clear the task for
    a new export.

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
    :param settle: how long after the window's end the export is requested, in seconds or as a timedelta. Chargebee shows
        some changes late, and an export that is requested at once would miss them for good. It does not count for
        snapshots, nor for windows that ended longer ago.
    :param slot_timeout: seconds to wait for a free slot or for an answer before the task fails. A window that ends later
        than this from now is refused.
    :param retry_interval: seconds before the next try, doubling up to six times of it.
    :param deferrable: wait in the triggerer; in the worker when False.
    :raises SettingsError: at parse time, for a resource, field or filter that Chargebee does not have.
    :raises AirflowFailException: for what no retry can correct: a wrong key, a refused request, no window, a window that
        ends long after the present.
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
        settle: float | timedelta = SETTLE,
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
        self.settle = settle
        self.slot_timeout = slot_timeout
        self.retry_interval = retry_interval
        self.deferrable = deferrable
        self._check()

    def _check(self) -> None:
        """Refuse at parse time what can be known to be wrong then."""
        check_not_templated("export_type", self.export_type)
        self._spec.check()
        for name in ("slot_timeout", "retry_interval"):
            check_seconds(name, getattr(self, name))
        duration("settle", self.settle)
        if not is_template(self.window_start) and not is_template(self.window_end):
            window_of(self.window_start, self.window_end)

    @property
    def _spec(self) -> ExportSpec:
        """What the export holds; with templates once they are rendered."""
        return ExportSpec(self.resource, self.window_field, self.snapshot, self.filters, self.export_type)

    def execute(self, context: Context) -> dict[str, Any]:
        """Request the export. Where it has to wait for that, defer."""
        with failing_fast():
            window = self._window(context)
            hook = ChargebeeHook(self.chargebee_conn_id)
            job = self._job(window, hook.settings)
            pending = PendingExport(job, self._idempotency_key(context, job))
            settling = self._settling(job)
            seconds = seconds_until_settled(hook, settling, self.slot_timeout) if settling else 0.0
            return self._request_after(seconds, hook, pending, context)

    def execute_complete(self, context: Context, event: Any) -> dict[str, Any]:
        """Resume when the trigger has requested the export, or has given up."""
        outcome, details = read_event(event)
        if is_of_another_try(details, context["ti"].try_number):
            return self.execute(context)
        if outcome is not Outcome.CREATED:
            raise_outcome(outcome, details)
        with failing_fast():
            pending = PendingExport.of_carry(details["carry"], lambda job: self._idempotency_key(context, job))
            hook = ChargebeeHook(self.chargebee_conn_id)
            return self._requested(hook, pending, Requested.of_event(details), context)

    def _window(self, context: Context) -> Window | None:
        of_run = window_beside_snapshot if self._spec.is_snapshot else window_of_run
        return of_run(context, self.window_start, self.window_end)

    def _job(self, window: Window | None, settings: SiteSettings) -> JobRecord:
        """Return the record of the job that is about to be requested: all of it but its id and its time."""
        spec = self._spec
        return new_job(
            export_id="",
            resource=self.resource,
            site=settings.site,
            domain=settings.domain,
            wire_fields=spec.fields(window),
            window=window,
            window_field=spec.bounded_by,
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

    def _settling(self, job: JobRecord) -> Settling | None:
        """Return when the window has settled; None for a snapshot."""
        return Settling(job.window.end, duration("settle", self.settle)) if job.window else None

    def _request_after(
        self, seconds: float, hook: ChargebeeHook, pending: PendingExport, context: Context
    ) -> dict[str, Any]:
        """Request the export when so many seconds have passed."""
        if seconds:
            self.log.info(
                "Window %s: it has not settled yet. The export is requested in %.0f s.", pending.job.window, seconds
            )
            if self.deferrable:
                self._defer(pending, context, not_before=time.time() + seconds)
            time.sleep(seconds)
        try:
            export = self._create(hook, pending)
        except (ThrottledError, UnavailableError) as error:
            refused = error
        else:
            return self._requested(hook, pending, Requested.of(export), context)
        if self.deferrable:
            self.log.info("%s The task waits in the triggerer and tries again.", refused)
            self._defer(pending, context, retry_after=refused.retry_after)
        export = self._try_until(hook, pending, refused)
        return self._requested(hook, pending, Requested.of(export), context)

    def _requested(
        self, hook: ChargebeeHook, pending: PendingExport, requested: Requested, context: Context
    ) -> dict[str, Any]:
        """Return the record of an export, if it was requested late enough; if not, request another one later."""
        settling, job = self._settling(pending.job), pending.job
        if settling is None or not settling.is_too_early(requested.created_at):
            return self._accepted(job, requested)
        self.log.warning("%s", pending.early_sentence(requested, settling))
        seconds = settling.seconds_left(requested.answered_at or requested.created_at)
        return self._request_after(seconds, hook, pending.after(requested.export_id), context)

    def _create(self, hook: ChargebeeHook, pending: PendingExport) -> Export:
        job = pending.job
        return hook.create_export(
            job.resource, job.wire_fields, idempotency_key=pending.key, business_entity_id=job.business_entity_id
        )

    def _try_until(
        self, hook: ChargebeeHook, pending: PendingExport, error: ThrottledError | UnavailableError
    ) -> Export:
        """Wait in the worker, for deployments without a triggerer."""
        deadline, tries = time.monotonic() + self.slot_timeout, 1
        while (delay := next_try(tries, self.retry_interval, error.retry_after)) < deadline - time.monotonic():
            self.log.info("%s Trying again in %.0f s.", error, delay)
            time.sleep(delay)
            try:
                return self._create(hook, pending)
            except (ThrottledError, UnavailableError) as refused:
                error, tries = refused, tries + 1
        raise AirflowException(f"Export of {self.resource}: gave up after {self.slot_timeout:.0f} s. {error}")

    def _defer(
        self,
        pending: PendingExport,
        context: Context,
        *,
        retry_after: float | None = None,
        not_before: float | None = None,
    ) -> NoReturn:
        """Wait in the triggerer.

        :param retry_after: seconds that Chargebee asked to wait.
        :param not_before: epoch seconds before which the export must not be requested.
        """
        now, job = time.time(), pending.job
        context["ti"].xcom_push(key=SITE, value={"site": job.site, "domain": job.domain})
        self.defer(
            trigger=ExportSlotTrigger(
                chargebee_conn_id=self.chargebee_conn_id,
                resource=job.resource,
                wire_fields=dict(job.filters),
                idempotency_key=pending.key,
                business_entity_id=job.business_entity_id,
                retry_interval=self.retry_interval,
                retry_after=retry_after,
                not_before=not_before,
                deadline=max(now, not_before or now) + self.slot_timeout,
                since=now,
                carry=pending.carry(context["ti"].try_number),
            ),
            method_name="execute_complete",
        )
        raise AssertionError("defer() always raises")

    def _accepted(self, job: JobRecord, requested: Requested) -> dict[str, Any]:
        export_id = requested.export_id
        job = replace(job, export_id=export_id, requested_at=iso(requested.created_at))
        self.log.info("Export %s: %s of site %s, requested at %s", export_id, job.resource, job.site, job.requested_at)
        self.log.info("Export %s: %s", export_id, job.contents)
        if job.further_filters:
            self.log.info("Export %s: filters %s", export_id, clean(job.further_filters))
        self.trace(job)
        return job.to_dict()
