# SPDX-License-Identifier: Apache-2.0
"""Endpoints for requests of data subjects that a party received."""

from typing import Annotated
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer
from stemtide.hub.rooms.rights import reads, writes
from stemtide.protocol.enums import Scope
from stemtide.protocol.law.rights.messages import (
    RightsAnswerIn,
    RightsExtensionIn,
    RightsRequestIn,
    RightsRequestOut,
    RightsRequestPage,
)

router = Router(tags=["rights"])


@router.get(
    "/rights-requests",
    **requires(Scope.RETENTION_MANAGE),
    response=RightsRequestPage,
    operation_id="list_rights_requests",
)
def list_requests(
    request: HttpRequest,
    *,
    open: bool | None = None,  # noqa: A002  # the parameter's name
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = reads.PAGE,
) -> HttpResponse:
    """List requests of data subjects to your party, by due time. `open`: only those that wait."""
    viewer = caller_of(request).party
    page = reads.requests(viewer=viewer, now=now(), is_open=open, after=after, limit=limit)
    return answer(page)


@router.post(
    "/rights-requests",
    **requires(Scope.RETENTION_MANAGE),
    response={201: RightsRequestOut},
    operation_id="note_rights_request",
)
def note(request: HttpRequest, body: RightsRequestIn) -> HttpResponse:
    """Note a request of a data subject that reached your party, under your own reference."""
    return answer(writes.note(body, by=caller_of(request).actor, now=now()), status=201)


@router.get(
    "/rights-requests/{uid}",
    **requires(Scope.RETENTION_MANAGE),
    response=RightsRequestOut,
    operation_id="read_rights_request",
)
def read(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Return one request of a data subject."""
    return answer(reads.request(uid, viewer=caller_of(request).party, now=now()))


@router.post(
    "/rights-requests/{uid}/extend",
    **requires(Scope.RETENTION_MANAGE),
    response=RightsRequestOut,
    operation_id="extend_rights_request",
)
def extend(request: HttpRequest, uid: UUID, body: RightsExtensionIn) -> HttpResponse:
    """Take more time, once the person was told why."""
    return answer(writes.extend(uid, body=body, by=caller_of(request).actor, now=now()))


@router.post(
    "/rights-requests/{uid}/answer",
    **requires(Scope.RETENTION_MANAGE),
    response=RightsRequestOut,
    operation_id="answer_rights_request",
)
def answer_request(request: HttpRequest, uid: UUID, body: RightsAnswerIn) -> HttpResponse:
    """Note how a request was answered, and when."""
    return answer(writes.answer(uid, body=body, by=caller_of(request).actor, now=now()))


@router.post(
    "/rights-requests/{uid}/withdraw",
    **requires(Scope.RETENTION_MANAGE),
    response=RightsRequestOut,
    operation_id="withdraw_rights_request",
)
def withdraw(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Note that the person withdrew the request."""
    return answer(writes.withdraw(uid, by=caller_of(request).actor, now=now()))
