# SPDX-License-Identifier: Apache-2.0
"""Endpoints for the situation in a crisis: its log and its public statements."""

from typing import Annotated
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router
from pydantic import RootModel

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer
from stemtide.hub.rooms.situation.reads import situation as reads
from stemtide.hub.rooms.situation.writes import situation as writes
from stemtide.protocol.enums import MessageKind, Scope
from stemtide.protocol.messages.situation import (
    LogPage,
    MessageIn,
    MessageOut,
    PublicStatementIn,
    PublicStatementOut,
    VoteIn,
)

router = Router(tags=["situation"])

_Lines = RootModel[list[PublicStatementOut]]


@router.get(
    "/crises/{uid}/messages",
    **requires(Scope.FEED_READ),
    response=LogPage,
    operation_id="read_log",
)
def read_log(
    request: HttpRequest,
    uid: UUID,
    *,
    after: Annotated[int, Query(ge=0, lt=2**31)] = 0,
    limit: Annotated[int, Query(ge=1, le=reads.MAX_PAGE)] = 100,
    kind: Annotated[list[MessageKind] | None, Query()] = None,
    pinned: bool = False,
) -> HttpResponse:
    """List messages of the situation log after a number, oldest first."""
    viewer = caller_of(request).party
    page = reads.log(uid, viewer=viewer, after=after, limit=limit, kinds=kind or (), pinned=pinned)
    return answer(page)


@router.post(
    "/crises/{uid}/messages",
    **requires(Scope.CRISES_WRITE),
    response={201: MessageOut},
    operation_id="post_message",
)
def post(request: HttpRequest, uid: UUID, body: MessageIn) -> HttpResponse:
    """Post a message to the log. Messages cannot be edited: post a correction."""
    message = writes.post(uid, body=body, by=caller_of(request).actor, now=now())
    return answer(message, status=201)


@router.get(
    "/messages/{uid}", **requires(Scope.FEED_READ), response=MessageOut, operation_id="read_message"
)
def read_message(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Retrieve a message."""
    return answer(reads.message(uid, viewer=caller_of(request).party))


@router.put(
    "/messages/{uid}/pin",
    **requires(Scope.CRISES_WRITE),
    response=MessageOut,
    operation_id="pin_message",
)
def pin(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Pin a message to the top of the log."""
    return answer(writes.pin(uid, is_pinned=True, by=caller_of(request).actor, now=now()))


@router.post(
    "/messages/{uid}/unpin",
    **requires(Scope.CRISES_WRITE),
    response=MessageOut,
    operation_id="unpin_message",
)
def unpin(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Unpin a message."""
    return answer(writes.pin(uid, is_pinned=False, by=caller_of(request).actor, now=now()))


@router.get(
    "/crises/{uid}/lines",
    **requires(Scope.FEED_READ),
    response=list[PublicStatementOut],
    operation_id="list_lines",
)
def read_lines(request: HttpRequest, uid: UUID) -> HttpResponse:
    """List the public statements of a crisis. Only those with usable may be used in public."""
    return answer(_Lines(reads.lines(uid, viewer=caller_of(request).party)))


@router.post(
    "/crises/{uid}/lines",
    **requires(Scope.CRISES_WRITE),
    response={201: PublicStatementOut},
    operation_id="propose_line",
)
def propose(request: HttpRequest, uid: UUID, body: PublicStatementIn) -> HttpResponse:
    """Propose a public statement, in one or more languages."""
    line = writes.propose_line(uid, body=body, by=caller_of(request).actor, now=now())
    return answer(line, status=201)


@router.put(
    "/lines/{uid}/vote",
    **requires(Scope.CRISES_WRITE),
    response=PublicStatementOut,
    operation_id="vote_on_line",
)
def vote(request: HttpRequest, uid: UUID, body: VoteIn) -> HttpResponse:
    """Agree to a public statement, or object. It replaces an earlier vote."""
    return answer(writes.vote(uid, body=body, by=caller_of(request).actor, now=now()))


@router.post(
    "/lines/{uid}/withdraw",
    **requires(Scope.CRISES_WRITE),
    response=PublicStatementOut,
    operation_id="withdraw_line",
)
def withdraw(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Withdraw a public statement that your party proposed."""
    return answer(writes.withdraw_line(uid, by=caller_of(request).actor, now=now()))
