"""The manifest that is in S3 before a run's own, and the condition under which its own may take the place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chargebee_operators.common.exceptions import DestinationError
from chargebee_operators.partition.manifest import job_of
from chargebee_operators.s3.bucket import DeniedError, S3Bucket, S3CallError


@dataclass(frozen=True)
class CurrentManifest:
    """The manifest that a run finds.

    :param condition: the header under which another may take its place: ``If-Match`` its ETag, or ``If-None-Match`` where
        none was found.
    :param document: what it says; None when there is none.
    :param is_denied: whether it may exist, because S3 does not let it be read or listed.
    """

    condition: Mapping[str, str]
    document: Any = None
    is_denied: bool = False

    @property
    def partition(self) -> str:
        """The name of the partition that it is of; empty when it can't be read as a manifest."""
        job = job_of(self.document)
        return job.partition if job else ""


def read_current_manifest(bucket: S3Bucket, key: str) -> CurrentManifest:
    """Read the manifest of a partition.

    Without ``s3:ListBucket`` S3 answers 403 and not 404 for an object that does not exist
    (https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html). Then the manifest is taken for missing, and
    S3 itself refuses the write under ``If-None-Match`` if it exists after all.

    :raises DestinationError: when it exists and may not be read.
    :raises UploadError: when S3 gives no other clear answer.
    """
    try:
        data, etag = bucket.get(key)
    except DeniedError as error:
        listed = _is_listed(bucket, key)
        if listed:
            raise DestinationError(f"s3://{bucket.name}/{key} exists and can't be read. {error}") from None
        return CurrentManifest({"If-None-Match": "*"}, is_denied=listed is None)
    except S3CallError as error:
        if error.status == 404:
            return CurrentManifest({"If-None-Match": "*"})
        raise
    try:
        document = json.loads(data)
    except ValueError:
        document = {}
    return CurrentManifest({"If-Match": etag}, document if isinstance(document, dict) else {})


def _is_listed(bucket: S3Bucket, key: str) -> bool | None:
    """Return whether S3 lists a key; None when it may not be asked."""
    try:
        return key in bucket.entries(key, "", None)
    except DeniedError:
        return None
