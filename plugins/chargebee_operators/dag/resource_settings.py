"""How one resource of a DAG is exported. Pure: read at every parse, so it needs no database and no network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chargebee_operators.chargebee.filters import export_fields
from chargebee_operators.chargebee.resources import check_business_entity, get_resource
from chargebee_operators.chargebee.windows import EARLIEST, LATEST, Window
from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.common.foreign_text import clean
from chargebee_operators.common.spelling import nearest
from chargebee_operators.formats.column_types import ColumnTypes

# What a first run takes.
WINDOW, SNAPSHOT = "window", "snapshot"

# Arguments of the upload tasks that the DAG gives itself, with what to use in their place.
GIVEN_BY_DAG = {
    "task_id": "the DAG names its tasks",
    "job": "it is the output of the task before",
    "chargebee_conn_id": "use the setting chargebee_conn_id",
    "column_types": "use the setting column_types",
}


@dataclass(frozen=True)
class ResourceSettings:
    """How one resource is exported.

    :param name: for example ``customers``.
    :param window_field: the time field that a run's window bounds: ``updated_at`` (default) for increments, an
        immutable one (``created_at``, ``date``, ``order_date``) for history.
    :param snapshot: take everything at every run, and skip all runs but the latest. The default for an export that
        has no time filter.
    :param initial: what the first run takes: ``window``, or ``snapshot`` for a snapshot beside the window, so that older rows
        and those without a time are there from the beginning. None for the DAG's.
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
    initial: str | None = None
    filters: Mapping[str, Any] = field(default_factory=dict)
    export_type: str | None = None
    business_entity_id: str | None = None
    column_types: Mapping[str, str] = field(default_factory=dict)
    upload_args: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        kind = get_resource(self.name)
        check_business_entity(self.business_entity_id)
        check_column_types(self.name, self.column_types)
        check_places(self.name, self.upload_args, GIVEN_BY_DAG)
        if self.snapshot and self.window_field:
            raise SettingsError(
                f"{self.name}: window_field {self.window_field!r} with snapshot=True; drop one of the two."
            )
        if self.window_field:
            kind.check_window_field(self.window_field)
        if self.snapshot is False and kind.default_window_field is None and not kind.is_report:
            raise SettingsError(
                f"{self.name}: the export has no time filter, so snapshot=False is not possible: leave it out."
            )
        if self.initial is not None:
            check_initial(self.name, self.initial)
        if self.initial == SNAPSHOT and not self.has_windows:
            raise SettingsError(
                f"{self.name}: initial='snapshot' is for an export whose runs take windows of records: leave it out."
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

    @property
    def has_windows(self) -> bool:
        """Whether a run takes the records of a window, so that a snapshot has more."""
        return not self.is_snapshot and not get_resource(self.name).is_report


def check_initial(owner: str, value: Any) -> None:
    """Refuse what a first run can't take.

    :param owner: whose ``initial`` it is, for the error.
    """
    if value not in (WINDOW, SNAPSHOT):
        raise SettingsError(
            f"{owner}: initial is {clean(repr(value))}{nearest(str(value), (WINDOW, SNAPSHOT))}: give 'window' or 'snapshot'."
        )


def check_column_types(owner: str, types: Any) -> None:
    """Refuse types that do not exist.

    :param owner: whose ``column_types`` they are, for the error.
    """
    if not isinstance(types, Mapping):
        raise SettingsError(f"{owner}: column_types is {clean(repr(types))}: give a dict of columns and types.")
    try:
        ColumnTypes(types)
    except SettingsError as error:
        raise SettingsError(f"{owner}: {error}") from None


def check_places(owner: str, arguments: Any, given: Mapping[str, str]) -> None:
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
