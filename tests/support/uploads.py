"""Uploads of exports, and what the bucket then holds."""

from __future__ import annotations

import csv
import gzip
import io
import json
from typing import Any

from chargebee_operators import ChargebeeExportToS3Operator


def upload(job: dict[str, Any], s3_bucket: str, **arguments: Any) -> ChargebeeExportToS3Operator:
    return ChargebeeExportToS3Operator(task_id="upload", job=job, s3_bucket=s3_bucket, **arguments)


def keys(s3: Any, bucket: str) -> list[str]:
    return [each["Key"] for each in s3.client().list_objects_v2(Bucket=bucket).get("Contents", [])]


def body(s3: Any, bucket: str, key: str) -> bytes:
    return s3.client().get_object(Bucket=bucket, Key=key)["Body"].read()


def manifest(s3: Any, bucket: str, key: str | None = None) -> dict[str, Any]:
    """Return the manifest of that key, or the only one of the bucket."""
    if key is None:
        (key,) = [each for each in keys(s3, bucket) if each.endswith(".json")]
    return json.loads(body(s3, bucket, key))


def rows_of(told: dict[str, Any]) -> int:
    """Return the rows of all tables, as a manifest or an upload's result tells them."""
    return sum(each["rows"] for each in told["tables"].values())


def records(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


UNPACK = {"csv": lambda data: data, "csv.gz": gzip.decompress}
