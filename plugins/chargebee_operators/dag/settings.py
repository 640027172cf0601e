"""What a DAG of exports is made from. Pure: read at every parse, so it needs no database and no network."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from chargebee_operators.chargebee.deletions import DELETED_RECORDS
from chargebee_operators.chargebee.resources import PRODUCT_CATALOG_2
from chargebee_operators.chargebee.settling import SETTLE
from chargebee_operators.chargebee.windows import check_timezone
from chargebee_operators.common.argument_checks import check_flag, check_whole_number, duration, is_template
from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.common.foreign_text import clean
from chargebee_operators.dag.resource_settings import (
    GIVEN_BY_DAG,
    SNAPSHOT,
    WINDOW,
    ResourceSettings,
    check_column_types,
    check_initial,
    check_places,
)
from chargebee_operators.dag.ticks import check_cron
from chargebee_operators.formats.column_types import shared
from chargebee_operators.formats.file_format import get_format
from chargebee_operators.glue.arguments import check_database, check_upload_args
from chargebee_operators.partition.key_templates import DEFAULT_MANIFEST_NAME

# Characters of a prefix: S3's keys have at most 1024.
MOST_OF_PREFIX = 512

# Jinja that gives the same text in each run.
_SAME_IN_ALL_RUNS = re.compile(r"\{\{\s*(params|var|conn)\.[\w.]+\s*\}\}")

_SETTINGS = ("s3_bucket", "aws_conn_id", "file_format", "extra_args")


@dataclass(frozen=True)
class ExportDagSettings:
    """Everything that differs from one export DAG to the next.

    :param s3_bucket: the bucket that the exports go to.
    :param dag_id: the DAG's id; a DAG for a second site needs its own.
    :param prefix: what all keys begin with: plain text, without placeholders.
    :param chargebee_conn_id: the Airflow connection of the Chargebee site.
    :param aws_conn_id: the Airflow connection for S3; None for boto3's own search for credentials.
    :param schedule: a cron expression or preset; a run's data interval is the time between two of its ticks. None for runs
        by hand only.
    :param timezone: IANA name of the schedule's time zone.
    :param start_date: the first instant that a backfill may reach, as a datetime; without a zone it is in UTC.
    :param catchup: whether Airflow makes the runs that were missed while the DAG was paused, and those since the
        ``start_date`` when it is new. Otherwise it makes the latest one only.
    :param resources: names, or ``ResourceSettings`` where the defaults are not right.
    :param initial: what the first run of each resource takes: ``window``, or ``snapshot`` for a snapshot beside the window.
        Resources that are exported whole, and reports, have no such snapshot.
    :param deleted_records: whether each run also writes what was deleted in Chargebee in its window, as the table
        ``deleted_records``.
    :param settle: how long after a window's end its exports are requested, in seconds or as a timedelta.
    :param file_format: ``csv.gz``, ``csv``, ``parquet`` or ``zip``.
    :param column_types: for ``parquet``: the types of columns, once for all resources and their tables: ``*_at``,
        ``invoices*.*amount``, ``created_at``. The keys and types are those of ``ChargebeeExportToS3Operator``, but a column
        need not be in each export. The others are text.
    :param extra_args: for each upload, as boto3's ``upload_fileobj`` takes them.
    :param glue_database: the Glue database in which each run registers its tables, for Athena; it needs Parquet. None
        registers none.
    :param upload_args: further arguments of every ``ChargebeeExportToS3Operator``, for example ``window_check``.
    :param owner: shown in the UI.
    :param tags: shown in the UI.
    :param retries: of each task, with exponential backoff.
    :param max_active_runs: how many runs may be under way at once, for example in a backfill.
    :param default_args: further arguments of every task, for example ``on_failure_callback`` or ``pool``.
    :raises SettingsError: for anything that can be known to be wrong without a run.
    """

    s3_bucket: str
    dag_id: str = "chargebee_export"
    prefix: str = "chargebee"
    chargebee_conn_id: str = "chargebee_default"
    aws_conn_id: str | None = "aws_default"
    schedule: str | None = "@daily"
    timezone: str = "UTC"
    start_date: datetime = datetime(2024, 1, 1, tzinfo=UTC)
    catchup: bool = False
    resources: Sequence[str | ResourceSettings] = PRODUCT_CATALOG_2
    initial: str = WINDOW
    deleted_records: bool = True
    settle: float | timedelta = SETTLE
    file_format: str = "csv.gz"
    column_types: Mapping[str, str] = field(default_factory=dict)
    extra_args: Mapping[str, Any] | None = None
    glue_database: str | None = None
    upload_args: Mapping[str, Any] = field(default_factory=dict)
    owner: str = "data-engineering"
    tags: Sequence[str] = ("chargebee", "s3")
    retries: int = 3
    max_active_runs: int = 4
    default_args: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._check_destination()
        self._check_times()
        for name, least in (("retries", 0), ("max_active_runs", 1)):
            check_whole_number(f"{self._dag}: {name}", getattr(self, name), least)
        if isinstance(self.tags, str):
            raise SettingsError(
                f"{self._dag}: tags is {self.tags!r}: give a list of texts, for example [{self.tags!r}]."
            )
        if not isinstance(self.default_args, Mapping):
            raise SettingsError(f"{self._dag}: default_args is {self.default_args!r}: give a dict.")
        check_initial(self._dag, self.initial)
        check_flag(f"{self._dag}: deleted_records", self.deleted_records)
        duration(f"{self._dag}: settle", self.settle)
        given = GIVEN_BY_DAG | {name: f"use the setting {name}" for name in _SETTINGS}
        check_places(self._dag, self.upload_args, given)
        object.__setattr__(self, "resources", self._checked_resources())
        self._check_types()
        self._check_first_snapshots()
        if self.glue_database is not None:
            self._check_glue()

    @property
    def each_resource(self) -> tuple[ResourceSettings, ...]:
        """The resources, each with its settings."""
        return tuple(one for one in self.resources if isinstance(one, ResourceSettings))

    def begins_with_snapshot(self, resource: ResourceSettings) -> bool:
        """Return whether the first run of a resource takes a snapshot as well as its window.

        :param resource: one of ``each_resource``.
        """
        return resource.has_windows and (resource.initial or self.initial) == SNAPSHOT

    @property
    def groups(self) -> tuple[str, ...]:
        """The names of the task groups, of which a run may take some: those of the resources, and ``deleted_records``."""
        names = tuple(each.name for each in self.each_resource)
        return (*names, DELETED_RECORDS) if self.deleted_records else names

    @property
    def task_defaults(self) -> dict[str, Any]:
        """The ``default_args`` of a DAG with these settings."""
        return {
            "owner": self.owner,
            "retries": self.retries,
            "retry_delay": timedelta(minutes=1),
            "retry_exponential_backoff": True,
            "max_retry_delay": timedelta(minutes=30),
            **self.default_args,
        }

    def deleted_records_args(self) -> dict[str, Any]:
        """Return the arguments that the settings give to the task that lists deletions; not all of them fit it."""
        own = {name: getattr(self, name) for name in (*_SETTINGS, "chargebee_conn_id", "settle")}
        # There is no download that could be kept as it is.
        form = "csv.gz" if self.file_format == "zip" else self.file_format
        if self.glue_database is not None:
            form = "parquet"
        return {**own, **self.upload_args, "file_format": form}

    def upload_args_of(self, resource: ResourceSettings) -> dict[str, Any]:
        """Return the arguments of a resource's upload task that the settings give.

        :param resource: one of ``each_resource``.
        """
        own = {name: getattr(self, name) for name in (*_SETTINGS, "chargebee_conn_id")}
        # The resource's come first: of two patterns that match a column, the first one counts.
        types = dict(resource.column_types)
        for key, kind in shared(self.column_types).items():
            types.setdefault(key, kind)
        return {**own, "column_types": types or None, **self.upload_args, **resource.upload_args}

    @property
    def _dag(self) -> str:
        return f"DAG {self.dag_id!r}"

    def _check_destination(self) -> None:
        get_format(self.file_format)
        if not str(self.s3_bucket or "").strip():
            raise SettingsError(
                f"{self._dag}: s3_bucket is empty: give the bucket's name in the settings of the DAG, or in Airflow's option "
                "chargebee_export.bucket."
            )
        if str(self.s3_bucket).startswith("s3://"):
            raise SettingsError(
                f"{self._dag}: s3_bucket is {self.s3_bucket!r}: give the bucket's name alone, without s3://, and what its "
                "keys begin with as prefix."
            )
        if not isinstance(self.prefix, str) or len(self.prefix) > MOST_OF_PREFIX:
            raise SettingsError(
                f"{self._dag}: prefix is {clean(repr(self.prefix))}: give a text of at most 512 characters."
            )
        if "{" in self.prefix or "}" in self.prefix:
            raise SettingsError(
                f"{self._dag}: prefix is {self.prefix!r}: it takes no placeholders. For other keys give "
                'upload_args={"s3_prefix": ..., "object_name": ..., "manifest_name": ...}.'
            )

    def _check_glue(self) -> None:
        check_database(f"{self._dag}: glue_database", self.glue_database)
        uploads = {each.name: self.upload_args_of(each) for each in self.each_resource}
        if self.deleted_records:
            uploads[DELETED_RECORDS] = self.deleted_records_args()
        for name, arguments in uploads.items():
            check_upload_args(f"{self._dag}: glue_database, for {name},", arguments)

    def _check_types(self) -> None:
        check_column_types(self._dag, self.column_types)
        if self.column_types and not any(self._is_parquet(each) for each in self.each_resource):
            raise SettingsError(
                f"{self._dag}: column_types needs file_format='parquet', because CSV has no types; it is {self.file_format!r}."
            )
        for each in self.each_resource:
            if each.column_types and not self._is_parquet(each):
                raise SettingsError(f"{each.name}: column_types needs file_format='parquet', because CSV has no types.")

    def _check_first_snapshots(self) -> None:
        for each in filter(self.begins_with_snapshot, self.each_resource):
            given = self.upload_args_of(each)
            name = f"{given.get('s3_prefix', '')}/{given.get('manifest_name', DEFAULT_MANIFEST_NAME)}"
            if given.get("keep_latest_only") or not ("{partition" in name or "{windows_or_snapshots" in name):
                raise SettingsError(
                    f"{each.name}: initial='snapshot' writes a snapshot beside the window, so each needs a manifest of its own: "
                    "put {partition} into manifest_name, without keep_latest_only, or use initial='window'."
                )
            prefix = str(given.get("s3_prefix", ""))
            if differs_from_run_to_run(prefix):
                raise SettingsError(
                    f"{each.name}: initial='snapshot' with s3_prefix {prefix!r}: a prefix that differs from run to run makes "
                    "each run the first one, so each would take a snapshot. Give an s3_prefix without Jinja, or initial='window'."
                )

    def _is_parquet(self, resource: ResourceSettings) -> bool:
        return resource.upload_args.get("file_format", self.file_format) == "parquet"

    def _check_times(self) -> None:
        if not isinstance(self.start_date, datetime):
            raise SettingsError(
                f"{self._dag}: start_date is {self.start_date!r}: give a datetime, for example "
                "datetime(2024, 1, 1, tzinfo=UTC)."
            )
        if self.start_date.tzinfo is None:  # Airflow would take it in the zone of its option core.default_timezone
            object.__setattr__(self, "start_date", self.start_date.replace(tzinfo=UTC))
        check_flag(f"{self._dag}: catchup", self.catchup)
        check_timezone(f"{self._dag}: timezone", self.timezone)
        if self.schedule is not None:
            check_cron(f"{self._dag}: schedule", self.schedule)

    def _checked_resources(self) -> tuple[ResourceSettings, ...]:
        if not self.resources or not isinstance(self.resources, Sequence) or isinstance(self.resources, str):
            raise SettingsError(f"{self._dag}: resources is {self.resources!r}: give a list of one or more.")
        each = tuple(one if isinstance(one, ResourceSettings) else ResourceSettings(one) for one in self.resources)
        names = [one.name for one in each]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise SettingsError(f"{self._dag}: resources names {', '.join(twice)} twice.")
        return each


def differs_from_run_to_run(template: str) -> bool:
    """Return whether Jinja may give another text in each run."""
    return is_template(_SAME_IN_ALL_RUNS.sub("", template))
