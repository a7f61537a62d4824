# SPDX-License-Identifier: Apache-2.0
"""Middleware of the machine API: problem documents, no caching, request ids, metrics."""

import time
from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from stemtide.hub.api import metrics, problems, rate_limits
from stemtide.hub.api.error_formats import ERROR_FORMATS, ErrorFormat, error_format_for
from stemtide.logs import request_log
from stemtide.traces import spans

_PATHS = (
    *("/api/", "/stopncii/", "/log/", "/health", "/metrics", "/openapi.json", "/neighbours/"),
    *ERROR_FORMATS,
)
_FIRST_ERROR = 400
_UNAUTHENTICATED = 401

Respond = Callable[[HttpRequest], HttpResponseBase]


def is_machines(path: str) -> bool:
    """Whether a path belongs to the interfaces for programs."""
    return path == "/api" or path.startswith(_PATHS)


@sync_and_async_middleware
def problem_responses(
    get_response: Respond,
) -> Callable[..., HttpResponseBase | Awaitable[HttpResponseBase]]:
    """Turn every error response of the machine API into a problem document (RFC 9457)."""
    if iscoroutinefunction(get_response):

        async def later(request: HttpRequest) -> HttpResponseBase:
            began = time.perf_counter()
            with request_log() as number, spans.request(_caller(request)):
                answer: HttpResponseBase = await get_response(request)
            if not is_machines(request.path):
                return answer
            return _finish(request, answer, began=began, number=number)

        return later

    def at_once(request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        with request_log() as number, spans.request(_caller(request)):
            answer = get_response(request)
        if not is_machines(request.path):
            return answer
        return _finish(request, answer, began=began, number=number)

    return at_once


def _caller(request: HttpRequest) -> str:
    """Return the span of the caller that a request belongs to; "" if it names none."""
    return request.headers.get("traceparent", "")


def _finish(
    request: HttpRequest, answer: HttpResponseBase, *, began: float, number: str
) -> HttpResponseBase:
    """Replace errors that are not problem documents, add common headers, count the response."""
    error_format = error_format_for(request.path)
    if answer.status_code == _UNAUTHENTICATED:
        address = str(request.META.get("REMOTE_ADDR", ""))
        if too_many := rate_limits.count_stranger(address, request):
            answer = problems.answer(too_many, error_format=error_format)
    media_type = answer.headers.get("Content-Type", "")
    if answer.status_code >= _FIRST_ERROR and media_type != error_format.media_type:
        answer = _replace(answer, error_format=error_format)
    for name, value in rate_limits.headers_of(request).items():
        answer.headers[name] = value
    answer.headers.setdefault("Cache-Control", "no-store")
    answer.headers["X-Request-Id"] = number
    match = request.resolver_match
    metrics.count_request(
        route=match.route if match else "unknown",
        method=request.method or "",
        status=answer.status_code,
        seconds=time.perf_counter() - began,
    )
    return answer


def _replace(answer: HttpResponseBase, *, error_format: ErrorFormat) -> HttpResponse:
    """Return the error as a problem document, or in the format of the path's protocol."""
    allow = answer.headers.get("Allow", "")
    replacement = problems.answer(
        problems.below(answer.status_code, allow=allow), error_format=error_format
    )
    if allow:
        replacement.headers["Allow"] = allow
    return replacement
