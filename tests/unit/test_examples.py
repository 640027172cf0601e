"""The files in ``examples``: the DAG is one that this Airflow takes, and waits for what the DAG of exports updates."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest
import yaml
from jinja2 import Template

from support.pages import ROOT

try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:  # Airflow 2 and 3.0
    from airflow.models.dagbag import DagBag

EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="module")
def dag() -> Any:
    bag = DagBag(str(EXAMPLES / "chargebee_latest.py"))
    assert not bag.import_errors
    return bag.dags["chargebee_latest"]


def test_the_views_are_made_in_an_order_that_athena_takes(dag):
    assert dag.get_task("make_invoices_latest").upstream_task_ids == {"view_of_invoices"}
    assert dag.get_task("make_invoices__line_items_latest").upstream_task_ids == {
        "view_of_invoices__line_items",
        "make_invoices_latest",
    }
    assert dag.get_task("revenue").upstream_task_ids == {"make_invoices__line_items_latest"}


def test_it_waits_for_assets_of_the_dag_of_exports(dag):
    from chargebee_operators import ExportDagSettings, chargebee_export_dag

    settings = ExportDagSettings(
        s3_bucket="bucket", dag_id="chargebee_export", file_format="parquet", glue_database="chargebee"
    )
    exports = chargebee_export_dag(settings)
    made = {getattr(each, "name", None) or each.uri for task in exports.tasks for each in task.outlets}
    awaited = assets_of(dag)
    assert awaited == {f"chargebee_export/{name}/glue" for name in ("invoices", "deleted_records")}
    assert awaited <= made


def assets_of(dag: Any) -> set[str]:
    """Return the assets that start a DAG: their names, which Airflow 2 calls their URIs."""
    condition = getattr(dag.timetable, "asset_condition", None) or dag.timetable.dataset_condition
    assert type(condition).__name__ in ("AssetAll", "DatasetAll")
    return {getattr(each, "name", None) or each.uri for each in condition.objects}


def test_the_models_count_the_invoices_of_a_deleted_customer():
    """The customer has no row in the view any more."""
    with duckdb.connect() as database:
        database.execute(
            "CREATE TABLE customers_latest AS SELECT 'acme' AS site, 'c1' AS customer_id, 'One' AS company"
        )
        database.execute(
            "CREATE TABLE invoices_latest AS SELECT 'acme' AS site, * FROM (VALUES "
            "('I1', 'c1', 'EUR', 'Paid', 10, DATE '2026-11-23'), ('I2', 'gone', 'EUR', 'Paid', 5, DATE '2026-11-23'), "
            "('I3', 'gone', 'EUR', 'Voided', 7, DATE '2026-11-23')) "
            "AS made (invoice_number, customer_id, currency, status, amount, invoice_date)"
        )
        totals = []
        for path in (EXAMPLES / "dbt" / "models").glob("*.sql"):
            query = Template(path.read_text()).render(source=lambda _, table: table)
            totals += database.sql(query).aggregate("sum(invoices), sum(amount)").fetchall()
    assert totals == [(2, 15), (2, 15)]


def test_the_dbt_project_names_what_exists():
    project = yaml.safe_load((EXAMPLES / "dbt" / "dbt_project.yml").read_text())
    named = yaml.safe_load((EXAMPLES / "dbt" / "models" / "sources.yml").read_text())
    models = {path.stem for path in (EXAMPLES / "dbt" / "models").glob("*.sql")}
    assert {each["name"] for each in named["models"]} == models
    assert list(project["models"]) == [project["name"]]
