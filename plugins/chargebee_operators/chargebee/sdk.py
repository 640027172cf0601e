"""Chargebee's official SDK, for ``ChargebeeHook.get_conn()``. No task imports it: that costs 0.7 s of CPU and 20 MB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chargebee_operators.chargebee.connection import SiteSettings
from chargebee_operators.common.redaction import quieten
from chargebee_operators.common.tls import tls_context

if TYPE_CHECKING:
    from chargebee import Chargebee


def trust(settings: SiteSettings) -> None:
    """Let the SDK trust what the connection trusts. It keeps that in class attributes, for all its clients."""
    from chargebee import Chargebee

    quieten()
    secure = settings.base_url.startswith("https")
    # Both are read from the class, whatever the instance says; without them plain http turns into https.
    Chargebee.verify_ca_certs = secure
    if secure:
        tls_context(settings.ca_bundle)  # a wrong path gets its clear sentence here
    # None means the system's CAs, which the triggerer trusts as well; the SDK's own copy would differ.
    Chargebee.ca_cert_path = settings.ca_bundle


def sdk_client(settings: SiteSettings) -> Chargebee:
    """Return the SDK's client for a site; ``trust`` has to be called before it is used."""
    from chargebee import Chargebee

    made = Chargebee(
        api_key=settings.api_key,
        site=settings.site,
        protocol="https" if settings.base_url.startswith("https") else "http",
        connection_time_out=settings.connect_timeout,
        read_time_out=settings.read_timeout,
    )
    made.env.api_endpoint = settings.base_url
    return made
