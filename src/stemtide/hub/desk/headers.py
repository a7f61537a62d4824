# SPDX-License-Identifier: Apache-2.0
"""What every answer tells the browser: run, draw and send nothing but what is ours."""

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
    """Middleware that sets the policy, and keeps pages out of every cache."""
    if iscoroutinefunction(get_response):
        later = cast("_NextLater", get_response)

        async def answer_later(request: HttpRequest) -> HttpResponseBase:
            return _with_headers(await later(request))

        return answer_later
    now = cast("_Next", get_response)

    def answer(request: HttpRequest) -> HttpResponseBase:
        return _with_headers(now(request))

    return answer


def _with_headers(answer: HttpResponseBase) -> HttpResponseBase:
    """Set what is not set already; static files keep their own caching."""
    answer.headers.setdefault("Content-Security-Policy", POLICY)
    answer.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
    answer.headers.setdefault("Cache-Control", "no-store")
    return answer
