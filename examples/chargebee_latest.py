"""Keeps views of the latest invoices in Athena, and sums them up, each time when new invoices are in the tables.

The DAG of exports has ``file_format="parquet"`` and ``glue_database="chargebee"``: its ``register`` tasks make the tables, and
update the assets that this DAG waits for. ``REVENUE`` needs types in that DAG too, for otherwise all columns are text:
``column_types={"invoices*.*amount": "decimal(18, 2)", "*_date": "timestamp[s, UTC]"}``.

The role of ``aws_default`` needs the rights to run queries in Athena, to read the tables and to create and change the views in
Glue, to read the bucket, and to write to ``RESULTS``.
"""

from __future__ import annotations

from datetime import datetime

from airflow.providers.amazon.aws.operators.athena import AthenaOperator

try:
    from airflow.sdk import DAG, Asset, chain, task
except ImportError:  # Airflow 2
    from airflow.datasets import Dataset as Asset
    from airflow.decorators import task
    from airflow.models import DAG
    from airflow.models.baseoperator import chain

BUCKET = "my-bucket"
PREFIX = "chargebee"
DATABASE = "chargebee"
RESULTS = "s3://my-bucket/athena-results/"
# The view of a related table reads that of its records, so it comes after it.
TABLES = ("invoices", "invoices__line_items")

REVENUE = """
SELECT currency, date_trunc('month', invoice_date) AS month, count(*) AS invoices, sum(amount) AS amount
FROM invoices_latest
WHERE status <> 'Voided'
GROUP BY 1, 2
"""

with DAG(
    dag_id="chargebee_latest",
    # Both: the views leave out what was deleted, so they need the deletions of the same run. Without
    # ``deleted_records`` in the DAG of exports leave the second one out.
    schedule=[Asset("chargebee_export/invoices/glue"), Asset("chargebee_export/deleted_records/glue")],
    start_date=datetime(2024, 1, 1),
    catchup=False,
    default_args={"retries": 2},
) as dag:

    @task
    def view_of(table: str) -> str:
        """Return the statement that makes the view of a table's latest rows, from the manifests in the bucket."""
        from airflow.providers.amazon.aws.hooks.s3 import S3Hook

        from chargebee_operators.sql.dialect import Place
        from chargebee_operators.sql.manifests import read_manifests
        from chargebee_operators.sql.statements import statements

        found = read_manifests(f"s3://{BUCKET}/{PREFIX}", S3Hook("aws_default").get_conn())
        *_, view = statements(found.manifests, "athena", Place(found.files, DATABASE), [table], views_only=True)
        return view

    def athena(task_id: str, query: str) -> AthenaOperator:
        """Return the task that runs a query."""
        return AthenaOperator(
            task_id=task_id,
            query=query,
            database=DATABASE,
            output_location=RESULTS,
            aws_conn_id="aws_default",
        )

    views = [athena(f"make_{table}_latest", view_of.override(task_id=f"view_of_{table}")(table)) for table in TABLES]
    chain(*views, athena("revenue", REVENUE))
