"""The operator that compares a snapshot with what was written before, and reports what is missing."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chargebee_operators._compat import AirflowFailException, BaseOperator, backfill_command
from chargebee_operators.audit.bucket import AuditBucket
from chargebee_operators.audit.examination import Examination, Question
from chargebee_operators.audit.report import AuditReport
from chargebee_operators.audit.table_files import UnreadableFileError
from chargebee_operators.audit.windows import Schedule
from chargebee_operators.chargebee.windows import check_timezone, compact, parse_instant
from chargebee_operators.checks.clock_format import ClockFormat
from chargebee_operators.common.argument_checks import check_flag, check_not_templated, check_whole_number, is_template
from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.common.foreign_text import clean
from chargebee_operators.dag.ticks import check_cron
from chargebee_operators.hooks import ChargebeeHook
from chargebee_operators.killable import Killable
from chargebee_operators.partition.key_templates import DEFAULT_MANIFEST_NAME, DEFAULT_PREFIX, join
from chargebee_operators.s3.bucket import S3Bucket
from chargebee_operators.s3.connection import check_bucket_name, s3_hook
from chargebee_operators.s3.upload_args import for_manifest
from chargebee_operators.task_errors import failing_fast

if TYPE_CHECKING:
    from chargebee_operators._compat import Context


class ChargebeeAuditOperator(Killable, BaseOperator):
    """Compares a snapshot of a resource with everything that was written before: windows, snapshots, deletions.

    It finds records that are missing in S3, that should be gone, that have other values than in Chargebee, and that are
    there twice; files that were removed or replaced; windows for which Chargebee ignored the filter; and time that no
    window covers. It writes a report to ``{s3_prefix}/audit/reports/``, logs it, and fails when too much is wrong.

    What it compares with is what a view of the latest state shows: the newest row of each record, without the deleted
    ones. It reads the files that manifests list, each once. Memory does not grow with the rows. The disk needs room for the
    largest object and for about 150 bytes a record.

    :param snapshot: what the upload of the snapshot returned, ``upload.output``. (templated)
    :param s3_bucket: the bucket's name. (templated)
    :param due: up to when changes should be in S3, ISO 8601. (templated)
    :param changes: what the upload of the records that have changed since ``due`` returned. They are counted as not yet due.
        None when there is no such export; then each change since ``due`` is a fault. (templated)
    :param s3_prefix: of the uploads, as ``ChargebeeExportToS3Operator`` takes it. (templated)
    :param manifest_name: likewise. Jinja in it stands for any text.
    :param deletions_s3_prefix: of the table ``deleted_records``; ``s3_prefix`` when None. (templated)
    :param deletions_manifest_name: likewise; ``manifest_name`` when None.
    :param chargebee_conn_id: the Chargebee connection. (templated)
    :param aws_conn_id: the AWS connection; None for boto3's own search for credentials. (templated)
    :param extra_args: as the upload tasks have them. (templated)
    :param tolerance: so many faulty records are accepted. A damaged partition never is.
    :param ignored_columns: columns whose values are not compared, in snake case: values that change in Chargebee without a
        new ``updated_at``.
    :param compare_values: compare the values, and not only which records there are. False for windows by a time that never
        moves, ``created_at`` for example: they do not have later changes.
    :param window_field: the time field by which ``changes`` was exported.
    :param window_format: as ``ChargebeeExportToS3Operator`` takes it.
    :param window_timezone: likewise.
    :param export_dag_id: the DAG that exports the windows, for the commands in the report.
    :param schedule: the cron expression of that DAG; None for runs by hand only.
    :param timezone: the IANA name of the schedule's zone.
    :raises SettingsError: at parse time, for an empty bucket or a wrong number.
    :raises AirflowFailException: when too much is wrong, or the snapshot can't be compared.
    """

    template_fields: Sequence[str] = (
        "snapshot",
        "s3_bucket",
        "due",
        "changes",
        "s3_prefix",
        "deletions_s3_prefix",
        "chargebee_conn_id",
        "aws_conn_id",
        "extra_args",
    )
    template_fields_renderers = {"snapshot": "json", "changes": "json", "extra_args": "json"}
    ui_color = "#dce6f5"

    def __init__(
        self,
        *,
        snapshot: Any,
        s3_bucket: str,
        due: str,
        changes: Any = None,
        s3_prefix: str = DEFAULT_PREFIX,
        manifest_name: str = DEFAULT_MANIFEST_NAME,
        deletions_s3_prefix: str | None = None,
        deletions_manifest_name: str | None = None,
        chargebee_conn_id: str = ChargebeeHook.default_conn_name,
        aws_conn_id: str | None = "aws_default",
        extra_args: Mapping[str, Any] | None = None,
        tolerance: int = 0,
        ignored_columns: Sequence[str] = (),
        compare_values: bool = True,
        window_field: str = "updated_at",
        window_format: str | None = None,
        window_timezone: str | None = None,
        export_dag_id: str = "chargebee_export",
        schedule: str | None = "@daily",
        timezone: str = "UTC",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.snapshot = snapshot
        self.s3_bucket = s3_bucket
        self.due = due
        self.changes = changes
        self.s3_prefix = s3_prefix
        self.manifest_name = manifest_name
        self.deletions_s3_prefix = deletions_s3_prefix
        self.deletions_manifest_name = deletions_manifest_name
        self.chargebee_conn_id = chargebee_conn_id
        self.aws_conn_id = aws_conn_id
        self.extra_args = extra_args
        self.tolerance = tolerance
        self.ignored_columns = list(ignored_columns)
        self.compare_values = compare_values
        self.window_field = window_field
        self.window_format = window_format
        self.window_timezone = window_timezone
        self.export_dag_id = export_dag_id
        self.schedule = schedule
        self.timezone = timezone
        check_bucket_name(s3_bucket)
        check_whole_number("tolerance", tolerance, 0)
        check_flag("compare_values", compare_values)
        if isinstance(ignored_columns, str):
            raise SettingsError(
                f"ignored_columns is {ignored_columns!r}: give a list of names, for example [{ignored_columns!r}]."
            )
        if schedule is not None:
            check_cron("schedule", schedule)
        check_timezone("timezone", timezone)
        for name in ("window_field", "export_dag_id"):
            check_not_templated(name, getattr(self, name))
        for each in ignored_columns:
            check_not_templated("ignored_columns", each)
        if not is_template(due):
            parse_instant(due, "due")
        ClockFormat(window_format, window_timezone)

    def execute(self, context: Context) -> dict[str, Any]:
        """Compare, write and log the report, and return its summary."""
        with failing_fast(), self.killable():
            snapshot_key = _manifest_key("snapshot", self.snapshot)
            changes_key = _manifest_key("changes", self.changes) if self.changes else None
            hook = ChargebeeHook(self.chargebee_conn_id)
            s3 = S3Bucket(s3_hook(self.aws_conn_id, self.extra_args), self.s3_bucket)
            with tempfile.TemporaryDirectory(prefix="chargebee-audit-") as folder:
                bucket = AuditBucket(s3, Path(folder))
                examination = Examination(hook, bucket, self._question(hook.settings.window_timezone), backfill_command)
                try:
                    report = examination.run(snapshot_key, changes_key, Path(folder))
                except UnreadableFileError as error:
                    raise AirflowFailException(f"The snapshot can't be compared: {clean(error, 500)}.") from None
            return self._end(report, s3, context)

    def _question(self, site_zone: str | None) -> Question:
        return Question(
            s3_prefix=self.s3_prefix,
            manifest_name=self.manifest_name,
            deletions_s3_prefix=self.deletions_s3_prefix or self.s3_prefix,
            deletions_manifest_name=self.deletions_manifest_name or self.manifest_name,
            schedule=Schedule(self.export_dag_id, self.schedule, self.timezone),
            due=parse_instant(self.due, "due"),
            tolerance=self.tolerance,
            clock=ClockFormat(self.window_format, self.window_timezone or site_zone),
            ignored=self.ignored_columns,
            values=self.compare_values,
            window_field=self.window_field,
        )

    def _end(self, report: AuditReport, s3: S3Bucket, context: Context) -> dict[str, Any]:
        """Log the report, write it to the bucket, and fail when too much is wrong."""
        for line in report.lines():
            self.log.info("%s", line)
        key = join(
            reports_prefix(self.s3_prefix), f"{report.resource}/site={report.site}/{compact(report.taken_at)}.json"
        )
        body = json.dumps(report.to_dict(), indent=2, ensure_ascii=False).encode()
        s3.put(key, body, for_manifest(s3.extra_args))
        self.log.info("The report is at s3://%s/%s", self.s3_bucket, key)
        summary = {**report.summary(), "report_key": key}
        for outlet in self.outlets:
            context["outlet_events"][outlet].extra = dict(summary)
        if not report.passed:
            raise AirflowFailException(f"{report.verdict} The report is at s3://{self.s3_bucket}/{key}")
        return summary


def reports_prefix(s3_prefix: str) -> str:
    """Return what the keys of reports begin with.

    :param s3_prefix: that of the uploads. Of a template with placeholders it is the folders before the first one.
    """
    folder = s3_prefix.partition("{")[0].rpartition("/")[0] if "{" in s3_prefix else s3_prefix
    return join(folder.strip("/"), "audit/reports")


def _manifest_key(name: str, value: Any) -> str:
    """Return the key of the manifest that an upload has written.

    :param name: of the argument.
    :param value: what the upload returned.
    :raises SettingsError: when it is not that.
    """
    key = value.get("manifest_key") if isinstance(value, Mapping) else None
    if not isinstance(key, str) or not key:
        raise SettingsError(
            f"{name} is {clean(repr(value))}, not what an upload returns: pass the output of a ChargebeeExportToS3Operator "
            "(operator.output), and check that this task ran."
        )
    return key
