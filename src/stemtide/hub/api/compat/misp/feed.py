# SPDX-License-Identifier: Apache-2.0
"""/misp/feed: the feed that MISP fetches, with the rights of the API key's party.

MISP fetches manifest.json, then every event whose timestamp is higher than its own; with
hashes.csv it looks values up without fetching events. Ended signals stay in their event, marked
as deleted: MISP would keep them forever if they were only left out.
"""

import hashlib
import json
from collections.abc import Callable
from functools import partial, wraps
from typing import Concatenate, ParamSpec, cast
from uuid import UUID

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from stemtide.hub.api import problems
from stemtide.hub.api.auth import authenticate_key, check_scope, now
from stemtide.hub.api.compat.taxii import routes
from stemtide.hub.api.error_formats import MISP
from stemtide.hub.api.problems import ProblemError
from stemtide.hub.platform.request_threads import pull
from stemtide.hub.rooms.parties.reads.parties import Caller
from stemtide.hub.rooms.signals.reads import misp as misp_reads
from stemtide.interop.misp import events
from stemtide.protocol.enums import Scope
from stemtide.protocol.problems import ProblemType

_NEEDS_KEY = (
    "send an API key of your party in the header Authorization: by itself, as a Bearer token, or"
    " by HTTP Basic with the party's name; whoever runs the hub makes keys"
)
_Rest = ParamSpec("_Rest")
_View = Callable[Concatenate[HttpRequest, _Rest], HttpResponseBase]


def door(*methods: str) -> Callable[[_View[_Rest]], _View[_Rest]]:
    """Return a decorator for MISP views: allowed methods, and errors in MISP's format."""

    def wrap(view: _View[_Rest]) -> _View[_Rest]:
        @wraps(view)
        def guarded(
            request: HttpRequest, *args: _Rest.args, **named: _Rest.kwargs
        ) -> HttpResponseBase:
            try:
                if request.method not in methods:
                    return _wrong_method(methods)
                return view(request, *args, **named)
            except Exception as error:  # noqa: BLE001  # the one table knows what each of them says
                return problems.answer(problems.describe(error), error_format=MISP)

        return cast("_View[_Rest]", csrf_exempt(guarded))

    return wrap


def called(request: HttpRequest, scope: Scope) -> Caller:
    """Authenticate a key: alone in the header, as PyMISP sends it, as Bearer, or by Basic.

    raises: ProblemError, UnknownKeyError.
    """
    sent = request.headers.get("Authorization", "").strip()
    if not sent:
        raise ProblemError(ProblemType.UNAUTHENTICATED, _NEEDS_KEY)
    is_bare = " " not in sent
    caller = authenticate_key(sent, request) if is_bare else routes.called(request)
    check_scope(caller, scope)
    return caller


@door("GET", "HEAD")
def manifest(request: HttpRequest) -> HttpResponseBase:
    """List the events with the time of their last change."""
    caller = called(request, Scope.FEED_READ)
    heads = misp_reads.heads(viewer=caller.party, now=now())
    content = json.dumps({str(head.uuid): events.manifest_entry(head) for head in heads})
    return _conditional_response(request, content, make=partial(_json_response, content))


@door("GET", "HEAD")
def hashes(request: HttpRequest) -> HttpResponseBase:
    """List the MD5 of every value with its event, as it is read."""
    caller = called(request, Scope.FEED_READ)
    heads = misp_reads.heads(viewer=caller.party, now=now())
    version = json.dumps(["hashes", *([str(head.uuid), head.timestamp] for head in heads)])

    def make() -> HttpResponseBase:
        lines = (
            events.hash_lines(head, misp_reads.live_values(head, viewer=caller.party)).encode()
            for head in heads
        )
        parts = filter(None, lines)
        first = next(parts, b"")  # now, so that trouble is still an error document
        return StreamingHttpResponse(pull(first, parts), content_type="text/csv")

    return _conditional_response(request, version, make=make)


@door("GET", "HEAD")
def event(request: HttpRequest, uuid: UUID) -> HttpResponseBase:
    """Return an event."""
    caller = called(request, Scope.FEED_READ)
    at = now()
    heads = misp_reads.heads(viewer=caller.party, now=at)
    head = next((candidate for candidate in heads if candidate.uuid == uuid), None)
    if head is None:
        raise ProblemError(
            ProblemType.NOT_FOUND,
            "there is no such event that your party may see: see the manifest",
        )

    def make() -> HttpResponse:
        rows = misp_reads.rows_of(head, viewer=caller.party)
        return _json_response(json.dumps(events.event(head, rows, now=at)))

    version = json.dumps([str(head.uuid), events.manifest_entry(head)])
    return _conditional_response(request, version, make=make)


def _conditional_response(
    request: HttpRequest,
    version: str,
    *,
    make: Callable[[], HttpResponseBase],
) -> HttpResponseBase:
    """Return a response, or 304 if the client has it. version: identifies the content."""
    tag = f'"{hashlib.sha256(version.encode()).hexdigest()[:32]}"'
    had = {
        part.strip().removeprefix("W/")
        for part in request.headers.get("If-None-Match", "").split(",")
    }
    response = HttpResponse(status=304) if had & {tag, "*"} else make()
    response.headers["ETag"] = tag
    return response


def _json_response(content: str) -> HttpResponse:
    """Return a response in MISP's format."""
    return HttpResponse(content, content_type=MISP.media_type)


def _wrong_method(methods: tuple[str, ...]) -> HttpResponse:
    """Return 405 with the allowed methods."""
    allow = ", ".join(methods)
    response = problems.answer(problems.below(405, allow=allow), error_format=MISP)
    response.headers["Allow"] = allow
    return response


urlpatterns = [
    path("feed/manifest.json", manifest, name="misp-manifest"),
    path("feed/hashes.csv", hashes, name="misp-hashes"),
    path("feed/<uuid:uuid>.json", event, name="misp-event"),
]
