"""The DAG file, as Airflow's DAG processor sees it."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from chargebee_operators import ChargebeeExportOperator, ChargebeeExportToS3Operator
from chargebee_operators._compat import DAG, Asset
from support.clean_interpreter import ROOT, airflow_major


@pytest.fixture(scope="module")
def dag():
    sys.path.insert(0, str(ROOT / "dags"))
    try:
        import chargebee_export
    finally:
        sys.path.remove(str(ROOT / "dags"))
    return chargebee_export.chargebee_export


def test_every_resource_of_product_catalog_2_has_its_three_tasks(dag):
    from chargebee_operators.chargebee.resources import PRODUCT_CATALOG_2

    expected = {f"{name}.{step}" for name in PRODUCT_CATALOG_2 for step in ("start", "ready", "upload")}
    assert {task.task_id for task in dag.tasks} == expected | {"a_plan", "deleted_records.upload", "summary"}
    assert len(PRODUCT_CATALOG_2) == 14


def test_each_group_runs_in_a_row_behind_the_plan_and_the_summary_behind_all(dag):
    for task in dag.tasks:
        group, _, step = task.task_id.rpartition(".")
        upstream = {
            "start": {"a_plan"},
            "ready": {f"{group}.start"},
            "upload": {f"{group}.ready"},
            "a_plan": set(),
            "summary": {each.task_id for each in dag.tasks if each.task_id.endswith(".upload")},
        }
        if group == "deleted_records":
            upstream = {"upload": {"a_plan"}}
        assert task.upstream_task_ids == upstream[step]


def test_the_grid_has_the_plan_first_and_the_summary_last(dag):
    """As Airflow has the DAG after it was stored: version 3 sorts by the ids, and only then by the order of tasks."""
    try:
        from airflow.serialization.serialized_objects import DagSerialization as Stored  # 3.2 and later
    except ImportError:
        from airflow.serialization.serialized_objects import SerializedDAG as Stored
    rows = Stored.from_dict(Stored.to_dict(dag)).task_group.topological_sort()
    names = [each.node_id for each in rows]
    assert (names[0], names[-1]) == ("a_plan", "summary")
    assert airflow_major() < 3 or names[1:-1] == sorted(names[1:-1])


def test_the_uploads_decide_on_the_state_of_a_run(dag):
    assert dag.get_task("summary").is_teardown
    assert not dag.get_task("summary").on_failure_fail_dagrun


def test_with_a_glue_database_each_upload_is_registered_before_the_summary():
    from chargebee_operators import ExportDagSettings, ResourceSettings, chargebee_export_dag

    own = ResourceSettings("invoices", upload_args={"aws_conn_id": "theirs"})
    settings = ExportDagSettings(
        s3_bucket="mine", resources=["customers", own], file_format="parquet", glue_database="chargebee"
    )
    made = chargebee_export_dag(settings)
    for name, conn_id in [("customers", "aws_default"), ("invoices", "theirs")]:
        register = made.get_task(f"{name}.register")
        assert register.upstream_task_ids == {f"{name}.upload"}
        assert (register.database, register.aws_conn_id) == ("chargebee", conn_id)
    registers = {f"{name}.register" for name in ("customers", "invoices", "deleted_records")}
    assert made.get_task("summary").upstream_task_ids == registers


def test_the_list_of_deletions_takes_the_settings_of_the_uploads_that_fit_it():
    from chargebee_operators import ExportDagSettings, chargebee_export_dag

    settings = ExportDagSettings(
        s3_bucket="mine",
        resources=["customers"],
        file_format="zip",
        settle=60,
        extra_args={"ACL": "private"},
        upload_args={"window_check": "warn", "verify": False, "pool": "small", "max_ratio": 9, "s3_prefix": "mine/x"},
    )
    # Assets that the settings give are of the exports.
    settings = replace(settings, upload_args={**settings.upload_args, "outlets": [Asset("of_exports")]})
    task = chargebee_export_dag(settings).get_task("deleted_records.upload")
    assert (task.s3_bucket, task.file_format, task.settle, task.extra_args) == (
        "mine",
        "csv.gz",
        60,
        {"ACL": "private"},
    )
    assert (task.verify, task.pool, task.s3_prefix, task.retries) == (False, "small", "mine/x", 3)
    assert "xcom_pull(task_ids='a_plan', key='window')['start']" in task.window_start
    assert [str(getattr(each, "name", each.uri)) for each in task.outlets] == ["chargebee_export/deleted_records"]


def test_the_first_snapshot_has_tasks_of_its_own_in_a_group_inside_that_of_the_resource():
    from chargebee_operators import ExportDagSettings, ResourceSettings, chargebee_export_dag

    own = ResourceSettings("invoices", window_field="date", initial="snapshot")
    made = chargebee_export_dag(ExportDagSettings(s3_bucket="mine", resources=["customers", own]))
    assert not [each for each in made.task_ids if each.startswith("customers.initial")]
    start, ready, upload = (made.get_task(f"invoices.initial.{name}") for name in ("start", "ready", "upload"))
    assert (start.snapshot, start.window_field, start.upstream_task_ids) == (True, None, {"a_plan"})
    assert (ready.upstream_task_ids, upload.upstream_task_ids) == ({start.task_id}, {ready.task_id})
    assert {upload.task_id, "invoices.upload"} <= made.get_task("summary").upstream_task_ids
    assert made.get_task("invoices.start").window_field == "date"


def test_the_list_of_deletions_can_be_turned_off():
    from chargebee_operators import ExportDagSettings, chargebee_export_dag

    made = chargebee_export_dag(ExportDagSettings(s3_bucket="mine", resources=["customers"], deleted_records=False))
    assert "deleted_records.upload" not in made.task_ids
    assert made.params["resources"] == ["customers"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"upload_args": {"bucket": "other"}},
            r"DAG 'wrong': upload_args holds 'bucket', which the upload task does not take \(did you mean 's3_bucket'\?\)",
        ),
        ({"upload_args": {"windowcheck": "off"}}, "did you mean 'window_check'"),
    ],
)
def test_a_wrong_argument_is_said_when_the_file_is_parsed(arguments, message):
    from chargebee_operators import ExportDagSettings, chargebee_export_dag

    with pytest.raises(ValueError, match=message):
        chargebee_export_dag(ExportDagSettings(**{"s3_bucket": "bucket", "dag_id": "wrong", **arguments}))


def test_a_resource_of_a_wrong_upload_argument_is_named():
    from chargebee_operators import ExportDagSettings, ResourceSettings, chargebee_export_dag

    settings = ExportDagSettings(s3_bucket="bucket", resources=[ResourceSettings("coupons", upload_args={"colums": 1})])
    with pytest.raises(ValueError, match="coupons: upload_args holds 'colums'"):
        chargebee_export_dag(settings)


def test_every_task_is_retried_with_growing_pauses_and_has_an_owner(dag):
    for task in dag.tasks:
        assert (task.retries, task.retry_exponential_backoff in (True, 2.0), task.owner) == (
            3,
            True,
            "data-engineering",
        )


def test_waiting_is_deferred(dag):
    assert all(task.deferrable for task in dag.tasks if task.task_id.endswith((".start", ".ready")))


def test_a_resource_can_be_uploaded_in_its_own_way():
    from chargebee_operators import ExportDagSettings, ResourceSettings, chargebee_export_dag

    settings = ExportDagSettings(
        s3_bucket="bucket",
        dag_id="own_way",
        upload_args={"column_changes": "fail", "verify": False},
        resources=["invoices", ResourceSettings("customers", upload_args={"column_changes": "off"})],
    )
    made = chargebee_export_dag(settings)
    uploads = [made.get_task(f"{name}.upload") for name in ("invoices", "customers")]
    assert [each.column_changes for each in uploads] == ["fail", "off"]
    assert not any(each.verify for each in uploads)


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ("@dayly", r"schedule '@dayly' is not a cron expression \(did you mean '@daily'\?\): write five fields"),
        ("0 0 * *", r"schedule '0 0 \* \*' is not a cron expression"),
        ("61 * * * *", "is not a cron expression"),
    ],
)
def test_a_wrong_schedule_is_said_when_the_file_is_parsed(schedule, message):
    from chargebee_operators import ExportDagSettings, chargebee_export_dag

    with pytest.raises(ValueError, match=message):
        chargebee_export_dag(ExportDagSettings(s3_bucket="bucket", dag_id="wrong", schedule=schedule))


def test_the_pool_can_be_for_starts_and_sensors_alone():
    from chargebee_operators import ExportDagSettings, chargebee_export_dag

    made = chargebee_export_dag(
        ExportDagSettings(
            s3_bucket="bucket",
            dag_id="pooled",
            resources=["customers"],
            default_args={"pool": "chargebee_slots"},
            upload_args={"pool": "default_pool"},
        )
    )
    pools = {task.task_id: task.pool for task in made.tasks}
    assert pools["customers.start"] == pools["customers.ready"] == "chargebee_slots"
    assert pools["customers.upload"] == "default_pool"


def test_it_catches_up_only_where_that_is_set_and_says_what_it_is(dag):
    from chargebee_operators import ExportDagSettings, chargebee_export_dag

    assert dag.catchup is False
    assert chargebee_export_dag(ExportDagSettings(s3_bucket="bucket", dag_id="caught_up", catchup=True)).catchup is True
    assert dag.doc_md
    assert set(dag.tags) == {"chargebee", "s3"}


def test_each_param_of_the_form_is_described(dag):
    from chargebee_operators._compat import Param

    params = {name: dag.params.get_param(name) for name in dag.params}
    assert list(params) == ["resources", "window_start", "window_end", "snapshot", "replace", "prefix"]
    for param in params.values():
        assert isinstance(param, Param)
        assert param.schema["title"]
        assert param.description


@pytest.mark.parametrize(
    ("name", "value"),
    [("resources", ["customer"]), ("resources", []), ("window_start", 3), ("snapshot", "yes"), ("prefix", "{x}")],
)
def test_the_form_refuses_what_cannot_be(dag, name, value):
    with pytest.raises(Exception, match="(?i)invalid|valid"):
        dag.params.get_param(name).resolve(value)


def test_another_tasks_output_is_left_for_the_run():
    with DAG("outputs", schedule=None):
        other = ChargebeeExportOperator(task_id="start", resource="customers", snapshot=True).output
        ChargebeeExportToS3Operator(
            task_id="upload", job=other, s3_bucket=other, s3_prefix=other, object_name=other, business_entity_id=other
        )


def test_the_replace_switch_of_the_form_reaches_each_upload(dag):
    uploads = [task for task in dag.tasks if task.task_id.endswith(".upload")]
    assert len(uploads) == 15
    for task in uploads:
        assert "replace_other_window" in task.template_fields
        for ticked in (True, False):
            assert task.render_template(task.replace_other_window, {"params": {"replace": ticked}}) == str(ticked)
    assert dag.params["replace"] is False


def test_a_setting_goes_before_the_replace_switch():
    from chargebee_operators import ExportDagSettings, chargebee_export_dag

    settings = ExportDagSettings(s3_bucket="mine", dag_id="always", upload_args={"replace_other_window": True})
    assert chargebee_export_dag(settings).get_task("customers.upload").replace_other_window is True


def test_the_form_says_that_braces_in_the_prefix_are_refused(dag):
    """Airflow's own answer is "Bad Request" and nothing else."""
    assert "Do not use braces" in dag.params.get_param("prefix").description
