# SPDX-License-Identifier: Apache-2.0
"""Desk sessions (model `PersonSession`): start, idle timeout, end, and the name of the browser."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import cast

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from stemtide.hub.rooms.parties.reads.parties import Someone
from stemtide.hub.rooms.parties.reads.people import SessionRef
from stemtide.hub.rooms.parties.writes import sessions

KEY = "sitting"
"""Key of the `PersonSession` number in the Django session."""

_METHODS = "account_authentication_methods"
"""Key of allauth's record of sign-in methods in the Django session."""

_WITHOUT_SESSION = ("/api/", "/health", "/metrics", "/static/")
_BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"))
_SYSTEMS = (
    *(("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows")),
    *(("Mac OS", "macOS"), ("Linux", "Linux")),
)

_Next = Callable[[HttpRequest], HttpResponseBase]
_NextLater = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


@sync_and_async_middleware
def track_sessions(get_response: _Next | _NextLater) -> _Next | _NextLater:
    """Start the session of a signed-in person, and sign them out once it is over."""
    if iscoroutinefunction(get_response):
        get_response_async = cast("_NextLater", get_response)

        async def later(request: HttpRequest) -> HttpResponseBase:
            if _has_session(request):
                await sync_to_async(_check_session)(request)
            return await get_response_async(request)

        return later
    get_response_sync = cast("_Next", get_response)

    def at_once(request: HttpRequest) -> HttpResponseBase:
        if _has_session(request):
            _check_session(request)
        return get_response_sync(request)

    return at_once


def number(request: HttpRequest) -> int | None:
    """Return the number of the session that a request belongs to, or None."""
    return request.session.get(KEY)


def seat_of(request: HttpRequest, person: Someone) -> SessionRef | None:
    """Return the session of a request's person; None if it has not begun."""
    session, session_number = request.session.session_key, number(request)
    return (
        SessionRef(session, session_number, person.pk)
        if session and session_number is not None
        else None
    )


def organisation_of(request: HttpRequest) -> str:
    """Return the identity provider that somebody signed in through; "" for other methods."""
    records = request.session.get(_METHODS, [])
    providers = [
        record.get("provider", "") for record in records if record.get("method") == "socialaccount"
    ]
    return providers[-1] if providers else ""


def _has_session(request: HttpRequest) -> bool:
    """Whether a request can belong to a person: not those to the API or for static files."""
    return not request.path.startswith(_WITHOUT_SESSION)


def _check_session(request: HttpRequest) -> None:
    """Start the session of somebody who just signed in; sign them out if it has ended.

    The sessions of a suspended party's people have ended.
    """
    if not request.user.is_authenticated:
        return
    if request.user.party.is_suspended:
        logout(request)
        return
    person, now, session_number = request.user, datetime.now(UTC), number(request)
    if session_number is None:
        request.session[KEY] = sessions.start_session(
            person, door=_sign_in_method(request), browser=_browser(request), now=now
        )
        return
    by_hand = request.method == "POST" or not _is_automatic(request.path)
    idle = settings.SESSION_IDLE_TIMEOUT
    if not sessions.continue_session(
        session_number, person=person, idle=idle, now=now, by_hand=by_hand
    ):
        logout(request)


def _is_automatic(path: str) -> bool:
    """Whether a page requests this by itself: fragments (their name begins with "_"), streams."""
    last = path.rstrip("/").rpartition("/")[2]
    return last.startswith("_") or last == "stream"


def _sign_in_method(request: HttpRequest) -> str:
    """Return how somebody signed in, from the record that allauth keeps in the session."""
    if organisation_of(request):
        return "organisation"
    records = request.session.get(_METHODS, [])
    return "passkey" if any(record.get("passwordless") for record in records) else "password"


def _browser(request: HttpRequest) -> str:
    """Return browser and system, such as "Firefox on Linux"; the rest is not stored."""
    user_agent = request.headers.get("User-Agent", "")
    browser = next((name for pattern, name in _BROWSERS if pattern in user_agent), "")
    if not browser and "Safari" in user_agent:
        browser = "Safari"
    system = next((name for pattern, name in _SYSTEMS if pattern in user_agent), "")
    return " on ".join(part for part in (browser, system) if part)
