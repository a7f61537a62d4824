# SPDX-License-Identifier: Apache-2.0
"""Security headers of every response: Content-Security-Policy, permissions, no caching."""

from collections.abc import Awaitable, Callable
from typing import cast

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none';"
    " object-src 'none'"
)
"""The Content-Security-Policy: no inline style, no inline script, nothing from elsewhere.

source: W3C, Content Security Policy Level 3.
"""

_Next = Callable[[HttpRequest], HttpResponseBase]
_NextLater = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


@sync_and_async_middleware
def safe_headers(get_response: _Next | _NextLater) -> _Next | _NextLater:
    """Set the security headers, and keep pages out of every cache."""
    if iscoroutinefunction(get_response):
        get_response_async = cast("_NextLater", get_response)

        async def answer_later(request: HttpRequest) -> HttpResponseBase:
            return _with_headers(await get_response_async(request))

        return answer_later
    get_response_sync = cast("_Next", get_response)

    def answer(request: HttpRequest) -> HttpResponseBase:
        return _with_headers(get_response_sync(request))

    return answer


def _with_headers(response: HttpResponseBase) -> HttpResponseBase:
    """Set the headers that are not set already; static files keep their own caching."""
    response.headers.setdefault("Content-Security-Policy", POLICY)
    response.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
    response.headers.setdefault("Cache-Control", "no-store")
    return response
