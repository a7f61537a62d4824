# SPDX-License-Identifier: Apache-2.0
"""Sittings at the desk: what keeps one going, what ends it, and what it is called."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import cast

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from stemtide.hub.parties import writes_sittings
from stemtide.hub.parties.reads import Someone
from stemtide.hub.parties.reads_people import Seat

KEY = "sitting"
"""Where a session keeps the number of its sitting."""

_METHODS = "account_authentication_methods"
"""Where allauth keeps how somebody signed in."""

_OUTSIDE = ("/api/", "/health", "/metrics", "/static/")
_BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"))
_SYSTEMS = (
    *(("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows")),
    *(("Mac OS", "macOS"), ("Linux", "Linux")),
)

_Next = Callable[[HttpRequest], HttpResponseBase]
_NextLater = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


@sync_and_async_middleware
def keep_sittings(respond: _Next | _NextLater) -> _Next | _NextLater:
    """Middleware: whoever signed in has a sitting, and is signed out once it is over."""
    if iscoroutinefunction(respond):
        respond_later = cast("_NextLater", respond)

        async def later(request: HttpRequest) -> HttpResponseBase:
            if _may_sit(request):
                await sync_to_async(_look)(request)
            return await respond_later(request)

        return later
    respond_now = cast("_Next", respond)

    def at_once(request: HttpRequest) -> HttpResponseBase:
        if _may_sit(request):
            _look(request)
        return respond_now(request)

    return at_once


def number(request: HttpRequest) -> int | None:
    """The number of the sitting that a request belongs to."""
    return request.session.get(KEY)


def seat_of(request: HttpRequest, person: Someone) -> Seat | None:
    """Where a request's person sits; None where their sitting has not begun."""
    session, at = request.session.session_key, number(request)
    return Seat(session, at, person.pk) if session and at is not None else None


def organisation_of(request: HttpRequest) -> str:
    """The identity provider through which somebody came in; "" for another door."""
    records = request.session.get(_METHODS, [])
    found = [
        record.get("provider", "") for record in records if record.get("method") == "socialaccount"
    ]
    return found[-1] if found else ""


def _may_sit(request: HttpRequest) -> bool:
    """Whether a request can belong to somebody: machines and files do not."""
    return not request.path.startswith(_OUTSIDE)


def _look(request: HttpRequest) -> None:
    """Start the sitting of somebody who just signed in, or see that it goes on."""
    if not request.user.is_authenticated:
        return
    person, now, at = request.user, datetime.now(UTC), number(request)
    if at is None:
        request.session[KEY] = writes_sittings.start_sitting(
            person, door=_door(request), browser=_browser(request), now=now
        )
        return
    by_hand = request.method == "POST" or not _is_fetched(request.path)
    idle = settings.SITTING_IDLE
    if not writes_sittings.go_on(at, person=person, idle=idle, now=now, by_hand=by_hand):
        logout(request)


def _is_fetched(path: str) -> bool:
    """Whether a page fetches this by itself: fragments begin with "_", streams are so called."""
    last = path.rstrip("/").rpartition("/")[2]
    return last.startswith("_") or last == "stream"


def _door(request: HttpRequest) -> str:
    """How somebody signed in, by what allauth noted."""
    if organisation_of(request):
        return "organisation"
    records = request.session.get(_METHODS, [])
    return "passkey" if any(record.get("passwordless") for record in records) else "password"


def _browser(request: HttpRequest) -> str:
    """A browser in two words: "Firefox on Linux". The rest of what it says is not kept."""
    said = request.headers.get("User-Agent", "")
    browser = next((name for mark, name in _BROWSERS if mark in said), "")
    if not browser and "Safari" in said:
        browser = "Safari"
    system = next((name for mark, name in _SYSTEMS if mark in said), "")
    return " on ".join(one for one in (browser, system) if one)
