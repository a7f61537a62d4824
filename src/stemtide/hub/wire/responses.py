# SPDX-License-Identifier: Apache-2.0
"""Bodies that Django may read again, and responses with the headers that Django would send."""

import logging
import time
from collections.abc import Awaitable, Iterable, Mapping
from typing import TypeVar
from uuid import uuid4

from django.conf import settings

from stemtide.hub.api import metrics
from stemtide.hub.api.asgi import NO_STORE, Message, Receive, Scope as AsgiScope, Send
from stemtide.hub.desk.middleware import POLICY

log = logging.getLogger(__name__)

_T = TypeVar("_T")

ESCAPED_NUL = b"\\u0000"
"""What bodies that Django must read have: PostgreSQL cannot store it in texts."""

_HEADERS = [
    (b"content-type", b"application/json"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", POLICY.encode()),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    NO_STORE,
]
"""Headers that middlewares of Django add to each of these answers."""


async def if_it_works(answer: Awaitable[_T | None]) -> _T | None:
    """Return an answer; None if an unexpected error prevented it, which is logged.

    A mistake in the wire then costs time and not the feed, because Django answers.
    """
    try:
        return await answer
    except Exception:
        log.exception("the wire failed; Django answers instead")
        return None


def is_short_json(fields: Mapping[bytes, str], *, most_bytes: int) -> bool:
    """Whether headers announce a body of JSON of at most so many bytes."""
    length = fields.get(b"content-length", "")
    is_short = length.isdecimal() and int(length) <= most_bytes
    return is_short and fields.get(b"content-type") == "application/json"


async def whole_body(receive: Receive) -> list[Message]:
    """Return the messages of a body, the last of which may say that its sender left."""
    messages = [await receive()]
    while messages[-1]["type"] == "http.request" and messages[-1].get("more_body", False):
        messages.append(await receive())
    return messages


def replaying(messages: Iterable[Message], receive: Receive) -> Receive:
    """Return a receive that gives messages again before it goes on."""
    left = iter(messages)

    async def again() -> Message:
        for message in left:
            return message
        return await receive()

    return again


async def send_json(
    body: bytes,
    scope: AsgiScope,
    send: Send,
    *,
    limits: Mapping[str, str],
    route: str,
    began: float,
    status: int = 200,
) -> None:
    """Send a JSON response with the headers that Django would send, and count it."""
    own = [(name.lower().encode(), value.encode()) for name, value in limits.items()]
    sent = [
        *_HEADERS,
        (b"content-length", str(len(body)).encode()),
        (b"x-request-id", uuid4().hex.encode()),
        *own,
        *_transport_security(scope),
    ]
    metrics.count_request(
        route=route, method=scope["method"], status=status, seconds=time.perf_counter() - began
    )
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": body})


def _transport_security(scope: AsgiScope) -> list[tuple[bytes, bytes]]:
    """Return the header that Django adds to what came over TLS, as its settings say."""
    proxy_header = settings.SECURE_PROXY_SSL_HEADER
    if not settings.SECURE_HSTS_SECONDS or not proxy_header:
        return []
    name = proxy_header[0].removeprefix("HTTP_").replace("_", "-").lower().encode()
    values = [value for key, value in scope["headers"] if key == name]
    if not values or values[0].split(b",")[0].strip() != proxy_header[1].encode():
        return []
    return [(b"strict-transport-security", f"max-age={settings.SECURE_HSTS_SECONDS}".encode())]
