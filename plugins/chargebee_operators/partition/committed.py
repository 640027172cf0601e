"""The manifests below a prefix of a bucket: what has been committed there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from chargebee_operators.checks.columns import read_manifest
from chargebee_operators.common.calls import in_threads
from chargebee_operators.partition.key_templates import DEFAULT_MANIFEST_NAME

# In the default layout all manifests are below this folder; in others they are anywhere.
FOLDER = DEFAULT_MANIFEST_NAME.partition("/")[0] + "/"
_AT_A_TIME = 16


def committed_manifests(client: Any, bucket: str, prefix: str) -> list[Mapping[str, Any]]:
    """Read all manifests below a prefix.

    :param client: boto3's of S3.
    :param bucket: the bucket.
    :param prefix: what the keys of the exports begin with, without a slash at its end.
    :raises botocore.exceptions.ClientError: when the bucket can't be listed, or a manifest can't be read.
    """
    below = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    def keys(root: str) -> list[str]:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=root)
        return [each["Key"] for page in pages for each in page.get("Contents", ()) if each["Key"].endswith(".json")]

    def read(key: str) -> list[Mapping[str, Any]]:
        text = client.get_object(Bucket=bucket, Key=key)["Body"].read().decode("utf-8", errors="replace")
        return list(read_all([text]))

    found = in_threads(read, keys(below + FOLDER) or keys(below), _AT_A_TIME, "manifests")
    return [each for manifests in found for each in manifests]


def read_all(texts: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    """Yield those of some JSON texts that are manifests.

    :param texts: the texts of objects below the prefix, which may hold something else.
    """
    for each in texts:
        manifest = read_manifest(each)
        if isinstance(manifest.get("job"), Mapping) and "schema_version" in manifest:
            yield manifest
