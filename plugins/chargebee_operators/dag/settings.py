"""What a DAG of exports is made from. Pure: read at every parse, so it needs no database and no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from chargebee_operators.chargebee.deletions import DELETED_RECORDS
from chargebee_operators.chargebee.filters import export_fields
from chargebee_operators.chargebee.resources import PRODUCT_CATALOG_2, check_business_entity, get_resource
from chargebee_operators.chargebee.settling import SETTLE
from chargebee_operators.chargebee.windows import EARLIEST, LATEST, Window, check_timezone
from chargebee_operators.common.argument_checks import check_flag, check_whole_number, duration
from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.common.foreign_text import clean
from chargebee_operators.dag.ticks import check_cron
from chargebee_operators.formats.column_types import ColumnTypes, shared
from chargebee_operators.formats.file_format import get_format
from chargebee_operators.glue.arguments import check_database, check_upload_args

# Characters of a prefix: S3's keys have at most 1024.
MOST_OF_PREFIX = 512

# Arguments of the upload tasks that the DAG gives itself, with what to use in their place.
_GIVEN_BY_DAG = {
    "task_id": "the DAG names its tasks",
    "job": "it is the output of the task before",
    "chargebee_conn_id": "use the setting chargebee_conn_id",
    "column_types": "use the setting column_types",
}
_SETTINGS = ("s3_bucket", "aws_conn_id", "file_format", "extra_args")


@dataclass(frozen=True)
class ResourceSettings:
    """How one resource is exported.

    :param name: ``customers``, say.
    :param window_field: the time field that a run's window bounds: ``updated_at`` (default) for increments, an
        immutable one (``created_at``, ``date``, ``order_date``) for history.
    :param snapshot: take everything at every run, and skip all runs but the latest. The default for an export that
        has no time filter.
    :param filters: further filters, as ``ChargebeeExportOperator`` takes them.
    :param export_type: ``data`` or ``import_friendly_data``; only for customers, subscriptions and ramps.
    :param business_entity_id: overrides the connection's business entity.
    :param column_types: types of Parquet's columns in this resource's tables, over those of the DAG.
    :param upload_args: further arguments of this resource's upload task, over those of the DAG.
    :raises SettingsError: for a resource, field or filter that Chargebee does not have.
    """

    name: str
    window_field: str | None = None
    snapshot: bool | None = None
    filters: Mapping[str, Any] = field(default_factory=dict)
    export_type: str | None = None
    business_entity_id: str | None = None
    column_types: Mapping[str, str] = field(default_factory=dict)
    upload_args: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        kind = get_resource(self.name)
        check_business_entity(self.business_entity_id)
        _check_column_types(self.name, self.column_types)
        _check_upload_args(self.name, self.upload_args, _GIVEN_BY_DAG)
        if self.snapshot and self.window_field:
            raise SettingsError(
                f"{self.name}: window_field {self.window_field!r} with snapshot=True; drop one of the two."
            )
        if self.window_field:
            kind.check_window_field(self.window_field)
        if self.snapshot is False and kind.default_window_field is None and not kind.is_report:
            raise SettingsError(
                f"{self.name}: the export has no time filter, so snapshot=False can't be; leave it out."
            )
        export_fields(
            kind,
            window=None if self.is_snapshot and not kind.is_report else Window(EARLIEST, LATEST),
            window_field=self.window_field or kind.default_window_field,
            filters=self.filters,
            export_type=self.export_type,
            rendered=False,
        )

    @property
    def is_snapshot(self) -> bool:
        """Whether every run takes everything."""
        kind = get_resource(self.name)
        if self.snapshot is not None:
            return self.snapshot
        return self.window_field is None and kind.default_window_field is None and not kind.is_report


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
    :param resources: names, or ``ResourceSettings`` where the defaults won't do.
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
        check_flag(f"{self._dag}: deleted_records", self.deleted_records)
        duration(f"{self._dag}: settle", self.settle)
        given = _GIVEN_BY_DAG | {name: f"use the setting {name}" for name in _SETTINGS}
        _check_upload_args(self._dag, self.upload_args, given)
        object.__setattr__(self, "resources", self._checked_resources())
        self._check_types()
        if self.glue_database is not None:
            self._check_glue()

    @property
    def each_resource(self) -> tuple[ResourceSettings, ...]:
        """The resources, each with its settings."""
        return tuple(one for one in self.resources if isinstance(one, ResourceSettings))

    @property
    def groups(self) -> tuple[str, ...]:
        """The names of the task groups, of which a run may take some: those of the resources, and ``deleted_records``."""
        names = tuple(each.name for each in self.each_resource)
        return (*names, DELETED_RECORDS) if self.deleted_records else names

    def deleted_records_args(self) -> dict[str, Any]:
        """Return the arguments that the settings give to the task that lists deletions; not all of them fit it."""
        own = {name: getattr(self, name) for name in (*_SETTINGS, "chargebee_conn_id", "settle")}
        # There is no download that could be kept as it is.
        form = "csv.gz" if self.file_format == "zip" else self.file_format
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
        for each in self.each_resource:
            check_upload_args(f"{self._dag}: glue_database, for {each.name},", self.upload_args_of(each))

    def _check_types(self) -> None:
        _check_column_types(self._dag, self.column_types)
        if self.column_types and not any(self._is_parquet(each) for each in self.each_resource):
            raise SettingsError(
                f"{self._dag}: column_types needs file_format='parquet', for CSV has no types; it is {self.file_format!r}."
            )
        for each in self.each_resource:
            if each.column_types and not self._is_parquet(each):
                raise SettingsError(f"{each.name}: column_types needs file_format='parquet', for CSV has no types.")

    def _is_parquet(self, resource: ResourceSettings) -> bool:
        return resource.upload_args.get("file_format", self.file_format) == "parquet"

    def _check_times(self) -> None:
        if not isinstance(self.start_date, datetime):
            raise SettingsError(
                f"{self._dag}: start_date is {self.start_date!r}: give a datetime, for example "
                "datetime(2024, 1, 1, tzinfo=UTC)."
            )
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


def _check_column_types(owner: str, types: Any) -> None:
    """Refuse types that do not exist.

    :param owner: whose ``column_types`` they are, for the error.
    """
    if not isinstance(types, Mapping):
        raise SettingsError(f"{owner}: column_types is {clean(repr(types))}: give a dict of columns and types.")
    try:
        ColumnTypes(types)
    except SettingsError as error:
        raise SettingsError(f"{owner}: {error}") from None


def _check_upload_args(owner: str, arguments: Any, given: Mapping[str, str]) -> None:
    """Refuse arguments of an upload task that have another place; the operator knows which ones exist.

    :param owner: whose ``upload_args`` they are, for the error.
    :param given: the names that are refused, each with its place.
    """
    if not isinstance(arguments, Mapping):
        raise SettingsError(
            f"{owner}: upload_args is {clean(repr(arguments))}: give a dict of argument names and values."
        )
    for name in arguments:
        if name in given:
            raise SettingsError(f"{owner}: upload_args must not hold {name!r}: {given[name]}.")
