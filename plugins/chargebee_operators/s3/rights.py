"""Which IAM action a call to S3 needs, so that a refusal can name the missing one. Pure.

deploy/iam/execution-role.json allows the same actions.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# boto3's name of a call -> the action.
ACTIONS = {
    "put_object": "s3:PutObject",
    "create_multipart_upload": "s3:PutObject",
    "upload_part": "s3:PutObject",
    "complete_multipart_upload": "s3:PutObject",
    "abort_multipart_upload": "s3:AbortMultipartUpload",
    "get_object": "s3:GetObject",
    "head_object": "s3:GetObject",
    "delete_objects": "s3:DeleteObject",
    "list_objects_v2": "s3:ListBucket",
    "head_bucket": "s3:ListBucket",
    "list_multipart_uploads": "s3:ListBucketMultipartUploads",
}
OF_BUCKET = frozenset({"s3:ListBucket", "s3:ListBucketMultipartUploads"})
# Arguments of an upload that need an action of their own.
OF_ARGUMENTS = {
    "Tagging": "s3:PutObjectTagging",
    "ACL": "s3:PutObjectAcl",
    "GrantFullControl": "s3:PutObjectAcl",
    "GrantRead": "s3:PutObjectAcl",
    "GrantReadACP": "s3:PutObjectAcl",
    "GrantWriteACP": "s3:PutObjectAcl",
    "ObjectLockMode": "s3:PutObjectRetention",
    "ObjectLockRetainUntilDate": "s3:PutObjectRetention",
    "ObjectLockLegalHoldStatus": "s3:PutObjectLegalHold",
}
_OF_KEY = {"s3:PutObject": "kms:GenerateDataKey and kms:Decrypt", "s3:GetObject": "kms:Decrypt"}
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/blocking-unblocking-s3-c-encryption-gpb.html
CUSTOMER_KEY = (
    "The bucket must also accept SSECustomerKey: since April 2026 S3 blocks SSE-C in new buckets. The bucket's encryption "
    "settings (BlockedEncryptionTypes) allow it"
)
# AWS often names the action: https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html
_TOLD = re.compile(r"not authorized to perform:? ((?:s3|kms):[A-Za-z]{1,60})\b")


def named_action(answer: str) -> str:
    """Return the action that the message of S3's error names; empty when it names none."""
    named = _TOLD.search(answer)
    return named[1] if named else ""


def missing_right(operation: str, bucket: str, arguments: Mapping[str, Any], answer: str = "") -> str:
    """Return the action that a refused call needs, and on what, for the end of a sentence.

    :param operation: boto3's name of the call.
    :param bucket: the bucket's name.
    :param arguments: the extra arguments of the uploads.
    :param answer: the message of S3's error. Only the name of an action is taken from it.
    """
    action = ACTIONS.get(operation)
    customer_key = f". {CUSTOMER_KEY}" if action == "s3:PutObject" and "SSECustomerKey" in arguments else ""
    if told := _TOLD.search(answer):
        denied = ". A policy denies it explicitly" if "explicit deny" in answer else ""
        return f"{told[1]}, which S3 names{denied}{customer_key}"
    if action is None:
        return f"the action of {operation}"
    if action in OF_BUCKET:
        return f"{action} on bucket {bucket}"
    needed = f"{action} on the objects below the prefix"
    if action == "s3:PutObject" and operation in ("put_object", "create_multipart_upload"):
        more = sorted({OF_ARGUMENTS[name] for name in arguments if name in OF_ARGUMENTS})
        needed = " and ".join([action, *more]) + " on the objects below the prefix"
    if action in _OF_KEY:
        needed += f". If a KMS key of your own encrypts the bucket, it also needs {_OF_KEY[action]} on that key"
    return needed + customer_key
