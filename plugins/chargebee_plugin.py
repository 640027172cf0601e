"""Tells Airflow of the operator links; everything else is imported by name from ``chargebee_operators``."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from chargebee_operators.links import ChargebeeSiteLink, S3PartitionLink


class ChargebeePlugin(AirflowPlugin):
    """Operator links must be listed in a plugin, or the UI cannot rebuild them."""

    name = "chargebee"
    operator_extra_links = [ChargebeeSiteLink(), S3PartitionLink()]
