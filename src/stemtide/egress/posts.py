# SPDX-License-Identifier: Apache-2.0
"""One POST to an untrusted address that a party provided.

1 The address must be https, on a usual port, without a user in it (addresses.py).
2 Its host is resolved once; every address must be public (addresses.py).
3 The connection goes to the checked address, not to the name (requests.py, connections.py).
4 The whole has a time limit; redirects are not followed; at most MAX_ANSWER_BYTES of the response
  are read, and they are never shown to anybody.
5 The response is judged here, in the same way for all callers.

source: OWASP, Server-Side Request Forgery Prevention Cheat Sheet; Standard Webhooks, "Delivery";
RFC 9110, sections 10.2.3 (Retry-After) and 15.5.11 (410).
"""

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import httpcore

from stemtide.egress.addresses import AddressNotAllowedError, AllowedAddresses
from stemtide.egress.connections import OutOfTimeError
from stemtide.egress.requests import (
    PORTS,
    SCHEMES,
    OutboundRequest,
    error_text,
    streaming,
)
from stemtide.protocol.retry_after import ASKS_TO_WAIT, retry_after
from stemtide.protocol.webhook_headers import GONE

MAX_ANSWER_BYTES = 16 * 1024

_OK, _REDIRECT, _WRONG = 200, 300, 400


class PostOutcome(StrEnum):
    """The outcome of an attempt."""

    SENT = "sent"
    FAILED = "failed"
    """A later attempt may succeed."""
    REFUSED = "refused"
    """No later attempt can succeed: a person must change something."""


@dataclass(frozen=True, slots=True)
class PostResult:
    """The result of one POST. words: the problem and its remedy, for people.

    status:  of the response; None without one.
    answer:  its first bytes, only after a success; b"" if it is longer than the limit.
    is_gone: the receiver says that this address must not be called again.
    wait:    how long it asks not to be called; None if it does not say.
    """

    fate: PostOutcome
    words: str = ""
    status: int | None = None
    answer: bytes = b""
    is_gone: bool = False
    wait: timedelta | None = None


def reach_of(*, loopback: bool) -> AllowedAddresses:
    """Return the addresses that a POST may reach. loopback: this machine too: demos and tests."""
    return AllowedAddresses(schemes=SCHEMES, ports=PORTS, loopback=loopback)


def post(
    url: str,
    *,
    content: bytes,
    headers: Mapping[str, str],
    loopback: bool,
    timeout_s: float,
    now: datetime,
) -> PostResult:
    """Post JSON once. Network errors are part of the verdict; none is raised.

    headers: in addition to the usual ones. now: the time of the attempt, aware.
    """
    usual = {"content-type": "application/json", "accept": "application/json"}
    request = OutboundRequest(url, "POST", headers={**usual, **headers}, body=content)
    until = time.monotonic() + timeout_s
    try:
        with streaming(request, reach=reach_of(loopback=loopback), until=until) as response:
            return _judge(response, now=now)
    except AddressNotAllowedError as error:
        return PostResult(PostOutcome.REFUSED, str(error))
    except (OutOfTimeError, httpcore.TimeoutException):
        return PostResult(PostOutcome.FAILED, f"the receiver took longer than {timeout_s:.0f} s")
    except httpcore.ConnectError as error:
        return PostResult(
            PostOutcome.FAILED, f"cannot connect to the receiver: {error_text(error)}"
        )
    except (httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError) as error:
        return PostResult(PostOutcome.FAILED, f"the receiver broke off: {error_text(error)}")


def _judge(response: httpcore.Response, *, now: datetime) -> PostResult:
    """Return the verdict for a response, read to its end: some receivers act only then."""
    status, body = response.status, _first_bytes(response)
    if _OK <= status < _REDIRECT:
        return PostResult(PostOutcome.SENT, status=status, answer=body)
    if _REDIRECT <= status < _WRONG:
        words = f"the receiver redirects ({status}); this is not followed: give the final address"
        return PostResult(PostOutcome.FAILED, words, status)
    if status == GONE:
        words = "the receiver says that its address is gone (410)"
        return PostResult(PostOutcome.REFUSED, words, status, is_gone=True)
    wait = (
        retry_after(_header(response, b"retry-after"), now=now) if status in ASKS_TO_WAIT else None
    )
    return PostResult(PostOutcome.FAILED, f"the receiver answered {status}", status, wait=wait)


def _header(response: httpcore.Response, name: bytes) -> str:
    """Return one header of a response; "" without it."""
    raw = next((value for key, value in response.headers if key.lower() == name), b"")
    return raw.decode("ascii", "replace").strip()


def _first_bytes(response: httpcore.Response) -> bytes:
    """Return the body of a response; b"" if it is longer than the limit."""
    body = b""
    for chunk in response.iter_stream():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            return b""
    return body
