"""Which addresses are of the open Internet, by a list of our own.

Python keeps such a list too, but it is as old as the Python: 3.11 takes several newer blocks for
global, and clouds answer for their machines at addresses that are nobody's by any registry.

Sources: IANA's IPv4 and IPv6 Special-Purpose Address Registries and IPv6 Global Unicast Address
Space (https://www.iana.org/assignments/iana-ipv4-special-registry,
https://www.iana.org/assignments/iana-ipv6-special-registry), read in November 2026;
https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16.
"""

import ipaddress
from collections.abc import Iterator

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_CLOSED_V4 = [
    ipaddress.IPv4Network(one)
    for one in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private use
        "100.64.0.0/10",  # shared by carriers; a cloud's metadata at 100.100.100.200
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure: its machines' agent, DNS and health probes
        "169.254.0.0/16",  # link-local; most clouds' metadata at 169.254.169.254
        "172.16.0.0/12",  # private use
        "192.0.0.0/24",  # protocol assignments; a cloud's metadata at 192.0.0.192
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # automatic multicast tunnelling
        "192.88.99.0/24",  # 6to4 relays, given up
        "192.168.0.0/16",  # private use
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and the broadcast
    )
]
#: All that is handed out; what lies outside is loopback, link-local, unique local, multicast,
#: site-local, a discard prefix, or nobody's yet.
_OPEN_V6 = ipaddress.IPv6Network("2000::/3")
_CLOSED_V6 = [
    ipaddress.IPv6Network(one)
    for one in (
        "2001::/23",  # protocol assignments: benchmarks, ORCHID, and Teredo, which is looked into
        "2001:db8::/32",  # documentation
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
]
#: NAT64 of the whole Internet, and the old IPv4-compatible addresses.
_CARRY_IPV4 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("::/96"))


def is_public(address: str) -> bool:
    """Whether ``address`` is one of the open Internet.

    An IPv6 address that carries an IPv4 address counts as that one too: mapped, compatible, 6to4,
    Teredo, NAT64.

    Raises:
        ValueError: if it is no address.
    """
    return all(_is_open(one) for one in _meant(ipaddress.ip_address(address.partition("%")[0])))


def _meant(address: Address) -> Iterator[Address]:
    if isinstance(address, ipaddress.IPv4Address):
        yield address
    elif address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    elif any(address in network for network in _CARRY_IPV4):
        yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    elif address.teredo is not None:
        yield from address.teredo
    else:
        yield address
        if address.sixtofour is not None:
            yield address.sixtofour


def _is_open(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _CLOSED_V4)
    return address in _OPEN_V6 and not any(address in network for network in _CLOSED_V6)
