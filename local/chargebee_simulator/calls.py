"""What an API request says: whom it addresses, with which key, and its fields."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

from aiohttp import web

_PATH = re.compile(r"(?:/(?P<site>[^/]+))?/api/v2(?:/exports/(?P<export>[^/]+)|/.*)?")
# Bodies of other types carry no fields; one of no type at all is read as a form.
_FORMS = ("application/x-www-form-urlencoded", "application/octet-stream")

Fields = list[tuple[str, str]]


@dataclass(frozen=True)
class Call:
    """One request to the API listener."""

    known: bool  # whether the path is one of the API at all
    site: str | None  # named by the path
    label: str  # the first label of the host, which may name a site
    name: str | None  # what follows /exports/: a resource or an export's id
    key: str
    password: str
    body: str
    fields: Fields

    @classmethod
    async def of(cls, request: web.Request) -> Call:
        """Read a request."""
        match = _PATH.fullmatch(request.path)
        body = (await request.read()).decode(errors="replace")
        key, password = _credentials(request.headers.get("Authorization", ""))
        return cls(
            known=match is not None,
            site=match["site"] if match else None,
            label=(request.url.host or "").partition(".")[0],
            name=match["export"] if match else None,
            key=key,
            password=password,
            body=body,
            fields=_fields(request, body),
        )


def _fields(request: web.Request, body: str) -> Fields:
    """Return the fields in their order, decoded."""
    if request.method != "POST":
        return list(request.query.items())
    return parse_qsl(body, keep_blank_values=True) if request.content_type in _FORMS else []


def _credentials(header: str) -> tuple[str, str]:
    """Return user name and password, both empty where there are none that can be read."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except ValueError:
        return "", ""
    user, _, password = text.partition(":")
    return user, password
