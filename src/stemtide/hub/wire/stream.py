# SPDX-License-Identifier: Apache-2.0
"""The event stream that notifies agents: server-sent events, without Django's request handling.

source: WHATWG HTML, section 9.2 (server-sent events).
"""

import asyncio
import contextlib
import io
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Annotated

from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.db import Error
from pydantic import BaseModel, Field, ValidationError

from stemtide.hub.api import problems, rate_limits
from stemtide.hub.api.asgi import NO_STORE, Receive, Scope, Send, send_problem
from stemtide.hub.api.auth import authenticate_request
from stemtide.hub.api.metrics import count_request, streams_open
from stemtide.hub.api.problems import ProblemError
from stemtide.hub.api.v1.feed import MAX_POSITION
from stemtide.hub.notifier import NotifierClosedError, Subscription, notifier
from stemtide.hub.platform.errors import RefusalError
from stemtide.hub.rooms.parties.reads.parties import Caller
from stemtide.hub.rooms.signals.reads import signals
from stemtide.hub.wire import admission, compression
from stemtide.hub.wire.compression import EventBytes
from stemtide.hub.wire.memory import digest_of, in_thread, is_current, memory
from stemtide.hub.wire.news import News, wake_event
from stemtide.hub.wire.pings import PING, Ping, pings, send_now
from stemtide.hub.wire.positions import positions
from stemtide.hub.wire.tail import NotInMemoryError
from stemtide.protocol import enums
from stemtide.protocol.problems import Problem, ProblemType

ADDRESS = "/api/v1/events/stream"

CHECK_S = 15.0
"""Seconds after which the key of a stream is checked in the database, if the memory is not current.
"""

RETRY_MS = 1000
"""Delay before an agent reconnects a broken stream."""

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"x-accel-buffering", b"no"),  # or a proxy would buffer events
    (b"x-content-type-options", b"nosniff"),
    NO_STORE,
]
_GZIP = [(b"content-encoding", b"gzip"), (b"vary", b"accept-encoding")]
_GET = "GET"


class _StreamParameters(BaseModel):
    """Parameters in query and headers. last_event_id: the position that the client has.

    entries: whether events carry the entries.
    """

    exercise: bool = False
    entries: bool = False
    last_event_id: Annotated[int | None, Field(ge=0, le=MAX_POSITION, alias="Last-Event-ID")] = None


@dataclass(frozen=True, slots=True)
class _StreamRequest:
    """An authenticated stream request. digest: of its key."""

    request: ASGIRequest
    digest: str
    caller: Caller
    parameters: _StreamParameters
    limits: Mapping[str, str]


async def stream(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one connection, in numbered steps.

    1. Check method, host, key and query.  2. Subscribe.  3. Only then check the key again and look
    for missed changes, so that none falls in between.  4. Send events until the agent disconnects,
    its key is revoked, its party is suspended or the process stops.
    """
    began = time.perf_counter()

    def count(status: int) -> None:
        seconds = time.perf_counter() - began
        count_request(route=ADDRESS[1:], method=scope["method"], status=status, seconds=seconds)

    async with contextlib.AsyncExitStack() as stack:
        request = ASGIRequest(scope, io.BytesIO())
        try:
            opened = await _open(scope, request)  # 1
            place = memory.place if memory.is_current else None
            subscription = await stack.enter_async_context(  # 2
                notifier.subscribe(
                    opened.caller.party,
                    exercise=opened.parameters.exercise,
                    holder=opened.caller.ref,
                    after=place.position if place else None,
                )
            )
            missed = await _look_for_missed(opened)  # 3
        except Exception as error:  # noqa: BLE001  # the one table knows what each of them says
            problem, headers = _problem_of(error, request)
            count(problem.status)
            await send_problem(problem, send, headers=headers)
            return
        count(200)
        news = News(opened.caller.party, exercise=opened.parameters.exercise, place=place)
        check = _KeyCheck(opened, subscription)
        events = _events(
            subscription, check, missed=missed, news=news if opened.parameters.entries else None
        )
        with streams_open.track_inprogress():
            await _send_events(opened, events, check=check, receive=receive, send=send)  # 4


async def _send_events(
    opened: _StreamRequest,
    events: AsyncIterator[EventBytes],
    *,
    check: "_KeyCheck",
    receive: Receive,
    send: Send,
) -> None:
    """Send a stream, in gzip if it carries entries and its reader accepts that."""
    accepted = opened.request.headers.get("Accept-Encoding", "")
    is_gzip = opened.parameters.entries and compression.is_accepted(accepted)
    ping_bytes = compression.blocks(PING) if is_gzip else PING

    def ping() -> None:
        check.begin()
        send_now(ping_bytes, send)

    limits = [(name.lower().encode(), value.encode()) for name, value in opened.limits.items()]
    await _follow(
        _in_gzip(events) if is_gzip else _as_is(events),
        headers=[*_HEADERS, *limits, *(_GZIP if is_gzip else ())],
        ping=ping,
        receive=receive,
        send=send,
    )


async def _follow(
    content: AsyncIterator[bytes],
    *,
    headers: list[tuple[bytes, bytes]],
    ping: Ping,
    receive: Receive,
    send: Send,
) -> None:
    """Send content and pings until it ends or the agent disconnects."""

    async def tell() -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        with pings().every(ping):
            async for part in content:
                await send({"type": "http.response.body", "body": part, "more_body": True})
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
    for outcome in done:
        if isinstance(outcome, Exception):  # CancelledError is no Exception
            raise outcome


async def _events(
    subscription: Subscription,
    check: "_KeyCheck",
    *,
    missed: int | None,
    news: News | None,
) -> AsyncIterator[EventBytes]:
    """Yield the stream, event by event. news: for events with entries."""
    yield EventBytes(f"retry: {RETRY_MS}\n\n".encode())
    if missed is not None:
        yield wake_event(missed)
    while True:
        try:
            position = await subscription.get()
        except NotifierClosedError:
            return
        if position is None:
            if not await check.is_open():
                return
            continue
        if news is None:
            yield wake_event(position)
            continue
        async for event in news.events(position):
            if not await check.is_open():
                return
            yield event
            if news.carried is not None:
                positions.note_delivered(check.caller, news.carried)


async def _as_is(events: AsyncIterator[EventBytes]) -> AsyncIterator[bytes]:
    """Yield the bytes of a stream."""
    async for event in events:
        yield event.plain


async def _in_gzip(events: AsyncIterator[EventBytes]) -> AsyncIterator[bytes]:
    """Yield the bytes of a stream in gzip."""
    yield compression.HEADER
    async for event in events:
        yield event.blocks


class _KeyCheck:
    """The check whether the key of a stream still works: from memory while that is current."""

    def __init__(self, opened: _StreamRequest, subscription: Subscription) -> None:
        self._opened = opened
        self._subscription = subscription
        self._due_at = _now() + CHECK_S

    @property
    def caller(self) -> Caller:
        """Return whose key it is."""
        return self._opened.caller

    def begin(self) -> None:
        """Close the subscription if the memory does not know the key; without memory, wake it."""
        if not memory.is_followed:
            if _now() >= self._due_at:
                self._subscription.interrupt()
        elif not _is_usable(self._opened):
            self._subscription.close()

    async def is_open(self) -> bool:
        """Whether the stream may go on."""
        if memory.is_followed:
            return _is_usable(self._opened)
        if _now() < self._due_at:
            return True
        self._due_at = _now() + CHECK_S
        return await in_thread(lambda: _is_still_open(self._opened))


def _now() -> float:
    """Return the time of the event loop, in seconds."""
    return asyncio.get_running_loop().time()


async def _open(scope: Scope, request: ASGIRequest) -> _StreamRequest:
    """Authenticate and parse a stream request, from memory where it knows the key.

    raises: errors that problems.describe knows.
    """
    is_read = request.method == _GET and await is_current()
    if is_read and (admitted := admission.admit(scope, enums.Scope.FEED_READ)):
        parameters = _read_parameters(request)
        limits = admission.count(admitted, "reading")
        if limits is not None:
            digest = digest_of(admitted.token)
            return _StreamRequest(request, digest, admitted.caller, parameters, limits)
    return await in_thread(lambda: _authenticate(request))


def _authenticate(request: ASGIRequest) -> _StreamRequest:
    """Authenticate and parse a stream request. raises: errors that problems.describe knows."""
    if request.method != _GET:
        raise ProblemError(ProblemType.WRONG_METHOD, problems.below(405, allow=_GET).detail)
    request.get_host()
    parameters = _read_parameters(request)
    caller = authenticate_request(request, enums.Scope.FEED_READ)
    digest = digest_of(request.headers.get("Authorization", "").partition(" ")[2])
    return _StreamRequest(request, digest, caller, parameters, rate_limits.headers_of(request))


def _read_parameters(request: ASGIRequest) -> _StreamParameters:
    """Return the parameters of a stream. raises: ProblemError."""
    query = {name: request.GET[name] for name in ("exercise", "entries") if name in request.GET}
    after = request.headers.get("Last-Event-ID")
    try:
        return _StreamParameters.model_validate(
            {**query, **({"Last-Event-ID": after} if after else {})}
        )
    except ValidationError as error:
        raise problems.refuse(error.errors(include_url=False)) from error


async def _look_for_missed(opened: _StreamRequest) -> int | None:
    """Return the head if the caller's feed has anything after their position, else None.

    raises: errors that problems.describe knows, also if the key has been revoked meanwhile.
    """
    parameters = opened.parameters
    if await is_current() and _is_usable(opened):
        if parameters.last_event_id is None:
            return None
        with contextlib.suppress(NotInMemoryError):
            return memory.missed(
                opened.caller.party,
                after=parameters.last_event_id,
                exercise=parameters.exercise,
            )
    return await in_thread(lambda: _missed(opened))


def _is_usable(opened: _StreamRequest) -> bool:
    """Whether the memory still knows the key, with its scope, and its party is not suspended."""
    caller = memory.caller_of(opened.digest)
    return (
        caller is not None
        and not caller.party.is_suspended
        and enums.Scope.FEED_READ in caller.scopes
    )


def _missed(opened: _StreamRequest) -> int | None:
    """Return the head if the caller's feed has anything after their position, else None.

    raises: SuspendedError if the party was suspended since the key was checked.
    """
    authenticate_request(opened.request, enums.Scope.FEED_READ, is_counted=False)
    after = opened.parameters.last_event_id
    if after is None:
        return None
    page = signals.feed(
        after,
        viewer=opened.caller.party,
        limit=1,
        exercise=opened.parameters.exercise,
        parties_after=after,
    )
    return page.head if page.entries or page.parties else None


def _is_still_open(opened: _StreamRequest) -> bool:
    """Whether the key still gives access to the stream."""
    try:
        authenticate_request(opened.request, enums.Scope.FEED_READ, is_counted=False)
    except (RefusalError, ProblemError):
        return False
    except Error:
        return True  # without a database nothing is revoked; the next check asks again
    return True


def _problem_of(error: Exception, request: ASGIRequest) -> tuple[Problem, dict[str, str]]:
    """Return the problem of a stream that cannot start, and its rate limit headers."""
    problem = problems.below(400) if isinstance(error, DisallowedHost) else problems.describe(error)
    if problem.status == 401:  # noqa: PLR2004  # as the middleware does in Django
        address = str(request.META.get("REMOTE_ADDR", ""))
        problem = rate_limits.count_stranger(address, request) or problem
    return problem, rate_limits.headers_of(request)
