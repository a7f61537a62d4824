# SPDX-License-Identifier: Apache-2.0
"""Endpoints for who takes part in a crisis, what it is linked with, and its neighbours."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import RootModel

from stemtide.hub.api.bodies import answer
from stemtide.hub.api.callers import caller_of, now
from stemtide.hub.api.machine import needs
from stemtide.hub.crises import reads_joining, writes_events, writes_joining
from stemtide.protocol.crises import (
    CrisisLife,
    CrisisOut,
    DecliningIn,
    InviteIn,
    LinkIn,
    NeighbourIn,
    NeighbourNewsIn,
    ParticipantOut,
    PartyIn,
    ReasonIn,
)
from stemtide.protocol.words import Scope

router = Router(tags=["crises"])

_Participants = RootModel[list[ParticipantOut]]


@router.get(
    "/crises/{uid}/participants",
    **needs(Scope.FEED_READ),
    response=list[ParticipantOut],
    operation_id="list_participants",
)
def read_all(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Who takes part, who was asked, who declined or left."""
    found = reads_joining.participants(uid, viewer=caller_of(request).party)
    return answer(_Participants(found))


@router.post(
    "/crises/{uid}/invite",
    **needs(Scope.CRISES_WRITE),
    response=CrisisLife,
    operation_id="invite_parties",
)
def invite(request: HttpRequest, uid: UUID, body: InviteIn) -> HttpResponse:
    """Ask parties to take part, by name or by kind."""
    return answer(writes_joining.invite(uid, body=body, by=caller_of(request).actor, now=now()))


@router.post(
    "/crises/{uid}/uninvite",
    **needs(Scope.CRISES_WRITE),
    response=CrisisLife,
    operation_id="uninvite_party",
)
def uninvite(request: HttpRequest, uid: UUID, body: PartyIn) -> HttpResponse:
    """Take an invitation back before it is answered."""
    return answer(writes_joining.uninvite(uid, body=body, by=caller_of(request).actor, now=now()))


@router.post(
    "/crises/{uid}/join",
    **needs(Scope.CRISES_WRITE),
    response=CrisisOut,
    operation_id="join_crisis",
)
def join(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Take part, for your party."""
    return answer(writes_joining.join(uid, by=caller_of(request).actor, now=now()))


@router.post(
    "/crises/{uid}/decline",
    **needs(Scope.CRISES_WRITE),
    response=CrisisOut,
    operation_id="decline_crisis",
)
def decline(request: HttpRequest, uid: UUID, body: DecliningIn) -> HttpResponse:
    """Decline an invitation, for your party; you need not say why."""
    return answer(writes_joining.decline(uid, body=body, by=caller_of(request).actor, now=now()))


@router.post(
    "/crises/{uid}/leave",
    **needs(Scope.CRISES_WRITE),
    response=CrisisOut,
    operation_id="leave_crisis",
)
def leave(request: HttpRequest, uid: UUID, body: DecliningIn) -> HttpResponse:
    """Take part no longer, for your party; you need not say why."""
    return answer(writes_joining.leave(uid, body=body, by=caller_of(request).actor, now=now()))


@router.post(
    "/crises/{uid}/link",
    **needs(Scope.CRISES_WRITE),
    response=CrisisLife,
    operation_id="link_crises",
)
def link(request: HttpRequest, uid: UUID, body: LinkIn) -> HttpResponse:
    """Say that it speaks of the same event as another crisis."""
    return answer(writes_events.link(uid, body=body, by=caller_of(request).actor, now=now()))


@router.post(
    "/crises/{uid}/unlink",
    **needs(Scope.CRISES_WRITE),
    response=CrisisLife,
    operation_id="unlink_crisis",
)
def unlink(request: HttpRequest, uid: UUID, body: ReasonIn) -> HttpResponse:
    """Say that it speaks of an event of its own after all."""
    return answer(writes_events.unlink(uid, body=body, by=caller_of(request).actor, now=now()))


@router.post(
    "/crises/{uid}/neighbours",
    **needs(Scope.CRISES_WRITE),
    response=CrisisLife,
    operation_id="mirror_neighbour",
)
def mirror(request: HttpRequest, uid: UUID, body: NeighbourIn) -> HttpResponse:
    """Note another mechanism's activation about the event."""
    return answer(writes_events.mirror(uid, body=body, by=caller_of(request).actor, now=now()))


@router.put(
    "/crises/{uid}/neighbours/{neighbour}",
    **needs(Scope.CRISES_WRITE),
    response=CrisisLife,
    operation_id="update_neighbour",
)
def update(request: HttpRequest, uid: UUID, neighbour: UUID, body: NeighbourNewsIn) -> HttpResponse:
    """Note what became of another mechanism's activation."""
    by = caller_of(request).actor
    return answer(writes_events.update_neighbour(uid, neighbour, body=body, by=by, now=now()))
