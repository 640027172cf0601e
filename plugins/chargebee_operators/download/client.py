"""HTTP for downloads: one pool of connections, nothing sent but what is needed, and no URL in any error.

On urllib3 itself rather than on a requests session, which would add credentials from ``.netrc``, keep cookies, and
read a redirect's body to its end. Only imported in a worker.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from ipaddress import ip_address
from typing import Any
from urllib.parse import urljoin
from weakref import WeakSet

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import LocationParseError, NameResolutionError, ProtocolError, ReadTimeoutError

from chargebee_operators.chargebee.connection import SiteSettings
from chargebee_operators.common.exceptions import DownloadError, DownloadRefusedError
from chargebee_operators.common.tls import tls_context
from chargebee_operators.download.block_buffer import Stopped
from chargebee_operators.download.hosts import HostRules
from chargebee_operators.download.wire import Response

MAX_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)


class Interrupted(Exception):
    """A request that did not bring what it should, where another may.

    :param retry_after: seconds that the host asked to wait, or None.
    :param at_once: whether waiting would change nothing, for something else is done about it.
    """

    def __init__(self, problem: str, *, retry_after: float | None = None, at_once: bool = False) -> None:
        super().__init__(problem)
        self.retry_after = retry_after
        self.at_once = at_once


class Answer:
    """An answer of the download host, with its body still to be read.

    :param headers: by name in any spelling of case.
    """

    def __init__(self, client: DownloadClient, response: urllib3.BaseHTTPResponse) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self._client = client
        self._response = response

    def read(self, size: int) -> bytes:
        """Return up to so many bytes just as they came over the wire; empty at the end.

        :raises Interrupted: when the connection was cut, or nothing came for too long.
        """
        try:
            return self._response.read(size, decode_content=False)
        except Exception as error:
            failure = error
        # Raised outside the except block: the library's own error quotes the URL, and would be the context of ours.
        raise self._client.described(failure)

    def close(self) -> None:
        """Give the connection back if the body was read to its end, drop it if not."""
        self._response.close()


class DownloadClient:
    """Fetches from the hosts that the rules allow.

    :param settings: the site, for timeouts, trusted CAs and the hosts that are allowed.
    :param export_id: for errors.
    :param connections: how many are used at a time.
    """

    def __init__(self, settings: SiteSettings, export_id: str, connections: int) -> None:
        from requests.adapters import HTTPAdapter

        self.stopped = threading.Event()
        self._settings = settings
        self._export_id = export_id
        self._rules = HostRules(settings, export_id)
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._lock = threading.Lock()
        self._pools = _watched_pools(self._connected)
        self._tls = tls_context(settings.ca_bundle)
        self._direct = urllib3.PoolManager(maxsize=connections, ssl_context=self._tls)
        self._direct.pool_classes_by_scheme = self._pools
        # It knows how to speak to each kind of proxy.
        self._proxies = HTTPAdapter(pool_maxsize=connections)

    def get(self, url: str, headers: Mapping[str, str]) -> Answer:
        """Send a GET, follow redirects to hosts that are allowed, and return the answer, whatever its status.

        :raises Interrupted: when no answer came.
        :raises DownloadRefusedError: when a host is refused.
        :raises DownloadError: when there are too many redirects.
        """
        location = ""
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._send(url, location, headers)
            if answer.status not in _REDIRECTS or "Location" not in answer.headers:
                return answer
            url, location = urljoin(url, location), answer.headers["Location"]
            answer.close()
        raise DownloadError(f"Export {self._export_id}: the download host redirects more than {MAX_REDIRECTS} times.")

    def close(self) -> None:
        """Drop every connection at once; a thread that waits on one gets an error."""
        self.stopped.set()
        with self._lock:
            for each in self._sockets:
                _shut(each)
        self._direct.clear()
        self._proxies.close()

    def described(self, error: Exception) -> Exception:
        """Return what to raise in an error's place, without the library's own words."""
        if self.stopped.is_set():
            return Stopped()
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return DownloadRefusedError(
                f"Export {self._export_id}: the certificate of the download host is not trusted. If it is that of your "
                "own proxy or endpoint, name its CA in ca_bundle of the connection's extra."
            )
        if isinstance(error, ReadTimeoutError):
            return Interrupted(f"next to nothing came for {self._settings.read_timeout:g} seconds")
        if isinstance(error, LocationParseError):
            return DownloadRefusedError(
                f"Export {self._export_id}: the address of the download can't be read as a URL."
            )
        if isinstance(error, socket.gaierror | NameResolutionError):
            return Interrupted("the name of the download host can't be resolved")
        if isinstance(error, ProtocolError):
            return Interrupted("the connection was cut")
        return Interrupted(f"the connection broke ({type(error).__name__})")

    def _send(self, base: str, location: str, headers: Mapping[str, str]) -> Answer:
        if self.stopped.is_set():
            raise Stopped
        try:
            # Judged by the very parser that the connection is then made by.
            target = urllib3.util.parse_url(urljoin(base, location))
            proxy = _proxy_for(target.url)
            self._rules.check(target.scheme, target.host, proxied=proxy is not None)
            response = self._manager(proxy).request(
                "GET",
                target.url,
                headers=headers,
                preload_content=False,
                decode_content=False,
                redirect=False,
                retries=False,
                timeout=urllib3.Timeout(connect=self._settings.connect_timeout, read=self._settings.read_timeout),
            )
            return Answer(self, response)
        except (DownloadError, Stopped):
            raise
        except Exception as error:
            failure = error
        raise self.described(failure)

    def _manager(self, proxy: str | None) -> urllib3.PoolManager:
        if proxy is None:
            return self._direct
        with self._lock:
            # A proxy spoken to over TLS has a certificate of its own.
            own = {"proxy_ssl_context": self._tls} if proxy.lower().startswith("https") else {}
            manager: urllib3.PoolManager = self._proxies.proxy_manager_for(proxy, ssl_context=self._tls, **own)
            if not proxy.lower().startswith("socks"):  # which has connections of its own kind
                manager.pool_classes_by_scheme = self._pools
        return manager

    def _connected(self, connection: HTTPConnection) -> None:
        """Judge and remember a new connection."""
        sock: Any = connection.sock
        if connection.proxy is None:
            self._rules.check_address(connection.host, ip_address(sock.getpeername()[0].partition("%")[0]))
        with self._lock:
            self._sockets.add(sock)
        if self.stopped.is_set():
            _shut(sock)


def _watched_pools(connected: Callable[[HTTPConnection], None]) -> dict[str, Any]:
    """Return urllib3's pool classes with a call at the end of each connecting, and answers that are ``Response``."""

    class Plain(HTTPConnection):
        response_class = Response

        def connect(self) -> None:
            super().connect()
            connected(self)

    class Tls(HTTPSConnection):
        response_class = Response

        def connect(self) -> None:
            super().connect()
            connected(self)

    class PlainPool(urllib3.HTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(urllib3.HTTPSConnectionPool):
        ConnectionCls = Tls

    return {"http": PlainPool, "https": TlsPool}


def _proxy_for(url: str) -> str | None:
    """Return the proxy that the environment names for a URL."""
    from requests.utils import get_environ_proxies, prepend_scheme_if_needed, select_proxy

    proxy = select_proxy(url, get_environ_proxies(url, no_proxy=None))
    return prepend_scheme_if_needed(proxy, "http") if proxy else None


def _shut(sock: Any) -> None:
    """Wake the thread that reads from a socket; closing it would not."""
    # TLS through a proxy over TLS is an object of urllib3's around the socket.
    inner = getattr(sock, "socket", sock)
    # Not that of an SSLSocket, which would let the reader take the bytes that follow for plain ones.
    with suppress(OSError):
        socket.socket.shutdown(inner, socket.SHUT_RDWR)
