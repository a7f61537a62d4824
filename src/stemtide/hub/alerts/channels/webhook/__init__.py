# SPDX-License-Identifier: Apache-2.0
"""A signed POST to an address that a party gave: an address that is not to be trusted.

1 The address must be https, on a usual port, without a user in it (outside/addresses.py).
2 Its name is looked up once; every address found must be a public one (outside/addresses.py).
3 The connection is made to the address that was checked, not to the name (outside/wire.py).
4 The body is signed by every secret that is valid now (Standard Webhooks), and is a CloudEvent.
5 The whole takes at most TIMEOUT_S; a redirect is not followed; of the answer at most 16 KiB are
  read, and it is never shown to anybody.

source: OWASP, Server-Side Request Forgery Prevention Cheat Sheet.
"""

import json
import ssl
import time
from urllib.parse import urlsplit

import httpcore

from stemtide import __version__
from stemtide.hub.alerts.channels import letter
from stemtide.hub.alerts.channels.port import Fate, Parcel, Post, Result
from stemtide.hub.outside.addresses import Reach, UnreachableError, check_url
from stemtide.hub.outside.wire import CheckedBackend, OutOfTimeError

TIMEOUT_S = 10.0
"""How long all of one attempt may take, from the first connection to the end of the answer."""

MAX_ANSWER_BYTES = 16 * 1024

PORTS = frozenset({443, 8443})
"""Ports of https; others belong to services that never asked for a POST."""

_SCHEMES = frozenset({"https"})

_OK, _REDIRECT, _WRONG, _GONE = 200, 300, 400, 410


def send(parcel: Parcel, *, post: Post) -> Result:
    """Post the alert once."""
    try:
        reach = Reach(schemes=_SCHEMES, ports=PORTS, loopback=post.loopback)
        status, answer = _post(check_url(parcel.address, reach=reach), parcel, reach=reach)
    except UnreachableError as error:
        return Result(Fate.REFUSED, str(error))
    except (OutOfTimeError, httpcore.TimeoutException):
        return Result(Fate.FAILED, f"the receiver took longer than {TIMEOUT_S:.0f} s")
    except httpcore.ConnectError as error:
        return Result(Fate.FAILED, f"cannot connect to the receiver: {_plain(error)}")
    except (httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError) as error:
        return Result(Fate.FAILED, f"the receiver broke off: {_plain(error)}")
    return _judge(status, answer)


def _post(url: str, parcel: Parcel, *, reach: Reach) -> tuple[int, bytes]:
    """The status and the first bytes of the answer."""
    content = letter.body(parcel)
    headers = {
        "content-type": "application/json",
        "user-agent": f"stemtide/{__version__}",
        "accept": "application/json",
        "accept-encoding": "identity",
        "connection": "close",
        **letter.headers(parcel, content),
        **letter.event_headers(parcel),
    }
    backend = CheckedBackend(
        scheme=urlsplit(url).scheme,
        reach=reach,
        until=time.monotonic() + TIMEOUT_S,
    )
    with (
        httpcore.ConnectionPool(
            ssl_context=ssl.create_default_context(), network_backend=backend, max_connections=1
        ) as pool,
        pool.stream("POST", url, headers=list(headers.items()), content=content) as answer,
    ):
        return answer.status, _first_bytes(answer)


def _first_bytes(answer: httpcore.Response) -> bytes:
    """As much of an answer as may be read; b"" where there is more."""
    found = b""
    for chunk in answer.iter_stream():
        found += chunk
        if len(found) > MAX_ANSWER_BYTES:
            return b""
    return found


def _judge(status: int, answer: bytes) -> Result:
    """What an answer means."""
    if _OK <= status < _REDIRECT:
        return Result(Fate.SENT, is_acknowledged=_acknowledges(answer), proof=f"HTTP {status}")
    if _REDIRECT <= status < _WRONG:
        words = f"the receiver redirects ({status}); this is not followed: give the final address"
        return Result(Fate.FAILED, words)
    if status == _GONE:
        return Result(Fate.REFUSED, "the receiver says that its address is gone (410)")
    return Result(Fate.FAILED, f"the receiver answered {status}")


def _acknowledges(answer: bytes) -> bool:
    """Whether the answer is {"acknowledged": true, …}."""
    try:
        found = json.loads(answer)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and found.get("acknowledged") is True


def _plain(error: Exception) -> str:
    """An error of the network in a few words."""
    return " ".join(str(error).split())[:120] or type(error).__name__
