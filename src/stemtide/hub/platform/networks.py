# SPDX-License-Identifier: Apache-2.0
"""Network addresses of callers, and trusted proxies."""

import ipaddress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

_IPV6_BITS = 64
"""A subscriber of IPv6 has at least a /64 and sends from any address in it (RFC 6177)."""

_ROUGH_IPV4_BITS, _ROUGH_IPV6_BITS = 24, 48
_MAPPED = 96
"""An IPv4 caller of a socket that listens on IPv6 appears as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2)."""


def network_of(address: str) -> str | None:
    """Return the network that identifies a caller: an IPv4 address, or the first of an IPv6 /64.

    None if the text is not an address.
    """
    parsed = _parse(address)
    if parsed is None or parsed.version == 4:  # noqa: PLR2004  # IPv4
        return str(parsed) if parsed else None
    return str(ipaddress.ip_network((int(parsed), _IPV6_BITS), strict=False).network_address)


def rough(address: str) -> str:
    """Return the larger network of an address, to show a person roughly where a call came from."""
    parsed = _parse(address)
    if parsed is None:
        return ""
    bits = _ROUGH_IPV4_BITS if isinstance(parsed, IPv4Address) else _ROUGH_IPV6_BITS
    return str(ipaddress.ip_network((str(parsed), bits), strict=False))


def read_proxies(text: str) -> tuple[str, ...]:
    """Return the addresses and networks of a setting, in uvicorn's format.

    IPv4 is listed a second time, as IPv6 sockets see it.

    raises: ValueError with a remedy if one is not an address or network, or is all addresses.
    """
    proxies: list[str] = []
    for word in text.replace(",", " ").split():
        try:
            network = ipaddress.ip_network(word)
        except ValueError as error:
            raise ValueError(
                f"{word[:50]!r} is no address or network: write 127.0.0.1, ::1 or 10.0.0.0/24"
            ) from error
        if network.prefixlen == 0:
            raise ValueError(f"{word!r} is every address: name your proxies alone")
        proxies += [_as_text(network), *_as_ipv6_mapped(network)]
    return tuple(proxies)


def _parse(address: str) -> IPv4Address | IPv6Address | None:
    """Parse an address without its zone; an IPv4-mapped IPv6 address becomes IPv4."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return (isinstance(parsed, IPv6Address) and parsed.ipv4_mapped) or parsed


def _as_text(network: IPv4Network | IPv6Network) -> str:
    """Return a network as text; a single address without its length."""
    return str(network.network_address if network.num_addresses == 1 else network)


def _as_ipv6_mapped(network: IPv4Network | IPv6Network) -> list[str]:
    """Return an IPv4 network as an IPv6 socket sees it; empty for IPv6."""
    if isinstance(network, IPv6Network):
        return []
    first = IPv6Address(f"::ffff:{network.network_address}")
    return [_as_text(IPv6Network((first, _MAPPED + network.prefixlen)))]
