"""Exports Chargebee sites to S3: one Airflow DAG for each site. The settings are in this file.

To export a second site, add a second ``ExportDagSettings`` with a ``dag_id`` and a ``chargebee_conn_id`` of its own.
docs/reference.md lists all settings.
"""

from __future__ import annotations

from airflow.configuration import conf

from chargebee_operators import ExportDagSettings, ResourceSettings, chargebee_export_dag

SITES = [
    ExportDagSettings(
        dag_id="chargebee_export",
        chargebee_conn_id="chargebee_default",
        aws_conn_id="aws_default",
        # Write the bucket's name here, or set it in Airflow's configuration: on MWAA as the option
        # chargebee_export.bucket, elsewhere as the variable AIRFLOW__CHARGEBEE_EXPORT__BUCKET.
        s3_bucket=conf.get("chargebee_export", "bucket", fallback=""),
        prefix="chargebee",
        # Each run exports the time between two ticks. At midnight that is the day that has just ended.
        schedule="@daily",
        timezone="UTC",
        # The first run takes the last window. With "snapshot" it also takes all rows that exist, which takes longer.
        initial="window",
        resources=[
            # Product Catalog 2.0, by updated_at: a row is in the window of its latest change.
            "attached_items",
            "coupons",
            "credit_notes",
            "customers",
            "invoices",
            "item_families",
            "item_prices",
            "items",
            "orders",
            "price_variants",
            "ramps",
            "subscriptions",
            "transactions",
            # Chargebee has no time filter for these. Only the latest run exports them, and it exports all of them.
            ResourceSettings("differential_prices", snapshot=True),
        ],
    ),
]

for settings in SITES:
    globals()[settings.dag_id] = chargebee_export_dag(settings)
