"""Refusals in the form the API gives them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TYPES = {400: "invalid_request", 401: "untyped", 403: "operation_failed", 429: "operation_failed"}
_CODES = {
    400: "invalid_request",
    401: "api_authentication_failed",
    403: "api_authorization_failed",
    404: "resource_not_found",
    405: "http_method_not_supported",
    409: "invalid_state_for_request",
    422: "unable_to_process_request",
    429: "api_request_limit_exceeded",
    500: "internal_error",
    503: "internal_temporary_error",
}


class ApiError(Exception):
    """An answer other than 200."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code or _CODES.get(status, "internal_error" if status >= 500 else "invalid_request")
        self.param = param
        self.headers = dict(headers or {})

    def envelope(self) -> dict[str, Any]:
        """Return the body of the answer."""
        body = {
            "message": self.message,
            "type": _TYPES.get(self.status, "operation_failed" if self.status >= 500 else "invalid_request"),
            "api_error_code": self.code,
            "error_code": self.code,
            "http_status_code": self.status,
        }
        return body | ({"param": self.param} if self.param else {})


def wrong_value(param: str, message: str) -> ApiError:
    """Return the refusal of a parameter's value."""
    return ApiError(400, message, "param_wrong_value", param)
