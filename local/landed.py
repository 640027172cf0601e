"""What a run has written to the local S3 server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from airflow_runs import BUCKET

import stack


def own_rows(manifest: dict[str, Any]) -> int | None:
    """Return how many records of the resource itself a partition holds, None where that is unknown."""
    rows: int | None = manifest["tables"].get(manifest["job"]["resource"], {"rows": 0})["rows"]
    return rows


def manifest_keys(s3: stack.S3Server, prefix: str = "") -> list[str]:
    """Return the key of the manifest of every committed partition below a prefix."""
    keys = (each["Key"] for each in objects(s3))
    return [key for key in keys if key.startswith(prefix) and "/manifests/" in key]


def manifests(s3: stack.S3Server, prefix: str = "") -> list[dict[str, Any]]:
    """Return the manifest of every committed partition below a prefix."""
    return [read(s3, key) for key in manifest_keys(s3, prefix)]


def read(s3: stack.S3Server, key: str) -> dict[str, Any]:
    """Return a manifest."""
    found: dict[str, Any] = json.load(s3.client().get_object(Bucket=BUCKET, Key=key)["Body"])
    return found


def objects(s3: stack.S3Server) -> Iterator[dict[str, Any]]:
    """Yield every object of the bucket."""
    for page in s3.client().get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        yield from page.get("Contents", [])


def save(s3: stack.S3Server, folder: Path) -> None:
    """Write every object of the bucket to a file below a folder, for the server forgets them when it stops."""
    client = s3.client()
    for each in objects(s3):
        path = folder / each["Key"]
        path.parent.mkdir(parents=True, exist_ok=True)
        client.download_file(BUCKET, each["Key"], str(path))
