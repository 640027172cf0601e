"""A DAG of four resources whose retries come within seconds, for backfills and crashes."""

from __future__ import annotations

from datetime import timedelta

from airflow.configuration import conf

from chargebee_operators import ExportDagSettings, ResourceSettings, chargebee_export_dag

dag = chargebee_export_dag(
    ExportDagSettings(
        dag_id="e2e_fast",
        s3_bucket=conf.get("chargebee_export", "bucket"),
        prefix="fast",
        resources=["customers", "invoices", "subscriptions", ResourceSettings("differential_prices", snapshot=True)],
        default_args={"retry_delay": timedelta(seconds=2), "retry_exponential_backoff": False},
    )
)
