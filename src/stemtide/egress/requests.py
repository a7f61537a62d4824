# SPDX-License-Identifier: Apache-2.0
"""Bounded requests to another program's server, with a key of ours.

1 The address is checked, its host resolved once, and the connection made to the checked address
  (addresses.py, connections.py).
2 Redirects are not followed: they would send the key to an unknown server.
3 Everything ends by `until`, even if bytes trickle in; a response has at most `max_bytes`.
4 Nothing is decompressed: a compressed response that was not requested is refused.

source: OWASP, Server-Side Request Forgery Prevention Cheat Sheet.
"""

import ssl
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

import httpcore

from stemtide import __version__
from stemtide.egress.addresses import (
    AddressNotAllowedError,
    AllowedAddresses,
    check_url,
)
from stemtide.egress.connections import CheckedBackend, OutOfTimeError, tls_context

PORTS = frozenset({443, 8443})
"""Ports of https; other ports belong to other services."""

SCHEMES = frozenset({"https"})
_REDIRECT, _WRONG = 300, 400


class NoAnswerError(Exception):
    """There is no usable response. The text says why, and names no address."""


class TooLargeError(NoAnswerError):
    """The response exceeds the limit of bytes."""


@dataclass(frozen=True, slots=True)
class OutboundRequest:
    """A request. headers: in addition to the usual ones."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """A response. headers: by lower-case name; the last of several."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def send_request(
    question: OutboundRequest, *, reach: AllowedAddresses, until: float, max_bytes: int
) -> Response:
    """Send a request and return the response. until: of time.monotonic().

    raises: NoAnswerError; TooLargeError.
    """
    with _errors_in_words(), streaming(question, reach=reach, until=until) as response:
        return _read(response, max_bytes=max_bytes)


def stream_response(
    question: OutboundRequest, *, reach: AllowedAddresses, until: float, max_bytes: int
) -> Generator[Response, None, None]:
    """Yield a response without its body, then again with each part of it as it comes.

    Close the iterator to end the connection. It ends by itself at `until`, in the middle too.

    raises: NoAnswerError; TooLargeError.
    """
    with _errors_in_words(), streaming(question, reach=reach, until=until) as response:
        head, size = _head(response), 0
        yield head
        try:
            for chunk in response.iter_stream():
                size += len(chunk)
                if size > max_bytes:
                    raise TooLargeError(f"its answer has more than {max_bytes:,} bytes")
                yield replace(head, body=chunk)
        except (OutOfTimeError, httpcore.TimeoutException):
            return


@contextmanager
def _errors_in_words() -> Iterator[None]:
    """Raise errors of a request as NoAnswerError, with the reason in words."""
    try:
        yield
    except AddressNotAllowedError as error:
        raise NoAnswerError(str(error)) from error
    except (OutOfTimeError, httpcore.TimeoutException) as error:
        raise NoAnswerError("it took too long to answer") from error
    except httpcore.ConnectError as error:
        raise NoAnswerError(f"cannot connect: {error_text(error)}") from error
    except httpcore.LocalProtocolError as error:
        # Its text would include the header, and so a secret.
        raise NoAnswerError("our own request has a header that cannot be sent") from error
    except (httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError) as error:
        raise NoAnswerError(f"it broke off: {error_text(error)}") from error


@contextmanager
def streaming(
    question: OutboundRequest, *, reach: AllowedAddresses, until: float
) -> Iterator[httpcore.Response]:
    """Send a request to a checked address and yield the streaming response, of any status.

    until: of time.monotonic().
    raises: AddressNotAllowedError, OutOfTimeError, and the errors of httpcore and ssl.
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
            ssl_context=tls_context(), network_backend=backend, max_connections=1
        ) as pool,
        pool.stream(
            question.method, url, headers=list(headers.items()), content=question.body or None
        ) as response,
    ):
        yield response


def _read(response: httpcore.Response, *, max_bytes: int) -> Response:
    """Return a complete response. raises: NoAnswerError; TooLargeError."""
    head, body = _head(response), bytearray()
    for chunk in response.iter_stream():
        body += chunk
        if len(body) > max_bytes:
            raise TooLargeError(f"its answer has more than {max_bytes:,} bytes")
    return replace(head, body=bytes(body))


def _head(response: httpcore.Response) -> Response:
    """Return a response without its body. raises: NoAnswerError."""
    if _REDIRECT <= response.status < _WRONG and response.status != 304:  # noqa: PLR2004  # Not Modified
        raise NoAnswerError(
            f"it redirects ({response.status}); this is not followed: give the final address"
        )
    headers = {
        key.decode("ascii", "replace").lower(): value.decode("ascii", "replace").strip()
        for key, value in response.headers
    }
    if headers.get("content-encoding", "identity").lower() not in {"", "identity"}:
        raise NoAnswerError("its answer came compressed, which was not asked for")
    return Response(response.status, headers, b"")


def error_text(error: Exception) -> str:
    """Return a short text for a network error."""
    return " ".join(str(error).split())[:120] or type(error).__name__
