"""Addresses in the AWS console. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

# Of the partitions that have a console of their own:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html,
# https://docs.aws.amazon.com/govcloud-us/latest/UserGuide/getting-started-sign-in.html,
# https://docs.amazonaws.cn/en_us/aws/latest/userguide/accounts.html
_CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-us-gov": "console.amazonaws-us-gov.com",
    "aws-cn": "console.amazonaws.cn",
}
_ENDPOINTS = ("amazonaws.com", "amazonaws.com.cn", "amazonaws.eu", "api.aws")


def is_aws(endpoint_url: str) -> bool:
    """Return whether an endpoint is one of AWS, and not of another server that speaks S3's protocol.

    :param endpoint_url: of a boto3 client (https://docs.aws.amazon.com/general/latest/gr/s3.html).
    """
    host = urlsplit(endpoint_url).hostname or ""
    return any(host == each or host.endswith(f".{each}") for each in _ENDPOINTS)


def console_url(
    endpoint_url: str, partition: str, region: str | None, bucket: str, *, folder: str = "", key: str = ""
) -> str:
    """Return the address of a folder, or of one object, in the S3 console; empty where there is no console.

    :param endpoint_url: of a boto3 client.
    :param partition: of AWS: ``aws``, ``aws-us-gov`` or ``aws-cn``.
    :param region: the bucket's, where it is known.
    :param folder: what the keys begin with.
    :param key: the object's, in place of a folder.
    """
    if partition not in _CONSOLES or not is_aws(endpoint_url):
        return ""
    page, prefix = ("object", key) if key else ("buckets", folder)
    in_region = f"region={quote(region, safe='')}&" if region else ""
    return f"https://{_CONSOLES[partition]}/s3/{page}/{quote(bucket, safe='')}?{in_region}prefix={quote(prefix)}"


def partition_url(client: Any, region: str | None, landed: Mapping[str, Any]) -> str:
    """Return the address of a partition: the folder of the export's own table, or of another one, else the manifest.

    :param client: a boto3 client of S3.
    :param region: the bucket's, where it is known.
    :param landed: what the upload returns.
    """
    tables = landed["tables"]
    folders = [tables[name]["prefix"] for name in sorted(tables, key=lambda name: name != landed["resource"])]
    folders = [each for each in folders if each is not None]
    place = {"folder": folders[0]} if folders else {"key": landed["manifest_key"]}
    meta = client.meta
    return console_url(meta.endpoint_url, meta.partition, region, landed["bucket"], **place)
