"""ChargebeeExportToS3Operator: the simulator's zips into a real S3 server."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from typing import Any

import pyarrow.parquet as pq
import pytest

from chargebee_operators import ChargebeeExportOperator, ChargebeeExportToS3Operator
from chargebee_operators._compat import AirflowFailException
from chargebee_operators.common.exceptions import ArchiveError, DownloadError
from chargebee_operators.s3 import multipart
from chargebee_simulator.profiles import PROFILES
from support.tasks import TaskInstance, context, run
from support.uploads import UNPACK, body, keys, manifest, records, rows_of, upload

A_WHILE = ("2003-01-01T00:00:00Z", "2026-11-24T00:00:00Z")
CLEARED = context(ti=TaskInstance(max_tries=9))


@pytest.fixture
def job(connected, aws) -> dict[str, Any]:
    """A completed export of all customers."""
    return run(ChargebeeExportOperator(task_id="start", resource="customers", snapshot=True))


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("file_format", ["csv", "csv.gz"])
def test_every_member_lands_whole(connected, aws, bucket, profile, file_format):
    connected.control.settings(profile=profile)
    job = run(ChargebeeExportOperator(task_id="start", resource="customers", snapshot=True))
    landed = run(upload(job, bucket, file_format=file_format))
    told = manifest(aws, bucket)
    assert (landed["tables"], landed["bytes"]) == (told["tables"], told["bytes"])
    assert sorted(keys(aws, bucket)) == sorted([*(each["key"] for each in told["files"]), landed["manifest_key"]])
    ids: set[str] = set()
    for each in told["files"]:
        stored = body(aws, bucket, each["key"])
        assert (len(stored), hashlib.sha256(stored).hexdigest()) == (each["bytes"], each["sha256"])
        header, *rows = records(UNPACK[file_format](stored))
        assert (each["columns"], each["rows"]) == (header, len(rows))
        assert each["key"].startswith(f"chargebee/snapshots/{each['table']}/site=acme-test/{landed['partition']}/")
        ids |= {value for row in rows for value in row}
    assert {each["id"] for each in connected.control.records("customers")} <= ids


@pytest.mark.parametrize(
    ("of_site", "of_task"), [("America/New_York", None), ("Asia/Tokyo", "America/New_York"), (None, None)]
)
def test_times_without_a_zone_are_of_the_connection_s_unless_the_task_names_one(
    connected, connect, aws, bucket, of_site, of_task
):
    connected.control.settings(profile="api", dates="human", zone="America/New_York")
    connect(connected, extra={"window_timezone": of_site})
    job = run(ChargebeeExportOperator(task_id="start", resource="customers", snapshot=True))
    types = {"created_at": "timestamp[s, UTC]"}
    task = upload(job, bucket, file_format="parquet", column_types=types, window_timezone=of_task)
    if not of_site:
        with pytest.raises(AirflowFailException, match="created_at.*has no time zone.*Set window_timezone"):
            run(task)
        return
    run(task)
    (entry,) = [each for each in manifest(aws, bucket)["files"] if each["table"] == "customers"]
    rows = pq.read_table(io.BytesIO(body(aws, bucket, entry["key"])), columns=["id", "created_at"]).to_pylist()
    # These texts have no seconds.
    real = {each["id"]: each["created_at"] // 60 * 60 for each in connected.control.records("customers")}
    assert {each["id"]: each["created_at"].timestamp() for each in rows} == real


def test_a_zip_lands_as_it_came(connected, aws, bucket, job):
    landed = run(upload(job, bucket, file_format="zip"))
    (entry,) = manifest(aws, bucket)["files"]
    archive = zipfile.ZipFile(io.BytesIO(body(aws, bucket, entry["key"])))
    assert archive.testzip() is None
    assert list(entry["member_columns"]) == archive.namelist()
    assert all(columns and columns[0] in entry["columns"] for columns in entry["member_columns"].values())
    attempt = manifest(aws, bucket)["run"]["attempt"]
    folder = f"chargebee/snapshots/customers/site=acme-test/{landed['partition']}"
    assert entry["key"] == f"{folder}/customers-{job['export_id']}-{attempt}.zip"
    assert entry["member_rows"] == {name: len(records(archive.read(name))) - 1 for name in archive.namelist()}
    assert entry["rows"] == entry["member_rows"]["Customers.csv"] == len(connected.control.records("customers"))


@pytest.mark.parametrize("profile", ["chargebee", "api", "empty-zip", "zero-byte"])
@pytest.mark.parametrize("file_format", ["csv", "csv.gz", "zip"])
def test_an_export_without_rows_is_committed_too(connected, aws, bucket, profile, file_format):
    connected.control.settings(profile=profile)
    start = ChargebeeExportOperator(
        task_id="start", resource="customers", window_start="2003-01-01", window_end="2003-01-02"
    )
    landed = run(upload(run(start), bucket, file_format=file_format))
    told = manifest(aws, bucket, landed["manifest_key"])
    assert {each["rows"] for each in landed["tables"].values()} <= {0}
    assert sorted(keys(aws, bucket)) == sorted([landed["manifest_key"], *(each["key"] for each in told["files"])])
    assert file_format == "zip" or not told["files"]
    assert not told["warnings"]
    assert told["job"]["window_start"] == "2003-01-01T00:00:00Z"


def test_a_rerun_replaces_the_partition(connected, aws, bucket):
    start = ChargebeeExportOperator(
        task_id="start", resource="customers", window_start=A_WHILE[0], window_end=A_WHILE[1]
    )
    run(upload(run(start), bucket))
    before = {each["key"] for each in manifest(aws, bucket)["files"]}
    landed = run(upload(run(start, CLEARED), bucket, file_format="csv"))
    after = {each["key"] for each in manifest(aws, bucket)["files"]}
    assert not before & after
    assert set(keys(aws, bucket)) == after | {landed["manifest_key"]}


def test_the_same_upload_twice_changes_nothing_but_names_and_time(aws, bucket, job):
    run(upload(job, bucket))
    first = manifest(aws, bucket)
    landed = run(upload(job, bucket))
    second = manifest(aws, bucket)
    assert second["replaced"] == sorted(each["key"] for each in first["files"])
    assert [{**each, "key": ""} for each in first["files"]] == [{**each, "key": ""} for each in second["files"]]
    assert (first["compared_with"], second["compared_with"]) == (None, landed["manifest_key"])
    assert [{**each, "prefix": ""} for each in first["tables"].values()] == [
        {**each, "prefix": ""} for each in second["tables"].values()
    ]
    changed = {"committed_at": "", "files": [], "replaced": [], "run": {}, "compared_with": ""}
    assert {**first, **changed} == {**second, **changed}


def test_an_hourly_window_has_a_partition_of_its_own(connected, aws, bucket):
    landed = [
        run(
            upload(
                run(ChargebeeExportOperator(task_id="s", resource="customers", window_start=a, window_end=b)), bucket
            )
        )
        for a, b in [("2026-11-23T01:00Z", "2026-11-23T02:00Z"), ("2026-11-23T02:00Z", "2026-11-23T03:00Z")]
    ]
    assert [each["partition"] for each in landed] == [
        "window_start=20261123T010000Z",
        "window_start=20261123T020000Z",
    ]


def test_the_flat_layout_is_a_template_away(connected, aws, bucket):
    run(
        upload(
            run(ChargebeeExportOperator(task_id="start", resource="credit_notes", snapshot=True)),
            bucket,
            s3_prefix="exports",
            object_name="{member}{suffix}",
            manifest_name="_manifests/{resource}.json",
            keep_latest_only=True,
            file_format="csv",
        )
    )
    assert set(keys(aws, bucket)) == {
        "exports/CreditNotes.csv",
        "exports/CreditNoteLineItems.csv",
        "exports/AllocatedInvoices.csv",
        "exports/_manifests/credit_notes.json",
    }


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "corrupt_zip"}, ArchiveError),
        ({"kind": "truncate_zip"}, ArchiveError),
        ({"kind": "not_a_zip"}, ArchiveError),
        ({"kind": "cut_download", "after_bytes": 500, "chunked": True}, (ArchiveError, DownloadError)),
        ({"kind": "cut_download", "after_bytes": 10}, DownloadError),
        ({"kind": "expire_url"}, DownloadError),
    ],
    ids=lambda value: "_".join(str(part) for part in value.values()) if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("file_format", ["csv", "csv.gz", "zip"])
def test_a_bad_download_publishes_nothing_and_leaves_what_was_there(
    connected, aws, bucket, job, fault, error, file_format
):
    run(upload(job, bucket))
    before = {key: body(aws, bucket, key) for key in keys(aws, bucket)}
    connected.control.add_faults([{**fault, "times": None}])
    another = run(ChargebeeExportOperator(task_id="start", resource="customers", snapshot=True), CLEARED)
    another["requested_at"] = job["requested_at"]  # which names the partition
    with pytest.raises(error) as caught:
        run(upload(another, bucket, file_format=file_format, resume_attempts=1))
    assert "Signature" not in str(caught.value)
    assert "http" not in str(caught.value)
    assert {key: body(aws, bucket, key) for key in keys(aws, bucket)} == before
    assert not aws.client().list_multipart_uploads(Bucket=bucket).get("Uploads")


@pytest.mark.parametrize(
    "fault",
    [{"kind": "cut_download", "after_bytes": 700}, {"kind": "expire_url"}, {"kind": "drop_before", "method": "GET"}],
    ids=lambda fault: fault["kind"],
)
def test_a_cut_connection_or_an_expired_url_is_taken_up_again(connected, aws, bucket, job, fault):
    connected.control.add_faults([{**fault, "times": 1}])
    assert rows_of(run(upload(job, bucket))) > 0


def test_a_host_that_only_a_setting_can_allow_costs_no_retry(simulator, connect, aws, bucket, job):
    connect(simulator, extra={"allowed_download_hosts": ["files.example.com"]})
    with pytest.raises(AirflowFailException, match="'127.0.0.1' is not in allowed_download_hosts"):
        run(upload(job, bucket))
    assert not keys(aws, bucket)


def test_another_object_under_the_same_export_is_not_patched_onto_the_first(connected, aws, bucket, job):
    connected.control.add_faults(
        [{"kind": "cut_download", "after_bytes": 700}, {"kind": "change_object", "times": None}]
    )
    with pytest.raises(DownloadError, match="changed while it was fetched"):
        run(upload(job, bucket))
    assert not keys(aws, bucket)


@pytest.mark.parametrize("file_format", ["csv", "csv.gz", "zip"])
def test_a_missing_bucket_is_named_before_anything_is_fetched(connected, job, file_format):
    with pytest.raises(AirflowFailException, match="Bucket 'no-such-bucket' does not exist"):
        run(upload(job, "no-such-bucket", file_format=file_format))
    assert not connected.control.requests(listener="download")


def test_a_job_of_another_site_is_refused(aws, bucket, job):
    with pytest.raises(AirflowFailException, match="give this task the start task's connection"):
        run(upload({**job, "site": "other-test"}, bucket))


@pytest.mark.parametrize(
    ("job_s", "own", "sent"),
    [("job", "own", "own"), ("job", None, "job"), ("job", "", "job"), (None, None, "connection")],
)
def test_the_url_is_asked_for_with_the_export_s_own_business_entity(
    simulator, connect, aws, bucket, job, job_s, own, sent
):
    connect(simulator, extra={"business_entity_id": "connection"})
    simulator.control.clear_requests()
    run(upload({**job, "business_entity_id": job_s}, bucket, business_entity_id=own))
    looks = simulator.control.requests(method="GET", listener="api")
    assert {each["headers"].get("chargebee-business-entity-id") for each in looks} == {sent}


def test_an_export_in_process_is_refused(connected, aws, bucket):
    connected.control.settings(job_seconds=3600)
    job = run(ChargebeeExportOperator(task_id="start", resource="customers", snapshot=True))
    with pytest.raises(DownloadError, match="put an ExportReadySensor before"):
        run(upload(job, bucket))


def test_the_connection_s_own_transfer_settings_are_honoured(aws, bucket, job, monkeypatch):
    def connect(**arguments: Any) -> None:
        connection = json.loads(aws.connection())
        connection["extra"]["service_config"] = {"s3": {"transfer_config_args": arguments}}
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))

    sizes: list[int] = []
    parts = multipart.split
    monkeypatch.setattr(
        multipart, "split", lambda pieces, size, bound: sizes.append(size) or parts(pieces, size, bound)
    )
    connect(multipart_chunksize=6 << 20)
    run(upload(job, bucket))
    assert set(sizes) == {6 << 20}
    connect(multipart_chunk=1)
    with pytest.raises(
        AirflowFailException, match="AWS connection 'aws_default': transfer_config_args, of service_config.s3"
    ):
        run(upload(job, bucket))


def test_extra_args_reach_s3(aws, bucket, job):
    landed = run(upload(job, bucket, extra_args={"Metadata": {"team": "billing"}, "ContentType": "text/plain"}))
    (first, *_) = manifest(aws, bucket)["files"]
    head = aws.client().head_object(Bucket=bucket, Key=first["key"])
    assert (head["Metadata"], head["ContentType"]) == ({"team": "billing"}, "text/plain")
    assert aws.client().head_object(Bucket=bucket, Key=landed["manifest_key"])["ContentType"] == "application/json"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"s3_bucket": ""}, "s3_bucket is empty"),
        ({"s3_bucket": "s3://bucket/path"}, "give the name alone"),
        (
            {"s3_bucket": "arn:aws:s3:eu-west-1:123456789012:accesspoint/a"},
            "is an ARN, .* its alias, which ends in -s3a",
        ),
        ({"s3_bucket": "my bucket"}, "'my bucket' is not a bucket's name: one has 3 to 63 characters"),
        ({"s3_bucket": "Exports"}, "'Exports' is not a bucket's name"),
        (
            {"s3_bucket": "exports--use1-az4--x-s3"},
            r"is a directory bucket \(S3 Express One Zone\), which is not supported",
        ),
        (
            {"s3_bucket": "ap-o01ac5d28a6a232904e8xz5w8ijx1qzlbp3i3kuse10--op-s3"},
            "is an access point of S3 on Outposts",
        ),
        ({"file_format": "parquet2"}, "choose from csv, csv.gz, zip, parquet"),
        ({"s3_prefix": "a/{resourse}"}, "{resource}"),
        ({"object_name": "{0}"}, "object_name"),
        ({"manifest_name": "{table}.json"}, "manifest_name '{table}.json' can't be filled in"),
        ({"manifest_name": None}, "manifest_name is None: give a text"),
        ({"object_name": "{table:.3}-{attempt}{suffix}"}, r"object_name .* write \{table\} alone"),
        ({"object_name": "{table}/{member}{suffix}"}, r"put \{partition\} into object_name too"),
        ({"keep_latest_only": "yes"}, "keep_latest_only is 'yes': give True or False"),
        ({"object_name": "{member:.3}-{attempt}{suffix}"}, r"object_name .* write \{member\} alone"),
        ({"object_name": "{member}-{attempt!r}{suffix}"}, r"object_name .* write \{attempt\} alone"),
        ({"extra_args": {"StorageClas": "GLACIER"}}, "did you mean 'StorageClass'"),
        ({"transfer_config_args": {"max_bandwidth": 1}}, "'max_bandwidth' has no effect"),
        ({"resume_attempts": "5"}, "resume_attempts is '5': give a whole number from 0 upwards"),
        ({"resume_attempts": -3}, "resume_attempts is -3"),
        ({"download_streams": 2.5}, "download_streams is 2.5: give a whole number from 1 upwards"),
        ({"max_members": True}, "max_members is True"),
        ({"max_ratio": float("nan")}, "max_ratio is nan: give a number"),
        ({"verify": "no"}, "verify is 'no': give True or False"),
        ({"replace_other_window": "yes"}, "replace_other_window is 'yes': give True or False"),
        ({"business_entity_id": "a\nb"}, "business_entity_id is 'a.*give the entity's id"),
    ],
)
def test_wrong_arguments_are_named_at_parse_time(arguments, message):
    with pytest.raises(ValueError, match=message):
        ChargebeeExportToS3Operator(**{"task_id": "upload", "job": {}, "s3_bucket": "bucket", **arguments})
