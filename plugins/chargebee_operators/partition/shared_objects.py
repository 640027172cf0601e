"""Refuses to overwrite an object that another partition's manifest lists, where keys do not keep them apart."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import islice

from chargebee_operators.common.exceptions import ChargebeeExportError, SettingsError
from chargebee_operators.partition.current_manifest import CurrentManifest
from chargebee_operators.partition.keys import PartitionKeys
from chargebee_operators.partition.manifest import known_keys
from chargebee_operators.s3.bucket import DeniedError, S3Bucket, S3CallError

# Manifests that are looked at.
MOST = 1000


def check_not_shared(bucket: S3Bucket, keys: PartitionKeys, mine: Iterable[str], current: CurrentManifest) -> None:
    """Refuse a run whose objects would overwrite those of another partition.

    In the flat layout ``exports/Transactions.csv`` may be a file of the invoices and one of the transactions.

    :param mine: the keys of this run's objects, none of which is visible yet.
    :param current: the manifest that this run replaces.
    :raises SettingsError: with the key and the manifest that lists it.
    """
    if keys.unique:
        return
    taken = {key for key in set(mine) - known_keys(current.document) if _exists(bucket, key)}
    if not taken:
        return
    others = keys.find_manifests(lambda prefix: bucket.entries(prefix, "", None))
    for other in islice(others, MOST):
        if other == keys.manifest_key:
            continue
        for key in sorted(taken & _listed(bucket, other)):
            raise SettingsError(
                f"s3://{bucket.name}/{key} is an object of {other}, and this run would overwrite it: put {{resource}}, "
                "{partition} or {attempt} into object_name, so that two partitions have no object in common."
            )


def _listed(bucket: S3Bucket, manifest_key: str) -> set[str]:
    """Return the keys that a manifest lists as its own."""
    try:
        document = json.loads(bucket.get(manifest_key)[0])
    except (ChargebeeExportError, ValueError):
        return set()
    return known_keys({"files": document.get("files")}) if isinstance(document, dict) else set()


def _exists(bucket: S3Bucket, key: str) -> bool:
    try:
        bucket.head(key)
    except DeniedError:
        return False  # without s3:ListBucket, what is missing
    except S3CallError as error:
        if error.status == 404:
            return False
        raise
    return True
