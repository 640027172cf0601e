"""Why an AWS connection can't be used for S3, as a sentence with what mends it. Pure."""

from __future__ import annotations

from chargebee_operators.common.exceptions import DestinationError, UploadError

# S3's error codes that one thing mends: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
CAUSES = {
    "InvalidAccessKeyId": "S3 does not know its access key ID. Correct the connection's login, or create a new key",
    "SignatureDoesNotMatch": "its secret access key is wrong. Correct the connection's password",
    "ExpiredToken": "its session token has expired. Get new credentials, or use a role",
    "InvalidToken": "its session token is not valid. Get new credentials, or use a role",
    "RequestTimeTooSkewed": "the clock of this worker differs from that of S3 by more than 15 minutes. Set the clock",
    "PermanentRedirect": "the bucket is in another region. Set region_name in the connection's extra",
    "AuthorizationHeaderMalformed": "the bucket is in another region. Set region_name in the connection's extra",
}


# Those that no later try mends: credentials are renewed, and clocks set, while a DAG runs.
LASTING = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "PermanentRedirect", "AuthorizationHeaderMalformed")
# boto3's errors where nothing is configured. Others, such as CredentialRetrievalError, may be those of a busy service.
_NOT_CONFIGURED = ("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound")


def refusal(conn_id: str | None, code: str, status: int | None) -> str:
    """Return the sentence for one of the codes of ``CAUSES``.

    :param conn_id: the AWS connection.
    :param status: of the answer.
    """
    return f"AWS connection {conn_id!r}: {CAUSES[code]} ({status} {code})."


def without_credentials(conn_id: str | None, error: BaseException) -> str:
    """Return the sentence for a call that boto3 could not sign.

    :param conn_id: the AWS connection.
    :param error: boto3's own; only its kind is quoted.
    """
    return (
        f"AWS connection {conn_id!r} gives no credentials ({type(error).__name__}): put an access key into it, or a role_arn "
        "into its extra. Without them boto3 takes those of the worker, on MWAA the execution role."
    )


def unanswered(conn_id: str | None, error: Exception) -> DestinationError | UploadError:
    """Return the error for a first call that boto3 could not make, or to which no answer came.

    :param conn_id: the AWS connection.
    :param error: boto3's own; only its kind is quoted.
    """
    if has_no_credentials(error):
        kind = DestinationError if is_lasting(error) else UploadError
        return kind(without_credentials(conn_id, error))
    return UploadError(
        f"S3 could not be reached with AWS connection {conn_id!r} ({type(error).__name__}). Check its endpoint_url and "
        "region_name, and whether the workers can reach S3."
    )


def has_no_credentials(error: BaseException) -> bool:
    """Return whether boto3 had nothing to sign a call with."""
    kind = type(error).__name__
    return "Credential" in kind or "Token" in kind or kind == "ProfileNotFound"


def is_lasting(error: BaseException) -> bool:
    """Return whether boto3 will have no credentials at the next try either."""
    return type(error).__name__ in _NOT_CONFIGURED
