"""Tables in Glue: nothing that others made or make meanwhile is lost, and what cannot be registered is refused."""

from __future__ import annotations

import json
import os

import pytest

from chargebee_operators import (
    ExportDagSettings,
    chargebee_export_dag,
)
from chargebee_operators._compat import AirflowFailException
from chargebee_operators.common.exceptions import CatalogError
from chargebee_operators.dag.plan import PLAN, plan_of_run
from chargebee_operators.glue import catalog
from stack import free_ports
from support.glue_tables import INVOICES, Glue
from support.iam import actions, statements
from support.odd_exports import task_log_lines
from support.tasks import TaskInstance, context


def test_a_type_that_differs_between_windows_is_refused_until_all_have_it(glue):
    glue.register(glue.land(0))
    glue.land(1)
    typed = glue.land(1, types={"amount": "decimal(18, 2)"})
    either = r"(string|decimal\(18, 2\))"
    message = (
        f"Column 'amount' of table invoices is {either} in earlier files and {either} in .*export the other windows"
    )
    with pytest.raises(AirflowFailException, match=message):
        glue.register(typed)
    glue.land(0, types={"amount": "decimal(18, 2)"})
    with pytest.raises(
        AirflowFailException, match=r"invoices is string, and decimal\(18,2\) in all files.*drop the table"
    ):
        glue.register(typed)
    assert glue.columns()["amount"] == "string"
    glue.client.delete_table(DatabaseName=glue.database, Name="invoices")
    assert glue.register(typed)["invoices"] == "created"
    assert glue.columns()["amount"] == "decimal(18,2)"


def test_a_table_that_someone_else_made_is_left_as_it_is(glue):
    glue.client.create_database(DatabaseInput={"Name": glue.database})
    glue.client.create_table(DatabaseName=glue.database, TableInput={"Name": "invoices", "Description": "mine"})
    with pytest.raises(AirflowFailException, match=r"invoices exists, and this package has not made it"):
        glue.register(glue.land(0))
    assert glue.table()["Description"] == "mine"
    assert not glue.proxy.changes


def test_a_table_over_another_prefix_is_left_as_it_is(glue):
    glue.register(glue.land(0))
    other = {"object_name": "again/{table}/site={site}/{partition}/{member}-{attempt}{suffix}"}
    with pytest.raises(AirflowFailException, match="is over s3://.*, but the files are in s3://.*again/invoices/"):
        glue.register(
            glue.land(1, templates={**other, "manifest_name": "again/{resource}/site={site}/{partition}.json"})
        )


def test_files_of_csv_in_the_same_folders_are_refused(glue):
    glue.land(0, file_format="csv")
    with pytest.raises(AirflowFailException, match="holds files of two formats, 'csv' and 'parquet'"):
        glue.register(glue.land(1))


def test_an_upload_of_csv_is_refused(glue):
    with pytest.raises(AirflowFailException, match=r"A Glue table needs file_format 'parquet', but it is 'csv'"):
        glue.register(glue.land(0, file_format="csv"))
    assert not glue.proxy.calls


@pytest.mark.parametrize("written", [None, {}, {"bucket": "b"}, "text"])
def test_what_is_no_result_of_an_upload_is_refused(glue, written):
    with pytest.raises(AirflowFailException, match="written is not what an upload task returns: pass upload.output"):
        glue.register(written)


def test_the_policy_has_the_actions_that_are_used_and_no_other(glue):
    glue.register(glue.land(0))
    glue.register(glue.land(1))
    assert {f"glue:{call}" for call in glue.proxy.calls} == actions(statements("optional/glue.json"))


@pytest.mark.parametrize("call", ["GetTable", "CreateTable", "CreateDatabase", "UpdateTable"])
def test_a_missing_right_is_named(glue, call):
    if call == "UpdateTable":
        glue.register(glue.land(0))
    glue.proxy.denied = {call}
    with pytest.raises(
        AirflowFailException, match=rf"AWS connection 'aws_default' may not do glue:{call} on {glue.database}"
    ):
        glue.register(glue.land(1))


def test_two_runs_that_change_a_table_at_once_both_count(glue, tmp_path):
    glue.register(glue.land(0))
    one = glue.land(1, {"Invoices.csv": b"Invoice Number,One\nI1,a\n"})
    two = {"Invoices.csv": b"Invoice Number,Two\nI1,a\n"}
    glue.proxy.before["UpdateTable"] = lambda: glue.register_beside(glue.land(2, two))
    glue.register(one)
    assert {"one", "two"} <= glue.columns().keys()
    assert glue.read(tmp_path).shape[0] == 4


def test_what_a_person_changes_during_a_registration_is_not_lost(glue):
    glue.register(glue.land(0))
    glue.proxy.before["UpdateTable"] = lambda: glue.change(Description="Ask Jo")
    glue.register(glue.land(1))
    assert glue.table()["Description"] == "Ask Jo"
    assert glue.table()["Parameters"]["projection.window_start.values"] == "20261120T000000Z,20261121T000000Z"


def test_two_runs_that_create_a_table_and_its_database_at_once_both_count(glue):
    one = glue.land(1, {"Invoices.csv": b"Invoice Number,One\nI1,a\n"})
    glue.proxy.before["CreateDatabase"] = lambda: glue.register_beside(one)
    glue.register(glue.land(2, {"Invoices.csv": b"Invoice Number,Two\nI1,a\n"}))
    assert {"one", "two"} <= glue.columns().keys()


def test_a_table_that_never_stays_the_same_is_tried_again_later(glue):
    glue.register(glue.land(0))
    written = glue.land(1)

    def change() -> None:
        glue.proxy.before["UpdateTable"] = change
        glue.change()

    change()
    with pytest.raises(CatalogError, match="was changed by other runs 10 times in a row"):
        glue.register(written)


def test_a_layout_without_a_folder_for_each_table_is_refused_before_anything_is_listed(glue):
    layout = {"object_name": "site={site}/{partition}/{member}-{attempt}{suffix}", "manifest_name": "{partition}.json"}
    with pytest.raises(AirflowFailException, match=r"put \{table\}/ into object_name"):
        glue.register(glue.land(0, {"Invoices.csv": INVOICES}, templates=layout))


def test_no_region_is_a_sentence(glue, monkeypatch):
    written = glue.land(0)
    bare = {"conn_type": "aws", "login": "a", "password": "b", "extra": {}}
    monkeypatch.setenv("AIRFLOW_CONN_GLUE", json.dumps(bare))
    with pytest.raises(AirflowFailException, match="AWS connection 'glue' names no region.*region_name"):
        glue.register(written, glue_conn_id="glue")


def plan(glue: Glue) -> list[str]:
    """Run the plan of a DAG that registers its tables."""
    settings = ExportDagSettings(
        s3_bucket=glue.store.bucket, resources=["customers"], file_format="parquet", glue_database=glue.database
    )
    ti = TaskInstance()
    ti.xcom_push = lambda **_: None
    return plan_of_run(settings, context(ti=ti, task=chargebee_export_dag(settings).get_task(PLAN)))


def test_the_plan_looks_at_glue_before_anything_is_exported(connected, glue):
    assert "customers.start" in plan(glue)
    assert glue.proxy.calls == ["GetTable"]
    glue.proxy.denied = {"GetTable"}
    with pytest.raises(AirflowFailException, match="AWS connection 'aws_default' may not do glue:GetTable on"):
        plan(glue)


def test_a_glue_that_does_not_answer_is_left_to_the_registrations(connected, glue, monkeypatch):
    connection = json.loads(os.environ["AIRFLOW_CONN_AWS_DEFAULT"])
    nowhere = f"http://127.0.0.1:{free_ports(1)[0]}"
    connection["extra"]["service_config"]["glue"]["endpoint_url"] = nowhere
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    monkeypatch.setattr(catalog, "_ATTEMPTS", 1)
    with task_log_lines() as lines:
        assert "customers.start" in plan(glue)
    assert any("Glue could not be reached" in line and "The register tasks try again" in line for line in lines)
    with pytest.raises(CatalogError, match="Glue could not be reached with AWS connection 'aws_default'"):
        glue.register(glue.land(0))
