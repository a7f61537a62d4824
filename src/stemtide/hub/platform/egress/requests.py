# SPDX-License-Identifier: Apache-2.0
"""One request to another program's server, with a key of ours, and its answer: all of it bounded.

1 The address is checked, its name looked up once, the connection made to what was checked
  (addresses.py, wire.py).
2 A redirect is not followed: it would carry the key to whoever it names.
3 All of it ends by `until`, however slowly bytes trickle; an answer has at most `max_bytes`.
4 Nothing is unpacked: an answer that comes compressed, unasked, is refused.

source: OWASP, Server-Side Request Forgery Prevention Cheat Sheet.
"""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpcore

from stemtide import __version__
from stemtide.hub.platform.egress.addresses import Reach, UnreachableError, check_url
from stemtide.hub.platform.egress.connections import CheckedBackend, OutOfTimeError

PORTS = frozenset({443, 8443})
"""Ports of https; others belong to services that never asked."""

SCHEMES = frozenset({"https"})
_REDIRECT, _WRONG = 300, 400


class NoAnswerError(Exception):
    """There is no answer that can be used. Its text says why, and names no address."""


class TooLargeError(NoAnswerError):
    """The answer has more bytes than are read."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. headers: beside those that every request has."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered. headers: by their names in lower case; of several the last."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def ask(question: Question, *, reach: Reach, until: float, max_bytes: int) -> Answer:
    """Ask once. until: of time.monotonic().

    raises: NoAnswerError; TooLargeError.
    """
    try:
        with answering(question, reach=reach, until=until) as answer:
            return _read(answer, max_bytes=max_bytes)
    except UnreachableError as error:
        raise NoAnswerError(str(error)) from error
    except (OutOfTimeError, httpcore.TimeoutException) as error:
        raise NoAnswerError("it took too long to answer") from error
    except httpcore.ConnectError as error:
        raise NoAnswerError(f"cannot connect: {plain(error)}") from error
    except httpcore.LocalProtocolError as error:
        # Its words would hold the header, and so a secret.
        raise NoAnswerError("our own request has a header that cannot be sent") from error
    except (httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError) as error:
        raise NoAnswerError(f"it broke off: {plain(error)}") from error


@contextmanager
def answering(question: Question, *, reach: Reach, until: float) -> Iterator[httpcore.Response]:
    """One request to an address, once it is checked: the answer as it comes, of any status.

    until: of time.monotonic(). raises: UnreachableError, OutOfTimeError, those of httpcore and ssl.
    """
    url = check_url(question.url, reach=reach)
    headers = {
        "user-agent": f"stemtide/{__version__}",
        "accept-encoding": "identity",
        "connection": "close",
        **question.headers,
    }
    backend = CheckedBackend(scheme=urlsplit(url).scheme, reach=reach, until=until)
    with (
        httpcore.ConnectionPool(
            ssl_context=ssl.create_default_context(), network_backend=backend, max_connections=1
        ) as pool,
        pool.stream(
            question.method, url, headers=list(headers.items()), content=question.body or None
        ) as answer,
    ):
        yield answer


def _read(answer: httpcore.Response, *, max_bytes: int) -> Answer:
    """An answer, whole. raises: NoAnswerError; TooLargeError."""
    if _REDIRECT <= answer.status < _WRONG and answer.status != 304:  # noqa: PLR2004  # Not Modified
        raise NoAnswerError(
            f"it redirects ({answer.status}); this is not followed: give the final address"
        )
    headers = {
        key.decode("ascii", "replace").lower(): value.decode("ascii", "replace").strip()
        for key, value in answer.headers
    }
    if headers.get("content-encoding", "identity").lower() not in {"", "identity"}:
        raise NoAnswerError("its answer came compressed, which was not asked for")
    body = bytearray()
    for chunk in answer.iter_stream():
        body += chunk
        if len(body) > max_bytes:
            raise TooLargeError(f"its answer has more than {max_bytes:,} bytes")
    return Answer(answer.status, headers, bytes(body))


def plain(error: Exception) -> str:
    """An error of the network in a few words."""
    return " ".join(str(error).split())[:120] or type(error).__name__
