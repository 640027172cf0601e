"""What all calls of Chargebee's API have in common: a request as data, an answer as data, and what a refusal means.

Pure. Each kind of call (``api``, ``events``, ``records``) builds its requests and reads its answers with this; a client
only sends the one and returns the other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

from chargebee_operators.chargebee.connection import SiteSettings
from chargebee_operators.chargebee.filters import Fields
from chargebee_operators.chargebee.resources import check_business_entity
from chargebee_operators.chargebee.windows import EARLIEST, LATEST, as_utc
from chargebee_operators.common.exceptions import (
    AccessDeniedError,
    AuthenticationError,
    ChargebeeApiError,
    RequestRejectedError,
    ThrottledError,
    UnavailableError,
)
from chargebee_operators.common.foreign_text import clean
from chargebee_operators.common.polling import retry_after

BUSINESS_ENTITY_HEADER = "chargebee-business-entity-id"

_URL = re.compile(r"https?://\S+", re.IGNORECASE)
# Characters of one text of an answer that an error quotes.
_MOST = 300


@dataclass(frozen=True)
class ApiRequest:
    """One call: its path below the base URL, its fields and its headers. The API key is not part of it.

    :param method: ``GET`` or ``POST``.
    :param path: such as ``/exports/customers``.
    :param fields: form fields of a POST, query parameters of a GET.
    :param headers: further headers, by name.
    """

    method: str
    path: str
    fields: Fields = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def target(self) -> str:
        """The path, with the query string of a GET."""
        return f"{self.path}?{urlencode(self.fields)}" if self.fields and self.method != "POST" else self.path

    @property
    def body(self) -> bytes:
        """The form-encoded fields of a POST; empty for a GET."""
        return urlencode(self.fields).encode() if self.method == "POST" else b""


class _NotJson:
    """The payload of an answer that is not JSON; JSON's own null is None."""

    def __repr__(self) -> str:
        return "NOT_JSON"


NOT_JSON = _NotJson()


@dataclass(frozen=True)
class ApiAnswer:
    """One answer.

    :param status: the HTTP status.
    :param headers: by lower-case name.
    :param payload: the parsed JSON, or ``NOT_JSON``; in no ``repr``, for it may hold a download URL.
    """

    status: int
    headers: Mapping[str, str]
    payload: Any = field(repr=False)

    @classmethod
    def of(cls, status: int, headers: Mapping[str, Any], payload: Any) -> ApiAnswer:
        """Make an answer from headers in any spelling of case.

        :param payload: as the class takes it.
        """
        return cls(status, {str(name).lower(): str(value) for name, value in headers.items()}, payload)

    @property
    def date(self) -> datetime | None:
        """The server's clock when it answered, in UTC and whole seconds; None when the answer does not say."""
        try:
            return as_utc(parsedate_to_datetime(self.headers.get("date", "")))
        except (TypeError, ValueError, OverflowError, OSError):
            return None


def parse_json(text: str) -> Any:
    """Return the parsed body, or ``NOT_JSON``."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return NOT_JSON


def no_answer(site: str, kind: str, *, reached: bool) -> UnavailableError:
    """Return the error of a call without a whole answer.

    :param kind: the name of the library's error. Its message may quote what was sent.
    :param reached: whether a connection was made.
    """
    if reached:
        return UnavailableError(f"Site {site} gave no complete answer ({kind}).")
    return UnavailableError(f"Site {site} could not be reached ({kind}).", reached=False)


def entity_header(settings: SiteSettings, business_entity_id: str | None) -> dict[str, str]:
    """Return the header that names a business entity, or no header.

    :param settings: the site; its business entity is the default.
    :param business_entity_id: overrides it; None or empty for the default.
    :raises SettingsError: when the id can't be sent in a header.
    """
    entity = business_entity_id or settings.business_entity_id
    check_business_entity(entity)
    return {BUSINESS_ENTITY_HEADER: entity} if entity else {}


def object_of(settings: SiteSettings, answer: ApiAnswer, name: str) -> Mapping[str, Any]:
    """Return the JSON object of that name in an answer's body.

    :param name: such as ``export``.
    :raises ChargebeeApiError: one of its children, for everything but a 2xx with such an object.
    """
    payload = success(settings, answer)
    found = payload.get(name) if isinstance(payload, Mapping) else None
    if not isinstance(found, Mapping):
        raise unusable(settings, answer, f"with JSON that holds no {name}. {_GATEWAY}")
    return found


def success(settings: SiteSettings, answer: ApiAnswer) -> Any:
    """Return the JSON of a 2xx answer.

    :raises ChargebeeApiError: one of its children, for everything else.
    """
    if not 200 <= answer.status < 300:
        raise refusal(settings, answer)
    if answer.payload is NOT_JSON:
        raise unusable(settings, answer, f"but not with JSON. {_GATEWAY}")
    return answer.payload


_GATEWAY = "A proxy or gateway may have answered in Chargebee's place."


def unusable(settings: SiteSettings, answer: ApiAnswer, what: str) -> UnavailableError:
    """Return the error for a success that can't be used.

    :param what: the rest of the sentence "Site acme answered 200 ...". It must not quote the body, which may hold a
        download URL.
    """
    return UnavailableError(f"Site {settings.site} answered {answer.status} {what}", status=answer.status)


def read_instant(value: Any) -> datetime | None:
    """Return epoch seconds as an instant in UTC; None when it is not a ten-digit number.

    :param value: as Chargebee sends it, a JSON number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not EARLIEST.timestamp() <= value <= LATEST.timestamp():
        return None
    return datetime.fromtimestamp(int(value), UTC)


def refusal(settings: SiteSettings, answer: ApiAnswer) -> ChargebeeApiError:
    """Return the error for an answer that is no success."""
    status, site = answer.status, settings.site
    said = _Said(settings, answer)
    if status == 429:
        wait = retry_after(answer.headers)
        return ThrottledError(f"Site {site} is busy: {said}.", retry_after=wait, code=said.code)
    if status == 401:
        return AuthenticationError(
            f"Chargebee refused the API key for site {site}: {said}. Check the connection's password, and that its "
            "login names the site that the key belongs to.",
            status=status,
            code=said.code,
        )
    if status == 403:
        # Codes: the error schemas of https://github.com/chargebee/openapi.
        if said.code == "request_blocked":
            sentence = (
                f"Chargebee has blocked this call for site {site}: {said}. Ask Chargebee's support to end the block."
            )
        else:
            sentence = (
                f"The API key for site {site} may not do this: {said}. Give it a full-access key, or a read-only key that "
                "may export."
            )
        return AccessDeniedError(sentence, status=status, code=said.code)
    if status == 408 or status >= 500:
        wait = retry_after(answer.headers)
        return UnavailableError(
            f"Site {site} could not answer: {said}.", status=status, code=said.code, retry_after=wait
        )
    return RequestRejectedError(
        f"Site {site} refused the request: {said}.{_mend(status, said.code)}", status=status, code=said.code
    )


def _mend(status: int, code: str | None) -> str:
    """Return a further sentence for a refusal that has one known cause."""
    if code == "site_not_found":
        return " Check the site's name, the connection's login."
    if 300 <= status < 400:
        return (
            " It sends the call elsewhere: check the connection's host and domain, and whether a proxy wants a login."
        )
    if code is None:
        return " That is not how Chargebee answers: check the connection's host and domain, and the proxy."
    return ""


class _Said:
    """What a refusal says, in a form that a log may hold."""

    def __init__(self, settings: SiteSettings, answer: ApiAnswer) -> None:
        body = answer.payload if isinstance(answer.payload, Mapping) else {}
        self._status = answer.status
        self.code = quotable(settings, body.get("api_error_code"))
        self._message = quotable(settings, body.get("message"))
        self._param = quotable(settings, body.get("param"))

    def __str__(self) -> str:
        if self.code is None:
            # A proxy's own words are left out: they are often a page of HTML.
            return f"{self._status}, without Chargebee's error code"
        param = f" (parameter {self._param})" if self._param else ""
        message = f": {self._message.rstrip('.')}" if self._message else ""
        return f"{self._status} {self.code}{param}{message}"


def quotable(settings: SiteSettings, value: Any) -> str | None:
    """Return what an answer says in a form that a log may hold, or None when it says nothing.

    :param value: of any JSON kind.
    """
    if not value:
        return None
    # The key goes before the text is cut, or half of it might stay.
    text = _URL.sub("[URL]", str(value).replace(settings.api_key, "***"))
    return clean(text, _MOST)
