# SPDX-License-Identifier: Apache-2.0
"""Which addresses a webhook may go to: public ones, over https. Everything else is refused."""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

PORTS = frozenset({443, 8443})
"""Ports of https; others belong to services that never asked for a POST."""

_MAX_URL = 300

_NEVER = tuple(
    ip_network(one)
    for one in (
        "0.0.0.0/8",
        "100.64.0.0/10",  # shared by carriers; a cloud keeps its metadata there
        "168.63.129.16/32",  # a cloud's own agent, public by its looks
        "192.0.0.0/24",  # protocol assignments; a cloud keeps its metadata there
        "192.88.99.0/24",  # relays of 6to4, deprecated
        "198.18.0.0/15",
        "240.0.0.0/4",
        "::/96",  # IPv4-compatible, deprecated
        "64:ff9b:1::/48",  # NAT64 inside one network: where it leads is not for us to know
        "100::/64",
        "2001::/23",  # Teredo, ORCHID, benchmarks
        "2001:db8::/32",
        "2002::/16",  # 6to4: an IPv4 address within, deprecated
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fec0::/10",
    )
)
"""Networks that are refused whatever Python's own register says of them.

source: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890 and its updates).
"""

_NAT64 = ip_network("64:ff9b::/96")
"""source: RFC 6052, section 2.1: an IPv4 address in the last 32 bits."""


class UnreachableError(Exception):
    """The hub does not send there. Its text says why and what to do, and names no address."""


class UnknownHostError(Exception):
    """A name could not be looked up, now."""


def check_url(url: str, *, loopback: bool) -> str:
    """An address as it is asked for.

    loopback: whether plain http and any port are let through too; where its name leads is then
              checked all the same: only this machine may be reached so.

    raises: UnreachableError.
    """
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError as error:
        raise UnreachableError("this is no address: write it as https://host/path") from error
    odd = any(not " " < letter <= "~" for letter in url)
    if not host or odd or len(url) > _MAX_URL or "@" in parts.netloc:
        raise UnreachableError("this is no address: write it as https://host/path, in ASCII")
    if parts.scheme != "https" and not (loopback and parts.scheme == "http"):
        raise UnreachableError("webhooks go out over https only: give an https address")
    if not loopback and (port or 443) not in PORTS:
        raise UnreachableError("webhooks go to port 443 or 8443 only")
    return url


def resolve(host: str, port: int, *, loopback: bool, is_secure: bool) -> list[str]:
    """The addresses of a name, looked up once, all of them checked.

    is_secure: whether https was asked for; without it only this machine may be reached.

    raises: UnknownHostError; UnreachableError where one of its addresses may not be reached.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UnknownHostError("its name cannot be looked up") from error
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    for address in addresses:
        if loopback and _plain(address).is_loopback:
            continue
        if not is_secure or not is_public(address):
            # Which address it was is not told: whoever may write a webhook may not map a network.
            raise UnreachableError("the receiver's name leads to an address that is not public")
    return addresses


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet."""
    found = _plain(address)
    if isinstance(found, IPv6Address) and found in _NAT64:
        found = IPv4Address(int(found) & 0xFFFF_FFFF)
    refused = any(found.version == one.version and found in one for one in _NEVER)
    return (
        found.is_global
        and not refused
        and not found.is_multicast
        and not found.is_reserved
        and not found.is_unspecified
    )


def _plain(address: str) -> IPv4Address | IPv6Address:
    """An address without its zone; an IPv4 one where IPv6 only wraps it."""
    found = ip_address(address.partition("%")[0])
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found
