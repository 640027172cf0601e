"""The log of a task that fails for good has one traceback, and it ends with the sentence that says what to do."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import pytest

from chargebee_operators import (
    ChargebeeDoctorOperator,
    ChargebeeExportOperator,
    ExportDagSettings,
    ExportReadySensor,
    chargebee_export_dag,
)
from chargebee_operators._compat import AirflowException, AirflowFailException
from chargebee_operators.dag.plan import PLAN, plan_of_run
from support.tasks import context, run
from support.uploads import upload

SNAPSHOT = {"resource": "customers", "snapshot": True}


def start(**arguments: Any) -> Any:
    return run(ChargebeeExportOperator(task_id="start", **{**SNAPSHOT, **arguments}))


def plan(bucket: str) -> None:
    task = chargebee_export_dag(ExportDagSettings(s3_bucket=bucket, dag_id="plan")).get_task(PLAN)
    plan_of_run(ExportDagSettings(s3_bucket=bucket, dag_id="plan"), context(task=task))  # type: ignore[arg-type]


def examine(bucket: str, deferrable: bool) -> None:
    run(
        ChargebeeDoctorOperator(
            task_id="examine", s3_bucket=bucket, resource_names=["customers"], deferrable=deferrable, poll_interval=0.05
        )
    )


class Site:
    """What a test breaks before it runs a task."""

    def __init__(self, simulator: Any, connect: Callable[..., None], proxy: Any, bucket: str) -> None:
        self.control, self.proxy, self.bucket = simulator.control, proxy, bucket
        self.connect = lambda **changes: connect(simulator, **changes)


@pytest.fixture
def site(connected, connect, proxy, bucket) -> Site:
    return Site(connected, connect, proxy, bucket)


def wrong_key(site: Site) -> None:
    site.connect(password="wrong")
    start()


def missing_connection(site: Site) -> None:
    start(chargebee_conn_id="nowhere")


def refused_request(site: Site) -> None:
    site.control.fault("status", status=400)
    start()


def refused_in_the_triggerer(site: Site) -> None:
    site.control.fault("status", status=429, retry_after=0)
    site.control.fault("status", status=400)
    start(retry_interval=0.01)


def refused_while_the_worker_waits(site: Site) -> None:
    site.control.fault("status", status=429, retry_after=0)
    site.control.fault("status", status=400)
    start(retry_interval=0.01, deferrable=False)


def window_in_the_future(site: Site) -> None:
    start(snapshot=False, window_start="2099-01-01", window_end="2099-01-02")


def export_that_is_gone(site: Site) -> None:
    run(ExportReadySensor(task_id="ready", job={**start(), "export_id": "gone"}))


def failed_export(site: Site) -> None:
    site.control.fault("fail_job", times=None)
    run(ExportReadySensor(task_id="ready", job=start(), max_restarts=0))


def upload_without_a_job(site: Site) -> None:
    run(upload("no job", site.bucket))


def upload_to_no_bucket(site: Site) -> None:
    run(upload(start(), "no-such-bucket"))


def upload_that_s3_denies(site: Site) -> None:
    site.proxy.rule("CreateMultipartUpload", status=403, times=None)
    run(upload(start(), site.bucket))


def manifest_that_s3_denies(site: Site) -> None:
    site.proxy.rule("PutManifest", status=403, times=None)
    run(upload(start(), site.bucket))


def refused_host_of_the_download(site: Site) -> None:
    job = start()
    site.connect(extra={"allowed_download_hosts": ["example.com"]})
    run(upload(job, site.bucket))


def plan_with_a_wrong_key(site: Site) -> None:
    site.connect(password="wrong")
    plan(site.bucket)


def plan_without_a_bucket(site: Site) -> None:
    plan("no-such-bucket")


def doctor_with_a_wrong_key(site: Site) -> None:
    site.connect(password="wrong")
    examine(site.bucket, deferrable=True)


def doctor_whose_first_export_is_refused(site: Site) -> None:
    site.control.fault("status", status=400, method="POST", times=None)
    examine(site.bucket, deferrable=True)


KINDS = [
    wrong_key,
    missing_connection,
    refused_request,
    refused_in_the_triggerer,
    refused_while_the_worker_waits,
    window_in_the_future,
    export_that_is_gone,
    failed_export,
    upload_without_a_job,
    upload_to_no_bucket,
    upload_that_s3_denies,
    manifest_that_s3_denies,
    refused_host_of_the_download,
    plan_with_a_wrong_key,
    plan_without_a_bucket,
    doctor_with_a_wrong_key,
    doctor_whose_first_export_is_refused,
]


def one_traceback(error: BaseException) -> bool:
    return "".join(traceback.format_exception(error)).count("Traceback (most recent call last)") == 1


@pytest.mark.parametrize("fails", KINDS, ids=lambda each: each.__name__)
def test_a_permanent_error_is_shown_once(site, fails):
    with pytest.raises(AirflowFailException) as caught:
        fails(site)
    assert one_traceback(caught.value), "".join(traceback.format_exception(caught.value))
    assert "\n" not in str(caught.value)


def test_a_worker_that_gives_up_shows_one_error(site):
    site.control.fault("status", status=503, times=None)
    with pytest.raises(AirflowException, match="gave up after") as caught:
        start(retry_interval=0.01, slot_timeout=0.05, deferrable=False)
    assert one_traceback(caught.value)
