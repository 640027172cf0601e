"""The operator that lands a completed export in S3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chargebee_operators._compat import BaseOperator
from chargebee_operators.archive.limits import Limits
from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.download.download import STREAMS, Download
from chargebee_operators.export_source import ExportSource
from chargebee_operators.formats.column_names import SNAKE_CASE
from chargebee_operators.formats.column_types import ColumnTypes
from chargebee_operators.formats.file_format import get_format
from chargebee_operators.formats.parquet import ParquetSettings
from chargebee_operators.hooks import ChargebeeHook
from chargebee_operators.links import S3PartitionLink
from chargebee_operators.partition.commit import S3Partition
from chargebee_operators.partition.fetching import send_download
from chargebee_operators.partition.key_templates import (
    DEFAULT_MANIFEST_NAME,
    DEFAULT_OBJECT_NAME,
    DEFAULT_PREFIX,
)
from chargebee_operators.partition.landing import Landing
from chargebee_operators.partition.verdict import Checks
from chargebee_operators.partition_task import PartitionTask
from chargebee_operators.task_errors import failing_fast
from chargebee_operators.upload_checks import check_upload

if TYPE_CHECKING:
    from chargebee_operators._compat import Context


class ChargebeeExportToS3Operator(PartitionTask, BaseOperator):
    """Streams a completed export into S3 as one partition that is complete or absent.

    It asks Chargebee for a fresh download URL itself, writes each member of the zip as an object, checks every byte
    against the zip's own checksums, and writes the manifest last. A rerun replaces the partition. Memory does
    not grow with the export.

    :param job: the job record of the sensor, ``ready.output``. (templated)
    :param s3_bucket: the bucket's name. (templated)
    :param s3_prefix: what all keys begin with. Besides Jinja, all three templates of keys take ``{site}``, ``{resource}``,
        ``{windows_or_snapshots}`` (one of the two words), ``{partition}`` (``window_start=20261123T000000Z``, or
        ``taken_at=20261124T060504Z`` for a snapshot), ``{window_start}``, ``{window_end}`` and ``{export_id}``, from the job
        record. ``dt={window_start:.10}`` gives a day, ``dt=2026-11-23``. (templated)
    :param object_name: the rest of an object's key. It takes also ``{table}`` (``invoices`` for the export's own file,
        ``invoices__line_items`` for a related one), ``{kind}`` (``line_items``), ``{member}`` (the file's name),
        ``{suffix}`` and ``{attempt}``, a token of this try alone. By default each table and window has its own folder.
        Without ``{attempt}`` a rerun overwrites what the manifest lists before its own manifest is written, and two runs at
        once may leave a mix. (templated)
    :param manifest_name: the rest of the manifest's key. The manifest is the commit: it lists the objects of all tables, and
        is written last. (templated)
    :param file_format: ``csv.gz``, ``csv``, ``parquet`` (needs pyarrow) or ``zip`` (the download as it is).
    :param column_types: for ``parquet``: column -> ``bool``, ``int32``, ``int64``, ``float64``, ``decimal(18, 2)``, ``date``,
        ``timestamp[s]`` or ``timestamp[s, UTC]``; the others are text. A column is named as the export has it or in snake
        case, also with its table (``invoices__line_items.amount``), or by a pattern with ``*`` and ``?`` (``*_at``).
    :param parquet_column_names: ``snake_case``: ``customer[id]`` and ``Customer Id`` are ``customer_id`` in Parquet.
        ``as_exported``: the names stay.
    :param chargebee_conn_id: the Chargebee connection. (templated)
    :param business_entity_id: overrides the business entity of the job record, which overrides the connection's.
        (templated)
    :param aws_conn_id: the AWS connection; None for boto3's own search for credentials. (templated)
    :param extra_args: for each upload, as boto3's ``upload_fileobj`` takes them (``ServerSideEncryption``,
        ``SSEKMSKeyId``, ``StorageClass``, ``ACL``, ``Tagging``...). A customer's key (SSE-C) belongs in a Variable, which
        Airflow masks by its name: ``{{ var.value.s3_secret_key }}``. (templated)
    :param transfer_config_args: of ``boto3.s3.transfer.TransferConfig``: ``multipart_chunksize`` (8 MB),
        ``max_concurrency`` (3) and ``use_threads``. All objects go up in parts, so ``multipart_threshold`` has no effect.
    :param window_check: whether the rows belong to the window. An ignored filter brings all records of the site. The proof is
        the column of the window's clock, or, where there is none, a few records retrieved through the API. ``fail``: fail
        on proof of rows outside. ``require``: fail also when nothing could be proven. ``warn``: still publish, with
        a warning. ``off``: check nothing.
    :param window_column: the column of the window's clock, as the header spells it; looked for by default.
    :param window_format: how its times are written, as ``datetime.strptime`` takes it (``%d/%m/%Y %H:%M``); by default any
        that can't be mistaken. docs/checks.md lists them.
    :param window_timezone: the IANA name of the zone of times that name none: the site's own, or ``UTC`` where the site
        exports in UTC. None for that of the Chargebee connection. Without both, times may be of any zone, so they may lie up
        to 14 hours outside of the window, and no column of Parquet with such times can have a type in UTC.
    :param column_changes: what to do when columns have come or gone since the partition before: ``warn`` (in the log and
        the manifest), ``fail`` or ``off``. Files that come and go are reported, but fail no run.
    :param keep_latest_only: this layout has one manifest for all windows of a resource, and each run replaces the one
        before, as in the flat ``exports/customers.csv``. By default a run is refused when the manifest in S3 is of another
        window, for it would remove that window's objects.
    :param replace_other_window: let this run replace whatever the manifest in S3 is of: another window, time field, filter
        or export type. By default a run replaces reruns of the same export, and a shorter window inside its own. True,
        False, or a template that gives one of the two words. (templated)
    :param asset_partitions: name the partition in the events of the task's assets: the start of the window, or the time of
        the snapshot, in UTC (``2026-11-23T00:00:00``). Airflow then starts only DAGs whose schedule is a
        ``PartitionedAssetTimetable``. Needs Airflow 3.3.
    :param verify: ask S3 for each object's size, ETag and checksum before the manifest is written.
    :param resume_attempts: how often in a row a cut download is taken up again where it stopped.
    :param download_streams: how many ranges of the zip are fetched at a time, of 2 MB each.
    :param max_bytes: the most bytes that the zip may inflate to.
    :param max_ratio: the most times that the zip may inflate; rows with ids of their own stay far below 250.
    :param max_members: the most files in the zip.
    :raises SettingsError: at parse time, for an empty bucket, an unknown format or a wrong template.
    :raises AirflowFailException: for what no retry can correct, a missing bucket or a zip that must not be unpacked.
    :raises ArchiveError: when the zip is damaged; nothing is published.
    :raises DownloadError: when the zip can't be fetched whole; nothing is published.
    """

    template_fields: Sequence[str] = (
        "job",
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
    template_fields_renderers = {"job": "json", "extra_args": "json"}
    operator_extra_links = (S3PartitionLink(),)
    ui_color = "#d6f0dc"

    def __init__(
        self,
        *,
        job: Any,
        s3_bucket: str,
        s3_prefix: str = DEFAULT_PREFIX,
        object_name: str = DEFAULT_OBJECT_NAME,
        manifest_name: str = DEFAULT_MANIFEST_NAME,
        file_format: str = "csv.gz",
        column_types: Mapping[str, str] | None = None,
        parquet_column_names: str = SNAKE_CASE,
        chargebee_conn_id: str = ChargebeeHook.default_conn_name,
        business_entity_id: str | None = None,
        aws_conn_id: str | None = "aws_default",
        extra_args: Mapping[str, Any] | None = None,
        transfer_config_args: Mapping[str, Any] | None = None,
        window_check: str = Checks.window_check,
        window_column: str | None = None,
        window_format: str | None = None,
        window_timezone: str | None = None,
        column_changes: str = Checks.column_changes,
        keep_latest_only: bool = False,
        replace_other_window: bool | str = False,
        asset_partitions: bool = False,
        verify: bool = True,
        resume_attempts: int = 5,
        download_streams: int = STREAMS,
        max_bytes: int = Limits.total_bytes,
        max_ratio: float = Limits.ratio,
        max_members: int = Limits.members,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.job = job
        self.s3_bucket = s3_bucket
        self.s3_prefix = s3_prefix
        self.object_name = object_name
        self.manifest_name = manifest_name
        self.file_format = file_format
        self.chargebee_conn_id = chargebee_conn_id
        self.business_entity_id = business_entity_id
        self.aws_conn_id = aws_conn_id
        self.extra_args = extra_args
        self.transfer_config_args = transfer_config_args
        self.column_types = column_types
        self.parquet_column_names = parquet_column_names
        self.window_check = window_check
        self.window_column = window_column
        self.window_format = window_format
        self.window_timezone = window_timezone
        self.column_changes = column_changes
        self.keep_latest_only = keep_latest_only
        self.replace_other_window = replace_other_window
        self.asset_partitions = asset_partitions
        self.verify = verify
        self.resume_attempts = resume_attempts
        self.download_streams = download_streams
        self.max_bytes = max_bytes
        self.max_ratio = max_ratio
        self.max_members = max_members
        check_upload(self)

    def execute(self, context: Context) -> dict[str, Any]:
        """Stream the export, commit the partition, and return what was written."""
        with failing_fast(), self.killable():
            job = JobRecord.from_dict(self.job)
            hook = ChargebeeHook(self.chargebee_conn_id)
            source = ExportSource(hook, job, self.business_entity_id)
            file_format = get_format(self.file_format)

            def fill(partition: S3Partition) -> Landing:
                zone = hook.settings.window_timezone
                landing = Landing(job, partition, file_format, self.checks(zone), self.parquet_settings(zone))
                send_download(self._download(hook, source, job), self._limits(), landing)
                landing.judge(source.fetch_record)
                return landing

            return self.land(context, job, file_format, fill)

    def parquet_settings(self, site_zone: str | None = None) -> ParquetSettings:
        """Return how Parquet is written.

        :param site_zone: the connection's ``window_timezone``.
        """
        zone = self.window_timezone or site_zone
        return ParquetSettings(ColumnTypes(self.column_types), self.parquet_column_names, zone)

    def checks(self, site_zone: str | None = None) -> Checks:
        """Return what the export is checked for.

        :param site_zone: the connection's ``window_timezone``.
        """
        return Checks(
            window_check=self.window_check,
            window_column=self.window_column,
            window_format=self.window_format,
            window_timezone=self.window_timezone or site_zone,
            column_changes=self.column_changes,
        )

    def _download(self, hook: ChargebeeHook, source: ExportSource, job: JobRecord) -> Download:
        return Download(
            source.fresh_url,
            hook.settings,
            job.export_id,
            resume_attempts=self.resume_attempts,
            streams=self.download_streams,
        )

    def _limits(self) -> Limits:
        return Limits(total_bytes=self.max_bytes, ratio=self.max_ratio, members=self.max_members)
