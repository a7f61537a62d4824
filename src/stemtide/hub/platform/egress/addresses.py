# SPDX-License-Identifier: Apache-2.0
"""Which addresses the hub may reach for others: public ones. Everything else is refused."""

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}

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
    """The hub does not go there. Its text says why and what to do, and names no address."""


class UnknownHostError(Exception):
    """A name could not be looked up, now."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Where one kind of errand may go.

    schemes:   of public addresses, and ports of them: others belong to services that never asked.
    loopback:  whether this machine may be reached too, then also over plain http and on any port:
               for demos and tests.
    max_chars: an address is no longer.
    """

    schemes: frozenset[str]
    ports: frozenset[int]
    loopback: bool = False
    max_chars: int = 300


def check_url(url: str, *, reach: Reach) -> str:
    """An address as it is asked for. Where its name leads is checked when it is connected to.

    raises: UnreachableError.
    """
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError as error:
        raise UnreachableError("this is no address: write it as https://host/path") from error
    odd = any(not " " < letter <= "~" for letter in url)
    if not host or odd or "@" in parts.netloc:
        raise UnreachableError("this is no address: write it as https://host/path, in ASCII")
    if len(url) > reach.max_chars:
        raise UnreachableError(f"this address is longer than {reach.max_chars} characters")
    is_usual = parts.scheme in reach.schemes
    if not is_usual and not (reach.loopback and parts.scheme in _DEFAULT_PORTS):
        raise UnreachableError(
            f"only {_listed(reach.schemes or _DEFAULT_PORTS)} addresses are reached: give one"
        )
    port = _DEFAULT_PORTS[parts.scheme] if port is None else port
    if not reach.loopback and port not in reach.ports:
        raise UnreachableError(f"only port {_listed(map(str, reach.ports))} is reached")
    return url


def resolve(host: str, port: int, *, scheme: str, reach: Reach) -> list[str]:
    """The addresses of a name, looked up once, all of them checked.

    raises: UnknownHostError; UnreachableError where one of its addresses may not be reached.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UnknownHostError("its name cannot be looked up") from error
    is_usual = scheme in reach.schemes and port in reach.ports
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    for address in addresses:
        if reach.loopback and _plain(address).is_loopback:
            continue
        if not is_usual or not is_public(address):
            # Which address it was is not told: whoever may name one may not map a network.
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


def _listed(words: Iterable[str]) -> str:
    """Words in a row."""
    return " or ".join(sorted(words))
