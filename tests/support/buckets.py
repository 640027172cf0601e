"""Buckets that end with what they are for, so that a fixture may be set up again in the same process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def new_bucket(client: Any, name: str) -> Iterator[str]:
    """Create a bucket, and remove it with all its objects at the end.

    :param client: boto3's.
    """
    client.create_bucket(Bucket=name)
    try:
        yield name
    finally:
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=name):
            for each in page.get("Contents", []):
                client.delete_object(Bucket=name, Key=each["Key"])
        client.delete_bucket(Bucket=name)
