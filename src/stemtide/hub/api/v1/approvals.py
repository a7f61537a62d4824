# SPDX-License-Identifier: Apache-2.0
"""Endpoints for approvals: acts that wait for a second look. People decide at the desk."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer
from stemtide.hub.rooms.approvals.reads import approvals as reads
from stemtide.hub.rooms.approvals.writes import approvals as writes
from stemtide.protocol.approvals import ApprovalOut, ApprovalPage, RefuseIn
from stemtide.protocol.enums import ApprovalState, Scope

router = Router(tags=["approvals"])


@router.get(
    "/approvals",
    **requires(Scope.FEED_READ),
    response=ApprovalPage,
    operation_id="list_approvals",
)
def approvals(
    request: HttpRequest,
    *,
    state: ApprovalState | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> HttpResponse:
    """List acts that need a second look: your party's, and those that its people may decide."""
    viewer = caller_of(request).party
    return answer(reads.approvals(viewer=viewer, state=state, before=before, limit=limit))


@router.get(
    "/approvals/{uid}",
    **requires(Scope.FEED_READ),
    response=ApprovalOut,
    operation_id="read_approval",
)
def approval(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Retrieve an act that waits or waited: why, who may decide, until when, and its signals."""
    return answer(reads.approval(uid, viewer=caller_of(request).party))


@router.post(
    "/approvals/{uid}/take-back",
    **requires(Scope.SIGNALS_WRITE),
    response=ApprovalOut,
    operation_id="take_back_approval",
)
def take_back(request: HttpRequest, uid: UUID, body: RefuseIn) -> HttpResponse:
    """Take back an act of your own party that waits. What was done at once is undone."""
    return answer(writes.take_back(uid, body=body, by=caller_of(request).actor, now=now()))
