"""Whether a connection's credentials are accepted and may write to a bucket: one cheap call, as a rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chargebee_operators.common.exceptions import DestinationError
from chargebee_operators.common.foreign_text import clean
from chargebee_operators.common.task_log import task_log
from chargebee_operators.s3.bucket import DENIED, S3Bucket
from chargebee_operators.s3.causes import CAUSES, refusal, unanswered
from chargebee_operators.s3.upload_args import EVERY_CALL, only

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

log = task_log(__name__)

_CONNECT_SECONDS, _READ_SECONDS, _ATTEMPTS = 10, 20, 3


def check_access(hook: S3Hook, bucket: str, prefix: str) -> None:
    """Make sure that a connection may be used for uploads to a bucket, before anything is exported for it.

    It lists one key. Where that is denied, it begins an upload and aborts it, which no reader sees.

    :param hook: from ``s3_hook``, with the extra arguments of the uploads.
    :param prefix: what the keys of the uploads begin with.
    :raises DestinationError: when the bucket does not exist, or the credentials are not accepted or may not write.
    :raises UploadError: when S3 gives no answer; the same may work later.
    """
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    patience = Config(
        connect_timeout=_CONNECT_SECONDS, read_timeout=_READ_SECONDS, retries={"total_max_attempts": _ATTEMPTS}
    )
    try:
        client = hook.get_client_type(config=hook.config.merge(patience))
        # Without RequestPayer S3 answers 403 for a bucket whose requester pays.
        client.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1, **only(EVERY_CALL, hook.extra_args))
        return
    except ClientError as error:
        call, code, status = _told(error)
    except BotoCoreError as error:
        raise unanswered(hook.aws_conn_id, error) from None
    if call == "ListObjectsV2" and code in DENIED:
        _check_may_write(hook, bucket, prefix)
    elif status is not None and (status >= 500 or status == 429):
        log.warning("S3 answered %s %s to a list of bucket %s. The uploads try again.", status, code, bucket)
    else:
        raise _refusal(hook, bucket, call, code, status)


def _told(error: Any) -> tuple[str, str, int | None]:
    """Return the call that was refused, which may be one of STS for a role, the error code and the HTTP status."""
    answer = error.response
    code = clean(answer.get("Error", {}).get("Code", ""))
    return error.operation_name, code, answer.get("ResponseMetadata", {}).get("HTTPStatusCode")


def _refusal(hook: S3Hook, bucket: str, call: str, code: str, status: int | None) -> DestinationError:
    who = f"AWS connection {hook.aws_conn_id!r}"
    if code in ("NoSuchBucket", "404"):
        return DestinationError(
            f"Bucket {bucket!r} does not exist, or {who} leads to another S3: create the bucket, or correct its name."
        )
    if code in CAUSES:
        return DestinationError(refusal(hook.aws_conn_id, code, status))
    return DestinationError(f"{who}: {call} for bucket {bucket!r} was refused ({status} {code}).")


def _check_may_write(hook: S3Hook, bucket: str, prefix: str) -> None:
    target = S3Bucket(hook, bucket)
    key = f"{prefix}access-check"
    target.abort_upload(key, target.create_upload(key))
    log.warning(
        "AWS connection %s may write to bucket %s but not list it below %s. The uploads work, but can't find what failed tries "
        "left. Give it s3:ListBucket.",
        hook.aws_conn_id,
        bucket,
        prefix or "the root",
    )
