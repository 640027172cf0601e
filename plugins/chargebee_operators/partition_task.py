"""What the operators that write a partition have in common: where it goes, and its commit."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from chargebee_operators.chargebee.jobs import JobRecord
from chargebee_operators.common.argument_checks import as_flag, check_flag, is_template
from chargebee_operators.common.task_log import task_log
from chargebee_operators.common.wording import counted
from chargebee_operators.formats.file_format import Format
from chargebee_operators.killable import Killable
from chargebee_operators.lineage import Traced
from chargebee_operators.partition.commit import S3Partition
from chargebee_operators.partition.key_templates import KeyTemplates
from chargebee_operators.partition.keys import PartitionKeys
from chargebee_operators.partition.landing import Landing
from chargebee_operators.partition.replacing import Replacing
from chargebee_operators.partition.report import report
from chargebee_operators.partition.series import OF_SCHEDULE
from chargebee_operators.s3.connection import check_bucket, check_bucket_name, s3_hook
from chargebee_operators.s3.console import partition_url
from chargebee_operators.s3.upload_args import check_extra_args, check_transfer_config_args
from chargebee_operators.signals import check_asset_partitions, send_metrics, update_assets
from chargebee_operators.window_series import is_of_schedule, look_around

if TYPE_CHECKING:
    from chargebee_operators._compat import Context

log = task_log(__name__)


class PartitionTask(Killable, Traced):
    """A mixin of operators that write a partition. The operator's ``__init__`` sets these attributes."""

    s3_bucket: str
    s3_prefix: str
    object_name: str
    manifest_name: str
    aws_conn_id: str | None
    extra_args: Mapping[str, Any] | None
    transfer_config_args: Mapping[str, Any] | None
    keep_latest_only: bool
    replace_other_window: bool | str
    verify: bool
    outlets: Any
    asset_partitions: bool = False

    # Whether a part of manifest_name is Jinja's. Other runs may then have another manifest for alike objects.
    _manifest_by_jinja = False

    def check_destination(self) -> None:
        """Refuse at parse time what can be known to be wrong of the arguments above; to be called by ``__init__``.

        :raises SettingsError: with the argument, its value and what to give.
        """
        self._manifest_by_jinja = is_template(self.manifest_name)
        check_flag("verify", self.verify)
        check_asset_partitions(self.asset_partitions)
        check_flag("keep_latest_only", self.keep_latest_only)
        if not is_template(self.replace_other_window):
            check_flag("replace_other_window", self.replace_other_window)
        check_bucket_name(self.s3_bucket)
        self.key_templates().check()
        check_extra_args(self.extra_args)
        check_transfer_config_args(self.transfer_config_args)

    def key_templates(self) -> KeyTemplates:
        """Return how keys are made."""
        return KeyTemplates(self.s3_prefix, self.object_name, self.manifest_name)

    def land(
        self, context: Context, job: JobRecord, file_format: Format, fill: Callable[[S3Partition], Landing]
    ) -> dict[str, Any]:
        """Write and commit a partition, and return what was written.

        :param context: of the task.
        :param job: the job record.
        :param file_format: that of the objects.
        :param fill: sends the files into the partition, judges them, and returns the landing. Nothing is committed when it
            raises.
        """
        began = time.monotonic()
        check_bucket_name(self.s3_bucket)
        replacing = Replacing(self.keep_latest_only, as_flag("replace_other_window", self.replace_other_window))
        keys = PartitionKeys(self.key_templates(), job, file_format.suffix, alone=not self._manifest_by_jinja)
        check_extra_args(self.extra_args)
        extra = {"ContentType": file_format.content_type, **(self.extra_args or {})}
        s3 = s3_hook(self.aws_conn_id, extra, self.transfer_config_args)
        region = check_bucket(s3, self.s3_bucket)
        partition = S3Partition(s3, self.s3_bucket, keys, job, replacing)
        partition.check()  # rather before the download than after it
        with partition:
            landing = fill(partition)
            landing.take_neighbours(look_around(context, job, partition))
            ti = context["ti"]
            run = {"dag_id": ti.dag_id, "run_id": ti.run_id, "task_id": ti.task_id, "try_number": ti.try_number}
            run[OF_SCHEDULE] = is_of_schedule(context, job)
            manifest = landing.manifest(run)
            partition.commit(manifest, verify=self.verify)
        self.trace(job, self.s3_bucket, manifest.files)
        landed = report(job, self.s3_bucket, keys.manifest_key, manifest)
        landed["seconds"] = round(time.monotonic() - began, 1)
        _log_landed(landed)
        update_assets(self.outlets, context, landed, partitions=self.asset_partitions)
        send_metrics(landed)
        return {**landed, "console_url": partition_url(s3.get_conn(), region, landed)}


def _log_landed(landed: Mapping[str, Any]) -> None:
    export_id = landed["export_id"]
    log.info("Export %s: committed s3://%s/%s", export_id, landed["bucket"], landed["manifest_key"])
    log.info("Export %s: wrote %s bytes in %s s", export_id, landed["bytes"], landed["seconds"])
    for name, table in landed["tables"].items():
        rows, files = counted(table["rows"], "row"), counted(table["files"], "file")
        log.info("Export %s: table %s has %s in %s", export_id, name, rows, files)
