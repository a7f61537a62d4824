# SPDX-License-Identifier: Apache-2.0
"""A look at an address that is not to be trusted: what it answers, never what it holds.

1 The address is spelled as browsers spell it; a user in it is refused (addresses.py).
2 It must be http or https on a usual port; its name is looked up once, and every address found
  must be a public one; the connection goes to what was checked (addresses.py, wire.py).
3 One GET: without cookies, without credentials, with the same few headers for everyone.
4 A redirect is an address like any other and begins at 1; at most MAX_HOPS are followed.
5 All of it takes at most TIMEOUT_S, from the first connection on; of each answer at most
  MAX_BYTES are read, and none of an answer that only redirects.
6 Nothing is unpacked: a body that comes compressed, unasked, is counted and hashed as it came.
7 What was read is given to `words` to look through, then forgotten.

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
from stemtide.hub.platform.egress.addresses import Reach, UnreachableError, check_url
from stemtide.hub.platform.egress.connections import CheckedBackend, OutOfTimeError

TIMEOUT_S = 15.0
"""How long a whole look may take, redirects and all. Looking up a name ends by the system's own
limits, which this does not shorten."""

MAX_BYTES = 1024 * 1024
MAX_HOPS = 5
_MAX_URL = 8192

SCHEMES = frozenset({"http", "https"})
PORTS = frozenset({80, 443, 8080, 8443})
"""Where pages are published. Other ports belong to services that never asked for a GET."""

ANYWHERE = Reach(schemes=SCHEMES, ports=PORTS, max_chars=_MAX_URL)
"""Public addresses."""

THIS_MACHINE = Reach(schemes=frozenset(), ports=PORTS, loopback=True, max_chars=_MAX_URL)
"""This machine and nothing else: demos, tests and exercises on it."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADERS: Mapping[bytes | str, bytes | str] = {
    "user-agent": f"stemtide/{__version__}",
    "accept": "*/*",
    "accept-encoding": "identity",
    "connection": "close",
}


class Trouble(StrEnum):
    """Why a look ended without an answer."""

    REFUSED = "refused"
    """The hub does not go there."""
    TIMED_OUT = "timed_out"
    NO_CONNECTION = "no_connection"
    BROKEN_OFF = "broken_off"
    TOO_MANY_HOPS = "too_many_hops"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look saw of an address.

    trouble:      why there is no answer; None where there is one.
    words:        about the trouble, for people.
    status:       of the last answer; None where there is none.
    url:          where the last answer came from.
    hops:         redirects that were followed.
    size_bytes:   of the body, as far as it was read; is_whole: whether that was all of it.
    digest:       SHA-256 of what was read, in hexadecimal; "" where nothing was.
    content_type: without its parameters, in lower case.
    is_packed:    whether the body came compressed, so that no words could be looked for.
    found:        what `words` said about the body.
    """

    url: str
    trouble: Trouble | None = None
    words: str = ""
    status: int | None = None
    hops: int = 0
    size_bytes: int = 0
    is_whole: bool = True
    digest: str = ""
    content_type: str = ""
    is_packed: bool = False
    found: str = ""


def look(url: str, *, reach: Reach, words: Callable[[bytes], str] = lambda _: "") -> Seen:
    """Look at an address once. What goes wrong is part of what was seen; nothing is raised.

    words: looks through what was read of a body that is not packed; says what it found, or "".
    """
    until = time.monotonic() + TIMEOUT_S
    for hops in range(MAX_HOPS + 1):
        try:
            url = spell(url, reach=reach)
            seen, url = _ask(url, reach=reach, until=until, words=words)
        except UnreachableError as error:
            return Seen(url, Trouble.REFUSED, str(error), hops=hops)
        except (OutOfTimeError, httpcore.TimeoutException):
            why = f"it took longer than {TIMEOUT_S:.0f} s"
            return Seen(url, Trouble.TIMED_OUT, why, hops=hops)
        except httpcore.ConnectError as error:
            return Seen(url, Trouble.NO_CONNECTION, _plain(error), hops=hops)
        except (httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError) as error:
            return Seen(url, Trouble.BROKEN_OFF, _plain(error), hops=hops)
        if not url:
            return replace(seen, hops=hops)
    return Seen(url, Trouble.TOO_MANY_HOPS, f"more than {MAX_HOPS} redirects", hops=MAX_HOPS)


def spell(url: str, *, reach: Reach, onto: str = "") -> str:
    """An address as browsers would ask for it, in ASCII and without its fragment, checked.

    onto: the address that it is relative to, if any.

    raises: UnreachableError.
    """
    try:
        # Browsers read a backslash as a slash; urljoin would take it for a part of the path.
        parsed = can_ada.parse(urljoin(onto, url.replace("\\", "/")) if onto else url)
    except ValueError as error:
        raise UnreachableError("this is no address: write it as https://host/path") from error
    if parsed.username or parsed.password:
        raise UnreachableError("this address holds a user or a password: leave them out")
    parsed.hash = ""
    return check_url(str(parsed.href), reach=reach)


def _ask(
    url: str, *, reach: Reach, until: float, words: Callable[[bytes], str]
) -> tuple[Seen, str]:
    """One GET: what was seen, and where it leads on, if it does."""
    backend = CheckedBackend(scheme=urlsplit(url).scheme, reach=reach, until=until)
    with (
        httpcore.ConnectionPool(
            ssl_context=ssl.create_default_context(), network_backend=backend, max_connections=1
        ) as pool,
        pool.stream("GET", url, headers=dict(_HEADERS)) as answer,
    ):
        if answer.status in _REDIRECTS and (to := _header(answer, b"location")):
            return Seen(url, status=answer.status), spell(to, reach=reach, onto=url)
        return _read(answer, url=url, words=words), ""


def _read(answer: httpcore.Response, *, url: str, words: Callable[[bytes], str]) -> Seen:
    """What an answer says of itself, and what its first bytes come to."""
    body, is_whole = _first_bytes(answer)
    is_packed = _header(answer, b"content-encoding").lower() not in {"", "identity"}
    return Seen(
        url,
        status=answer.status,
        size_bytes=len(body),
        is_whole=is_whole,
        digest=hashlib.sha256(body).hexdigest() if body else "",
        content_type=_header(answer, b"content-type").partition(";")[0].strip().lower()[:80],
        is_packed=is_packed,
        found="" if is_packed else words(body),
    )


def _first_bytes(answer: httpcore.Response) -> tuple[bytes, bool]:
    """As much of an answer as may be read, and whether that is all."""
    found = bytearray()
    for chunk in answer.iter_stream():
        found += chunk
        if len(found) > MAX_BYTES:
            return bytes(found[:MAX_BYTES]), False
    return bytes(found), True


def _header(answer: httpcore.Response, name: bytes) -> str:
    """One header of an answer; "" where it has none. Bytes beyond ASCII are shown as such."""
    for key, value in answer.headers:
        if key.lower() == name:
            return value.decode("ascii", "replace").strip()
    return ""


def _plain(error: Exception) -> str:
    """An error of the network in a few words."""
    return " ".join(str(error).split())[:120] or type(error).__name__
