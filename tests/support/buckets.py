"""Buckets that end with what they are for: a fixture may be set up again, and several processes use one S3 server."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# Of pytest-xdist; in a name, it keeps apart what its processes make.
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
_PATIENCE = 300


@contextmanager
def new_bucket(client: Any, name: str) -> Iterator[str]:
    """Create a bucket, and remove it with all its objects at the end.

    Where another process has one of this name, which a page or a DAG file prescribes, wait until it is gone.

    :param client: boto3's.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            client.create_bucket(Bucket=name)
            break
        except client.exceptions.BucketAlreadyOwnedByYou:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
    try:
        yield name
    finally:
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=name):
            for each in page.get("Contents", []):
                client.delete_object(Bucket=name, Key=each["Key"])
        client.delete_bucket(Bucket=name)
