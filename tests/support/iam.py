"""IAM in front of an S3 server: the proxy refuses what a policy does not allow, as AWS would."""

from __future__ import annotations

import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from support.s3_proxy import Call

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "iam"
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html; the keys are those of
# ``s3_proxy.operation_of``. Whatever is not here fails the test.
ACTIONS = {
    **{f"{verb}{what}": f"s3:{verb}Object" for verb in ("Put", "Get") for what in ("Object", "Manifest", "WriteTest")},
    **{f"Head{what}": "s3:GetObject" for what in ("Object", "Manifest", "WriteTest")},
    **{f"Delete{what}": "s3:DeleteObject" for what in ("Object", "Manifest", "WriteTest", "Objects")},
    "CreateMultipartUpload": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "AbortMultipartUpload": "s3:AbortMultipartUpload",
    "ListObjects": "s3:ListBucket",
    "Bucket": "s3:ListBucket",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
}


def statements(name: str = "execution-role.json", **placeholders: str) -> list[dict[str, Any]]:
    """Return the statements of a policy of deploy/iam, with the placeholders filled in."""
    text = (FOLDER / name).read_text(encoding="utf-8")
    for placeholder, value in placeholders.items():
        text = text.replace(placeholder, value)
    return json.loads(text)["Statement"]


class Policy:
    """A role's policy, for the ``guard`` of an S3 proxy; ``used`` and ``refused`` are the actions of the calls so far.

    :param allowed: statements that allow.
    :param without: an action that is taken out of them.
    """

    def __init__(self, allowed: list[dict[str, Any]], without: str = "") -> None:
        self.used: set[str] = set()
        self.refused: set[str] = set()
        self._allowed = allowed
        self._without = without

    def __call__(self, call: Call, body: bytes) -> tuple[int, bytes] | None:
        """Return the answer to a call that is not allowed, as S3 gives it."""
        action = ACTIONS[call.operation]
        self.used.add(action)
        if call.operation != "DeleteObjects":
            return None if self._allows(action, call.key) else (403, _error("AccessDenied"))
        # The call as a whole needs no right. S3 answers 200, and has an error for each key.
        names = {"s3": "http://s3.amazonaws.com/doc/2006-03-01/"}
        keys = [each.text or "" for each in ElementTree.fromstring(body).findall(".//s3:Key", names)]
        denied = [key for key in keys if not self._allows(action, f"{call.key}/{key}")]
        assert denied in ([], keys), "this guard refuses all keys of a call, or none"
        return (200, _not_deleted(denied)) if denied else None

    def hides(self, call: Call) -> bool:
        """Return whether S3 answers 403 in place of 404 for an object that does not exist."""
        return not self._allows("s3:ListBucket", call.key.partition("/")[0])

    def _allows(self, action: str, resource: str) -> bool:
        arn = f"arn:aws:s3:::{resource}"
        allowed = action != self._without and any(
            action in each["Action"] and fnmatchcase(arn, each["Resource"]) for each in self._allowed
        )
        if not allowed:
            self.refused.add(action)
        return allowed


def actions(allowed: list[Mapping[str, Any]]) -> set[str]:
    """Return the actions that statements allow."""
    return {action for each in allowed for action in each["Action"]}


def _error(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>Access Denied</Message></Error>".encode()


def _not_deleted(keys: list[str]) -> bytes:
    errors = "".join(f"<Error><Key>{key}</Key><Code>AccessDenied</Code></Error>" for key in keys)
    return f"<DeleteResult>{errors}</DeleteResult>".encode()
