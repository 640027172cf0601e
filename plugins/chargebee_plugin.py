"""Registers the operator links and the timetable; everything else is imported by name from ``chargebee_operators``."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from chargebee_operators.dag.timetable import ExportTimetable
from chargebee_operators.links import ChargebeeSiteLink, S3PartitionLink


class ChargebeePlugin(AirflowPlugin):
    """What Airflow rebuilds from a stored DAG, and therefore must find in a plugin."""

    name = "chargebee"
    operator_extra_links = [ChargebeeSiteLink(), S3PartitionLink()]
    timetables = [ExportTimetable]
