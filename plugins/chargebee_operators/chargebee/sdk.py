"""Chargebee's official SDK, for the request of an export. Importing it costs a second of CPU, so only that uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chargebee_operators.chargebee.calls import ApiAnswer, ApiRequest
from chargebee_operators.chargebee.client import ChargebeeClient
from chargebee_operators.chargebee.connection import SiteSettings
from chargebee_operators.common.exceptions import UnavailableError
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


def request_through(sdk: Chargebee, client: ChargebeeClient, resource: str, request: ApiRequest) -> ApiAnswer:
    """Request an export with the SDK, and return what Chargebee answered, whatever the SDK made of it.

    :param sdk: the SDK's client.
    :param client: our own client of the same site, for an answer that the SDK can't read.
    :param resource: ``customers``, say.
    :raises UnavailableError: when no connection could be made.
    """
    from chargebee import APIError
    from httpx import HTTPError

    try:
        answer = getattr(sdk.Export, resource)(dict(request.fields), dict(request.headers))
        return ApiAnswer.of(answer.http_status_code, answer.headers, {"export": answer.export.raw_data})
    except APIError as error:
        return ApiAnswer.of(error.http_status_code, error.http_headers or {}, error.json_obj)
    except (HTTPError, OSError) as error:
        kind = type(error).__name__
    except Exception:
        # The SDK has no words for an answer in another shape: neither its status nor its headers are left. So it is
        # requested once more, with the same idempotency key, and read by our own reader.
        return client.send(request)
    raise UnavailableError(f"Site {client.settings.site} could not be reached ({kind}).")
