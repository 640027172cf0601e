"""What an API request says: whom it addresses, with which key, and its fields."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from aiohttp import web

_PATH = re.compile(r"(?:/(?P<site>[^/]+))?/api/v2(?P<rest>/.*)?")
# Bodies of other types carry no fields; one of no type at all is read as a form.
_FORMS = ("application/x-www-form-urlencoded", "application/octet-stream")

Fields = list[tuple[str, str]]


@dataclass(frozen=True)
class Call:
    """One request to the API listener."""

    known: bool  # whether the path is one of the API at all
    site: str | None  # named by the path
    label: str  # the first label of the host, which may name a site
    path: tuple[str, ...]  # what follows /api/v2/
    key: str
    password: str
    body: str
    fields: Fields

    @property
    def kind(self) -> str:
        """What is called: `exports`, `events`, or a resource for one of its records."""
        return self.path[0] if self.path else ""

    @property
    def name(self) -> str | None:
        """What follows the first part: an export's resource, or an id; None where there is nothing, or more."""
        return self.path[1] if len(self.path) == 2 and self.path[1] else None

    @classmethod
    async def of(cls, request: web.Request) -> Call:
        """Read a request."""
        # As it came: a record's id may hold a slash, which is no separator then.
        match = _PATH.fullmatch(request.url.raw_path)
        body = (await request.read()).decode(errors="replace")
        key, password = _credentials(request.headers.get("Authorization", ""))
        return cls(
            known=match is not None,
            site=unquote(match["site"]) if match and match["site"] else None,
            label=(request.url.host or "").partition(".")[0],
            path=tuple(unquote(part) for part in (match["rest"] or "").split("/")[1:]) if match else (),
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
