"""Reads the manifests below a prefix of a bucket, or below a folder that has a copy of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from chargebee_operators.checks.columns import files_of, read_manifest
from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.common.foreign_text import clean

S3 = "s3://"
# In the default layout all manifests are below this folder; in others they are anywhere.
FOLDER = "manifests/"
_AT_A_TIME = 16


class Found(NamedTuple):
    """What was read.

    :param manifests: all of them.
    :param files: what comes before the keys of their files: ``s3://my-bucket/``, or a folder.
    """

    manifests: list[Mapping[str, Any]]
    files: str


def read_manifests(location: str, client: Any = None) -> Found:
    """Read all manifests.

    :param location: ``s3://my-bucket/chargebee``, or a folder.
    :param client: boto3's client for S3; None for one with the credentials that boto3 finds.
    :raises SettingsError: when there are none.
    """
    found = _from_bucket(location, client) if location.startswith(S3) else _from_folder(Path(location))
    if not found.manifests:
        raise SettingsError(f"No manifest was found below {location!r}: give the bucket and the prefix of the DAG.")
    return found


def _from_bucket(location: str, client: Any) -> Found:
    bucket, _, prefix = location[len(S3) :].partition("/")
    prefix = f"{prefix.rstrip('/')}/" if prefix.strip("/") else ""
    if client is None:
        import boto3

        client = boto3.client("s3")

    def keys(below: str) -> list[str]:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=below)
        return [each["Key"] for page in pages for each in page.get("Contents", ()) if each["Key"].endswith(".json")]

    def body(key: str) -> str:
        return str(client.get_object(Bucket=bucket, Key=key)["Body"].read().decode("utf-8", errors="replace"))

    with _refusals_explained(location), ThreadPoolExecutor(_AT_A_TIME) as threads:
        texts = threads.map(body, keys(prefix + FOLDER) or keys(prefix))
        return Found(list(_read(texts)), f"{S3}{bucket}/")


@contextmanager
def _refusals_explained(location: str) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = clean(str(error.response.get("Error", {}).get("Code")))
        raise SettingsError(
            f"S3 refused to list or read {location}: {code}. Check the bucket and the rights."
        ) from None
    except BotoCoreError as error:
        raise SettingsError(
            f"{location} can't be read ({type(error).__name__}). Check the credentials and the region that boto3 finds."
        ) from None


def _from_folder(folder: Path) -> Found:
    paths = sorted(folder.glob(f"{FOLDER}**/*.json")) or sorted(folder.rglob("*.json"))
    manifests = list(_read(path.read_text(encoding="utf-8", errors="replace") for path in paths))
    return Found(manifests, _folder_of_keys(folder, manifests))


def _read(texts: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    for each in texts:
        manifest = read_manifest(each)
        if isinstance(manifest.get("job"), dict) and "schema_version" in manifest:
            yield manifest


def _folder_of_keys(folder: Path, manifests: Iterable[Mapping[str, Any]]) -> str:
    """Return the folder that takes the place of the bucket: the one given, or one above it."""
    key = next((str(file["key"]) for manifest in manifests for file in files_of(manifest) if "key" in file), None)
    folder = folder.resolve()
    for root in (folder, *folder.parents):
        if key is None or (root / key).exists():
            return f"{root}/"
    raise SettingsError(
        f"The folder {folder} has no file {json.dumps(key)}. It must be a copy of the bucket, or of a prefix in folders of "
        "the prefix's names."
    )
