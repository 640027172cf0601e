"""Calls of Chargebee's API from a worker: one pool of connections, and nothing to import that takes long.

On urllib3 itself: the official SDK takes 0.7 seconds of CPU to import, which every task would pay, and makes a new client and
a new TLS context for each call. Only for workers; the triggerer has ``async_client``.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from chargebee_operators.chargebee.calls import ApiAnswer, ApiRequest, no_answer, parse_json
from chargebee_operators.chargebee.connection import SiteSettings
from chargebee_operators.chargebee.proxies import environment_proxy
from chargebee_operators.common.tls import tls_context

if TYPE_CHECKING:
    import urllib3

FORM = "application/x-www-form-urlencoded"
# Bytes that are taken at a time.
_PIECE = 1 << 16


class ChargebeeClient:
    """Sends requests to one site.

    :param settings: the site.
    """

    def __init__(self, settings: SiteSettings) -> None:
        self.settings = settings
        self._pools: urllib3.PoolManager | None = None

    def send(self, request: ApiRequest) -> ApiAnswer:
        """Send a request and return the answer, whatever its status. Redirects are not followed.

        :raises UnavailableError: when no whole answer came in time.
        """
        import urllib3

        try:
            return self._exchange(request)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            kind = type(error.__cause__ or error).__name__
            # No connection could be made: to this address, to the proxy, or with this certificate.
            own = urllib3.exceptions
            reached = not isinstance(
                error, own.ConnectTimeoutError | own.NewConnectionError | own.ProxyError | own.SSLError
            )
        # Raised outside the except block: the library's own message may quote what was sent.
        raise no_answer(self.settings.site, kind, reached=reached)

    def _exchange(self, request: ApiRequest) -> ApiAnswer:
        import urllib3

        settings = self.settings
        if self._pools is None:
            self._pools = _pools(settings)
        ends = time.monotonic() + settings.connect_timeout + settings.read_timeout
        response = self._pools.request(
            request.method,
            settings.base_url + request.target,
            body=request.body or None,
            headers=_headers(settings, request),
            preload_content=False,
            redirect=False,
            retries=False,
            timeout=urllib3.Timeout(connect=settings.connect_timeout, read=settings.read_timeout),
        )
        body = bytearray()
        try:
            # Of what has come, piece by piece: a socket's own timeout begins anew with each byte.
            while piece := response.read1(_PIECE, decode_content=True):
                body += piece
                if time.monotonic() > ends:
                    raise TimeoutError
            response.release_conn()
        except BaseException:
            response.close()
            raise
        return ApiAnswer.of(response.status, response.headers, parse_json(bytes(body).decode(errors="replace")))


def _headers(settings: SiteSettings, request: ApiRequest) -> dict[str, str]:
    form = {"Content-Type": FORM} if request.method == "POST" else {}
    return {
        "Authorization": settings.authorization,
        "Accept": "application/json",
        "Accept-Encoding": "gzip, deflate",
        **form,
        **request.headers,
    }


def _pools(settings: SiteSettings) -> urllib3.PoolManager:
    """Return the connections to the site, through the proxy that the environment names."""
    import urllib3

    common: dict[str, Any] = {"maxsize": 1}
    if settings.base_url.startswith("https"):
        common["ssl_context"] = tls_context(settings.ca_bundle)
    proxy = environment_proxy(settings.base_url)
    if proxy is None:
        return urllib3.PoolManager(**common)
    if proxy.lower().startswith("socks"):
        from urllib3.contrib.socks import SOCKSProxyManager

        return SOCKSProxyManager(proxy, **common)
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    if parts.scheme == "https":  # which has a certificate of its own
        common["proxy_ssl_context"] = tls_context(settings.ca_bundle)
    if parts.username is not None:
        credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        common["proxy_headers"] = urllib3.make_headers(proxy_basic_auth=credentials)
    return urllib3.ProxyManager(parts.geturl(), **common)
