# SPDX-License-Identifier: Apache-2.0
"""Decide which addresses a program may reach on behalf of others: public ones only."""

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}

_NEVER = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",
        "100.64.0.0/10",  # shared by carriers; a cloud keeps its metadata there
        "168.63.129.16/32",  # a cloud's own agent, which looks public
        "192.0.0.0/24",  # protocol assignments; a cloud keeps its metadata there
        "192.88.99.0/24",  # relays of 6to4, deprecated
        "198.18.0.0/15",
        "240.0.0.0/4",
        "::/96",  # IPv4-compatible, deprecated
        "64:ff9b:1::/48",  # NAT64 inside one network: its targets are unknown
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
"""Networks that are refused in addition to Python's own registry.

source: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890 and its updates).
"""

_NAT64 = ip_network("64:ff9b::/96")
"""source: RFC 6052, section 2.1: an IPv4 address in the last 32 bits."""


class AddressNotAllowedError(Exception):
    """The hub may not reach an address. The text gives reason and remedy, and names no address."""


class UnknownHostError(Exception):
    """A host name cannot be resolved at present."""


@dataclass(frozen=True, slots=True)
class AllowedAddresses:
    """The addresses that one kind of request may reach.

    schemes:   of public addresses, and ports of them: other ports belong to other services.
    loopback:  whether this machine may be reached too, then also over plain http and on any port:
    for
               demos and tests.
    trusted:   host names that the operator named: they are reached at any address and port.
    max_chars: the longest address.
    """

    schemes: frozenset[str]
    ports: frozenset[int]
    loopback: bool = False
    trusted: frozenset[str] = frozenset()
    max_chars: int = 300


def check_url(url: str, *, reach: AllowedAddresses) -> str:
    """Return a checked URL. The address of its host is checked when connecting.

    raises: AddressNotAllowedError.
    """
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError as error:
        raise AddressNotAllowedError("this is no address: write it as https://host/path") from error
    has_odd_characters = any(not " " < character <= "~" for character in url)
    if not host or has_odd_characters or "@" in parts.netloc:
        raise AddressNotAllowedError("this is no address: write it as https://host/path, in ASCII")
    if len(url) > reach.max_chars:
        raise AddressNotAllowedError(f"this address is longer than {reach.max_chars} characters")
    if host in reach.trusted and parts.scheme in _DEFAULT_PORTS:
        return url
    is_usual = parts.scheme in reach.schemes
    if not is_usual and not (reach.loopback and parts.scheme in _DEFAULT_PORTS):
        raise AddressNotAllowedError(
            f"only {_joined(reach.schemes or _DEFAULT_PORTS)} addresses are reached: give one"
        )
    port = _DEFAULT_PORTS[parts.scheme] if port is None else port
    if not reach.loopback and port not in reach.ports:
        raise AddressNotAllowedError(f"only port {_joined(map(str, reach.ports))} is reached")
    return url


def resolve(host: str, port: int, *, scheme: str, reach: AllowedAddresses) -> list[str]:
    """Return the checked addresses of a host name, resolved once.

    raises: UnknownHostError; AddressNotAllowedError if any of its addresses may not be reached.
    """
    try:
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UnknownHostError("its name cannot be looked up") from error
    is_usual = scheme in reach.schemes and port in reach.ports
    addresses = list(dict.fromkeys(str(info[4][0]) for info in infos))
    if host.lower() in reach.trusted:
        return addresses
    for address in addresses:
        if reach.loopback and _parsed(address).is_loopback:
            continue
        if not is_usual or not is_public(address):
            # The error names no address, so that callers cannot map a network.
            raise AddressNotAllowedError(
                "the receiver's name leads to an address that is not public"
            )
    return addresses


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet."""
    parsed = _parsed(address)
    if isinstance(parsed, IPv6Address) and parsed in _NAT64:
        parsed = IPv4Address(int(parsed) & 0xFFFF_FFFF)
    refused = any(parsed.version == network.version and parsed in network for network in _NEVER)
    return (
        parsed.is_global
        and not refused
        and not parsed.is_multicast
        and not parsed.is_reserved
        and not parsed.is_unspecified
    )


def _parsed(address: str) -> IPv4Address | IPv6Address:
    """Return an address without its zone, and IPv4-mapped IPv6 as IPv4."""
    parsed = ip_address(address.partition("%")[0])
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return mapped or parsed


def _joined(words: Iterable[str]) -> str:
    """Return words joined by "or"."""
    return " or ".join(sorted(words))
