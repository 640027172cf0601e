"""Reads the manifests below a prefix of a bucket, or below a folder that has a copy of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from chargebee_operators.checks.columns import files_of
from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.common.foreign_text import clean
from chargebee_operators.partition.committed import FOLDER, committed_manifests, read_all

S3 = "s3://"


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
    :raises SettingsError: when there are none, or they can't be read.
    """
    found = _from_bucket(location, client) if location.startswith(S3) else _from_folder(Path(location))
    if not found.manifests:
        raise SettingsError(f"No manifest was found below {location!r}: give the bucket and the prefix of the DAG.")
    return found


def _from_bucket(location: str, client: Any) -> Found:
    bucket, _, prefix = location[len(S3) :].partition("/")
    if client is None:
        try:
            import boto3
        except ModuleNotFoundError:
            raise SettingsError(
                f"{location} can't be read, because this Python has no boto3: take one that has it, or give a folder with a "
                "copy of the bucket."
            ) from None
    with _refusals_explained(location):
        client = client or boto3.client("s3")
        return Found(committed_manifests(client, bucket, prefix), f"{S3}{bucket}/")


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
    manifests = list(read_all(path.read_text(encoding="utf-8", errors="replace") for path in paths))
    return Found(manifests, _folder_of_keys(folder, manifests))


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
