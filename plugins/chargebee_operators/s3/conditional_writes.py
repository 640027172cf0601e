"""Whether an S3 server honours ``If-Match`` and ``If-None-Match`` on writes, on which two runs at once depend.

AWS does. Some servers that speak S3's protocol refuse the headers, and some ignore them without a word, so that both of
two writers succeed. That is found out by writes that must be refused.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from chargebee_operators.common.exceptions import ChargebeeExportError
from chargebee_operators.common.task_log import task_log
from chargebee_operators.s3.bucket import S3Bucket, S3CallError
from chargebee_operators.s3.console import is_aws
from chargebee_operators.s3.upload_args import for_manifest

log = task_log(__name__)

_TAKEN, _REFUSED, _UNKNOWN = "taken", "refused", "unknown"
# What is found, by endpoint and bucket; once in a process.
_found: dict[tuple[str, str], bool] = {}


def honours_conditions(bucket: S3Bucket, beside: str) -> bool:
    """Return whether a conditional write is refused where its condition does not hold.

    AWS is not asked. Elsewhere a small object is written beside the given key, and removed.

    :param beside: a key that the run may write to.
    :raises ChargebeeExportError: when S3 can't be written to at all.
    """
    if is_aws(bucket.endpoint_url):
        return True
    where = (bucket.endpoint_url, bucket.name)
    if where not in _found:
        _found[where] = _try_out(bucket, f"{beside}.write-test-{secrets.token_hex(4)}")
        if not _found[where]:
            log.warning(
                "The S3 server at %s does not honour If-Match and If-None-Match, so it can't tell two runs of one "
                "partition apart that commit at the same time. Let one run at a time write a partition. Objects that no "
                "manifest lists are not removed here.",
                bucket.endpoint_url,
            )
    return _found[where]


def forget() -> None:
    """Forget what was found, for tests."""
    _found.clear()


def _try_out(bucket: S3Bucket, key: str) -> bool:
    if_missing, if_other = {"If-None-Match": "*"}, {"If-Match": '"0"'}
    try:
        # The first may be refused where its answer was lost and boto3 has sent it again.
        if _write(bucket, key, if_missing) == _UNKNOWN:
            return False
        return [_write(bucket, key, each) for each in (if_missing, if_other)] == [_REFUSED, _REFUSED]
    finally:
        _remove(bucket, key)


def _write(bucket: S3Bucket, key: str, condition: Mapping[str, str]) -> str:
    """Return what became of a write: taken, refused for its condition, or the condition is unknown to the server.

    :raises ChargebeeExportError: when it fails for another reason.
    """
    args = {name: value for name, value in for_manifest(bucket.extra_args).items() if not name.startswith("ObjectLock")}
    try:
        bucket.put(key, b"{}", args, condition)
    except S3CallError as error:
        if error.code == "NotImplemented":
            return _UNKNOWN
        if error.status in (409, 412):
            return _REFUSED
        raise
    return _TAKEN


def _remove(bucket: S3Bucket, key: str) -> None:
    try:
        problems = bucket.delete([key])
    except ChargebeeExportError as error:
        problems = [str(error)]
    for each in problems:
        log.warning("A test object was not removed: %s", each)
