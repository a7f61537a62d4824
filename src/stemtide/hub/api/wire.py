# SPDX-License-Identifier: Apache-2.0
"""The little of ASGI that is spoken below Django: requests, problems, the size of bodies.

source: https://asgi.readthedocs.io/en/latest/specs/www.html
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from stemtide.hub.api import problems, rates
from stemtide.hub.api.door import is_machines
from stemtide.hub.api.metrics import count_request
from stemtide.hub.api.problems import MAX_BODY_BYTES
from stemtide.hub.api.tongues import OURS, Tongue, tongue_at
from stemtide.protocol.problems import Problem, ProblemType, problem
from stemtide.protocol.slow_bodies import SlowBodyError, timed

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_PATIENCE = 4 * MAX_BODY_BYTES
"""How much of a body that is too large is still read, so that its sender hears why."""

_HELD_S = 0.5
_MAX_HELD = 500
"""So many refusals wait at a time; a connection costs little, but not nothing."""

NO_STORE = (b"cache-control", b"no-store")


class _TooLargeError(Exception):
    """More arrived than a body may hold."""


def header(scope: Scope, name: bytes) -> str | None:
    """A request's header; the last one, where it was sent more than once."""
    found = [value for key, value in scope["headers"] if key == name]
    return found[-1].decode("latin-1") if found else None


async def send_problem(
    found: Problem,
    send: Send,
    *,
    tongue: Tongue = OURS,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Answer with a problem document, or in another protocol's shape; close the connection.

    headers: more than the problem itself needs.
    """
    body = tongue.write(found).encode()
    said = {**problems.headers(found, tongue=tongue), **(headers or {})}
    more = [(name.lower().encode(), value.encode()) for name, value in said.items()]
    sent = [
        (b"content-type", tongue.media_type.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        NO_STORE,
        *more,
    ]
    await send({"type": "http.response.start", "status": found.status, "headers": sent})
    await send({"type": "http.response.body", "body": body})


def weighed(application: Application) -> Application:
    """The same application, never given a body that is too large, or waiting for one too slow.

    Django writes the whole body of a request to disk before it looks at the limit itself.
    """

    async def weigh(scope: Scope, receive: Receive, send: Send) -> None:
        announced = _announced(scope) if scope["type"] == "http" else 0
        weight = 0

        in_time = timed(receive)

        async def counted() -> Message:
            nonlocal weight
            message = await in_time()
            weight += len(message.get("body", b""))
            if max(weight, announced) > MAX_BODY_BYTES:
                raise _TooLargeError
            return message

        try:
            await application(scope, counted, send)
        except _TooLargeError:
            await _drain(in_time)
            await _refuse(problems.below(413), scope, send)
        except SlowBodyError as error:
            await _refuse(problem(ProblemType.TOO_SLOW, str(error)), scope, send)

    return weigh


def gated(application: Application) -> Application:
    """The same application, for whom has not used up what they may send: others hear so at once.

    Nothing is read and nothing looked up for them, and their answer is held for a moment: whoever
    sends without a pause sends less, and a flood costs others next to nothing.
    """
    held = 0

    async def gate(scope: Scope, receive: Receive, send: Send) -> None:
        is_machine = scope["type"] == "http" and is_machines(scope["path"])
        found = _refusal(scope) if is_machine else None
        if found is None:
            await application(scope, receive, send)
            return
        refused, headers = found
        nonlocal held
        if held < _MAX_HELD:
            held += 1
            try:
                await asyncio.sleep(_HELD_S)
            finally:
                held -= 1
        count_request(route="too-many", method=scope["method"], status=refused.status, seconds=0.0)
        await send_problem(refused, send, tongue=tongue_at(scope["path"]), headers=headers)

    return gate


def _refusal(scope: Scope) -> tuple[Problem, dict[str, str]] | None:
    """What is said to credentials that used up what they may send."""

    def said(name: str) -> str | None:
        return header(scope, name.encode())

    query = scope["query_string"].decode("latin-1")
    return rates.refusal(scope["method"], scope["path"], query, header=said)


def _announced(scope: Scope) -> int:
    """The size of the body as its sender says it; 0 where nothing is said."""
    said = header(scope, b"content-length") or "0"
    return int(said) if said.isdigit() else 0


async def _drain(receive: Receive) -> None:
    """Read on and forget, until the end or the end of our patience."""
    weight = 0
    while weight < _PATIENCE:
        try:
            message = await receive()
        except SlowBodyError:
            return
        weight += len(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return


async def _refuse(found: Problem, scope: Scope, send: Send) -> None:
    """Answer a program or a person with a problem, and close the connection."""
    if is_machines(scope["path"]):
        await send_problem(found, send, tongue=tongue_at(scope["path"]))
    else:
        await _send_plain(found, send)


async def _send_plain(found: Problem, send: Send) -> None:
    """The same for people."""
    sent = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close"), NO_STORE]
    await send({"type": "http.response.start", "status": found.status, "headers": sent})
    await send({"type": "http.response.body", "body": f"{found.title}: {found.detail}".encode()})
