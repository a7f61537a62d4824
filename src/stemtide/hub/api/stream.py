# SPDX-License-Identifier: Apache-2.0
"""The stream that wakes agents: server-sent events, spoken below Django.

source: WHATWG HTML, section 9.2 (server-sent events).
"""

import asyncio
import contextlib
import io
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar

from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.db import Error, connection
from pydantic import BaseModel, Field, ValidationError

from stemtide.hub.api import problems, rates
from stemtide.hub.api.callers import called
from stemtide.hub.api.feed import MAX_POSITION
from stemtide.hub.api.metrics import count_request, streams_open
from stemtide.hub.api.problems import ProblemError
from stemtide.hub.api.wire import NO_STORE, Receive, Scope, Send, send_problem
from stemtide.hub.parties.reads import Caller
from stemtide.hub.parties.rules import RefusalError
from stemtide.hub.signals import reads as signals
from stemtide.hub.wake import Subscription, WakesClosedError, wakes
from stemtide.protocol import words
from stemtide.protocol.feed import Wake
from stemtide.protocol.problems import Problem, ProblemType

ADDRESS = "/api/v1/events/stream"

PING_S = 3.0
"""How often a quiet stream says that it lives: an agent notices a hub that hangs by it."""

_CHECK_PINGS = 5
"""After so many times it is looked whether the stream's key still opens it."""

RETRY_MS = 1000
"""How soon an agent should come back after the stream broke."""

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"x-accel-buffering", b"no"),  # or a proxy would hold wakes back
    (b"x-content-type-options", b"nosniff"),
    NO_STORE,
]
_GET = "GET"
_Found = TypeVar("_Found")


class _Asked(BaseModel):
    """What the query and the headers ask for. last_event_id: the position that is there."""

    exercise: bool = False
    last_event_id: Annotated[int | None, Field(ge=0, le=MAX_POSITION, alias="Last-Event-ID")] = None


@dataclass(frozen=True, slots=True)
class _Opened:
    """Who may follow, and what."""

    request: ASGIRequest
    caller: Caller
    asked: _Asked


async def stream(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one connection, in numbered steps.

    1. Check method, host, key and query.  2. Subscribe.  3. Only then look for what was missed,
    so that nothing falls in between.  4. Tell, until the agent leaves, its key is revoked or the
    process stops.
    """
    began = time.perf_counter()

    def count(status: int) -> None:
        seconds = time.perf_counter() - began
        count_request(route=ADDRESS[1:], method=scope["method"], status=status, seconds=seconds)

    async with contextlib.AsyncExitStack() as stack:
        request = ASGIRequest(scope, io.BytesIO())
        try:
            opened = await _in_thread(lambda: _open(request))  # 1
            asked = opened.asked
            mine = await stack.enter_async_context(  # 2
                wakes.subscribe(
                    opened.caller.party, exercise=asked.exercise, holder=opened.caller.ref
                )
            )
            missed = await _in_thread(lambda: _missed(opened))  # 3
        except Exception as error:  # noqa: BLE001  # the one table knows what each of them says
            found, headers = _refused(error, request)
            count(found.status)
            await send_problem(found, send, headers=headers)
            return
        count(200)
        with streams_open.track_inprogress():
            events = _events(opened, mine, missed=missed)
            said = [
                (name.lower().encode(), value.encode())
                for name, value in rates.headers_of(request).items()
            ]
            await _follow(events, headers=[*_HEADERS, *said], receive=receive, send=send)  # 4


async def _follow(
    events: AsyncIterator[bytes],
    *,
    headers: list[tuple[bytes, bytes]],
    receive: Receive,
    send: Send,
) -> None:
    """Send events until they end or the agent leaves, whichever is first."""

    async def tell() -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async for event in events:
            await send({"type": "http.response.body", "body": event, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    tasks = [asyncio.create_task(tell()), asyncio.create_task(watch())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
    for one in done:
        if isinstance(one, Exception):  # a cancelled task is none
            raise one


async def _events(
    opened: _Opened, mine: Subscription, *, missed: int | None
) -> AsyncIterator[bytes]:
    """The bytes of the stream, event by event."""
    yield f"retry: {RETRY_MS}\n\n".encode()
    if missed is not None:
        yield _event(missed)
    clock = asyncio.get_running_loop().time
    ping_at, check_at = clock() + PING_S, clock() + PING_S * _CHECK_PINGS
    while True:
        try:
            async with asyncio.timeout_at(ping_at):
                event = _event(await mine.get())
        except WakesClosedError:
            return
        except TimeoutError:
            if clock() >= check_at:
                if not await _in_thread(lambda: _is_still_open(opened)):
                    return
                check_at = clock() + PING_S * _CHECK_PINGS
            ping_at = clock() + PING_S
            event = b": ping\n\n"
        yield event


def _event(position: int) -> bytes:
    """One wake."""
    said = Wake(position=position).model_dump_json()
    return f"event: wake\nid: {position}\ndata: {said}\n\n".encode()


async def _in_thread(look: Callable[[], _Found]) -> _Found:
    """Ask the database without holding up the loop, nor a connection afterwards."""

    def looked() -> _Found:
        try:
            return look()
        finally:
            connection.close()

    return await asyncio.to_thread(looked)


def _open(request: ASGIRequest) -> _Opened:
    """Who wants to follow what. raises: what the table of problems knows."""
    if request.method != _GET:
        raise ProblemError(ProblemType.WRONG_METHOD, problems.below(405, allow=_GET).detail)
    request.get_host()
    query = {"exercise": request.GET["exercise"]} if "exercise" in request.GET else {}
    after = request.headers.get("Last-Event-ID")
    try:
        asked = _Asked.model_validate({**query, **({"Last-Event-ID": after} if after else {})})
    except ValidationError as error:
        raise problems.refuse(error.errors(include_url=False)) from error
    return _Opened(request=request, caller=called(request, words.Scope.FEED_READ), asked=asked)


def _missed(opened: _Opened) -> int | None:
    """The head, where something that the caller may see lies after what they have."""
    after = opened.asked.last_event_id
    if after is None:
        return None
    viewer = opened.caller.party
    page = signals.feed(after, viewer=viewer, limit=1, exercise=opened.asked.exercise)
    return page.head if page.entries else None


def _is_still_open(opened: _Opened) -> bool:
    """Whether the key still opens the stream."""
    try:
        called(opened.request, words.Scope.FEED_READ, is_counted=False)
    except (RefusalError, ProblemError):
        return False
    except Error:
        return True  # a database that is away revokes nothing; the next ping asks again
    return True


def _refused(error: Exception, request: ASGIRequest) -> tuple[Problem, dict[str, str]]:
    """The problem of a stream that cannot begin, and what is said of limits."""
    found = problems.below(400) if isinstance(error, DisallowedHost) else problems.describe(error)
    if found.status == 401:  # noqa: PLR2004  # as door.py does above Django
        address = str(request.META.get("REMOTE_ADDR", ""))
        found = rates.count_stranger(address, request) or found
    return found, rates.headers_of(request)
