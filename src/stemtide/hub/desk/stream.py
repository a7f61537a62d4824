# SPDX-License-Identifier: Apache-2.0
"""The stream that keeps the board live: it says when, never what."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from stemtide.hub.crises import reads as crises
from stemtide.hub.desk.people import lacks_factor
from stemtide.hub.desk.sittings import goes_on
from stemtide.hub.parties.reads import Viewer
from stemtide.hub.parties.rules import NotFoundError
from stemtide.hub.wake import Subscription, WakesClosedError, wakes

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
    if uid is not None and not await sync_to_async(_may_see)(uid, party=party):
        return HttpResponse("There is no such crisis.", status=404, content_type="text/plain")
    answer = StreamingHttpResponse(
        _events(request, party=party, crisis=uid), content_type="text/event-stream; charset=utf-8"
    )
    answer.headers["X-Accel-Buffering"] = "no"
    return answer


def _may_see(uid: UUID, *, party: Viewer) -> bool:
    """Whether a party sees a crisis."""
    try:
        crises.find(uid, viewer=party)
    except NotFoundError:
        return False
    return True


async def _events(
    request: HttpRequest, *, party: Viewer, crisis: UUID | None
) -> AsyncIterator[str]:
    """The events, until the browser leaves, the session ends or the process stops."""
    yield f"retry: {RETRY_MS}\nevent: wake\ndata: \n\n"
    try:
        async with wakes.subscribe(
            party, exercise=True, all_changes=True, crisis=crisis
        ) as subscription:
            while await _goes_on(request, party=party, crisis=crisis):
                yield await _next(subscription)
    except WakesClosedError:
        return


async def _next(subscription: Subscription) -> str:
    """The next event: a wake, or a tick where nothing happens for a while."""
    try:
        async with asyncio.timeout(TICK_S):
            position = await subscription.get()
    except TimeoutError:
        return "event: tick\ndata: \n\n"
    return f"event: wake\ndata: {position}\n\n"


async def _goes_on(request: HttpRequest, *, party: Viewer, crisis: UUID | None) -> bool:
    """Whether the reader is still signed in, and may still see the crisis."""
    if not await _is_still_signed_in(request):
        return False
    return crisis is None or await sync_to_async(_may_see)(crisis, party=party)


async def _is_still_signed_in(request: HttpRequest) -> bool:
    """Whether the session that opened the stream is still there, and its sitting goes on."""
    key = request.session.session_key
    if key is None or not await request.session.aexists(key):
        return False
    user = await request.auser()
    return user.is_authenticated and await sync_to_async(goes_on)(request, user)
