# SPDX-License-Identifier: Apache-2.0
"""Middleware of what browsers read: security headers, no caching, compression."""

from collections.abc import Awaitable, Callable
from typing import cast

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponseBase
from django.middleware.gzip import GZipMiddleware
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


COMPRESSED = frozenset({"text/html", "text/css", "text/javascript"})
"""Types of content that are compressed: pages, and what a page loads."""

_PARTIAL_CONTENT = 206


class CompressedPages(GZipMiddleware):
    """Send pages, styles and scripts as gzip to browsers that accept it.

    A phone at the edge of a network may be one. Live events stay as they are, because compression
    would hold them back, and so do the answers of the API. Django adds a random length to each
    page, so that its size reveals no token of it.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Compress a page, style or script, and nothing else."""
        kind = response.headers.get("Content-Type", "").partition(";")[0]
        if kind not in COMPRESSED or response.status_code == _PARTIAL_CONTENT:
            return response
        return super().process_response(request, response)
