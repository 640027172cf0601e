"""The plan task: what it refuses before anything is exported, and what it leaves for the other tasks."""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from chargebee_operators import ChargebeeExportOperator, ExportDagSettings, ResourceSettings, chargebee_export_dag
from chargebee_operators._compat import AirflowFailException
from chargebee_operators.chargebee.windows import as_utc
from chargebee_operators.common import patience
from chargebee_operators.common.exceptions import UnavailableError, UploadError
from chargebee_operators.dag import preflight
from chargebee_operators.dag.plan import PLAN, plan_of_run
from stack import free_ports
from support.tasks import TaskInstance, context, run


class PlanInstance(TaskInstance):
    """A task instance that also keeps what the plan returned."""

    returned: list[str]


def plan(settings: ExportDagSettings, **changes: Any) -> PlanInstance:
    """Run the plan of a DAG and return its task instance, with what it returned and pushed."""
    instance = PlanInstance()
    task = chargebee_export_dag(settings).get_task(PLAN)
    instance.returned = plan_of_run(settings, context(ti=instance, task=task, **changes))
    return instance


def backfill(**conf: Any) -> dict[str, Any]:
    return {"dag_run": SimpleNamespace(run_type="backfill", conf=conf), "params": conf}


@pytest.fixture
def settings(bucket) -> ExportDagSettings:
    return ExportDagSettings(s3_bucket=bucket, resources=["customers", "invoices"])


@pytest.fixture
def task_log(caplog) -> pytest.LogCaptureFixture:
    """What reaches the task log."""
    logging.getLogger("airflow.task").propagate = True
    caplog.set_level(logging.INFO)
    return caplog


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_a_monthly_run_asks_a_revenue_report_for_one_month_of_its_zone(connected, aws, bucket, zone):
    report = ResourceSettings("deferred_revenue", filters={"report_by": "customer"})
    settings = ExportDagSettings(
        s3_bucket=bucket, schedule="@monthly", timezone=zone, resources=[report], deleted_records=False
    )
    # As Airflow hands it over: in UTC.
    start, end = (as_utc(datetime(2026, month, 1, tzinfo=ZoneInfo(zone))) for month in (10, 11))
    done = plan(settings, data_interval_start=start, data_interval_end=end)
    assert done.returned == ["deferred_revenue.start"]
    window = done.pushed["window"]
    job = run(
        ChargebeeExportOperator(
            task_id="start",
            resource="deferred_revenue",
            filters=report.filters,
            window_start=window["start"],
            window_end=window["end"],
        )
    )
    assert (job["filters"]["report_from_month"], job["filters"]["report_to_month"]) == ("10", "10")
    assert (datetime.fromisoformat(job["window_start"]), job["window_start"][-1]) == (start, "Z")


def test_a_snapshot_without_any_interval_leaves_no_window(connected, aws, bucket):
    settings = ExportDagSettings(s3_bucket=bucket, schedule=None, resources=["differential_prices"])
    done = plan(settings, data_interval_start=None, data_interval_end=None)
    assert done.returned == ["differential_prices.start"]
    skipped = {"deleted_records": "it needs a window"}
    assert done.pushed == {"window": {"start": "", "end": ""}, "skipped": skipped}


def test_why_a_resource_is_skipped_is_left_for_the_summary(connected, aws, settings):
    done = plan(settings, params={"resources": ["invoices"]})
    assert done.returned == ["invoices.start"]
    why = "not among the resources of this run"
    assert done.pushed["skipped"] == {"customers": why, "deleted_records": why}


def test_deletions_are_listed_beside_the_exports_unless_the_settings_say_otherwise(connected, aws, bucket, settings):
    assert plan(settings).returned == ["customers.start", "invoices.start", "deleted_records.upload"]
    assert plan(settings, params={"resources": ["deleted_records"]}).returned == ["deleted_records.upload"]
    without = ExportDagSettings(s3_bucket=bucket, resources=["customers"], deleted_records=False)
    assert plan(without).returned == ["customers.start"]
    with pytest.raises(AirflowFailException, match="'deleted_records' is not one that this DAG exports"):
        plan(without, params={"resources": ["deleted_records"]})


def test_a_run_of_snapshots_lists_no_deletions(connected, aws, settings):
    done = plan(settings, params={"snapshot": True})
    assert done.returned == ["customers.start", "invoices.start"]
    assert done.pushed["skipped"] == {"deleted_records": "a snapshot has no deletions"}


def test_nothing_is_exported_by_the_plan(connected, aws, bucket, settings):
    plan(settings)
    assert connected.control.stats()["created"] == 0
    assert "Contents" not in aws.client().list_objects_v2(Bucket=bucket)


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        ({"resource": ["customers"]}, r"has 'resource', which the DAG does not know \(did you mean 'resources'\?\)"),
        ({"window_from": "2026-11-01", "resources": ["customers"]}, "has 'window_from'"),
    ],
)
def test_an_unknown_name_in_the_configuration_is_refused(connected, aws, settings, configuration, message):
    with pytest.raises(AirflowFailException, match=message):
        plan(settings, dag_run=SimpleNamespace(run_type="manual", conf=configuration), params=configuration)


def test_parameters_that_the_settings_add_to_the_tasks_are_known(connected, aws, bucket):
    own = ExportDagSettings(s3_bucket=bucket, resources=["customers"], default_args={"params": {"owner_team": "x"}})
    conf = {"owner_team": "billing"}
    assert (
        plan(own, dag_run=SimpleNamespace(run_type="manual", conf=conf), params=conf).returned[0] == "customers.start"
    )


@pytest.mark.parametrize(
    "conf", [{"snapshot": True}, {"window_start": "2026-11-01T00:00:00Z", "window_end": "2026-11-02T00:00:00Z"}]
)
def test_a_window_or_a_snapshot_in_a_backfill_is_refused(connected, aws, settings, conf):
    with pytest.raises(AirflowFailException, match="This is a run of a backfill, and each of its runs would export"):
        plan(settings, **backfill(**conf))


def test_a_backfill_of_some_resources_runs(connected, aws, settings):
    assert plan(settings, **backfill(resources=["customers"])).returned == ["customers.start"]


@pytest.mark.parametrize("package", ["chargebee", "airflow.providers.amazon"])
def test_a_missing_package_is_named_with_the_log_that_has_the_reason(connected, aws, settings, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        AirflowFailException, match=rf"Package {package} is not .* requirements.txt.* requirements_install_ip"
    ):
        plan(settings)


def test_isal_is_not_needed_but_named_where_it_is_missing(connected, aws, settings, monkeypatch, caplog):
    caplog.set_level("INFO")
    assert plan(settings).returned
    assert "isal" not in caplog.text
    monkeypatch.setitem(sys.modules, "isal", None)
    assert plan(settings).returned
    assert "Package isal is not installed" in caplog.text and "requirements_install_ip" in caplog.text


def test_a_missing_chargebee_connection_is_named(aws, settings, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_CHARGEBEE_DEFAULT", raising=False)
    with pytest.raises(AirflowFailException, match="'chargebee_default' does not exist: create it.*ssm:GetParameter"):
        plan(settings)


def test_a_wrong_api_key_is_found(connected, connect, aws, settings):
    connect(connected, password="test_a_wrong_key")
    with pytest.raises(
        AirflowFailException, match="Connection 'chargebee_default': Chargebee refused the API key for"
    ) as told:
        plan(settings)
    assert "test_a_wrong_key" not in str(told.value)


def test_an_address_at_which_nothing_listens_is_told_after_some_tries(
    connected, connect, aws, settings, monkeypatch, task_log
):
    connect(connected, host=f"http://127.0.0.1:{free_ports(1)[0]}")
    monkeypatch.setattr(patience, "RETRY_INTERVAL", 0.01)
    monkeypatch.setattr(preflight, "PATIENCE", 0.05)
    # Not an AirflowFailException: the network may be back at the next try of the task.
    with pytest.raises(
        UnavailableError, match="Connection 'chargebee_default': Site acme-test could not be reached.*its host"
    ):
        plan(settings)
    assert "Trying again in" in task_log.text


def test_a_connection_that_is_cut_once_stops_nothing(connected, aws, settings, monkeypatch):
    monkeypatch.setattr(patience, "RETRY_INTERVAL", 0.01)
    connected.control.add_faults([{"kind": "drop_before", "method": "GET", "times": 1}])
    assert plan(settings).returned
    assert not [each for each in connected.control.faults() if each.get("times")]


@pytest.mark.parametrize(
    "fault", [{"kind": "status", "status": 429}, {"kind": "status", "status": 503}, {"kind": "drop_before"}]
)
def test_a_site_that_is_busy_or_out_of_order_is_left_to_the_start_tasks(
    connected, aws, settings, monkeypatch, task_log, fault
):
    monkeypatch.setattr(preflight, "PATIENCE", 0.0)
    connected.control.add_faults([{**fault, "method": "GET", "times": 1}])
    assert plan(settings).returned
    assert "The start tasks wait" in task_log.text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"login": "unknown"},
            r"AWS connection 'aws_default': S3 does not know its access key ID.*\(403 InvalidAccessKeyId\)",
        ),
        ({"password": "wrong"}, r"its secret access key is wrong.*\(403 SignatureDoesNotMatch\)"),
    ],
)
def test_wrong_aws_keys_are_found(connected, aws, settings, monkeypatch, changes, message):
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps({**json.loads(aws.connection()), **changes}))
    with pytest.raises(AirflowFailException, match=message):
        plan(settings)


def test_no_aws_keys_anywhere_are_a_sentence(connected, aws, settings, monkeypatch, tmp_path):
    monkeypatch.setenv(
        "AIRFLOW_CONN_AWS_DEFAULT", json.dumps({"conn_type": "aws", "extra": {"region_name": "us-east-1"}})
    )
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(
        AirflowFailException, match=r"'aws_default' gives no credentials \(NoCredentialsError\): put an access"
    ):
        plan(settings)


def test_a_bucket_that_does_not_exist_is_found(connected, aws):
    with pytest.raises(
        AirflowFailException, match="Bucket 'nowhere' does not exist, or AWS connection 'aws_default' leads"
    ):
        plan(ExportDagSettings(s3_bucket="nowhere", resources=["customers"]))


def test_the_bucket_of_a_single_resource_is_looked_at_when_it_is_exported(connected, aws, bucket):
    own = ResourceSettings("invoices", upload_args={"s3_bucket": "nowhere"})
    settings = ExportDagSettings(s3_bucket=bucket, resources=["customers", own])
    assert plan(settings, params={"resources": ["customers"]}).returned
    with pytest.raises(AirflowFailException, match="Bucket 'nowhere' does not exist"):
        plan(settings)


def test_a_bucket_from_a_template_is_looked_at(connected, aws, bucket):
    assert plan(ExportDagSettings(s3_bucket=f"{{{{ '{bucket}' }}}}", resources=["customers"])).returned
    with pytest.raises(AirflowFailException, match="Bucket 'nowhere' does not exist"):
        plan(ExportDagSettings(s3_bucket="{{ 'no' ~ 'where' }}", resources=["customers"]))
    with pytest.raises(AirflowFailException, match="give the name alone, without s3://"):
        plan(ExportDagSettings(s3_bucket="{{ 's3://nowhere' }}", resources=["customers"]))


def test_an_s3_that_does_not_answer_is_told_and_tried_again_by_airflow(connected, aws, settings, monkeypatch):
    extra = {"endpoint_url": f"http://127.0.0.1:{free_ports(1)[0]}", "region_name": "us-east-1"}
    connection = {**json.loads(aws.connection()), "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    with pytest.raises(
        UploadError, match=r"S3 could not be reached with AWS connection 'aws_default' \(EndpointConnect"
    ):
        plan(settings)


def test_the_look_at_a_bucket_whose_requester_pays_says_that_it_pays(proxy, store):
    refused = (403, b"<Error><Code>AccessDenied</Code></Error>")
    proxy.guard = lambda call, body: None if call.headers.get("x-amz-request-payer") == "requester" else refused
    extra_args = {"RequestPayer": "requester"}
    preflight.check_s3([{"s3_bucket": store.bucket, "aws_conn_id": "aws_default", "extra_args": extra_args}], "")
    assert [each.operation for each in proxy.calls] == ["ListObjects"]


def test_where_listing_is_denied_writing_decides(connected, proxy, bucket, settings, task_log):
    proxy.rule("ListObjects", status=403, times=None)
    assert plan(settings).returned
    assert (proxy.count("CreateMultipartUpload"), proxy.count("AbortMultipartUpload")) == (1, 1)
    assert "may write to bucket" in task_log.text and "Give it s3:ListBucket." in task_log.text
    proxy.rule("CreateMultipartUpload", status=403)
    with pytest.raises(
        AirflowFailException, match="'aws_default' may not do create_multipart_upload in bucket.* it needs s3:P"
    ):
        plan(settings)


def test_one_call_to_s3_and_one_to_chargebee_are_enough(connected, proxy, bucket, settings):
    connected.control.clear_requests()
    plan(settings)
    assert [each.operation for each in proxy.calls] == ["ListObjects"]
    assert len(connected.control.requests()) == 1
