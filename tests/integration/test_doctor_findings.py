"""What the doctor finds out besides filters: each fact on a site that has it, and each fault that is made on purpose."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from chargebee_operators import ChargebeeDoctorOperator, ChargebeeExportOperator
from chargebee_operators._compat import AirflowFailException
from support.simulator_calls import FORBIDDEN_KEY, KEY, SITE
from support.tasks import TaskInstance, context, run
from support.uploads import upload
from support.zips import made

Findings = list[tuple[str, str, str]]


class Doctor:
    """Examines a site, and keeps what the report says."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._client, self._bucket = s3.client(), bucket
        self.report: dict[str, Any] = {}

    def __call__(
        self, *, look_at: tuple[str, ...] = (), resources: tuple[str, ...] = ("customers",), **more: Any
    ) -> None:
        arguments = {"look_days": 400, "deferrable": False, "poll_interval": 0.05, **more}
        operator = ChargebeeDoctorOperator(
            task_id="examine", s3_bucket=self._bucket, resource_names=resources, look_at=look_at, **arguments
        )
        self.examine(lambda: run(operator))

    def examine(self, call: Callable[[], Any]) -> None:
        """Make the call, and read the report that it writes; the task fails where a finding is wrong."""
        failed = ""
        try:
            call()
        except AirflowFailException as error:
            failed = str(error)
        listed = self._client.list_objects_v2(Bucket=self._bucket, Prefix="chargebee/doctor/")["Contents"]
        key = max(each["Key"] for each in listed)
        assert [each["Key"] for each in listed if not each["Key"].endswith(".json")] == [], "the probe is left behind"
        self.report = json.loads(self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read())
        assert bool(self.findings("wrong")) is bool(failed)

    def findings(self, level: str) -> list[str]:
        return [f"{each['says']} {each['do']}".strip() for each in self.report["findings"] if each["level"] == level]

    def one(self, level: str, words: str) -> str:
        """Return the only finding of a level with these words."""
        (found,) = [each for each in self.findings(level) if words in each]
        return found


@pytest.fixture
def doctor(s3: Any, bucket: str, aws: Any) -> Doctor:
    return Doctor(s3, bucket)


def test_the_product_catalog_is_named(connected, doctor):
    doctor()
    assert doctor.one("ok", "Product Catalog") == "The site has Product Catalog 2.0."
    assert doctor.report["facts"]["connection"]["host"] == "127.0.0.1"


def test_exports_of_another_catalog_are_wrong_and_the_right_ones_are_listed(make_simulator, connect, doctor):
    connect(make_simulator(catalog="v1", refuse_other_catalog=True))
    doctor(resources=("customers", "items"))
    assert "belong to another Product Catalog than the site's 1.0: items." in doctor.one("wrong", "Product Catalog")
    assert "configuration_incompatible" in doctor.one("attention", "items: ")
    assert '    "plans",' in doctor.report["settings"] and '    "items",' not in doctor.report["settings"]


def test_without_an_answer_the_catalog_is_not_known(connected, doctor):
    connected.control.fault("status", status=404, text=True, method="GET", skip=1)
    doctor()
    assert "The site's Product Catalog is not known" in doctor.one("attention", "Product Catalog")


def test_business_entities_are_named_where_the_connection_names_none(connected, doctor):
    doctor(look_at=("customers",))
    told = doctor.one("ok", "business entities")
    assert "be_america and be_europe. The connection names none, so the exports hold the whole site." in told


def test_a_business_entity_that_is_honoured_is_ok(connected, connect, doctor):
    connect(connected, extra={"business_entity_id": "be_europe"})
    doctor(look_at=("customers",))
    assert "business entity be_europe, as the connection says" in doctor.one("ok", "business entity")


def test_a_business_entity_that_is_ignored_is_wrong(make_simulator, connect, doctor):
    connect(make_simulator(ignore_business_entity=True), extra={"business_entity_id": "be_europe"})
    doctor(look_at=("customers",))
    assert "names business entity be_europe, but the exports hold records of be_america" in doctor.one(
        "wrong", "entity"
    )


@pytest.mark.parametrize(("profile", "split"), [("parts", True), ("api", False)])
def test_the_report_says_whether_exports_are_split_into_parts(make_simulator, connect, doctor, profile, split):
    simulator = make_simulator(profile=profile)
    if split:
        simulator.control.settings(rows_per_part=20)
    connect(simulator)
    doctor(look_at=("customers",))
    assert doctor.report["facts"]["parts"] == ({"customers": 3} if split else {})
    told = "customers in 3 files" if split else "No export was split into parts. The largest file has 60 rows."
    assert told in doctor.one("ok", "split into parts")


def test_a_date_in_digits_gets_a_window_format_to_paste(make_simulator, connect, doctor):
    simulator = make_simulator(profile="excel")
    simulator.control.settings(dates="digits", zone="Europe/Berlin")
    connect(simulator)
    doctor(look_at=("customers",))
    pasted = 'upload_args={"window_timezone": "Europe/Berlin", "window_format": "%d/%m/%Y %H:%M"},'
    assert pasted in doctor.report["settings"]


@pytest.mark.parametrize(("zone", "fits"), [("Europe/Busingen", True), ("Asia/Tokyo", False)])
def test_the_zone_of_the_connection_is_compared_with_the_times_of_the_exports(
    make_simulator, connect, doctor, zone, fits
):
    simulator = make_simulator(profile="excel")
    simulator.control.settings(zone="Europe/Berlin")
    connect(simulator, extra={"window_timezone": zone})
    doctor(look_at=("customers",))
    if fits:  # so no task has to name it
        assert f"fit the zone {zone}" in doctor.one("ok", "fit the zone")
        assert not any("window_timezone" in line for line in doctor.report["settings"])
    else:
        assert "window_timezone is Asia/Tokyo" in doctor.one("wrong", "window_timezone")
        assert 'upload_args={"window_timezone": "Europe/Berlin"},' in doctor.report["settings"]


@pytest.mark.parametrize(
    ("profile", "money", "bom", "id_column"),
    [
        ("chargebee", "decimals", False, "Invoice Number"),
        ("api", "cents", False, "id"),
        ("excel", "decimals", True, "Invoice Id"),
    ],
)
def test_the_look_of_a_file_is_reported(make_simulator, connect, doctor, profile, money, bom, id_column):
    connect(make_simulator(profile=profile))
    doctor(look_at=("invoices",), resources=("invoices",))
    assert doctor.report["facts"]["money"] == [money]
    assert doctor.report["facts"]["look"]["invoices"][0]["bom"] is bom
    assert f"the id is in the column {id_column};" in doctor.one("ok", "the id is in")


@pytest.mark.parametrize(
    ("fault", "words", "others"),
    [
        ("no_etag", "The host sends no strong ETag", "The host serves ranges"),
        ("no_range", "The host serves no ranges", "The host sends an ETag"),
    ],
)
def test_a_host_without_marks_or_ranges_wants_attention(connected, doctor, fault, words, others):
    connected.control.fault(fault, times=None)
    doctor()
    assert doctor.one("attention", words) and doctor.one("ok", others)


def test_the_speed_of_a_large_zip_is_measured_with_one_stream_and_with_four(make_simulator, connect, doctor, tmp_path):
    path = tmp_path / "large.zip"
    path.write_bytes(
        made([("customers.csv", b"id,name\n" + b"1,some name of a customer\n" * 200_000)], zipfile.ZIP_STORED)
    )
    connect(make_simulator(serve_zips={"customers": path}))
    doctor()
    assert set(doctor.report["facts"]["download"]["bytes_a_second"]) == {"1", "4"}
    assert "in one stream and" in doctor.one("ok", " in four.")


def test_a_damaged_zip_is_wrong(connected, doctor):
    connected.control.fault("truncate_zip", times=None, keep_bytes=40)
    doctor()
    assert doctor.findings("wrong")


def test_a_key_that_may_not_export_is_wrong(make_simulator, connect, doctor):
    connect(make_simulator(sites=(f"{SITE}:{KEY}", f"{SITE}:{FORBIDDEN_KEY}:forbidden")), password=FORBIDDEN_KEY)
    doctor()
    assert "may not do this" in doctor.one("wrong", "The API key")


def test_an_export_that_fails_or_never_ends_is_named(connected, doctor):
    connected.control.fault("fail_job", resource="customers")
    connected.control.fault("hang_job", resource="coupons")
    doctor(resources=("customers", "coupons", "invoices"), timeout=2)
    assert "Chargebee failed the export" in doctor.one("attention", "customers: ")
    assert "it did not end in time" in doctor.one("attention", "coupons: ")


def test_clocks_that_differ_want_attention(connected, doctor):
    doctor()
    assert "behind Chargebee's" in doctor.one("attention", "clock") or "ahead of" in doctor.one("attention", "clock")


def test_without_a_429_the_report_says_that_its_wait_is_not_known(connected, doctor):
    doctor()
    assert doctor.one("ok", "never busy (429)")


def timed_out() -> tuple[str, dict[str, Any]]:
    """Return what the scheduler of this Airflow sets for a task whose wait nobody has taken in time."""
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner

    class Session:
        def execute(self, statement: Any) -> Any:
            self.values = statement.compile().params
            return SimpleNamespace(rowcount=0)

    session = Session()
    SchedulerJobRunner.check_trigger_timeouts(object.__new__(SchedulerJobRunner), session=session)
    return session.values["next_method"], json.loads(json.dumps(session.values["next_kwargs"]))


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        (timed_out, "No triggerer has taken the task within 17 minutes."),
        (
            lambda: ("__fail__", {"error": "Trigger failure"}),
            "Airflow ended the wait in the triggerer (Trigger failure).",
        ),
    ],
    ids=["timeout", "failure"],
)
def test_a_wait_that_the_scheduler_ends_is_wrong_and_the_rest_is_reported(doctor, connected, bucket, ended, words):
    operator = ChargebeeDoctorOperator(
        task_id="examine", s3_bucket=bucket, resource_names=["customers"], look_at=[], poll_interval=0.05
    )
    doctor.examine(lambda: operator.resume_execution(*ended(), context()))
    assert doctor.one("wrong", words)
    assert doctor.one("ok", "The filter by updated_at is honoured: customers.")


def test_days_that_no_run_has_exported_are_reported_with_the_command(simulator, connect, doctor, bucket):
    connect(simulator)
    for first, last in (("20", "21"), ("21", "22"), ("23", "24")):
        window = {"window_start": f"2026-11-{first}T00:00:00Z", "window_end": f"2026-11-{last}T00:00:00Z"}
        job = run(
            ChargebeeExportOperator(task_id="start", resource="customers", **window),
            context(ti=TaskInstance(run_id=first)),
        )
        run(upload(job, bucket), context(ti=TaskInstance(dag_id="chargebee_export", run_id=first)))
    doctor()
    gap = doctor.one("attention", "No partition has the time")
    assert "[2026-11-22T00:00:00Z, 2026-11-23T00:00:00Z) of customers." in gap
    assert "backfill" in gap and "chargebee_export" in gap and gap.count("2026-11-22T00:00:00+00:00") == 2


def test_manifests_that_may_not_be_read_leave_gaps_unknown(doctor, connected, proxy, bucket):
    job = run(ChargebeeExportOperator(task_id="start", resource="customers", snapshot=True))
    run(upload(job, bucket))
    proxy.rule("GetManifest", status=403, times=None)
    doctor()
    assert doctor.one("attention", "The manifests could not be read (AccessDenied)")


def test_the_report_is_written_with_what_the_bucket_accepts(doctor, connected, proxy):
    proxy.rule("CreateMultipartUpload", status=400, code="InvalidRequest", times=None, header="x-amz-object-lock-mode")
    lock = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": "2030-01-01T00:00:00Z"}
    doctor(extra_args={"Tagging": "team=data", **lock})
    assert doctor.one("wrong", "ObjectLockMode and ObjectLockRetainUntilDate of extra_args (InvalidRequest)")
    (written,) = [each for each in proxy.calls if each.operation == "PutManifest"]
    assert written.headers["x-amz-tagging"] == "team=data" and "x-amz-object-lock-mode" not in written.headers
