"""The files in ``examples``: the DAG is one that this Airflow takes, and waits for what the DAG of exports updates."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

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


def test_it_waits_for_an_asset_of_the_dag_of_exports(dag):
    from chargebee_operators import ExportDagSettings, chargebee_export_dag

    settings = ExportDagSettings(
        s3_bucket="bucket", dag_id="chargebee_export", file_format="parquet", glue_database="chargebee"
    )
    exports = chargebee_export_dag(settings)
    made = {getattr(each, "name", None) or each.uri for task in exports.tasks for each in task.outlets}
    assert asset_of(dag) in made


def asset_of(dag: Any) -> str:
    """Return the asset that starts a DAG: its name, which Airflow 2 calls its URI."""
    condition = getattr(dag.timetable, "asset_condition", None) or dag.timetable.dataset_condition
    (found,) = condition.objects
    return getattr(found, "name", None) or found.uri


def test_the_dbt_project_names_what_exists():
    project = yaml.safe_load((EXAMPLES / "dbt" / "dbt_project.yml").read_text())
    named = yaml.safe_load((EXAMPLES / "dbt" / "models" / "sources.yml").read_text())
    models = {path.stem for path in (EXAMPLES / "dbt" / "models").glob("*.sql")}
    assert {each["name"] for each in named["models"]} == models
    assert list(project["models"]) == [project["name"]]
