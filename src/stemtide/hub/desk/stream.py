# SPDX-License-Identifier: Apache-2.0
"""Server-sent events that keep pages live: they carry the fact of a change, not its content."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from stemtide.hub.desk.auth.people import lacks_factor
from stemtide.hub.desk.auth.sessions import seat_of
from stemtide.hub.desk.stream_access import Watcher, may_see, stream_checks
from stemtide.hub.notifier import (
    FULL_S,
    NoStreamLeftError,
    NotifierClosedError,
    Subscription,
    notifier,
)
from stemtide.hub.platform.errors import RateLimitError

TICK_S = 5.0
"""Seconds between refreshes without a change: an agent that disconnects writes no entry."""

RETRY_MS = 1000
"""Milliseconds after which a browser reconnects."""


async def stream(request: HttpRequest, uid: UUID | None = None) -> HttpResponseBase:
    """Stream events: `wake` after changes (at most four a second), `tick` in between.

    uid: a crisis: only changes that its room may show, and alerts.

    A browser that reconnects gets a `wake` at once, so no position has to be kept for it.

    source: WHATWG HTML, section 9.2 (server-sent events).
    """
    user = await request.auser()
    if not user.is_authenticated:
        return HttpResponse("Sign in first.", status=403, content_type="text/plain")
    if await sync_to_async(lacks_factor)(request, user):
        return HttpResponse("Set up a second factor first.", status=403, content_type="text/plain")
    party = await sync_to_async(lambda: user.party)()
    if uid is not None and not await sync_to_async(may_see)(uid, party=party):
        return HttpResponse("There is no such crisis.", status=404, content_type="text/plain")
    session = seat_of(request, user)
    if session is None:
        return HttpResponse("Sign in again.", status=403, content_type="text/plain")
    try:
        notifier.check_limits(user.ref)
    except (RateLimitError, NoStreamLeftError) as error:
        status = 429 if isinstance(error, RateLimitError) else 503
        headers = {"Retry-After": str(FULL_S)}
        return HttpResponse(str(error), status=status, content_type="text/plain", headers=headers)
    response = StreamingHttpResponse(
        _events(Watcher(session, party, uid)), content_type="text/event-stream; charset=utf-8"
    )
    response.headers["X-Accel-Buffering"] = "no"
    return response


async def _events(watcher: Watcher) -> AsyncIterator[str]:
    """Yield events until the browser disconnects, the session ends or the process stops."""
    yield f"retry: {RETRY_MS}\nevent: wake\ndata: \n\n"
    try:
        async with notifier.subscribe(
            watcher.party,
            exercise=True,
            all_changes=True,
            crisis=watcher.crisis,
            holder=f"person:{watcher.seat.person}",
        ) as subscription:
            while await stream_checks.may_go_on(watcher):
                yield await _next(subscription)
    except (NotifierClosedError, RateLimitError, NoStreamLeftError):
        return


async def _next(subscription: Subscription) -> str:
    """Return the next event: a wake, or a tick if nothing happens for TICK_S."""
    position = await subscription.get(until=asyncio.get_running_loop().time() + TICK_S)
    if position is None:
        return "event: tick\ndata: \n\n"
    return f"event: wake\ndata: {position}\n\n"
