"""The doctor on healthy and on sick sites: each wrong that is made on purpose is found, and a right site has none."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from chargebee_operators import ChargebeeDoctorOperator, ChargebeeExportOperator, ExportDagSettings
from chargebee_operators._compat import AirflowFailException
from chargebee_simulator.profiles import PROFILES
from support.simulator_calls import KEY
from support.tasks import TaskInstance, context, run
from support.uploads import manifest, upload

RESOURCES = ["customers", "subscriptions", "invoices", "coupons"]


def examine(bucket: str, **arguments: Any) -> dict[str, Any]:
    arguments = {"resource_names": RESOURCES, "look_days": 400, "deferrable": False, "poll_interval": 0.05, **arguments}
    return run(ChargebeeDoctorOperator(task_id="examine", s3_bucket=bucket, **arguments), context())


def report_of(client: Any, bucket: str) -> dict[str, Any]:
    """Return the report that was written last."""
    keys = [each["Key"] for each in client.list_objects_v2(Bucket=bucket, Prefix="chargebee/doctor/")["Contents"]]
    assert all(key.endswith(".json") for key in keys), "the probe is left behind"
    return json.loads(client.get_object(Bucket=bucket, Key=max(keys))["Body"].read())


def said(report: dict[str, Any], level: str) -> list[str]:
    return [f"{each['area']}: {each['says']}" for each in report["findings"] if each["level"] == level]


@pytest.fixture
def doctor(s3, bucket, connect, make_simulator, aws) -> Callable[..., dict[str, Any]]:
    """Examine a simulator with such settings, and return the report, whether the task failed or not."""

    def examined(**settings: Any) -> dict[str, Any]:
        simulator = make_simulator(**settings)
        connect(simulator)
        failed = ""
        try:
            verdict = examine(bucket)["verdict"]
        except AirflowFailException as error:
            verdict = failed = str(error)
        report = report_of(s3.client(), bucket)
        assert report["verdict"] in verdict
        assert bool(failed) is bool(said(report, "wrong"))
        return report

    return examined


@pytest.mark.parametrize("profile", PROFILES)
def test_a_healthy_site_has_nothing_wrong_whatever_its_files_look_like(doctor, profile):
    report = doctor(profile=profile)
    assert said(report, "wrong") == []
    assert sorted(report["facts"]["filters"]["honoured"]) == sorted(RESOURCES)
    assert set(report["facts"]["look"]) == {"customers", "subscriptions", "invoices"}
    assert report["facts"]["download"]["hosts"] == ["127.0.0.1"]
    assert any("Conditional writes work" in each for each in said(report, "ok"))


@pytest.mark.parametrize("profile", PROFILES)
def test_an_ignored_filter_is_wrong_for_each_resource_whatever_its_files_look_like(doctor, profile):
    report = doctor(profile=profile, ignore_filters=True)
    assert sorted(report["facts"]["filters"]["ignored"]) == sorted(RESOURCES)
    wrong = said(report, "wrong")
    assert len(wrong) == len(RESOURCES) and all("so Chargebee ignored the filter" in each for each in wrong)


def test_a_busy_site_is_waited_for(s3, bucket, connected, aws):
    connected.control.fault("status", status=429, retry_after=1, times=3, method="POST", call="export")
    examine(bucket)
    report = report_of(s3.client(), bucket)
    assert (report["facts"]["exports"]["throttled"], report["facts"]["exports"]["retry_after"]) == (3, [1.0, 1.0, 1.0])
    assert any("It named a time to wait: 1 s." in each for each in said(report, "ok"))


def test_a_wrong_key_is_wrong_and_the_bucket_is_examined_all_the_same(s3, bucket, connect, simulator, aws):
    connect(simulator, password="live_a_wrong_key_000000")
    with pytest.raises(AirflowFailException, match="refused the API key"):
        examine(bucket)
    report = report_of(s3.client(), bucket)
    assert len(said(report, "wrong")) == 1
    assert any("allows s3:" in each for each in said(report, "ok"))
    assert "live_a_wrong_key" not in json.dumps(report)


@pytest.mark.parametrize(
    ("operation", "action"),
    [
        ("CreateMultipartUpload", "s3:PutObject"),
        ("UploadPart", "s3:PutObject"),
        ("CompleteMultipartUpload", "s3:PutObject"),
        ("AbortMultipartUpload", "s3:AbortMultipartUpload"),
        ("ListMultipartUploads", "s3:ListBucketMultipartUploads"),
        ("ListObjects", "s3:ListBucket"),
        ("GetObject", "s3:GetObject"),
        ("DeleteObject", "s3:DeleteObject"),
    ],
)
def test_each_right_that_is_missing_is_named(s3, bucket, connected, proxy, operation, action):
    proxy.rule(operation, status=403, times=None)
    with pytest.raises(AirflowFailException, match=action):
        examine(bucket, resource_names=["customers"], look_at=[])
    proxy.clear()
    keys = [each["Key"] for each in s3.client().list_objects_v2(Bucket=bucket).get("Contents", [])]
    report = json.loads(s3.client().get_object(Bucket=bucket, Key=max(keys))["Body"].read())
    assert any(f"{action} is refused" in each for each in said(report, "wrong"))


def test_a_bucket_that_does_not_exist_is_wrong(connected, aws):
    with pytest.raises(AirflowFailException, match="Bucket 'no-such-bucket' does not exist"):
        examine("no-such-bucket", resource_names=["customers"], look_at=[])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"login": "nobody"}, "AWS connection 'aws_default': S3 does not know its access key ID"),
        (
            {"login": None, "password": None},
            r"'aws_default' gives no credentials \(NoCredentialsError\): put an access key",
        ),
        (
            {"extra": {"endpoint_url": "http://127.0.0.1:9"}},
            r"S3 could not be reached with AWS connection 'aws_default'",
        ),
    ],
    ids=["key", "none", "address"],
)
def test_an_aws_connection_that_can_not_be_used_is_one_finding(aws, connected, monkeypatch, tmp_path, changes, message):
    connection = json.loads(aws.connection())
    connection["extra"] = {**connection["extra"], "config_kwargs": {"retries": {"total_max_attempts": 1}}}
    changes["extra"] = {**connection["extra"], **changes.get("extra", {})}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps({**connection, **changes}))
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(AirflowFailException, match=rf"^1 of \d+ findings are wrong: .* {message}"):
        examine("my-bucket", resource_names=["customers"], look_at=[])


def test_the_triggerer_waits_for_the_first_export_where_there_is_one(bucket, connected, aws):
    deferrals: list[str] = []
    operator = ChargebeeDoctorOperator(
        task_id="examine", s3_bucket=bucket, resource_names=["customers"], look_at=[], poll_interval=0.05
    )
    run(operator, context(), deferrals)
    assert deferrals == ["ExportReadyTrigger"]


def test_without_a_prefix_the_report_is_below_doctor(s3, bucket, connected, aws):
    reported = examine(bucket, resource_names=["customers"], look_at=[], prefix="")["report"]
    (key,) = [each["Key"] for each in s3.client().list_objects_v2(Bucket=bucket)["Contents"]]
    assert key.startswith("doctor/site=") and reported == f"s3://{bucket}/{key}"


def test_the_settings_at_the_end_can_be_pasted_and_the_exports_are_written_with_these_types(doctor, s3, bucket):
    lines = doctor(profile="chargebee")["settings"]
    # As a person pastes them: between the parentheses of the settings.
    pasted = f"ExportDagSettings(s3_bucket={bucket!r}, file_format='parquet',\n" + "\n".join(lines) + "\n)"
    settings = eval(pasted, {"ExportDagSettings": ExportDagSettings})
    types: dict[str, str] = {}
    for each in settings.each_resource:
        if each.name in RESOURCES:
            window = {"window_start": "2025-11-25T00:00:00Z", "window_end": "2026-11-24T00:00:00Z"}
            start = ChargebeeExportOperator(task_id="start", resource=each.name, **window)
            job = run(start, context(ti=TaskInstance(run_id=each.name)))
            written = run(upload(job, **settings.upload_args_of(each)))
            for file in manifest(s3, bucket, written["manifest_key"])["files"]:
                types |= {f"{file['table']}.{name}": kind for name, kind in file["column_types"].items()}
    assert types["invoices.amount"] == types["subscriptions.subscriptions_plan_amount"] == "decimal(18, 2)"
    assert types["invoices.invoice_date"] == types["customers.created_at"] == "timestamp[s, UTC]"


def test_no_secret_is_in_the_report_or_the_log(doctor, caplog, capfd):
    logging.getLogger("airflow.task").propagate = True
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.INFO, "botocore")  # at DEBUG it writes its own signatures, of S3's calls
    report = json.dumps(doctor())
    lines = [each.getMessage() for each in caplog.get_records("call")]
    assert any("customers was requested" in line for line in lines)
    for text in (report, *lines, *capfd.readouterr()):
        assert not any(secret in text for secret in ("X-Amz", "Signature", "export.zip", KEY))
