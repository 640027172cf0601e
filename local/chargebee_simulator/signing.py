"""Download URLs in the manner of S3's presigned ones: public, expiring, and not to be forged."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

_STAMP = "%Y%m%dT%H%M%SZ"
_TOKEN_BYTES = 360
_KEPT_REVOCATIONS = 10_000


class Refused(Exception):
    """A URL that gives no access, with S3's code and message for it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Signer:
    """Signs download paths and checks what comes back. The secret lives as long as the server."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)
        self._revoked: deque[str] = deque(maxlen=_KEPT_REVOCATIONS)

    def query(self, path: str, now: float, lifetime: float) -> str:
        """Return a query string that gives access to `path` for `lifetime` seconds; never the same twice."""
        moment = datetime.fromtimestamp(now, UTC)
        parameters = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"ASIASIMULATOR0000000/{moment:%Y%m%d}/us-east-1/s3/aws4_request",
            "X-Amz-Date": moment.strftime(_STAMP),
            "X-Amz-Expires": str(int(lifetime)),
            "X-Amz-Security-Token": base64.b64encode(secrets.token_bytes(_TOKEN_BYTES)).decode(),
            "X-Amz-SignedHeaders": "host",
        }
        return urlencode({**parameters, "X-Amz-Signature": self._signature(path, parameters)})

    def check(self, path: str, query: Mapping[str, str], now: float) -> None:
        """Raise Refused unless this query string gives access to `path` now."""
        parameters = dict(query)
        given = parameters.pop("X-Amz-Signature", "")
        if not given:
            raise Refused("AccessDenied", "Access Denied")
        if not hmac.compare_digest(given.encode(), self._signature(path, parameters).encode()):
            raise Refused(
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided.",
            )
        signed_at = datetime.strptime(parameters["X-Amz-Date"], _STAMP).replace(tzinfo=UTC).timestamp()
        if now >= signed_at + int(parameters["X-Amz-Expires"]) or given in self._revoked:
            raise Refused("AccessDenied", "Request has expired")

    def revoke(self, query: Mapping[str, str]) -> None:
        """Let a URL be expired from now on."""
        self._revoked.append(query.get("X-Amz-Signature", ""))

    def _signature(self, path: str, parameters: Mapping[str, str]) -> str:
        text = "\n".join([quote(path), *(f"{name}={parameters[name]}" for name in sorted(parameters))])
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()
