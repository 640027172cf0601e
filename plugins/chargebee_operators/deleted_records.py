"""The operator that lists what was deleted in Chargebee, and writes it to S3 as a table."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from chargebee_operators._compat import AirflowException, BaseOperator
from chargebee_operators.chargebee.deletions import (
    COLUMN_TYPES,
    DELETED_RECORDS,
    WINDOW_FIELD,
    deletions_csv,
)
from chargebee_operators.chargebee.events import Event, EventQuery
from chargebee_operators.chargebee.jobs import JobRecord, listing_id, new_job
from chargebee_operators.chargebee.resources import check_business_entity
from chargebee_operators.chargebee.settling import SETTLE, Settling
from chargebee_operators.chargebee.trigger_events import Outcome, is_of_another_try, read_event
from chargebee_operators.chargebee.windows import Window, iso, window_of
from chargebee_operators.checks.event_proof import event_proof
from chargebee_operators.common.argument_checks import check_seconds, duration, is_template
from chargebee_operators.common.exceptions import SettingsError, ThrottledError, UnavailableError
from chargebee_operators.common.polling import next_try
from chargebee_operators.common.task_log import task_log
from chargebee_operators.formats.column_types import ColumnTypes
from chargebee_operators.formats.file_format import get_format
from chargebee_operators.formats.made_csv import MadeCsv
from chargebee_operators.formats.parquet import ParquetSettings
from chargebee_operators.hooks import ChargebeeHook
from chargebee_operators.links import ChargebeeSiteLink, S3PartitionLink
from chargebee_operators.partition.commit import S3Partition
from chargebee_operators.partition.key_templates import DEFAULT_MANIFEST_NAME, DEFAULT_OBJECT_NAME, DEFAULT_PREFIX
from chargebee_operators.partition.landing import Landing
from chargebee_operators.partition.verdict import Checks
from chargebee_operators.partition_task import PartitionTask
from chargebee_operators.run_window import seconds_until_settled, window_of_run
from chargebee_operators.task_errors import failing_fast, raise_outcome
from chargebee_operators.triggers import NOT_SETTLED, WakeTrigger

if TYPE_CHECKING:
    from chargebee_operators._compat import Context

log = task_log(__name__)

BUSY = "waiting until Chargebee answers"


class ChargebeeDeletedRecordsOperator(PartitionTask, BaseOperator):
    """Lists what was deleted in Chargebee in a window, and writes it to S3 as the table ``deleted_records``.

    No export shows deletions. Chargebee's events do: one of the kind ``<record>_deleted`` for each record that is deleted.
    The partition has the same layout, formats, manifest and commit as that of an export. Memory does not grow with the number
    of deletions.

    The task waits in the triggerer until the window has settled, and while Chargebee is busy. Once it has begun to list, it
    waits in the worker, at most a quarter of an hour for each page.

    :param s3_bucket: the bucket's name. (templated)
    :param window_start: start of the window, inclusive, ISO 8601 or a datetime; the run's data interval when both ends are
        empty. (templated)
    :param window_end: end of the window, exclusive. (templated)
    :param s3_prefix: what all keys begin with, as ``ChargebeeExportToS3Operator`` takes it. (templated)
    :param object_name: the rest of an object's key; likewise. ``{table}`` and ``{resource}`` are ``deleted_records``.
        (templated)
    :param manifest_name: the rest of the manifest's key; likewise. (templated)
    :param file_format: ``csv.gz``, ``csv`` or ``parquet`` (needs pyarrow). In Parquet times are ``timestamp[s, UTC]``,
        ``resource_version`` is an integer, and ``deleted`` a boolean.
    :param chargebee_conn_id: the Chargebee connection. (templated)
    :param business_entity_id: overrides the connection's business entity. (templated)
    :param aws_conn_id: the AWS connection; None for boto3's own search for credentials. (templated)
    :param extra_args: for each upload, as boto3's ``upload_fileobj`` takes them. (templated)
    :param transfer_config_args: of ``boto3.s3.transfer.TransferConfig``, as ``ChargebeeExportToS3Operator`` takes them.
    :param settle: how long after the window's end the events are listed, in seconds or as a timedelta. Chargebee shows some
        of them late. It does not count for windows that ended longer ago.
    :param wait_timeout: seconds to wait for Chargebee, once the window has settled, before the task fails. A window that
        ends later than this from now is refused.
    :param retry_interval: seconds before the next try while Chargebee is busy, doubling up to six times of it. Chargebee's
        ``Retry-After`` is respected.
    :param keep_latest_only: as ``ChargebeeExportToS3Operator`` takes it.
    :param replace_other_window: likewise. (templated)
    :param verify: ask S3 for the object's size, ETag and checksum before the manifest is written.
    :param asset_partitions: as ``ChargebeeExportToS3Operator`` takes it.
    :param deferrable: wait in the triggerer; in the worker when False.
    :raises SettingsError: at parse time, for an empty bucket, a format that is not one of these, or a wrong template.
    :raises AirflowFailException: for what no retry can correct: a wrong key, no window, a missing bucket, or an event outside of
        the window, which shows that Chargebee ignored a filter. Nothing is published then.
    """

    template_fields: Sequence[str] = (
        "window_start",
        "window_end",
        "s3_bucket",
        "s3_prefix",
        "object_name",
        "manifest_name",
        "replace_other_window",
        "chargebee_conn_id",
        "business_entity_id",
        "aws_conn_id",
        "extra_args",
    )
    template_fields_renderers = {"extra_args": "json"}
    operator_extra_links = (ChargebeeSiteLink(), S3PartitionLink())
    ui_color = "#f3dcdc"

    def __init__(
        self,
        *,
        s3_bucket: str,
        window_start: str | datetime | None = None,
        window_end: str | datetime | None = None,
        s3_prefix: str = DEFAULT_PREFIX,
        object_name: str = DEFAULT_OBJECT_NAME,
        manifest_name: str = DEFAULT_MANIFEST_NAME,
        file_format: str = "csv.gz",
        chargebee_conn_id: str = ChargebeeHook.default_conn_name,
        business_entity_id: str | None = None,
        aws_conn_id: str | None = "aws_default",
        extra_args: Mapping[str, Any] | None = None,
        transfer_config_args: Mapping[str, Any] | None = None,
        settle: float | timedelta = SETTLE,
        wait_timeout: float = 12 * 60 * 60,
        retry_interval: float = 10,
        keep_latest_only: bool = False,
        replace_other_window: bool | str = False,
        verify: bool = True,
        asset_partitions: bool = False,
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.s3_bucket = s3_bucket
        self.window_start = window_start
        self.window_end = window_end
        self.s3_prefix = s3_prefix
        self.object_name = object_name
        self.manifest_name = manifest_name
        self.file_format = file_format
        self.chargebee_conn_id = chargebee_conn_id
        self.business_entity_id = business_entity_id
        self.aws_conn_id = aws_conn_id
        self.extra_args = extra_args
        self.transfer_config_args = transfer_config_args
        self.settle = settle
        self.wait_timeout = wait_timeout
        self.retry_interval = retry_interval
        self.keep_latest_only = keep_latest_only
        self.replace_other_window = replace_other_window
        self.verify = verify
        self.asset_partitions = asset_partitions
        self.deferrable = deferrable
        self._check()

    def _check(self) -> None:
        """Refuse at parse time what can be known to be wrong then."""
        if self.file_format == "zip":
            raise SettingsError(
                "file_format 'zip' keeps a download as it is, and deleted records are not downloaded: choose csv.gz, csv or "
                "parquet."
            )
        get_format(self.file_format)
        for name in ("wait_timeout", "retry_interval"):
            check_seconds(name, getattr(self, name))
        duration("settle", self.settle)
        check_business_entity(self.business_entity_id)
        if not is_template(self.window_start) and not is_template(self.window_end):
            window_of(self.window_start, self.window_end)
        self.check_destination()

    def execute(self, context: Context) -> dict[str, Any]:
        """List the events, commit the partition, and return what was written. Where it has to wait, defer."""
        return self._land(context, since=time.time(), tries=0)

    def execute_complete(self, context: Context, event: Any) -> dict[str, Any]:
        """Resume when the time has come to try again, or the trigger has given up."""
        outcome, details = read_event(event)
        if is_of_another_try(details, context["ti"].try_number):
            return self.execute(context)
        if outcome is not Outcome.AWAKE:
            raise_outcome(outcome, details)
        return self._land(context, since=details["carry"]["since"], tries=details["carry"]["tries"])

    def _land(self, context: Context, since: float, tries: int) -> dict[str, Any]:
        """Write the partition.

        :param since: epoch seconds at which the task began to wait.
        :param tries: how often in a row Chargebee was busy.
        """
        with failing_fast(), self.killable():
            hook = ChargebeeHook(self.chargebee_conn_id)
            window = window_of_run(context, self.window_start, self.window_end)
            oldest, kinds, now = self._look(hook, window, context, since, tries)
            query = EventQuery(window, kinds, self.business_entity_id)
            job, file_format = self._job(hook, query, now, context), get_format(self.file_format)

            def fill(partition: S3Partition) -> Landing:
                parquet = ParquetSettings(ColumnTypes(COLUMN_TYPES), timezone="UTC")
                # The events are compared with the window as they are read, and the columns are always the same.
                landing = Landing(job, partition, file_format, Checks("off", column_changes="off"), parquet)
                events = hook.events(window, query.event_types, business_entity_id=query.business_entity_id)
                landing.send_csv(MadeCsv(f"{DELETED_RECORDS}.csv", deletions_csv(events)))
                self._describe(landing, job, window, oldest)
                landing.judge()
                return landing

            landed = self.land(context, job, file_format, fill)
            return {**landed, "events_from": iso(oldest.occurred_at) if oldest else None}

    def _look(
        self, hook: ChargebeeHook, window: Window, context: Context, since: float, tries: int
    ) -> tuple[Event | None, tuple[str, ...], datetime]:
        """Return Chargebee's oldest event, the site's kinds of deletions, and its clock, once the window has settled."""
        settling = Settling(window.end, duration("settle", self.settle))
        while True:
            seconds, why = seconds_until_settled(hook, settling, self.wait_timeout), NOT_SETTLED
            if seconds:
                log.info("Window %s: it has not settled yet. Its events are listed in %.0f s.", window, seconds)
            else:
                try:
                    oldest = hook.oldest_event(business_entity_id=self.business_entity_id, patience=0)
                    kinds = hook.deletion_kinds(patience=0)
                    # Looked at again, for it may not have been known before.
                    now = hook.chargebee_time() or datetime.fromtimestamp(time.time(), UTC)
                    if not settling.is_too_early(now):
                        return oldest, kinds, now
                    seconds = settling.seconds_left(now)
                except (ThrottledError, UnavailableError) as error:
                    tries, why = tries + 1, BUSY
                    seconds = next_try(tries, self.retry_interval, error.retry_after)
                    log.info("%s The task tries again in %.0f s.", error, seconds)
            deadline = max(since, settling.at.timestamp()) + self.wait_timeout
            self._wait(seconds, why, window, deadline, {"since": since, "tries": tries}, context)

    def _wait(
        self, seconds: float, why: str, window: Window, deadline: float, carry: Mapping[str, Any], context: Context
    ) -> None:
        """Wait in the triggerer, or in the worker when not deferrable.

        :param why: for the log.
        :param deadline: epoch seconds at which the task gives up.
        :param carry: what the task needs when it resumes.
        """
        what, now = f"Deleted records of {window}", time.time()
        if self.deferrable:
            self.defer(
                trigger=WakeTrigger(
                    chargebee_conn_id=self.chargebee_conn_id,
                    # A trigger that fires within seconds loses a race in Airflow 3.
                    wake_at=now + max(seconds, self.retry_interval),
                    what=what,
                    why=why,
                    deadline=deadline,
                    since=carry["since"],
                    carry={**carry, "try_number": context["ti"].try_number},
                ),
                method_name="execute_complete",
            )
        if now + seconds > deadline:
            raise AirflowException(f"{what}: gave up after {now - carry['since']:.0f} s")
        time.sleep(seconds)

    def _job(self, hook: ChargebeeHook, query: EventQuery, now: datetime, context: Context) -> JobRecord:
        """Return the record of the list, as an export has one.

        :param now: the time by Chargebee's clock.
        """
        settings, ti = hook.settings, context["ti"]
        entity = query.business_entity_id or settings.business_entity_id
        return new_job(
            # As with exports: the same for each try of a task, and another one when a person clears it.
            export_id=listing_id(settings.site, ti.dag_id, ti.run_id, ti.task_id, ti.map_index, ti.max_tries),
            resource=DELETED_RECORDS,
            site=settings.site,
            domain=settings.domain,
            wire_fields=query.fields,
            window=query.window,
            window_field=WINDOW_FIELD,
            requested_at=now,
            business_entity_id=entity,
        )

    def _describe(self, landing: Landing, job: JobRecord, window: Window, oldest: Event | None) -> None:
        """Say in the log and in the manifest what the window was confirmed by, and from when on Chargebee has events."""
        rows = sum(each.rows or 0 for each in landing.files)
        found = event_proof(window, WINDOW_FIELD, rows, oldest.occurred_at if oldest else None)
        landing.window_proof, landing.events_from = found.proof, found.events_from
        landing.warnings += found.warnings
        log.info("Export %s: %s", job.export_id, found.proof.says)
        log.info("Export %s: Chargebee has events from %s on", job.export_id, found.events_from or "no time")
