"""Buckets that end with what they are for: a fixture may be set up again, and several processes use one S3 server."""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

# Of pytest-xdist; in a name, it keeps apart what its processes make.
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
# Seconds. A whole DAG run in a bucket takes minutes on a busy machine.
_PATIENCE = 900


@contextmanager
def new_bucket(client: Any, name: str) -> Iterator[str]:
    """Create a bucket, and remove it with all its objects at the end.

    Pages and DAG files prescribe some names. If another process has such a bucket, wait until it is gone.

    :param client: boto3's.
    """
    deadline = time.monotonic() + _PATIENCE
    while not _is_made(client, name):
        assert time.monotonic() < deadline, f"another process has had the bucket {name} for {_PATIENCE} s"
        time.sleep(0.2)
    try:
        yield name
    finally:
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=name):
            for each in page.get("Contents", []):
                client.delete_object(Bucket=name, Key=each["Key"])
        client.delete_bucket(Bucket=name)


def _is_made(client: Any, name: str) -> bool:
    # The S3 server tells both of two processes that they have made the bucket if they ask at once. So they take turns.
    port = urlsplit(client.meta.endpoint_url).port
    with (Path(tempfile.gettempdir()) / f"making-a-bucket-{port}.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        try:
            client.create_bucket(Bucket=name)
        except client.exceptions.BucketAlreadyOwnedByYou:
            return False
    return True
