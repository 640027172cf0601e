"""Which errors of an AWS connection are worth another try."""

from __future__ import annotations

import pytest
from botocore import exceptions

from chargebee_operators.common.exceptions import DestinationError, UploadError
from chargebee_operators.s3.causes import CAUSES, LASTING, unanswered

SERVICE = exceptions.CredentialRetrievalError(provider="container-role", error_msg="timed out")


def test_lasting_causes_have_a_sentence():
    assert set(LASTING) < set(CAUSES)


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (exceptions.NoCredentialsError(), DestinationError, "gives no credentials (NoCredentialsError)"),
        (exceptions.ProfileNotFound(profile="x"), DestinationError, "gives no credentials (ProfileNotFound)"),
        (SERVICE, UploadError, "gives no credentials (CredentialRetrievalError)"),
        (exceptions.EndpointConnectionError(endpoint_url="http://x"), UploadError, "could not be reached"),
    ],
)
def test_only_what_is_not_configured_is_not_tried_again(error, kind, says):
    found = unanswered("aws_default", error)
    assert (type(found), found.permanent) == (kind, kind is DestinationError)
    assert says in str(found)
