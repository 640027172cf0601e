"""The DAG of audits: its tasks, what it refuses, and the file in dags/."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from chargebee_operators import ExportDagSettings, ResourceSettings, chargebee_audit_dag
from chargebee_operators._compat import AirflowFailException, Asset
from chargebee_operators.audit.audit_dag import due_of
from chargebee_operators.audit.operator import ChargebeeAuditOperator, reports_prefix
from chargebee_operators.checks.clock_format import ClockFormat
from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.partition.key_templates import DEFAULT_MANIFEST_NAME
from support.clean_interpreter import ROOT, in_a_clean_interpreter
from support.tasks import context

HEAVY = ("chargebee", "boto3", "botocore", "requests", "httpx", "aiohttp", "pandas", "pyarrow", "isal")


def audit_of(*resources: str | ResourceSettings, how: dict[str, Any] | None = None, **settings: Any) -> Any:
    return chargebee_audit_dag(ExportDagSettings(s3_bucket="mine", resources=resources, **settings), **(how or {}))


def test_each_resource_has_a_snapshot_then_its_changes_then_the_comparison():
    dag = audit_of("customers", ResourceSettings("coupons", filters={"coupon[duration_type][is]": "forever"}))
    assert dag.dag_id == "chargebee_export_audit"
    steps = ["start", "ready", "upload", "changes_start", "changes_ready", "changes_upload", "compare"]
    assert set(dag.task_ids) == {"a_plan", *(f"{name}.{step}" for name in ("customers", "coupons") for step in steps)}
    for step, following in pairwise(steps):
        assert f"customers.{following}" in dag.get_task(f"customers.{step}").downstream_task_ids
    whole, latest = (dag.get_task(f"coupons.{step}").filters for step in ("start", "changes_start"))
    assert whole == {"coupon[duration_type][is]": "forever"}
    assert latest == {**whole, "coupon[updated_at][after]": "{{ ti.xcom_pull(task_ids='a_plan', key='after') }}"}


def test_the_snapshot_goes_where_the_exports_go_and_the_changes_go_elsewhere():
    dag = audit_of("customers", file_format="parquet", upload_args={"window_timezone": "Europe/Berlin"})
    upload, changes = dag.get_task("customers.upload"), dag.get_task("customers.changes_upload")
    assert (upload.s3_prefix, upload.file_format) == ("{{ params.prefix }}", "parquet")
    assert changes.s3_prefix == "{{ params.prefix }}/audit"
    assert dag.get_task("customers.compare").window_timezone == "Europe/Berlin"


def test_an_audit_reads_times_without_a_zone_in_the_connection_s_unless_an_argument_names_one():
    for given, expected in (({}, "Asia/Tokyo"), ({"window_timezone": "Europe/Berlin"}, "Europe/Berlin")):
        compare = ChargebeeAuditOperator(task_id="compare", snapshot={}, s3_bucket="mine", due="2026-11-23", **given)
        assert compare._question("Asia/Tokyo").clock == ClockFormat(None, expected)


def test_deletions_are_read_where_the_export_dag_writes_them():
    own = ResourceSettings(
        "customers", upload_args={"s3_prefix": "lake/customers", "manifest_name": "{partition}.json"}
    )
    compare = audit_of(own).get_task("customers.compare")
    assert (compare.s3_prefix, compare.manifest_name) == ("lake/customers", "{partition}.json")
    assert compare.deletions_s3_prefix == "{{ params.prefix }}"
    assert compare.deletions_manifest_name == DEFAULT_MANIFEST_NAME


def test_windows_by_a_time_that_never_moves_are_compared_by_id_alone():
    dag = audit_of(ResourceSettings("invoices", window_field="date"), "customers")
    assert not dag.get_task("invoices.compare").compare_values
    assert list(dag.get_task("invoices.changes_start").filters) == ["invoice[date][after]"]
    assert dag.get_task("customers.compare").compare_values


def test_tables_in_glue_get_the_snapshot_too():
    dag = audit_of("customers", file_format="parquet", glue_database="chargebee")
    assert dag.get_task("customers.register").downstream_task_ids == {"customers.compare"}


def test_what_is_exported_whole_at_each_run_is_left_out():
    assert "differential_prices.start" not in audit_of("differential_prices", "customers").task_ids
    with pytest.raises(SettingsError, match="no resource can be audited"):
        audit_of("differential_prices")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"file_format": "zip"}, "can't read that"),
        ({"upload_args": {"keep_latest_only": True}}, "would replace the latest window"),
        ({"upload_args": {"s3_prefix": "lake/{{ ds }}"}}, "'lake/{{ ds }}', which differs from run to run"),
        ({"how": {"schedule": "weekly"}}, "is not a cron expression"),
        ({"how": {"tolerance": -1}}, "tolerance"),
        ({"how": {"ignored_columns": "mrr"}}, r"ignored_columns is 'mrr': give a list of names, for example \['mrr'\]"),
    ],
)
def test_what_cannot_be_audited_is_refused_at_parse_time(settings, says):
    with pytest.raises(SettingsError, match=says):
        audit_of("customers", **settings)


def test_a_prefix_that_is_the_same_in_each_run_can_be_audited():
    assert audit_of("customers", upload_args={"s3_prefix": "{{ var.value.lake }}/{{ params.prefix }}"})


def test_windows_that_some_records_are_never_in_cannot_be_audited():
    with pytest.raises(SettingsError, match="subscriptions has windows by cancelled_at"):
        audit_of("customers", ResourceSettings("subscriptions", window_field="cancelled_at"))


def test_the_due_time_is_the_end_of_a_window_that_must_be_there():
    settings = ExportDagSettings(s3_bucket="mine", timezone="Europe/Berlin")
    assert due_of(settings, datetime(2026, 11, 24, 9, tzinfo=UTC)) == {
        "due": "2026-11-23T23:00:00Z",
        "after": "1795474799",
    }


def test_the_due_time_knows_how_long_a_window_settles():
    settings = ExportDagSettings(s3_bucket="mine", settle=timedelta(hours=12))
    assert due_of(settings, datetime(2026, 11, 24, 9, tzinfo=UTC))["due"] == "2026-11-23T00:00:00Z"


def plan_of(conf: dict[str, Any], run_type: str = "manual", **settings: Any) -> list[str]:
    """Run the plan of an audit and return the tasks that it chooses."""
    plan = audit_of("customers", "coupons", **settings).get_task("a_plan")
    ti = SimpleNamespace(xcom_push=lambda key, value: None)
    run = SimpleNamespace(run_type=run_type, conf=conf)
    return plan.python_callable(**context(ti=ti, dag_run=run, params={"resources": ["customers", "coupons"], **conf}))


def test_the_configuration_picks_what_is_audited():
    assert plan_of({}) == ["customers.start", "coupons.start"]
    assert plan_of({"resources": ["coupons"]}) == ["coupons.start"]
    own = {"default_args": {"params": {"owner_team": "x"}}}
    assert plan_of({"resources": ["coupons"], "owner_team": "billing"}, **own) == ["coupons.start"]


def test_an_unknown_name_in_the_configuration_is_refused():
    with pytest.raises(AirflowFailException, match=r"has 'resource', .* \(did you mean 'resources'\?\)"):
        plan_of({"resource": ["customers"]})
    with pytest.raises(AirflowFailException, match="has 'window_start', which the DAG does not know"):
        plan_of({"window_start": "2026-11-01T00:00:00Z"})


def test_a_run_of_a_backfill_is_refused_because_each_would_do_the_same():
    with pytest.raises(
        AirflowFailException, match="This is a run of a backfill. An audit looks at Chargebee as it is now"
    ):
        plan_of({}, "backfill")


def test_assets_that_the_settings_give_are_those_of_the_snapshot():
    dag = audit_of("customers", upload_args={"outlets": [Asset("mine")]})
    assert dag.get_task("customers.upload").outlets == [Asset("mine")]
    assert dag.get_task("customers.compare").outlets == [Asset("chargebee_export/customers/audit")]


def test_two_audits_of_one_file_need_two_dag_ids(monkeypatch):
    monkeypatch.setattr("chargebee_operators.audit.audit_dag.dag_ids_of_this_file", lambda: {"chargebee_export_audit"})
    with pytest.raises(SettingsError, match="two DAGs with the dag_id 'chargebee_export_audit'"):
        audit_of("customers")


def test_the_file_makes_a_dag_and_imports_nothing_heavy():
    code = f"""
import json, sys
sys.path.insert(0, {str(ROOT / "plugins")!r})
import airflow.configuration
from airflow.models import DAG, BaseOperator
before = set(sys.modules)
import chargebee_audit
dag = chargebee_audit.chargebee_audit
print(json.dumps([len(dag.task_ids), sorted(set(sys.modules) - before)]))
"""
    tasks, new = json.loads(in_a_clean_interpreter(code))
    assert tasks == 1 + 13 * 7
    assert "chargebee_operators.audit.audit_dag" in new
    assert not [name for name in new if name.partition(".")[0] in HEAVY]


def test_reports_are_below_the_prefix():
    assert reports_prefix("chargebee/") == "chargebee/audit/reports"
    assert reports_prefix("") == "audit/reports"
    assert reports_prefix("lake/{site}/x") == "lake/audit/reports"
