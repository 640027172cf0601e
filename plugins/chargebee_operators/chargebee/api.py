"""The Exports API's requests and answers, as data: one builder and one reader for both of the hook's sides.

Source: https://apidocs.chargebee.com/docs/api/exports
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from urllib.parse import quote, urlencode

from chargebee_operators.chargebee.connection import SiteSettings
from chargebee_operators.chargebee.filters import Fields
from chargebee_operators.common.exceptions import (
    AccessDeniedError,
    AuthenticationError,
    ChargebeeApiError,
    RequestRejectedError,
    SettingsError,
    ThrottledError,
    UnavailableError,
)
from chargebee_operators.common.polling import retry_after

IDEMPOTENCY_HEADER = "chargebee-idempotency-key"
REPLAYED_HEADER = "chargebee-idempotency-replayed"
BUSINESS_ENTITY_HEADER = "chargebee-business-entity-id"

_EXPORT_ID = re.compile(r"[A-Za-z0-9_-]{1,50}")
_URL = re.compile(r"https?://\S+", re.IGNORECASE)


class ExportStatus(StrEnum):
    """State of an export, as Chargebee names it."""

    IN_PROCESS = "in_process"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True)
class Export:
    """What Chargebee says of one export.

    :param id: Chargebee's id.
    :param status: where it stands.
    :param created_at: when it was asked for.
    :param download_url: works for four hours for whoever holds it: in no ``repr``, log, XCom or error.
    :param valid_till: until when the URL works.
    :param replayed: whether this is the stored first answer to an idempotency key.
    """

    id: str
    status: ExportStatus
    created_at: datetime
    download_url: str | None = field(default=None, repr=False)
    valid_till: datetime | None = None
    replayed: bool = False


@dataclass(frozen=True)
class ApiRequest:
    """One call: its path below the base URL, form fields and headers. The key is not part of it."""

    method: str
    path: str
    fields: Fields = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        """The form-encoded fields."""
        return urlencode(self.fields).encode()


def create_export_request(
    settings: SiteSettings,
    resource: str,
    fields: Fields,
    *,
    idempotency_key: str,
    business_entity_id: str | None = None,
) -> ApiRequest:
    """Build the POST that asks for an export.

    :param settings: the site.
    :param resource: a name of ``resources.RESOURCE_NAMES``.
    :param fields: checked form fields, from ``filters.export_fields``.
    :param idempotency_key: at most 100 characters.
    :param business_entity_id: overrides the connection's.
    """
    headers = {IDEMPOTENCY_HEADER: idempotency_key, **_entity_header(settings, business_entity_id)}
    return ApiRequest("POST", f"/exports/{resource}", fields, headers)


def get_export_request(settings: SiteSettings, export_id: str, business_entity_id: str | None = None) -> ApiRequest:
    """Build the GET that asks how an export stands.

    :raises SettingsError: when the id can't be one of Chargebee's.
    """
    if not isinstance(export_id, str) or not _EXPORT_ID.fullmatch(export_id):
        raise SettingsError(
            f"export_id {export_id!r} is not an id of a Chargebee export: pass the record that the start task returned."
        )
    return ApiRequest("GET", f"/exports/{quote(export_id)}", headers=_entity_header(settings, business_entity_id))


def _entity_header(settings: SiteSettings, business_entity_id: str | None) -> dict[str, str]:
    entity = business_entity_id or settings.business_entity_id
    return {BUSINESS_ENTITY_HEADER: entity} if entity else {}


def parse_json(text: str) -> Any:
    """Return the parsed body, or None when it is not JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def read_answer(settings: SiteSettings, status: int, headers: Mapping[str, str], payload: Any) -> Export:
    """Turn an answer of either call into an Export, or into the right error.

    :param status: the HTTP status.
    :param headers: the answer's headers, in any spelling of case.
    :param payload: the parsed JSON body, or None when the body was not JSON.
    :raises ChargebeeApiError: one of its children, for everything but a well-formed 2xx.
    """
    if not 200 <= status < 300:
        folded = {str(name).lower(): str(value) for name, value in headers.items()}
        raise _refusal(settings, status, folded, payload)
    export = payload.get("export") if isinstance(payload, Mapping) else None
    try:
        if not isinstance(export, Mapping):
            raise TypeError("no export")
        return _read_export(export, _is_replayed(headers))
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        # Nothing of the body is quoted, for it may hold the download URL.
        raise UnavailableError(
            f"Site {settings.site} answered {status}, but not with an export: a proxy or gateway may stand between.",
            status=status,
        ) from None


def _is_replayed(headers: Mapping[str, str]) -> bool:
    return any(str(name).lower() == REPLAYED_HEADER and str(value).lower() == "true" for name, value in headers.items())


def _read_export(export: Mapping[str, Any], replayed: bool) -> Export:
    download = export.get("download") or {}
    valid_till = download.get("valid_till")
    return Export(
        id=str(export["id"]),
        status=ExportStatus(export["status"]),
        created_at=datetime.fromtimestamp(int(export["created_at"]), UTC),
        download_url=download.get("download_url"),
        valid_till=datetime.fromtimestamp(int(valid_till), UTC) if valid_till else None,
        replayed=replayed,
    )


def _refusal(settings: SiteSettings, status: int, headers: Mapping[str, str], payload: Any) -> ChargebeeApiError:
    body = payload if isinstance(payload, Mapping) else {}
    code = _quotable(settings, body.get("api_error_code"))
    said = _quotable(settings, body.get("message")) or ""
    param = f" (parameter {_quotable(settings, body['param'])})" if body.get("param") else ""
    told = f"{status} {code}{param}: {said}" if code else f"{status}, without a reason that can be read"
    site = settings.site
    if status == 429:
        return ThrottledError(f"Site {site} is busy: {told}", retry_after=retry_after(headers), code=code)
    if status in (401, 403) and code is None:
        # A proxy or firewall answers without Chargebee's envelope; the advice is the same.
        told = f"{status}"
    if status == 401:
        return AuthenticationError(
            f"Chargebee refused the API key for site {site} ({told}). Check the connection's password and that its "
            "login names the site that the key belongs to.",
            status=status,
            code=code,
        )
    if status == 403:
        return AccessDeniedError(
            f"The API key for site {site} may not do this ({told}). Give it a full-access key, or a read-only key "
            "that may export.",
            status=status,
            code=code,
        )
    if status == 408 or status >= 500:
        return UnavailableError(
            f"Site {site} could not answer: {told}", status=status, code=code, retry_after=retry_after(headers)
        )
    # How long Chargebee keeps an export is not documented.
    mend = (
        ". An export that Chargebee no longer keeps has to be made again: clear the start task" if status == 404 else ""
    )
    return RequestRejectedError(f"Site {site} refused the request: {told}{mend}", status=status, code=code)


def _quotable(settings: SiteSettings, value: Any) -> str | None:
    """Return what an answer says in a form that a log may hold, or None when it says nothing."""
    # The key goes before the text is cut, or half of it might stay.
    return _URL.sub("[URL]", str(value).replace(settings.api_key, "***"))[:300] if value else None
