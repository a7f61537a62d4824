# SPDX-License-Identifier: Apache-2.0
"""Endpoints for crises: warn, answer the checklist, activate, close, read."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import RootModel

from stemtide.hub.api.bodies import answer
from stemtide.hub.api.callers import caller_of, now
from stemtide.hub.api.machine import needs
from stemtide.hub.crises import reads, writes
from stemtide.protocol.crises import CheckIn, CloseIn, CrisisOut, WarningIn
from stemtide.protocol.words import Scope

router = Router(tags=["crises"])

_Crises = RootModel[list[CrisisOut]]


@router.post(
    "/crises",
    **needs(Scope.CRISES_WRITE),
    response={201: CrisisOut},
    operation_id="warn_of_crisis",
)
def warn(request: HttpRequest, body: WarningIn) -> HttpResponse:
    """Raise an early warning."""
    caller = caller_of(request)
    return answer(writes.warn(body, by=caller.party, now=now(), actor_ref=caller.ref), status=201)


@router.get(
    "/crises", **needs(Scope.FEED_READ), response=list[CrisisOut], operation_id="list_crises"
)
def read_all(request: HttpRequest) -> HttpResponse:
    """The crises that your party may see, the latest warning first."""
    return answer(_Crises(reads.crises(viewer=caller_of(request).party)))


@router.get(
    "/crises/{uid}", **needs(Scope.FEED_READ), response=CrisisOut, operation_id="read_crisis"
)
def read(request: HttpRequest, uid: UUID) -> HttpResponse:
    """One crisis with its checklist."""
    return answer(reads.crisis(uid, viewer=caller_of(request).party))


@router.put(
    "/crises/{uid}/checks/{test}",
    **needs(Scope.CRISES_WRITE),
    response=CrisisOut,
    operation_id="answer_check",
)
def check(request: HttpRequest, uid: UUID, test: str, body: CheckIn) -> HttpResponse:
    """Answer one test of the activation checklist."""
    caller = caller_of(request)
    return answer(
        writes.answer(uid, test=test, body=body, by=caller.party, now=now(), actor_ref=caller.ref)
    )


@router.post(
    "/crises/{uid}/activate",
    **needs(Scope.CRISES_WRITE),
    response=CrisisOut,
    operation_id="activate_crisis",
)
def activate(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Activate the protocol, once every test is answered yes."""
    caller = caller_of(request)
    return answer(writes.activate(uid, by=caller.party, now=now(), actor_ref=caller.ref))


@router.post(
    "/crises/{uid}/close",
    **needs(Scope.CRISES_WRITE),
    response=CrisisOut,
    operation_id="close_crisis",
)
def close(request: HttpRequest, uid: UUID, body: CloseIn) -> HttpResponse:
    """End a crisis, and say why."""
    caller = caller_of(request)
    return answer(writes.close(uid, body=body, by=caller.party, now=now(), actor_ref=caller.ref))
