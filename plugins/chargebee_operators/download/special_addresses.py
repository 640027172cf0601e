"""Which addresses are no public ones, by IANA's registries of special-purpose addresses. Pure.

The lists are written out here: what ``ipaddress`` takes for public differs between versions of Python, and some call
192.0.0.192 public, where a cloud has served credentials.

Sources: https://www.iana.org/assignments/iana-ipv4-special-registry, https://www.iana.org/assignments/iana-ipv6-special-registry
(both as of 2025), and RFC 4291 for what IPv6 has beside them. What the registries call globally reachable is refused as
well: no download host has such an address.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address

PUBLIC, PRIVATE, LOOPBACK, LINK_LOCAL, SPECIAL = "public", "private", "loopback", "link-local", "special-purpose"

# The first that holds an address names its kind.
_IPV4 = [
    (IPv4Network(network), kind)
    for kind, networks in (
        (LOOPBACK, ["127.0.0.0/8"]),
        (LINK_LOCAL, ["169.254.0.0/16"]),
        (PRIVATE, ["10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16"]),
        (
            SPECIAL,
            [
                "0.0.0.0/8",
                "192.0.0.0/24",
                "192.0.2.0/24",
                "192.31.196.0/24",
                "192.52.193.0/24",
                "192.88.99.0/24",
                "192.175.48.0/24",
                "198.18.0.0/15",
                "198.51.100.0/24",
                "203.0.113.0/24",
                "224.0.0.0/3",  # multicast, and what is reserved behind it
            ],
        ),
    )
    for network in networks
]
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_IPV6 = [
    (IPv6Network(network), kind)
    for kind, networks in (
        (LOOPBACK, ["::1/128"]),
        (LINK_LOCAL, ["fe80::/10", "fec0::/10"]),
        (PRIVATE, ["fc00::/7"]),
        # Outside of the global unicast addresses nothing is public.
        (SPECIAL, ["2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"]),
    )
    for network in networks
]
_NAT64 = IPv6Network("64:ff9b::/96")


def kind_of(address: Address) -> str:
    """Return the kind of an address: only a public one is outside of every own network.

    An IPv6 address that stands for an IPv4 one is of that one's kind. One of a tunnel (6to4, Teredo) is never public.
    """
    if isinstance(address, IPv4Address):
        return next((kind for network, kind in _IPV4 if address in network), PUBLIC)
    if address.ipv4_mapped or address in _NAT64:
        return kind_of(IPv4Address(address.packed[-4:]))
    tunnelled = address.sixtofour or (address.teredo and address.teredo[1])
    if tunnelled and (inner := kind_of(tunnelled)) != PUBLIC:
        return inner
    outside = PUBLIC if address in _GLOBAL_UNICAST else SPECIAL
    return next((kind for network, kind in _IPV6 if address in network), outside)
