"""Two DAGs whose retries come within seconds: one for backfills, one that is only started by hand."""

from __future__ import annotations

from datetime import timedelta

from airflow.configuration import conf

from chargebee_operators import ExportDagSettings, ResourceSettings, chargebee_export_dag

common = {
    "s3_bucket": conf.get("chargebee_export", "bucket"),
    "deleted_records": False,  # the DAG of the project has it
    "settle": 0,  # the tests' windows end at midnight, and they may run right after it
    "default_args": {"retry_delay": timedelta(seconds=2), "retry_exponential_backoff": False},
}
days = chargebee_export_dag(
    ExportDagSettings(
        dag_id="e2e_days",
        prefix="days",
        resources=["customers", ResourceSettings("differential_prices", snapshot=True)],
        max_active_runs=8,
        **common,
    )
)
crashes = chargebee_export_dag(
    ExportDagSettings(
        dag_id="e2e_crashes", schedule=None, resources=["customers", "invoices", "subscriptions", "plans"], **common
    )
)
