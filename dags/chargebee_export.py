"""Chargebee exports to S3: one Airflow DAG for each Chargebee site. This file is the place for its settings.

To export a second site, add a second ``ExportDagSettings`` with a ``dag_id`` and a ``chargebee_conn_id`` of its own.
All settings: ``chargebee_operators.ExportDagSettings`` and ``ResourceSettings``.
"""

from __future__ import annotations

from airflow.configuration import conf

from chargebee_operators import ExportDagSettings, ResourceSettings, chargebee_export_dag

SITES = [
    ExportDagSettings(
        dag_id="chargebee_export",
        chargebee_conn_id="chargebee_default",
        aws_conn_id="aws_default",
        # Either write the bucket's name here, or set it in Airflow's configuration, which on MWAA is the option
        # chargebee_export.bucket and elsewhere the variable AIRFLOW__CHARGEBEE_EXPORT__BUCKET.
        s3_bucket=conf.get("chargebee_export", "bucket", fallback=""),
        prefix="chargebee",
        # Each run exports the time between two ticks: at midnight, the day that has just ended.
        schedule="@daily",
        timezone="UTC",
        resources=[
            # Everything of Product Catalog 2.0, by updated_at: a row appears in the window of its latest change.
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
            # Chargebee offers no time filter for these: they are taken whole, by the latest run only.
            ResourceSettings("differential_prices", snapshot=True),
        ],
    ),
]

for settings in SITES:
    globals()[settings.dag_id] = chargebee_export_dag(settings)
