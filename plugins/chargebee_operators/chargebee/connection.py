"""What an Airflow Connection says of a Chargebee site. Any connection type works."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from chargebee_operators.chargebee.windows import check_timezone
from chargebee_operators.common.exceptions import SettingsError

# Chargebee asks for at least ten seconds between two looks at an export.
MIN_POLL_INTERVAL = 10.0
# What Airflow shows in place of a stored password.
_HIDDEN = "***"
DOMAIN = "chargebee.com"

_SITE = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]")
_DOMAIN = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*(:[0-9]+)?")


@dataclass(frozen=True)
class SiteSettings:
    """One Chargebee site and how to reach it.

    :param site: the site's name, ``acme`` or ``acme-test``.
    :param api_key: a key that may do exports; in no ``repr``.
    :param base_url: the API's address down to ``/api/v2``.
    :param custom_endpoint: whether the address was overridden (simulator, proxy).
    :param connect_timeout: seconds until a connection must stand.
    :param read_timeout: seconds that an answer may keep us waiting.
    :param ca_bundle: path of a PEM file of trusted CAs, or None for the system's.
    :param business_entity_id: sent with each request that has none of its own, or None.
    :param poll_interval: seconds between two looks at an export.
    :param max_poll_interval: the most seconds that backing off may make of it.
    :param allowed_download_hosts: hosts that the zip may be fetched from; empty for any public https host.
    :param domain: of the site's own address, whatever that of the API; empty when ``host`` names another endpoint and the
        extra names no domain.
    :param window_timezone: the IANA name of the zone of times without a zone in the site's exports; None when it is not known.
        A task's own ``window_timezone`` comes before it.
    """

    site: str
    api_key: str = field(repr=False)
    base_url: str
    custom_endpoint: bool = False
    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    ca_bundle: str | None = None
    business_entity_id: str | None = None
    poll_interval: float = MIN_POLL_INTERVAL
    max_poll_interval: float = 60.0
    allowed_download_hosts: tuple[str, ...] = ()
    domain: str = DOMAIN
    window_timezone: str | None = None

    @property
    def authorization(self) -> str:
        """Value of the Authorization header: the key as user name, no password."""
        return "Basic " + b64encode(f"{self.api_key}:".encode()).decode()

    def checked_poll_interval(self, wanted: float | None) -> float:
        """Return the seconds between two looks: what was requested, but not below what the real API wants.

        :param wanted: seconds, or None for the connection's own.
        """
        interval = float(wanted if wanted is not None else self.poll_interval)
        return interval if self.custom_endpoint else max(interval, MIN_POLL_INTERVAL)


def settings_from_connection(connection: Any) -> SiteSettings:
    """Read a connection: login = site, password = API key, host = endpoint override, the rest in extra.

    :param connection: an Airflow Connection of any type, from a JSON, a URI, the UI or a secrets backend.
    :raises SettingsError: when something is missing or wrong; the message names the connection and the field.
    """
    conn_id = connection.conn_id
    site, api_key = _site(conn_id, connection.login), _api_key(conn_id, connection.password)
    extra = _Extra(conn_id, _read_extra(connection))
    endpoint = _endpoint(connection)
    if endpoint == f"https://{site}.{DOMAIN}/api/v2":
        endpoint = None  # Chargebee itself, written out
    # Another endpoint may be a simulator, whose site has no page that a link could open.
    domain = extra.domain("" if endpoint else DOMAIN)
    return SiteSettings(
        site=site,
        api_key=api_key,
        base_url=endpoint or f"https://{site}.{domain}/api/v2",
        custom_endpoint=endpoint is not None,
        connect_timeout=extra.seconds("connect_timeout", 10.0),
        read_timeout=extra.seconds("read_timeout", 60.0),
        ca_bundle=extra.text("ca_bundle"),
        business_entity_id=extra.text("business_entity_id"),
        poll_interval=extra.seconds("poll_interval", MIN_POLL_INTERVAL),
        max_poll_interval=extra.seconds("max_poll_interval", 60.0),
        allowed_download_hosts=extra.names("allowed_download_hosts"),
        domain=domain,
        window_timezone=extra.timezone("window_timezone"),
    )


def _site(conn_id: str, login: str | None) -> str:
    """Return the site's name, which is the login."""
    site = (login or "").strip()
    if not site:
        raise SettingsError(
            f"Connection {conn_id!r} has no login: put the Chargebee site's name there, for example 'acme-test'."
        )
    if not _SITE.fullmatch(site):
        if "_" in site or "@" in site:
            # Not quoted: login and password may have been swapped, and API keys look like test_AbC.
            raise SettingsError(
                f"Connection {conn_id!r}: login is not a site's name. Give only the name there, like 'acme-test', "
                "and the API key as password."
            )
        raise SettingsError(
            f"Connection {conn_id!r}: login {site!r} is not a site's name. Give only the name, like 'acme-test', "
            "without https:// and without .chargebee.com."
        )
    return site


def _api_key(conn_id: str, password: str | None) -> str:
    """Return the API key, which is the password."""
    api_key = (password or "").strip()
    if not api_key:
        raise SettingsError(f"Connection {conn_id!r} has no password: put a Chargebee API key there.")
    if api_key == _HIDDEN:
        raise SettingsError(
            f"Connection {conn_id!r}: the password is ***, which Airflow shows in place of the stored API key. The Test "
            "button of Airflow 3.0 and 3.3 tests a stored connection with that: trigger chargebee_doctor to test it. In other "
            "cases, store the API key again."
        )
    if not api_key.isascii():
        raise SettingsError(f"Connection {conn_id!r}: the password is not a Chargebee API key, it has non-ASCII signs.")
    return api_key


def _endpoint(connection: Any) -> str | None:
    """Return the overridden API address, or None for Chargebee's own."""
    host = (connection.host or "").strip()
    if not host:
        return None
    scheme = connection.schema if connection.schema in ("http", "https") else "https"
    try:
        parts = urlsplit(host if "://" in host else f"{scheme}://{host}")
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in host or parts.query or parts.fragment:
        # The text before an @ may be a key.
        shown = "" if "@" in host else f"{host!r} "
        raise SettingsError(
            f"Connection {connection.conn_id!r}: host {shown}is not an address. Leave it empty for Chargebee itself, "
            "or give the endpoint of a simulator or proxy, like 'http://127.0.0.1:8090'."
        )
    netloc = parts.netloc if port or not connection.port else f"{parts.netloc}:{connection.port}"
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{netloc}{path}" + ("" if path.endswith("/api/v2") else "/api/v2")


def _read_extra(connection: Any) -> Mapping[str, Any]:
    """Return the extra as a dict. Airflow's own reading takes an extra that is not JSON for an empty one."""
    try:
        values = json.loads(connection.extra or "{}")
    except ValueError:
        values = None
    if not isinstance(values, Mapping):
        raise SettingsError(
            f"Connection {connection.conn_id!r}: extra is not a JSON object. Leave it empty, or write JSON, "
            'for example {"read_timeout": 60}.'
        )
    return values


class _Extra:
    """The connection's extra, read field by field with a clear error for each."""

    def __init__(self, conn_id: str, values: Mapping[str, Any]) -> None:
        self.conn_id = conn_id
        self.values = values

    def text(self, name: str) -> str | None:
        value = self.values.get(name)
        if value in (None, ""):
            return None
        if not isinstance(value, str):
            raise SettingsError(f"Connection {self.conn_id!r}: extra {name} is {value!r}, give a text.")
        return value.strip() or None

    def domain(self, default: str) -> str:
        domain = self.text("domain")
        if not domain:
            return default
        if not _DOMAIN.fullmatch(domain):
            raise SettingsError(
                f"Connection {self.conn_id!r}: extra domain is {domain!r}, give a bare domain, like 'chargebee.com'."
            )
        return domain

    def timezone(self, name: str) -> str | None:
        zone = self.text(name)
        if zone:
            check_timezone(f"Connection {self.conn_id!r}: extra {name}", zone)
        return zone

    def seconds(self, name: str, default: float) -> float:
        given = self.values.get(name)
        value: Any = default if given in (None, "") else given  # an empty field of the form is no value
        try:
            seconds = float(value)
        except (TypeError, ValueError):
            seconds = 0.0
        if not 0 < seconds < float("inf"):
            raise SettingsError(f"Connection {self.conn_id!r}: extra {name} is {value!r}, give seconds above 0.")
        return seconds

    def names(self, name: str) -> tuple[str, ...]:
        value = self.values.get(name) or ()
        value = value.split(",") if isinstance(value, str) else value
        if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
            raise SettingsError(f"Connection {self.conn_id!r}: extra {name} is {value!r}, give a list of host names.")
        names = tuple(each.strip().lower() for each in value if each.strip())
        for each in names:
            if not _HOST.fullmatch(each):
                raise SettingsError(
                    f"Connection {self.conn_id!r}: extra {name} has {each!r}, which is no host name. Give bare names "
                    "or addresses, for example 'amazonaws.com' or '[fd00::1]'. Their subdomains are included."
                )
        return names
