"""From which hosts a zip may be fetched, so that a redirect leads neither to plain text nor into the own network."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, ip_address
from urllib.parse import urlsplit

from chargebee_operators.chargebee.connection import SiteSettings
from chargebee_operators.common.exceptions import DownloadRefusedError
from chargebee_operators.download.special_addresses import PUBLIC, Address, kind_of


class HostRules:
    """Judges where a request is about to go.

    With ``allowed_download_hosts`` these and their subdomains are allowed, wherever they are. Without, it is every
    https host at public addresses, and, where the connection names an endpoint of its own at another kind of
    address, at addresses of that kind: a simulator on this machine has its downloads there too.

    :param settings: the site.
    :param export_id: for errors.
    """

    def __init__(self, settings: SiteSettings, export_id: str) -> None:
        endpoint = urlsplit(settings.base_url)
        self._export_id = export_id
        self._allowed = settings.allowed_download_hosts
        self._endpoint = endpoint.hostname if settings.custom_endpoint else None
        self._schemes = ("https", endpoint.scheme) if settings.custom_endpoint else ("https",)
        self._found_good: set[tuple[str, bool]] = set()

    def check(self, scheme: str | None, host: str | None, *, proxied: bool) -> None:
        """Judge a URL by its scheme and host, before anything is sent.

        :param proxied: whether a proxy makes the connection. Names may mean nothing on this side of it, so only
            addresses that are written out are judged.
        :raises DownloadRefusedError: when it is refused; names the host, no more of the URL.
        :raises OSError: when the name can't be resolved.
        """
        if scheme not in self._schemes:
            raise DownloadRefusedError(f"Export {self._export_id}: the download is not on https; refused.")
        host = (host or "").lower().rstrip(".")
        if self._allowed:
            if not any(host == each or host.endswith(f".{each}") for each in self._allowed):
                raise DownloadRefusedError(
                    f"Export {self._export_id}: download host {host[:255]!r} is not in allowed_download_hosts of the "
                    f"connection's extra ({', '.join(self._allowed)})."
                )
        elif (host, proxied) not in self._found_good:
            for address in addresses_of(host, literal_only=proxied):
                self.check_address(host, address, proxied=proxied)
            self._found_good.add((host, proxied))

    def check_address(self, host: str, address: Address, *, proxied: bool = False) -> None:
        """Judge one address of a host; also that of a connection that is open: the name's address may have changed.

        :raises DownloadRefusedError: when it is of a kind that is refused.
        """
        if self._allowed or (kind := kind_of(address)) == PUBLIC:
            return
        if kind not in self._endpoint_kinds(proxied):
            raise DownloadRefusedError(
                f"Export {self._export_id}: download host {host[:255]!r} has a {kind} address; refused. If that is "
                "right, put the host into allowed_download_hosts of the connection's extra."
            )

    def _endpoint_kinds(self, proxied: bool) -> set[str]:
        if self._endpoint is None:
            return set()
        try:
            return {kind_of(address) for address in addresses_of(self._endpoint, literal_only=proxied)}
        except OSError:
            return set()


def addresses_of(host: str, *, literal_only: bool = False) -> set[Address]:
    """Return the addresses of a host.

    :param host: a name or an address in any spelling that the system takes: ``0x7f.1`` is 127.0.0.1.
    :param literal_only: whether a name is left alone, and has none; but localhost.
    :raises OSError: when a name can't be resolved.
    """
    literal = _literal(host)
    if literal is not None:
        return {literal}
    if literal_only:
        # Of all names this one is known to mean the same on any machine (RFC 6761).
        return {IPv4Address("127.0.0.1")} if f".{host}".endswith(".localhost") else set()
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return {ip_address(str(entry[4][0]).partition("%")[0]) for entry in found}


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None
