# SPDX-License-Identifier: Apache-2.0
"""One POST to an address that a party gave: an address that is not to be trusted.

1 The address must be https, on a usual port, without a user in it (addresses.py).
2 Its name is looked up once; every address found must be a public one (addresses.py).
3 The connection is made to the address that was checked, not to the name (asking.py, wire.py).
4 The whole takes at most as long as its caller lets it; a redirect is not followed; of the answer
  at most MAX_ANSWER_BYTES are read, and it is never shown to anybody.
5 What the answer means is judged here, the same for everyone who posts.

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

from stemtide.hub.platform.egress.addresses import Reach, UnreachableError
from stemtide.hub.platform.egress.connections import OutOfTimeError
from stemtide.hub.platform.egress.requests import PORTS, SCHEMES, Question, answering, plain
from stemtide.protocol.webhook_headers import ASKS_TO_WAIT, GONE, retry_after

MAX_ANSWER_BYTES = 16 * 1024

_OK, _REDIRECT, _WRONG = 200, 300, 400


class Fate(StrEnum):
    """What became of an attempt."""

    SENT = "sent"
    FAILED = "failed"
    """It may arrive another time."""
    REFUSED = "refused"
    """It will not arrive however often it is tried: a person must change something."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one POST. words: what is wrong and what to do, for people.

    status:  of the answer; None where there was none.
    answer:  its first bytes, of a success only; b"" where it is longer than may be read.
    is_gone: the receiver says that nobody is to call this address again.
    wait:    how long it asks to be left alone; None where it does not say.
    """

    fate: Fate
    words: str = ""
    status: int | None = None
    answer: bytes = b""
    is_gone: bool = False
    wait: timedelta | None = None


def reach_of(*, loopback: bool) -> Reach:
    """Where a POST may go. loopback: this machine too: demos and tests."""
    return Reach(schemes=SCHEMES, ports=PORTS, loopback=loopback)


def post(
    url: str,
    *,
    content: bytes,
    headers: Mapping[str, str],
    loopback: bool,
    timeout_s: float,
    now: datetime,
) -> Verdict:
    """Post JSON once. What goes wrong is part of the verdict; nothing of the network is raised.

    headers: those beside the usual ones. now: the time of the attempt, aware.
    """
    usual = {"content-type": "application/json", "accept": "application/json"}
    question = Question(url, "POST", headers={**usual, **headers}, body=content)
    until = time.monotonic() + timeout_s
    try:
        with answering(question, reach=reach_of(loopback=loopback), until=until) as answer:
            return _judge(answer, now=now)
    except UnreachableError as error:
        return Verdict(Fate.REFUSED, str(error))
    except (OutOfTimeError, httpcore.TimeoutException):
        return Verdict(Fate.FAILED, f"the receiver took longer than {timeout_s:.0f} s")
    except httpcore.ConnectError as error:
        return Verdict(Fate.FAILED, f"cannot connect to the receiver: {plain(error)}")
    except (httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError) as error:
        return Verdict(Fate.FAILED, f"the receiver broke off: {plain(error)}")


def _judge(answer: httpcore.Response, *, now: datetime) -> Verdict:
    """What an answer means. Its end is waited for: some receivers act once all is read."""
    status, read = answer.status, _first_bytes(answer)
    if _OK <= status < _REDIRECT:
        return Verdict(Fate.SENT, status=status, answer=read)
    if _REDIRECT <= status < _WRONG:
        words = f"the receiver redirects ({status}); this is not followed: give the final address"
        return Verdict(Fate.FAILED, words, status)
    if status == GONE:
        words = "the receiver says that its address is gone (410)"
        return Verdict(Fate.REFUSED, words, status, is_gone=True)
    wait = retry_after(_header(answer, b"retry-after"), now=now) if status in ASKS_TO_WAIT else None
    return Verdict(Fate.FAILED, f"the receiver answered {status}", status, wait=wait)


def _header(answer: httpcore.Response, name: bytes) -> str:
    """One header of an answer; "" where it has none."""
    found = next((value for key, value in answer.headers if key.lower() == name), b"")
    return found.decode("ascii", "replace").strip()


def _first_bytes(answer: httpcore.Response) -> bytes:
    """As much of an answer as may be read; b"" where there is more."""
    found = b""
    for chunk in answer.iter_stream():
        found += chunk
        if len(found) > MAX_ANSWER_BYTES:
            return b""
    return found
