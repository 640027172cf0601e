"""The SQL for what is in a bucket: manifests read from a real S3 server."""

from __future__ import annotations

import subprocess
import sys

import boto3
import pytest

from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.sql.manifests import read_manifests
from support.pages import ROOT
from support.written_tables import Bucket, day


@pytest.fixture
def written(s3, bucket, tmp_path, monkeypatch) -> Bucket:
    """Two windows in a bucket and in its copy, with credentials where boto3 looks for them."""
    made = Bucket(tmp_path)
    for number in range(2):
        made.window("customers", day(number), day(number + 1), {"customers": [["Customer Id"], ["c1"]]})
    for path in filter(lambda each: each.is_file(), tmp_path.rglob("*")):
        s3.client().upload_file(str(path), bucket, str(path.relative_to(tmp_path)))
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps the credentials that it has found
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.secret_key)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return made


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own: Airflow's logging, in the tests' process, prints on standard output."""
    line = [sys.executable, "-m", "chargebee_operators.sql", *arguments, "--dialect", "athena"]
    return subprocess.run(line, cwd=ROOT / "plugins", capture_output=True, text=True, check=False)


def test_a_bucket_and_its_copy_give_the_same_sql(written, bucket):
    from_bucket = command(f"s3://{bucket}/chargebee", "--schema", "lake").stdout
    assert from_bucket == command(str(written.folder), "--schema", "lake", "--files", f"s3://{bucket}/").stdout
    assert f"LOCATION 's3://{bucket}/chargebee/windows/customers/'" in from_bucket


def test_the_whole_bucket_will_do_and_other_json_is_passed_over(written, s3, bucket):
    s3.client().put_object(Bucket=bucket, Key="chargebee/doctor/report.json", Body=b'{"schema_version": 1}')
    s3.client().put_object(Bucket=bucket, Key="chargebee/manifests/broken.json", Body=b"{")
    for location in (f"s3://{bucket}", f"s3://{bucket}/", f"s3://{bucket}/chargebee/"):
        found = read_manifests(location)
        assert (len(found.manifests), found.files) == (2, f"s3://{bucket}/")


def test_another_prefix_has_none(written, bucket):
    with pytest.raises(SettingsError, match="No manifest was found below .*: give the bucket and the prefix"):
        read_manifests(f"s3://{bucket}/charge")


def test_a_bucket_that_does_not_exist_and_a_wrong_key_are_named(written, bucket, monkeypatch):
    missing = command("s3://no-such-bucket/chargebee")
    assert missing.returncode == 1
    assert missing.stderr.startswith("S3 refused to list or read s3://no-such-bucket/chargebee: NoSuchBucket.")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-secret")
    refused = command(f"s3://{bucket}/chargebee")
    assert refused.returncode == 1
    assert "SignatureDoesNotMatch" in refused.stderr and "wrong-secret" not in refused.stderr
