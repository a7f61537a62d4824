# SPDX-License-Identifier: Apache-2.0
"""What every answer to a machine has in common: problems only, no caching, a number to quote."""

import time
from collections.abc import Awaitable, Callable
from uuid import uuid4

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from stemtide.hub.api import metrics, problems, rates
from stemtide.hub.api.tongues import TONGUES, Tongue, tongue_at

_PATHS = ("/api/", "/stopncii/", "/health", "/metrics", "/openapi.json")
_FIRST_ERROR = 400
_UNAUTHENTICATED = 401

Respond = Callable[[HttpRequest], HttpResponseBase]


def is_machines(path: str) -> bool:
    """Whether an address belongs to the door for machines."""
    return path == "/api" or path.startswith((*_PATHS, *TONGUES))


@sync_and_async_middleware
def door(respond: Respond) -> Callable[..., HttpResponseBase | Awaitable[HttpResponseBase]]:
    """The outermost middleware: whatever goes wrong below leaves as a problem document."""
    if iscoroutinefunction(respond):

        async def later(request: HttpRequest) -> HttpResponseBase:
            began = time.perf_counter()
            answer = await respond(request)
            return _finish(request, answer, began) if is_machines(request.path) else answer

        return later

    def at_once(request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        answer = respond(request)
        return _finish(request, answer, began) if is_machines(request.path) else answer

    return at_once


def _finish(request: HttpRequest, answer: HttpResponseBase, began: float) -> HttpResponseBase:
    """Replace what is not a problem document, add our headers, count."""
    tongue = tongue_at(request.path)
    if answer.status_code == _UNAUTHENTICATED:
        address = str(request.META.get("REMOTE_ADDR", ""))
        if too_many := rates.count_stranger(address, request):
            answer = problems.answer(too_many, tongue=tongue)
    media_type = answer.headers.get("Content-Type", "")
    if answer.status_code >= _FIRST_ERROR and media_type != tongue.media_type:
        answer = _replace(answer, tongue=tongue)
    for name, value in rates.headers_of(request).items():
        answer.headers[name] = value
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Request-Id"] = uuid4().hex
    match = request.resolver_match
    metrics.count_request(
        route=match.route if match else "unknown",
        method=request.method or "",
        status=answer.status_code,
        seconds=time.perf_counter() - began,
    )
    return answer


def _replace(answer: HttpResponseBase, *, tongue: Tongue) -> HttpResponse:
    """The same trouble as a problem document, or as the protocol of that address says it."""
    allow = answer.headers.get("Allow", "")
    given = problems.answer(problems.below(answer.status_code, allow=allow), tongue=tongue)
    if allow:
        given.headers["Allow"] = allow
    return given
