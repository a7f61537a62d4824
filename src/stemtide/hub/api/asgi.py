# SPDX-License-Identifier: Apache-2.0
"""ASGI wrappers around Django: size and speed of bodies, rate limits, problem responses.

source: https://asgi.readthedocs.io/en/latest/specs/www.html
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from stemtide.hub.api import problems, rate_limits
from stemtide.hub.api.error_formats import PROBLEM_DOCUMENT, ErrorFormat, error_format_for
from stemtide.hub.api.metrics import count_request
from stemtide.hub.api.middleware import is_machines
from stemtide.hub.api.problems import MAX_BODY_BYTES
from stemtide.protocol.problems import Problem, ProblemType, problem
from stemtide.protocol.slow_bodies import SlowBodyError, timed

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_MAX_DRAINED_BYTES = 4 * MAX_BODY_BYTES
"""Bytes of an oversized body that are still read, so that its sender gets the response."""

_REFUSAL_DELAY_S = 0.5
_MAX_DELAYED = 500
"""Maximum refusals that are delayed at a time; further ones are sent at once."""

NO_STORE = (b"cache-control", b"no-store")


class _TooLargeError(Exception):
    """More bytes arrived than a body may have."""


def header(scope: Scope, name: bytes) -> str | None:
    """Return a header of a request, the last one if it is repeated, or None."""
    values = [value for key, value in scope["headers"] if key == name]
    return values[-1].decode("latin-1") if values else None


async def send_problem(
    document: Problem,
    send: Send,
    *,
    error_format: ErrorFormat = PROBLEM_DOCUMENT,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Send a problem document, or another protocol's error; close the connection.

    headers: in addition to those of the problem.
    """
    body = error_format.write(document).encode()
    all_headers = {**problems.headers(document, error_format=error_format), **(headers or {})}
    more = [(name.lower().encode(), value.encode()) for name, value in all_headers.items()]
    sent = [
        (b"content-type", error_format.media_type.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        NO_STORE,
        *more,
    ]
    await send({"type": "http.response.start", "status": document.status, "headers": sent})
    await send({"type": "http.response.body", "body": body})


def limit_bodies(application: Application, *, most_bytes: int = MAX_BODY_BYTES) -> Application:
    """Wrap an application so that it never gets a body that is too large or too slow.

    Django itself checks the limit only after reading the complete body.
    """

    async def weigh(scope: Scope, receive: Receive, send: Send) -> None:
        announced = content_length(scope) if scope["type"] == "http" else 0
        weight = 0

        in_time = timed(receive)

        async def counted() -> Message:
            nonlocal weight
            message = await in_time()
            weight += len(message.get("body", b""))
            if max(weight, announced) > most_bytes:
                raise _TooLargeError
            return message

        try:
            await application(scope, counted, send)
        except _TooLargeError:
            await drain(in_time)
            await _refuse(problems.below(413), scope, send)
        except SlowBodyError as error:
            await _refuse(problem(ProblemType.TOO_SLOW, str(error)), scope, send)

    return weigh


def limit_rates(application: Application) -> Application:
    """Wrap an application so that callers over their rate limit are refused at once.

    Nothing is read or looked up for them, and their response is delayed for a moment: clients that
    send without a pause are slowed down, and a flood costs others next to nothing.
    """
    waiting = 0

    async def gate(scope: Scope, receive: Receive, send: Send) -> None:
        may_be_over = rate_limits.has_blocked() and scope["type"] == "http"
        refusal = _refusal(scope) if may_be_over and is_machines(scope["path"]) else None
        if refusal is None:
            await application(scope, receive, send)
            return
        refused, headers = refusal
        nonlocal waiting
        if waiting < _MAX_DELAYED:
            waiting += 1
            try:
                await asyncio.sleep(_REFUSAL_DELAY_S)
            finally:
                waiting -= 1
        count_request(route="too-many", method=scope["method"], status=refused.status, seconds=0.0)
        await send_problem(
            refused, send, error_format=error_format_for(scope["path"]), headers=headers
        )

    return gate


def _refusal(scope: Scope) -> tuple[Problem, dict[str, str]] | None:
    """Return the problem and headers for credentials over their rate limit, or None."""

    def value_of(name: str) -> str | None:
        return header(scope, name.encode())

    query = scope["query_string"].decode("latin-1")
    return rate_limits.refusal(scope["method"], scope["path"], query, header=value_of)


def content_length(scope: Scope) -> int:
    """Return the announced size of the body, 0 if absent."""
    length = header(scope, b"content-length") or "0"
    return int(length) if length.isdigit() else 0


async def drain(receive: Receive) -> None:
    """Read and discard the body, up to a limit."""
    weight = 0
    while weight < _MAX_DRAINED_BYTES:
        try:
            message = await receive()
        except SlowBodyError:
            return
        weight += len(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return


async def _refuse(document: Problem, scope: Scope, send: Send) -> None:
    """Send a problem to a program or a person, and close the connection."""
    if is_machines(scope["path"]):
        await send_problem(document, send, error_format=error_format_for(scope["path"]))
    else:
        await send_plain(document, send)


async def send_plain(document: Problem, send: Send) -> None:
    """Send a problem as plain text, for people."""
    sent = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close"), NO_STORE]
    await send({"type": "http.response.start", "status": document.status, "headers": sent})
    await send(
        {"type": "http.response.body", "body": f"{document.title}: {document.detail}".encode()}
    )
