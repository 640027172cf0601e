"""What the upload task refuses among its arguments, when the DAG file is parsed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chargebee_operators.chargebee.resources import check_business_entity
from chargebee_operators.common.argument_checks import (
    check_not_templated,
    check_number,
    check_whole_number,
)
from chargebee_operators.formats.file_format import get_format

if TYPE_CHECKING:
    from chargebee_operators.transfers import ChargebeeExportToS3Operator


def check_upload(task: ChargebeeExportToS3Operator) -> None:
    """Refuse what can be known to be wrong before a run. What is templated is checked in the run.

    :param task: the upload task, with all its arguments set.
    :raises SettingsError: with the argument, its value and what to give.
    """
    get_format(task.file_format)
    check_not_templated("column_types", task.column_types)
    check_not_templated("window_column", task.window_column)
    task.parquet_settings()
    task.checks()
    check_whole_number("resume_attempts", task.resume_attempts, 0)
    check_whole_number("download_streams", task.download_streams, 1)
    check_whole_number("max_members", task.max_members, 1)
    check_number("max_bytes", task.max_bytes, 1)
    check_number("max_ratio", task.max_ratio, 1)
    check_business_entity(task.business_entity_id)
    task.check_destination()
