"""Which of S3's calls takes which of the arguments that a user may give for an upload. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from chargebee_operators.common.argument_checks import is_template
from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.common.spelling import nearest

# All the ways to ask for another checksum than ours.
_CHECKSUM = re.compile("Checksum(?:Algorithm|Mode|Type|CRC32|CRC32C|CRC64NVME|SHA1|SHA256)")

# What CreateMultipartUpload and PutObject both take, the checksum aside: that one is ours to choose.
EXTRA_ARGS = frozenset(
    {
        "ACL",
        "BucketKeyEnabled",
        "CacheControl",
        "ContentDisposition",
        "ContentEncoding",
        "ContentLanguage",
        "ContentType",
        "ExpectedBucketOwner",
        "Expires",
        "GrantFullControl",
        "GrantRead",
        "GrantReadACP",
        "GrantWriteACP",
        "Metadata",
        "ObjectLockLegalHoldStatus",
        "ObjectLockMode",
        "ObjectLockRetainUntilDate",
        "RequestPayer",
        "SSECustomerAlgorithm",
        "SSECustomerKey",
        "SSECustomerKeyMD5",
        "SSEKMSEncryptionContext",
        "SSEKMSKeyId",
        "ServerSideEncryption",
        "StorageClass",
        "Tagging",
        "WebsiteRedirectLocation",
    }
)

EVERY_CALL = frozenset({"ExpectedBucketOwner", "RequestPayer"})
# S3 keeps no customer's key, so each call that touches the bytes brings it.
WITH_BYTES = EVERY_CALL | {"SSECustomerAlgorithm", "SSECustomerKey", "SSECustomerKeyMD5"}
# How the data is encoded and stored is not how the manifest is: it is plain JSON, and read again at the next run.
NOT_FOR_MANIFEST = frozenset(
    {"CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "StorageClass", "Expires"}
)

TRANSFER_CONFIG_ARGS = frozenset({"multipart_chunksize", "max_concurrency", "use_threads", "multipart_threshold"})


def check_extra_args(extra_args: Any) -> None:
    """Refuse an argument that S3's uploads do not take. A template is left for the run.

    :raises SettingsError: with the nearest right name, or what is wrong with its value, which it does not quote.
    """
    if extra_args is None or is_template(extra_args):
        return
    if not isinstance(extra_args, Mapping):
        raise SettingsError(
            "extra_args is no dict: give one, from the names of boto3's create_multipart_upload to values."
        )
    for name, value in extra_args.items():
        if _CHECKSUM.fullmatch(name):
            raise SettingsError(f"extra_args {name!r}: each part is sent with its CRC-32 already; leave it out.")
        if name not in EXTRA_ARGS:
            raise SettingsError(
                f"extra_args {name!r} is nothing that an upload to S3 takes{nearest(name, EXTRA_ARGS)}: use the names "
                "of boto3's create_multipart_upload."
            )
        if value is None:
            raise SettingsError(f"extra_args {name!r} is None: leave it out, or give it a value.")
        if name == "Metadata" and not _is_metadata(value):
            raise SettingsError(
                "extra_args 'Metadata' is no dict from text to text in ASCII, which is all that S3 keeps."
            )


def _is_metadata(value: Any) -> bool:
    if not isinstance(value, Mapping):
        return is_template(value)
    return all(
        is_template(each) or (isinstance(each, str) and each.isascii()) for pair in value.items() for each in pair
    )


def check_transfer_config_args(arguments: Mapping[str, Any] | None) -> None:
    """Refuse what would have no effect on our uploads.

    :raises SettingsError: with the nearest right name, or for a value below 1.
    """
    for name, value in (arguments or {}).items():
        if name not in TRANSFER_CONFIG_ARGS:
            raise SettingsError(
                f"transfer_config_args {name!r} has no effect on this upload{nearest(name, TRANSFER_CONFIG_ARGS)}: "
                f"choose from {', '.join(sorted(TRANSFER_CONFIG_ARGS))}."
            )
        if name != "use_threads" and (not isinstance(value, int) or value < 1):
            raise SettingsError(f"transfer_config_args {name!r} is {value!r}: give a whole number above 0.")


def only(names: frozenset[str], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments with those names."""
    return {name: value for name, value in arguments.items() if name in names}


def for_manifest(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a data object's arguments goes for the manifest too: who may read it, and how it is encrypted."""
    kept = {name: value for name, value in arguments.items() if name not in NOT_FOR_MANIFEST}
    return {**kept, "ContentType": "application/json"}
