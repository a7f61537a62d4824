# SPDX-License-Identifier: Apache-2.0
"""The stream that keeps the board live: it says when, never what."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from stemtide.hub.desk.people import lacks_factor
from stemtide.hub.desk.sittings import seat_of
from stemtide.hub.desk.watching import Watcher, may_see, together
from stemtide.hub.parties.rules import TooManyError
from stemtide.hub.wake import FULL_S, NoStreamLeftError, Subscription, WakesClosedError, wakes

TICK_S = 5.0
"""Without any change the page is refreshed this often: agents fall silent without a word."""

RETRY_MS = 1000
"""How soon a browser comes back after the stream broke."""


async def stream(request: HttpRequest, uid: UUID | None = None) -> HttpResponseBase:
    """Server-sent events: `wake` after changes (at most four a second), `tick` in between.

    uid: a crisis: woken only by what its room may show, and by alerts.

    A browser that reconnects is woken at once, so nothing has to be remembered for it.

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
    seat = seat_of(request, user)
    if seat is None:
        return HttpResponse("Sign in again.", status=403, content_type="text/plain")
    try:
        wakes.check_room(user.ref)
    except (TooManyError, NoStreamLeftError) as error:
        status = 429 if isinstance(error, TooManyError) else 503
        headers = {"Retry-After": str(FULL_S)}
        return HttpResponse(str(error), status=status, content_type="text/plain", headers=headers)
    answer = StreamingHttpResponse(
        _events(Watcher(seat, party, uid)), content_type="text/event-stream; charset=utf-8"
    )
    answer.headers["X-Accel-Buffering"] = "no"
    return answer


async def _events(watcher: Watcher) -> AsyncIterator[str]:
    """The events, until the browser leaves, the session ends or the process stops."""
    yield f"retry: {RETRY_MS}\nevent: wake\ndata: \n\n"
    try:
        async with wakes.subscribe(
            watcher.party,
            exercise=True,
            all_changes=True,
            crisis=watcher.crisis,
            holder=f"person:{watcher.seat.person}",
        ) as subscription:
            while await together.may_go_on(watcher):
                yield await _next(subscription)
    except (WakesClosedError, TooManyError, NoStreamLeftError):
        return


async def _next(subscription: Subscription) -> str:
    """The next event: a wake, or a tick where nothing happens for a while."""
    try:
        async with asyncio.timeout(TICK_S):
            position = await subscription.get()
    except TimeoutError:
        return "event: tick\ndata: \n\n"
    return f"event: wake\ndata: {position}\n\n"
