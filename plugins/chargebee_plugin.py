"""Registers the operator links and the timetable; everything else is imported by name from ``chargebee_operators``."""

from __future__ import annotations

import logging
from pathlib import Path

from airflow.plugins_manager import AirflowPlugin

import chargebee_operators
from chargebee_operators.common.deployed_version import version_in
from chargebee_operators.dag.timetable import ExportTimetable
from chargebee_operators.links import ChargebeeSiteLink, S3PartitionLink

log = logging.getLogger(__name__)


class ChargebeePlugin(AirflowPlugin):
    """What Airflow rebuilds from a stored DAG, and therefore must find in a plugin."""

    name = "chargebee"
    operator_extra_links = [ChargebeeSiteLink(), S3PartitionLink()]
    timetables = [ExportTimetable]


def two_versions(plugin_file: Path, package_file: Path, version: str) -> str | None:
    """Return a warning when the folder beside the plugin is another version than the package that Python imports.

    An installed wheel hides the folder, so an update of the folder would have no effect.

    :param plugin_file: path of this file.
    :param package_file: path of the ``__init__.py`` of the package that was imported.
    :param version: the version of that package.
    """
    folder = plugin_file.parent / "chargebee_operators"
    found = version_in(folder) if folder != package_file.parent else None
    if found is None or found == version:
        return None
    return (
        f"Two versions of chargebee_operators are deployed: the installed wheel {version} is used, and the folder "
        f"{folder} with {found} is not. Remove the folder, or uninstall airflow-chargebee-exports."
    )


if warning := two_versions(Path(__file__), Path(chargebee_operators.__file__), chargebee_operators.__version__):
    log.warning("%s", warning)
