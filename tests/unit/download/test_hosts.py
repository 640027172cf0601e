"""Which hosts a zip may come from."""

from __future__ import annotations

import socket

import pytest

from chargebee_operators.chargebee.connection import SiteSettings
from chargebee_operators.common.exceptions import DownloadRefusedError
from chargebee_operators.download.hosts import HostRules


def rules(endpoint: str | None = None, allowed: tuple[str, ...] = ()) -> HostRules:
    address = endpoint or "https://acme.chargebee.com"
    settings = SiteSettings(
        "acme", "key", f"{address}/api/v2", custom_endpoint=endpoint is not None, allowed_download_hosts=allowed
    )
    return HostRules(settings, "export-1")


@pytest.mark.parametrize(
    "host", ["8.8.8.8", "[2606:4700::1111]", "134744072", "[::ffff:8.8.8.8]", "[64:ff9b::808:808]"]
)
@pytest.mark.parametrize("proxied", [False, True])
def test_public_addresses_are_allowed(host, proxied):
    rules().check("https", host, proxied=proxied)


INSIDE = {
    "127.0.0.1": "loopback",
    "127.1": "loopback",
    "2130706433": "loopback",
    "0x7f.0.0.1": "loopback",
    "0177.0.0.01": "loopback",
    "127.0.0.1.": "loopback",
    "[::1]": "loopback",
    "[::ffff:127.0.0.1]": "loopback",
    "[::ffff:7f00:1]": "loopback",
    "[64:ff9b::127.0.0.1]": "loopback",
    "[2002:7f00:1::]": "loopback",
    "10.1.2.3": "private",
    "172.16.0.1": "private",
    "192.168.1.1": "private",
    "100.64.0.1": "private",
    "[fd00::1]": "private",
    "169.254.169.254": "link-local",
    "[fe80::1]": "link-local",
    "[fec0::1]": "link-local",
    "0.0.0.0": "special-purpose",
    "192.0.0.192": "special-purpose",
    "0": "special-purpose",
    "[::]": "special-purpose",
    "224.0.0.1": "special-purpose",
    "240.0.0.1": "special-purpose",
    "[ff02::1]": "special-purpose",
    "[::127.0.0.1]": "special-purpose",
}


@pytest.mark.parametrize(("host", "kind"), INSIDE.items())
@pytest.mark.parametrize("proxied", [False, True])
def test_the_own_network_is_refused_in_every_spelling(host, kind, proxied):
    with pytest.raises(DownloadRefusedError, match=f"has a {kind} address; refused"):
        rules().check("https", host, proxied=proxied)


def test_a_name_is_judged_by_all_its_addresses(monkeypatch):
    def resolve(*_, **__):
        return [(0, 0, 0, "", (address, 0)) for address in ("8.8.8.8", "10.0.0.7")]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(DownloadRefusedError, match="'files.example.com' has a private address"):
        rules().check("https", "files.example.com", proxied=False)


def test_a_name_behind_a_proxy_is_not_resolved_here(monkeypatch):
    def resolve(*_, **__):
        raise socket.gaierror("no names here")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    rules().check("https", "files.example.com", proxied=True)
    for name in ("localhost", "LOCALHOST.", "files.localhost"):
        with pytest.raises(DownloadRefusedError, match="loopback address"):
            rules().check("https", name, proxied=True)
    rules("https://localhost:8090").check("https", "localhost", proxied=True)
    with pytest.raises(OSError, match="no names here"):
        rules().check("https", "files.example.com", proxied=False)


@pytest.mark.parametrize(
    ("endpoint", "allowed", "refused"),
    [
        ("http://127.0.0.1:8090", "127.0.0.1", "10.0.0.1"),
        ("https://localhost:8090", "[::1]", "169.254.169.254"),
        ("https://10.0.0.1", "192.168.0.1", "127.0.0.1"),
        ("https://8.8.8.8", "9.9.9.9", "127.0.0.1"),
    ],
)
def test_an_endpoint_opens_addresses_of_its_own_kind(endpoint, allowed, refused):
    rules(endpoint).check("https", allowed, proxied=False)
    with pytest.raises(DownloadRefusedError, match="refused"):
        rules(endpoint).check("https", refused, proxied=False)


@pytest.mark.parametrize(
    ("endpoint", "scheme", "good"),
    [
        (None, "http", False),
        ("https://127.0.0.1", "http", False),
        ("http://127.0.0.1", "http", True),
        ("http://127.0.0.1", "https", True),
        ("http://127.0.0.1", "ftp", False),
        ("http://127.0.0.1", None, False),
    ],
)
def test_plain_http_only_where_the_endpoint_is_plain(endpoint, scheme, good):
    if good:
        rules(endpoint).check(scheme, "127.0.0.1", proxied=False)
    else:
        with pytest.raises(DownloadRefusedError, match="not on https"):
            rules(endpoint).check(scheme, "8.8.8.8", proxied=False)


@pytest.mark.parametrize(
    ("host", "good"),
    [
        ("amazonaws.com", True),
        ("bucket.s3.amazonaws.com", True),
        ("BUCKET.S3.AMAZONAWS.COM.", True),
        ("10.0.0.9", True),  # named by hand: a private endpoint of S3, say
        ("evilamazonaws.com", False),
        ("amazonaws.com.evil.example", False),
        ("8.8.8.8", False),
        ("", False),
    ],
)
def test_a_list_of_hosts_allows_these_and_their_subdomains_alone(host, good):
    listed = rules(allowed=("amazonaws.com", "10.0.0.9"))
    if good:
        listed.check("https", host, proxied=False)
    else:
        with pytest.raises(DownloadRefusedError, match="not in allowed_download_hosts"):
            listed.check("https", host, proxied=False)
