# SPDX-License-Identifier: Apache-2.0
"""Probe an untrusted address: record how it responds without keeping the content.

1 The URL is normalised as browsers do; one with a user is refused (addresses.py).
2 It must be http or https on a usual port; its host is resolved once, and every address must be
  public; the connection goes to the checked address (addresses.py, connections.py).
3 One GET: without cookies, without credentials, with the same few headers for everyone.
4 A redirect is treated like any other address, from step 1; at most MAX_HOPS are followed.
5 Everything takes at most TIMEOUT_S from the first connection on; of each response at most
MAX_BYTES
  are read, and nothing of a redirect's body.
6 Nothing is decompressed: a compressed body that was not requested is counted and hashed unchanged.
7 The bytes are passed to `words` for inspection, then discarded.

source: OWASP, Server-Side Request Forgery Prevention Cheat Sheet.
"""

import hashlib
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import urljoin, urlsplit

import can_ada
import httpcore

from stemtide import __version__
from stemtide.egress.addresses import (
    AddressNotAllowedError,
    AllowedAddresses,
    check_url,
)
from stemtide.egress.connections import CheckedBackend, OutOfTimeError, tls_context

TIMEOUT_S = 15.0
"""Longest duration of a probe with its redirects. DNS look-ups end by the system's own limits,
which this does not shorten."""

MAX_BYTES = 1024 * 1024
MAX_HOPS = 5
_MAX_URL = 8192

SCHEMES = frozenset({"http", "https"})
PORTS = frozenset({80, 443, 8080, 8443})
"""Usual ports of web pages; other ports belong to other services."""

ANYWHERE = AllowedAddresses(schemes=SCHEMES, ports=PORTS, max_chars=_MAX_URL)
"""Public addresses."""

THIS_MACHINE = AllowedAddresses(schemes=frozenset(), ports=PORTS, loopback=True, max_chars=_MAX_URL)
"""This machine and nothing else: demos, tests and exercises on it."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADERS: Mapping[bytes | str, bytes | str] = {
    "user-agent": f"stemtide/{__version__}",
    "accept": "*/*",
    "accept-encoding": "identity",
    "connection": "close",
}


class ProbeFailure(StrEnum):
    """Reasons why a probe got no response."""

    REFUSED = "refused"
    """The hub may not reach the address."""
    TIMED_OUT = "timed_out"
    NO_CONNECTION = "no_connection"
    BROKEN_OFF = "broken_off"
    TOO_MANY_HOPS = "too_many_hops"


@dataclass(frozen=True, slots=True)
class Probe:
    """The result of a probe.

    trouble:      why there is no response; None if there is one.
    words:        about the trouble, for people.
    status:       of the last response; None without one.
    url:          of the last response.
    hops:         the number of redirects followed.
    size_bytes:   of the bytes that were read; is_whole: whether that was the whole body.
    digest:       SHA-256 of the bytes that were read, in hexadecimal; "" if there were none.
    content_type: without its parameters, in lower case.
    is_packed:    whether the body was compressed, so that it could not be inspected.
    found:        the result of `words` for the body.
    """

    url: str
    trouble: ProbeFailure | None = None
    words: str = ""
    status: int | None = None
    hops: int = 0
    size_bytes: int = 0
    is_whole: bool = True
    digest: str = ""
    content_type: str = ""
    is_packed: bool = False
    found: str = ""


def probe_address(
    url: str, *, reach: AllowedAddresses, words: Callable[[bytes], str] = lambda _: ""
) -> Probe:
    """Probe an address once. Errors are part of the result; nothing is raised.

    words: inspects the bytes of an uncompressed body; returns its finding, or "".
    """
    until = time.monotonic() + TIMEOUT_S
    for hops in range(MAX_HOPS + 1):
        try:
            url = normalise(url, reach=reach)
            probe, url = _ask(url, reach=reach, until=until, words=words)
        except AddressNotAllowedError as error:
            return Probe(url, ProbeFailure.REFUSED, str(error), hops=hops)
        except (OutOfTimeError, httpcore.TimeoutException):
            why = f"it took longer than {TIMEOUT_S:.0f} s"
            return Probe(url, ProbeFailure.TIMED_OUT, why, hops=hops)
        except httpcore.ConnectError as error:
            return Probe(url, ProbeFailure.NO_CONNECTION, _error_text(error), hops=hops)
        except (httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError) as error:
            return Probe(url, ProbeFailure.BROKEN_OFF, _error_text(error), hops=hops)
        if not url:
            return replace(probe, hops=hops)
    return Probe(url, ProbeFailure.TOO_MANY_HOPS, f"more than {MAX_HOPS} redirects", hops=MAX_HOPS)


def normalise(url: str, *, reach: AllowedAddresses, onto: str = "") -> str:
    """Return a checked URL as browsers would request it, in ASCII and without its fragment.

    onto: the URL that it is relative to, if any.

    raises: AddressNotAllowedError.
    """
    try:
        # Browsers read a backslash as a slash; urljoin would keep it in the path.
        parsed = can_ada.parse(urljoin(onto, url.replace("\\", "/")) if onto else url)
    except ValueError as error:
        raise AddressNotAllowedError("this is no address: write it as https://host/path") from error
    if parsed.username or parsed.password:
        raise AddressNotAllowedError("this address holds a user or a password: leave them out")
    parsed.hash = ""
    return check_url(str(parsed.href), reach=reach)


def _ask(
    url: str, *, reach: AllowedAddresses, until: float, words: Callable[[bytes], str]
) -> tuple[Probe, str]:
    """Send one GET; return the result, and the redirect's target or ""."""
    backend = CheckedBackend(scheme=urlsplit(url).scheme, reach=reach, until=until)
    with (
        httpcore.ConnectionPool(
            ssl_context=tls_context(), network_backend=backend, max_connections=1
        ) as pool,
        pool.stream("GET", url, headers=dict(_HEADERS)) as response,
    ):
        if response.status in _REDIRECTS and (location := _header(response, b"location")):
            return Probe(url, status=response.status), normalise(location, reach=reach, onto=url)
        return _read(response, url=url, words=words), ""


def _read(response: httpcore.Response, *, url: str, words: Callable[[bytes], str]) -> Probe:
    """Return the result for a response and its first bytes."""
    body, is_whole = _first_bytes(response)
    is_packed = _header(response, b"content-encoding").lower() not in {"", "identity"}
    return Probe(
        url,
        status=response.status,
        size_bytes=len(body),
        is_whole=is_whole,
        digest=hashlib.sha256(body).hexdigest() if body else "",
        content_type=_header(response, b"content-type").partition(";")[0].strip().lower()[:80],
        is_packed=is_packed,
        found="" if is_packed else words(body),
    )


def _first_bytes(response: httpcore.Response) -> tuple[bytes, bool]:
    """Return as much of a response as may be read, and whether that is all."""
    body = bytearray()
    for chunk in response.iter_stream():
        body += chunk
        if len(body) > MAX_BYTES:
            return bytes(body[:MAX_BYTES]), False
    return bytes(body), True


def _header(response: httpcore.Response, name: bytes) -> str:
    """Return one header of a response, "" without it. Non-ASCII bytes are replaced."""
    for key, value in response.headers:
        if key.lower() == name:
            return value.decode("ascii", "replace").strip()
    return ""


def _error_text(error: Exception) -> str:
    """Return a short text for a network error."""
    return " ".join(str(error).split())[:120] or type(error).__name__
