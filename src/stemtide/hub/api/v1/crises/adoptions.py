# SPDX-License-Identifier: Apache-2.0
"""Endpoints for adoptions: which signals of a crisis stay after it."""

from typing import Annotated, Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, check_scope, now
from stemtide.hub.api.bodies import answer
from stemtide.hub.rooms.adoptions import reads, writes
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.protocol.enums import Scope
from stemtide.protocol.law.retention.adoptions import (
    AdoptIn,
    AdoptionAnswerIn,
    AdoptionOut,
    UnadoptIn,
)

router = Router(tags=["adoptions"])

_MOST = 500
"""The most signals of a page."""


def _chooser(request: HttpRequest) -> Actor:
    """Return who chooses. The answer lists signals, so that the key must be able to read them.

    raises: ProblemError if the scope is missing.
    """
    caller = caller_of(request)
    check_scope(caller, Scope.FEED_READ)
    return caller.actor


@router.get(
    "/crises/{uid}/adoption",
    **requires(Scope.FEED_READ),
    response=AdoptionOut,
    operation_id="read_adoption",
)
def read(
    request: HttpRequest,
    uid: UUID,
    *,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=_MOST)] = reads.PAGE,
    show: Literal["all", "suggested", "adopted", "left", "new"] = "all",
    label: Annotated[str, Query(max_length=60)] = "",
    shared_by: Annotated[str, Query(max_length=60)] = "",
) -> HttpResponse:
    """List the live signals of a crisis, which of them are pre-selected, and which stay."""
    adoption = reads.adoption(
        uid,
        by=caller_of(request).actor,
        after=after,
        limit=limit,
        show=show,
        label=label,
        shared_by=shared_by,
    )
    return answer(adoption)


@router.post(
    "/crises/{uid}/adoption",
    **requires(Scope.CRISES_WRITE),
    response=AdoptionOut,
    operation_id="answer_adoption",
)
def choose(request: HttpRequest, uid: UUID, body: AdoptionAnswerIn) -> HttpResponse:
    """Answer which signals stay after a crisis. Closing waits for this answer."""
    return answer(writes.answer(uid, body=body, by=_chooser(request), now=now()))


@router.post(
    "/crises/{uid}/adoption/adopt",
    **requires(Scope.CRISES_WRITE),
    response=AdoptionOut,
    operation_id="adopt_signals",
)
def adopt(request: HttpRequest, uid: UUID, body: AdoptIn) -> HttpResponse:
    """Adopt signals of a crisis: they stay after it, on a legal basis of your party."""
    return answer(writes.adopt(uid, body=body, by=_chooser(request), now=now()))


@router.post(
    "/crises/{uid}/adoption/unadopt",
    **requires(Scope.CRISES_WRITE),
    response=AdoptionOut,
    operation_id="unadopt_signals",
)
def unadopt(request: HttpRequest, uid: UUID, body: UnadoptIn) -> HttpResponse:
    """Undo adoptions of your party, until the crisis is closed."""
    return answer(writes.unadopt(uid, body=body, by=_chooser(request), now=now()))
