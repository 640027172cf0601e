"""Airflow's S3 hook as the uploads need it, and whether it leads to the bucket."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chargebee_operators.common.argument_checks import is_template
from chargebee_operators.common.exceptions import DestinationError, SettingsError
from chargebee_operators.common.task_log import task_log
from chargebee_operators.s3.causes import unanswered

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

log = task_log(__name__)

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
# What S3 does not give to a general purpose bucket, with what has such a name in its place. Directory buckets list in no order
# (https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html), and Outposts know no If-None-Match
# (https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html): two runs at once would not notice each other.
_OTHER_KINDS = {
    "--x-s3": "a directory bucket (S3 Express One Zone)",
    "--xa-s3": "an access point of a directory bucket",
    "--op-s3": "an access point of S3 on Outposts",
    "--ol-s3": "an Object Lambda access point",
    ".mrap": "a Multi-Region Access Point",
    "--table-s3": "a table bucket",
}
TRANSFER_DEFAULTS = {"multipart_chunksize": 8 << 20, "max_concurrency": 3}


def s3_hook(
    aws_conn_id: str | None,
    extra_args: Mapping[str, Any] | None = None,
    transfer_config_args: Mapping[str, Any] | None = None,
) -> S3Hook:
    """Return Airflow's S3 hook, set up to upload streams in bounded memory.

    :param aws_conn_id: the AWS connection; None for boto3's own search for credentials.
    :param extra_args: as ``upload_fileobj`` takes them: encryption, ACL, storage class, tagging...
    :param transfer_config_args: as ``boto3.s3.transfer.TransferConfig`` takes them; over the defaults of 8 MB parts, 3
        at a time.
    """
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    return S3Hook(
        aws_conn_id=aws_conn_id,
        extra_args=dict(extra_args or {}),
        transfer_config_args={**TRANSFER_DEFAULTS, **(transfer_config_args or {})},
    )


def transfer_config(hook: S3Hook) -> Any:
    """Return how transfers are to be made, as boto3's ``TransferConfig``: the connection's settings over the hook's own.

    The hook does that itself, but not yet in the provider of Airflow 2.10.

    :raises SettingsError: when the connection names what there is not.
    """
    from boto3.s3.transfer import TransferConfig

    try:
        own = hook.transfer_config
        given = {name: getattr(own, name) for name in ("multipart_chunksize", "max_concurrency", "use_threads")}
        return TransferConfig(**{**given, **hook.service_config.get("transfer_config_args", {})})
    except TypeError:
        raise SettingsError(
            f"AWS connection {hook.aws_conn_id!r}: transfer_config_args, of service_config.s3 in its extra, has something that "
            "boto3's TransferConfig does not take: use multipart_chunksize, max_concurrency and use_threads."
        ) from None


def check_bucket_name(bucket: str) -> None:
    """Refuse what can't be a bucket's name; a template is left for the run.

    :raises SettingsError: with what to write in its place.
    """
    if is_template(bucket):
        return
    if not bucket or not str(bucket).strip():
        raise SettingsError("s3_bucket is empty: give the name of the bucket that the exports go to.")
    if str(bucket).startswith("arn:"):
        raise SettingsError(
            f"s3_bucket {bucket!r} is an ARN, which is not supported: give the bucket's name. For an access point give its "
            "alias, which ends in -s3alias."
        )
    if not isinstance(bucket, str) or "/" in bucket or ":" in bucket:
        raise SettingsError(
            f"s3_bucket {bucket!r} is not a bucket's name: give the name alone, without s3:// and path."
        )
    if not _BUCKET.fullmatch(bucket):
        raise SettingsError(
            f"s3_bucket {bucket!r} is not a bucket's name: one has 3 to 63 characters, of a-z, 0-9, hyphens and dots, and "
            "begins and ends with a letter or digit."
        )
    for ending, kind in _OTHER_KINDS.items():
        if bucket.endswith(ending):
            raise SettingsError(
                f"s3_bucket {bucket!r} is {kind}, which is not supported: give a general purpose bucket."
            )


def check_bucket(hook: S3Hook, bucket: str) -> str | None:
    """Make sure that the bucket exists, and return its region where S3 tells it.

    :raises DestinationError: when it does not, or there are no credentials. A refusal to tell is left for the upload to find
        out.
    :raises UploadError: when S3 does not answer.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    client = hook.get_conn()
    try:
        answer = client.head_bucket(Bucket=bucket)
    except BotoCoreError as error:
        raise unanswered(hook.aws_conn_id, error) from None
    except ClientError as error:
        answer = error.response
        status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if status == 404:
            raise DestinationError(
                f"Bucket {bucket!r} does not exist, or AWS connection {hook.aws_conn_id!r} can't see it: create it, or "
                "name the right one."
            ) from None
        log.warning(
            "Bucket %s: S3 answered %s to HeadBucket, which needs s3:ListBucket. The upload shows whether the bucket works.",
            bucket,
            status,
        )
    region = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("x-amz-bucket-region")
    return region or client.meta.region_name
