# SPDX-License-Identifier: Apache-2.0
"""Endpoints of the feed and the snapshot, and the schema entry of the event stream."""

from typing import Annotated

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Query, Router

from stemtide.hub.api.app import SCHEMAS, requires
from stemtide.hub.api.auth import caller_of
from stemtide.hub.api.bodies import JSON_LINES, answer
from stemtide.hub.api.problems import ProblemError
from stemtide.hub.platform.request_threads import pull
from stemtide.hub.rooms.signals.reads import signals as reads
from stemtide.protocol.enums import Scope
from stemtide.protocol.problems import ProblemType
from stemtide.protocol.sync.feed import MAX_PAGE, FeedPage, History

router = Router(tags=["feed"])

MAX_POSITION = 2**63 - 1

_LINES = {
    200: {
        "description": "JSON lines: a SnapshotHead, FeedSignals, and last a SnapshotTail",
        "content": {
            JSON_LINES: {
                "schema": {
                    "anyOf": [
                        {"$ref": f"{SCHEMAS}{name}"}
                        for name in ("SnapshotHead", "FeedSignal", "SnapshotTail")
                    ]
                }
            }
        },
    }
}
_EVENTS = {
    200: {
        "description": "Server-sent events: `wake`, whose data is a Wake and whose id its position",
        "content": {"text/event-stream": {"schema": {"$ref": f"{SCHEMAS}Wake"}}},
    }
}
_LAST_EVENT_ID = {
    "name": "Last-Event-ID",
    "in": "header",
    "required": False,
    "schema": {"type": "integer", "minimum": 0},
    "description": "The position you have: you are woken at once if something lies after it.",
}
_ENTRIES = {
    "name": "entries",
    "in": "query",
    "required": False,
    "schema": {"type": "boolean", "default": False},
    "description": "Whether events carry the entries: a Wake with `previous` and `page`.",
}
_EXERCISE = {
    "name": "exercise",
    "in": "query",
    "required": False,
    "schema": {"type": "boolean", "default": False},
}


@router.get("/feed", **requires(Scope.FEED_READ), response=FeedPage, operation_id="read_feed")
def feed(
    request: HttpRequest,
    *,
    after: Annotated[int, Query(ge=0, le=MAX_POSITION)] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 1000,
    exercise: bool = False,
    history: History = "",
    parties_after: Annotated[int | None, Query(ge=0, le=MAX_POSITION)] = None,
) -> HttpResponse:
    """List changes after a position, oldest first. exercise=1 includes exercise signals.

    history: from the page whose `next` you send as `after`. On 409, load the snapshot again.

    parties_after: the `next` of the last page whose `parties` you have applied; 0 for all parties.
    Without it the page has none.
    """
    page = reads.feed(
        after,
        viewer=caller_of(request).party,
        limit=limit,
        exercise=exercise,
        history=history,
        parties_after=parties_after,
    )
    return answer(page)


@router.get(
    "/snapshot",
    **requires(Scope.FEED_READ, responses=_LINES),
    operation_id="read_snapshot",
)
def snapshot(request: HttpRequest, *, exercise: bool = False) -> StreamingHttpResponse:
    """Download all live signals, for a cold start. Then follow the feed after its head."""
    chunks = reads.snapshot(viewer=caller_of(request).party, exercise=exercise)
    head = next(chunks)  # now, so that trouble is still a problem document
    return StreamingHttpResponse(pull(head, chunks), content_type=JSON_LINES)


@router.get(
    "/events/stream",
    **requires(
        Scope.FEED_READ, responses=_EVENTS, parameters=[_LAST_EVENT_ID, _EXERCISE, _ENTRIES]
    ),
    operation_id="follow_events",
)
def stream(request: HttpRequest) -> HttpResponse:  # noqa: ARG001  # ninja's
    """Stream an event whenever your feed has something new, and a comment every 3 s in between."""
    # asgi.py answers this address before Django does; here is only its place in the schema.
    raise ProblemError(
        ProblemType.NOT_READY, "the stream needs the ASGI server: run the hub with it"
    )
