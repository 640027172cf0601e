"""Every range of IANA's special-purpose registries is refused, and what lies beside it is not."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargebee_operators.download.special_addresses import PUBLIC, kind_of

# The address blocks of both registries, one by one as they are listed there, and their names.
REGISTRIES = {
    "0.0.0.0/8": "This network",
    "0.0.0.0/32": "This host on this network",
    "10.0.0.0/8": "Private-Use",
    "100.64.0.0/10": "Shared Address Space",
    "127.0.0.0/8": "Loopback",
    "169.254.0.0/16": "Link Local",
    "172.16.0.0/12": "Private-Use",
    "192.0.0.0/24": "IETF Protocol Assignments",
    "192.0.0.0/29": "IPv4 Service Continuity Prefix",
    "192.0.0.8/32": "IPv4 dummy address",
    "192.0.0.9/32": "Port Control Protocol Anycast",
    "192.0.0.10/32": "Traversal Using Relays around NAT Anycast",
    "192.0.0.170/32": "NAT64/DNS64 Discovery",
    "192.0.0.171/32": "NAT64/DNS64 Discovery",
    "192.0.2.0/24": "Documentation (TEST-NET-1)",
    "192.31.196.0/24": "AS112-v4",
    "192.52.193.0/24": "AMT",
    "192.88.99.0/24": "Deprecated (6to4 Relay Anycast)",
    "192.88.99.2/32": "6a44-relay anycast address",
    "192.168.0.0/16": "Private-Use",
    "192.175.48.0/24": "Direct Delegation AS112 Service",
    "198.18.0.0/15": "Benchmarking",
    "198.51.100.0/24": "Documentation (TEST-NET-2)",
    "203.0.113.0/24": "Documentation (TEST-NET-3)",
    "240.0.0.0/4": "Reserved",
    "255.255.255.255/32": "Limited Broadcast",
    "::1/128": "Loopback Address",
    "::/128": "Unspecified Address",
    "64:ff9b:1::/48": "IPv4-IPv6 Translat.",
    "100::/64": "Discard-Only Address Block",
    "100:0:0:1::/64": "Dummy IPv6 Prefix",
    "2001::/23": "IETF Protocol Assignments",
    "2001::/32": "TEREDO",
    "2001:1::1/128": "Port Control Protocol Anycast",
    "2001:1::2/128": "Traversal Using Relays around NAT Anycast",
    "2001:1::3/128": "DNS-SD Service Registration Protocol Anycast",
    "2001:2::/48": "Benchmarking",
    "2001:3::/32": "AMT",
    "2001:4:112::/48": "AS112-v6",
    "2001:10::/28": "Deprecated (previously ORCHID)",
    "2001:20::/28": "ORCHIDv2",
    "2001:30::/28": "Drone Remote ID Protocol Entity Tags (DETs) Prefix",
    "2001:db8::/32": "Documentation",
    "2002::/16": "6to4",
    "2620:4f:8000::/48": "Direct Delegation AS112 Service",
    "3fff::/20": "Documentation",
    "5f00::/16": "Segment Routing (SRv6) SIDs",
    "fc00::/7": "Unique-Local",
    "fe80::/10": "Link-Local Unicast",
}
# Of the IPv6 registry these two stand for IPv4 addresses, and are judged by them.
STAND_FOR_IPV4 = {"::ffff:0:0/96": "IPv4-mapped Address", "64:ff9b::/96": "IPv4-IPv6 Translat."}
# And what other registries give to no host of the public internet.
BESIDE = {
    "224.0.0.0/4": "multicast",
    "ff00::/8": "multicast",
    "fec0::/10": "site-local, deprecated",
    "::/96": "IPv4-compatible, deprecated",
    "4000::/3": "not assigned",
}


@pytest.mark.parametrize("block", [*REGISTRIES, *BESIDE])
def test_every_block_is_refused_from_its_first_address_to_its_last(block):
    network = ip_network(block)
    middle = network[network.num_addresses // 2]
    assert PUBLIC not in {kind_of(network[0]), kind_of(middle), kind_of(network[-1])}


SPECIAL_IPV4 = [ip_network(each) for each in [*REGISTRIES, *BESIDE] if ":" not in each]
SPECIAL_IPV6 = [ip_network(each) for each in [*REGISTRIES, *STAND_FOR_IPV4, *BESIDE] if ":" in each]


@given(st.integers(0, 2**32 - 1))
def test_all_other_ipv4_addresses_are_public(number):
    address = IPv4Address(number)
    assert (kind_of(address) == PUBLIC) is not any(address in each for each in SPECIAL_IPV4)


@given(st.integers(0x2000 << 112, (0x4000 << 112) - 1))
def test_all_other_global_unicast_addresses_are_public(number):
    address = IPv6Address(number)
    assert (kind_of(address) == PUBLIC) is not any(address in each for each in SPECIAL_IPV6)


@pytest.mark.parametrize("block", [each for each in [*REGISTRIES, *BESIDE] if ":" not in each])
@pytest.mark.parametrize("prefix", ["::ffff:0:0", "64:ff9b::"])
def test_an_ipv6_address_that_stands_for_an_ipv4_one_is_of_its_kind(block, prefix):
    for address in (ip_network(block)[0], ip_network(block)[-1]):
        assert kind_of(ip_address(int(ip_address(prefix)) + int(address))) == kind_of(address)
    assert kind_of(ip_address(int(ip_address(prefix)) + int(ip_address("8.8.8.8")))) == PUBLIC


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("192.0.0.192", "special-purpose"),  # a cloud's metadata
        ("169.254.169.254", "link-local"),
        ("fd00:ec2::254", "private"),
        ("100.100.100.200", "private"),
        ("2002:a9fe:a9fe::1", "link-local"),  # 6to4 of 169.254.169.254
        ("2002:808:808::1", "special-purpose"),
        ("2001:0:0:0:0:0:80ff:fffe", "loopback"),  # Teredo of 127.0.0.1
    ],
)
def test_addresses_that_have_been_used_to_reach_inside(address, kind):
    assert kind_of(ip_address(address)) == kind


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "99.255.255.255", "100.128.0.0", "172.32.0.0", "192.0.1.0", "223.255.255.255", "2600::"]
)
def test_neighbours_of_special_blocks_are_public(address):
    assert kind_of(ip_address(address)) == PUBLIC
