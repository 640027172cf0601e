"""What a committed partition tells others: the events of assets, and metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chargebee_operators._compat import Asset, add_asset_partition, has_asset_partitions, task_stats
from chargebee_operators.common.argument_checks import check_flag
from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.common.task_log import task_log

if TYPE_CHECKING:
    from chargebee_operators._compat import Context

log = task_log(__name__)

# Of the table of the resource; what can be drawn as a curve.
_GAUGES = ("rows", "bytes", "files", "warnings")


def check_asset_partitions(value: Any) -> None:
    """Refuse keys of partitions where Airflow has none.

    :raises SettingsError: for anything but True and False, and for True before Airflow 3.3.
    """
    check_flag("asset_partitions", value)
    if value and not has_asset_partitions():
        raise SettingsError(
            "asset_partitions is True, but partitions of assets need Airflow 3.3 or later: leave it out."
        )


def update_assets(outlets: Iterable[Any], context: Context, landed: Mapping[str, Any], *, partitions: bool) -> None:
    """Put what was written into the events of the task's assets.

    :param landed: what the task returns.
    :param partitions: whether the events name the partition: the start of the window in UTC, in the format that Airflow's
        partition mappers take by default.
    """
    for outlet in outlets:
        event = context["outlet_events"][outlet]
        event.extra = dict(landed)
        if partitions and isinstance(outlet, Asset):
            time = datetime.strptime(landed["partition"].partition("=")[2], "%Y%m%dT%H%M%SZ")
            add_asset_partition(event, f"{time:%Y-%m-%dT%H:%M:%S}")


def send_metrics(landed: Mapping[str, Any]) -> None:
    """Send rows, bytes, files, warnings and seconds to the metrics that Airflow is configured for; otherwise nothing happens.

    It never fails: the partition is committed.

    :param landed: what the task returns.
    """
    name = f"{landed['site']}.{landed['resource']}"
    rows = landed["tables"].get(landed["resource"], {"rows": 0})["rows"]
    values = {"rows": rows, "bytes": landed["bytes"], "files": landed["files"], "warnings": len(landed["warnings"])}
    try:
        stats = task_stats()
        for what in _GAUGES:
            if values[what] is not None:
                stats.gauge(f"chargebee.{what}.{name}", values[what])
        stats.timing(f"chargebee.upload_time.{name}", timedelta(seconds=landed["seconds"]))
    except Exception as error:
        log.warning("Export %s: the metrics could not be sent (%s)", landed["export_id"], type(error).__name__)
