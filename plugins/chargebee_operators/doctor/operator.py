"""The operator that examines a real site, bucket and deployment, and reports in plain words."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from chargebee_operators._compat import (
    AirflowException,
    AirflowFailException,
    BaseOperator,
    backfill_command,
    plugins_folder,
)
from chargebee_operators.chargebee.resources import PRODUCT_CATALOG_2, get_resource
from chargebee_operators.chargebee.trigger_events import Outcome as TriggerOutcome
from chargebee_operators.chargebee.trigger_events import read_event
from chargebee_operators.chargebee.windows import compact
from chargebee_operators.common.argument_checks import check_flag, check_seconds, check_whole_number, is_template
from chargebee_operators.common.exceptions import ChargebeeApiError, SettingsError
from chargebee_operators.common.foreign_text import clean
from chargebee_operators.common.run_configuration import check_configuration
from chargebee_operators.doctor.bucket import check_bucket_rights
from chargebee_operators.doctor.delivery import Delivery
from chargebee_operators.doctor.deployment import check_deployment
from chargebee_operators.doctor.exports import report_filters, report_runs, wanted_exports
from chargebee_operators.doctor.findings import Level, Report
from chargebee_operators.doctor.jobs import ExportRuns
from chargebee_operators.doctor.look_report import LookReport
from chargebee_operators.doctor.records import RecordSample
from chargebee_operators.doctor.sample_file import SampleFile
from chargebee_operators.doctor.site import check_connection
from chargebee_operators.doctor.windows import exported_windows, report_windows
from chargebee_operators.hooks import ChargebeeHook
from chargebee_operators.partition.committed import committed_manifests
from chargebee_operators.partition.key_templates import join
from chargebee_operators.s3.connection import check_bucket_name, s3_hook
from chargebee_operators.s3.upload_args import for_manifest
from chargebee_operators.task_errors import failing_fast
from chargebee_operators.triggers import ExportReadyTrigger

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    from chargebee_operators._compat import Context

# Seconds that the task may wait in the triggerer before it reports without it; and that Airflow waits for more, to end a
# wait that no triggerer has taken.
_DEFERRED, _NO_TRIGGERER = 15 * 60, 2 * 60
# What Airflow gives as the method to go on with when it has ended a wait itself.
_FAILED_WAIT = "__fail__"


def refuse_configuration(context: Context) -> None:
    """Refuse a run that was triggered with a configuration: for ``pre_execute`` of the task in a DAG without parameters.

    :raises AirflowFailException: when the run has one.
    """
    with failing_fast():
        check_configuration(getattr(context.get("dag_run"), "conf", None), [])


class ChargebeeDoctorOperator(BaseOperator):
    """Measures what the documentation of Chargebee does not say, on the real site and the real bucket.

    It requests one small export of each resource, for a day in the far future: a row in it proves that Chargebee ignored
    the filter. It requests an export with rows of a few resources, and compares times and amounts with the API. It tries
    each S3 call of an upload, and looks for gaps between the windows that were exported so far. The task fails only on a
    finding that is ``wrong``.

    :param s3_bucket: the bucket of the exports. (templated)
    :param prefix: what its keys begin with, without placeholders; the report goes to ``{prefix}/doctor/``. (templated)
    :param chargebee_conn_id: the Airflow connection of the site. (templated)
    :param aws_conn_id: the AWS connection; None for boto3's own search for credentials. (templated)
    :param resource_names: the resources to try; Product Catalog 2.0 by default.
    :param look_at: names of those of which an export with rows is requested.
    :param look_days: how many days these exports cover.
    :param extra_args: as the upload tasks have them, for example encryption and tags. (templated)
    :param timeout: seconds for all exports together.
    :param poll_interval: seconds between two looks; the connection's (10) by default.
    :param deferrable: wait for the first export in the triggerer, which proves that one runs.
    :raises SettingsError: at parse time, for an unknown resource, an empty bucket or a prefix with placeholders.
    :raises AirflowFailException: when a finding is wrong; the report is written before.
    """

    template_fields: Sequence[str] = ("s3_bucket", "prefix", "chargebee_conn_id", "aws_conn_id", "extra_args")
    ui_color = "#e8dcf5"

    def __init__(
        self,
        *,
        s3_bucket: str,
        prefix: str = "chargebee",
        chargebee_conn_id: str = ChargebeeHook.default_conn_name,
        aws_conn_id: str | None = "aws_default",
        resource_names: Sequence[str] = PRODUCT_CATALOG_2,
        look_at: Sequence[str] = ("customers", "subscriptions", "invoices"),
        look_days: int = 30,
        extra_args: Mapping[str, Any] | None = None,
        timeout: float = 40 * 60,
        poll_interval: float | None = None,
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.s3_bucket = s3_bucket
        self.prefix = prefix
        self.chargebee_conn_id = chargebee_conn_id
        self.aws_conn_id = aws_conn_id
        self.resource_names = list(resource_names)
        self.look_at = [each for each in look_at if each in self.resource_names]
        self.look_days = look_days
        self.extra_args = extra_args
        self.timeout = timeout
        self.poll_interval = poll_interval
        self.deferrable = deferrable
        check_bucket_name(s3_bucket)
        if not is_template(prefix) and ("{" in prefix or "}" in prefix):
            raise SettingsError(
                f"prefix is {prefix!r}: it takes no placeholders. Give what comes before the first one, "
                f"{prefix.partition('{')[0]!r}."
            )
        check_whole_number("look_days", look_days, 1)
        check_seconds("timeout", timeout)
        check_flag("deferrable", deferrable)
        for name in (*self.resource_names, *look_at):
            get_resource(name)

    def execute(self, context: Context) -> Any:
        """Request the first export, and wait for it in the triggerer; then do the rest."""
        with failing_fast():
            hook = ChargebeeHook(self.chargebee_conn_id)
            if not self.deferrable:
                return self._examine(context, hook, None)
            wanted = self._wanted(context)
            name = next(iter(wanted), None)
            if name is None or not hook.test_connection()[0]:
                return self._examine(context, hook, None)
            first = wanted[name]
            export = None
            with suppress(ChargebeeApiError):  # the examination requests it again, and reports the error
                export = hook.create_export(first.resource, first.fields, idempotency_key=first.key)
            if export is None:
                return self._examine(context, hook, None)
            now, interval = time.time(), self._interval(hook)
            self.log.info("Export %s: waiting in the triggerer, at most %.0f s", export.id, _DEFERRED)
            self.defer(
                trigger=ExportReadyTrigger(
                    chargebee_conn_id=self.chargebee_conn_id,
                    export_id=export.id,
                    poll_interval=interval,
                    max_poll_interval=interval,
                    outage_timeout=_DEFERRED,
                    deadline=now + _DEFERRED,
                    since=now,
                ),
                method_name="execute_complete",
                timeout=timedelta(seconds=_DEFERRED + _NO_TRIGGERER),
            )
        raise AssertionError("defer() always raises")

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after the wait. Where Airflow has ended it itself, as without a triggerer, report that and do the rest."""
        if next_method != _FAILED_WAIT:
            return super().resume_execution(next_method, next_kwargs, context)
        try:
            super().resume_execution(next_method, next_kwargs, context)
        except AirflowException as error:
            says = f"Airflow ended the wait in the triggerer ({error})."
            if "timeout" in str(error).lower():
                says = f"No triggerer has taken the task within {(_DEFERRED + _NO_TRIGGERER) // 60} minutes."
        with failing_fast():
            return self._examine(context, ChargebeeHook(self.chargebee_conn_id), None, says)

    def execute_complete(self, context: Context, event: Any) -> Any:
        """Resume after the triggerer, and do the rest."""
        outcome, _ = read_event(event)
        with failing_fast():
            return self._examine(context, ChargebeeHook(self.chargebee_conn_id), outcome)

    def _examine(
        self, context: Context, hook: ChargebeeHook, triggerer: TriggerOutcome | None, failed_wait: str = ""
    ) -> dict[str, Any]:
        report = Report(hook.settings.site)
        check_deployment(plugins_folder(), report)
        if failed_wait:
            report.wrong(
                "airflow", failed_wait, "Start a triggerer, or read its log; or set deferrable=False for all tasks."
            )
        elif triggerer in (TriggerOutcome.COMPLETED, TriggerOutcome.FAILED):
            report.ok("airflow", "The triggerer runs, and reaches Chargebee.")
        elif triggerer is not None:
            report.wrong(
                "airflow", f"The triggerer runs, but its wait ended as {triggerer}.", "Read the triggerer's log."
            )
        elif not self.deferrable:
            report.ok("airflow", "The triggerer was not tried, because deferrable is False.")
        if check_connection(hook, self.resource_names, report):
            self._exports(context, hook, report)
        s3 = s3_hook(self.aws_conn_id)
        accepted = check_bucket_rights(s3, self.s3_bucket, self.prefix, self.extra_args or {}, report)
        self._windows(s3, report)
        return self._end(report, s3, accepted)

    def _exports(self, context: Context, hook: ChargebeeHook, report: Report) -> None:
        runs = ExportRuns(hook, self._interval(hook), self.timeout)
        outcomes = runs.run(self._wanted(context))
        report_runs(runs, outcomes, report)
        delivery = Delivery(hook, report)
        records = RecordSample(hook, report)
        look = LookReport(report, records.fetch, hook.settings.window_timezone)
        samples: dict[str, dict[str, list[SampleFile]]] = {"empty": {}, "look": {}}
        for name, each in outcomes.items():
            kind, _, resource = name.partition(" ")
            files = delivery.fetch(each.export.id) if each.is_ready and each.export else None
            if files is not None:
                samples[kind][resource] = files
        report_filters(samples["empty"], report)
        for resource, files in samples["look"].items():
            look.add(resource, files)
        look.finish()
        records.finish()
        delivery.finish()

    def _windows(self, s3: S3Hook, report: Report) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            manifests = committed_manifests(s3.get_conn(), self.s3_bucket, self.prefix)
        except ClientError as error:
            why = clean(error.response.get("Error", {}).get("Code", ""))
        except (BotoCoreError, OSError) as error:
            why = type(error).__name__
        else:
            report_windows(exported_windows(manifests, report.site), datetime.now(UTC), backfill_command, report)
            return
        report.attention("windows", f"The manifests could not be read ({why}), so gaps are not known.")

    def _wanted(self, context: Context) -> dict[str, Any]:
        until = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        return wanted_exports(self.resource_names, self.look_at, self.look_days, str(context["ti"].run_id), until)

    def _interval(self, hook: ChargebeeHook) -> float:
        return hook.settings.checked_poll_interval(self.poll_interval)

    def _end(self, report: Report, s3: S3Hook, extra_args: Mapping[str, Any]) -> dict[str, Any]:
        """Log the report, write it to the bucket, and fail on what is wrong."""
        from botocore.exceptions import BotoCoreError, ClientError

        for line in report.lines():
            self.log.info("%s", line)
        now = compact(datetime.now(UTC))
        key = join(self.prefix.strip("/"), f"doctor/site={report.site}/{now}.json")
        body = json.dumps(report.to_dict(), indent=2, ensure_ascii=False, default=str).encode()
        try:
            s3.get_conn().put_object(Bucket=self.s3_bucket, Key=key, Body=body, **for_manifest(extra_args))
            self.log.info("The report is at s3://%s/%s", self.s3_bucket, key)
        except (BotoCoreError, ClientError, OSError) as error:
            self.log.warning(
                "The report could not be written to s3://%s/%s (%s)", self.s3_bucket, key, type(error).__name__
            )
        wrong = [each.says for each in report.findings if each.level is Level.WRONG]
        if wrong:
            raise AirflowFailException(f"{report.verdict} {' '.join(wrong[:5])}")
        return {"verdict": report.verdict, "report": f"s3://{self.s3_bucket}/{key}", "settings": report.settings}
