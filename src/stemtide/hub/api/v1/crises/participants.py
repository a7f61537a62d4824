# SPDX-License-Identifier: Apache-2.0
"""Endpoints for a crisis's participants, linked crises and neighbouring mechanisms."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import RootModel

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer
from stemtide.hub.rooms.crises.reads import participants as participants_reads
from stemtide.hub.rooms.crises.writes import events, participants as participants_writes
from stemtide.hub.rooms.situation.reads import activations
from stemtide.protocol.enums import Scope
from stemtide.protocol.messages.crises import (
    CrisisLife,
    CrisisOut,
    EventOut,
    InviteIn,
    LinkIn,
    NeighbourIn,
    NeighbourUpdateIn,
    OptionalReasonIn,
    ParticipantOut,
    PartyIn,
    ReasonIn,
)

router = Router(tags=["crises"])

_Participants = RootModel[list[ParticipantOut]]


@router.get(
    "/crises/{uid}/participants",
    **requires(Scope.FEED_READ),
    response=list[ParticipantOut],
    operation_id="list_participants",
)
def read_all(request: HttpRequest, uid: UUID) -> HttpResponse:
    """List the participants of a crisis: joined, invited, declined and left."""
    participants = participants_reads.participants(uid, viewer=caller_of(request).party)
    return answer(_Participants(participants))


@router.post(
    "/crises/{uid}/invite",
    **requires(Scope.CRISES_WRITE),
    response=CrisisLife,
    operation_id="invite_parties",
)
def invite(request: HttpRequest, uid: UUID, body: InviteIn) -> HttpResponse:
    """Invite parties to a crisis, by name or by kind."""
    return answer(
        participants_writes.invite(uid, body=body, by=caller_of(request).actor, now=now())
    )


@router.post(
    "/crises/{uid}/uninvite",
    **requires(Scope.CRISES_WRITE),
    response=CrisisLife,
    operation_id="uninvite_party",
)
def uninvite(request: HttpRequest, uid: UUID, body: PartyIn) -> HttpResponse:
    """Withdraw an invitation before it is answered."""
    return answer(
        participants_writes.uninvite(uid, body=body, by=caller_of(request).actor, now=now())
    )


@router.post(
    "/crises/{uid}/join",
    **requires(Scope.CRISES_WRITE),
    response=CrisisOut,
    operation_id="join_crisis",
)
def join(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Join a crisis, for your party."""
    return answer(participants_writes.join(uid, by=caller_of(request).actor, now=now()))


@router.post(
    "/crises/{uid}/decline",
    **requires(Scope.CRISES_WRITE),
    response=CrisisOut,
    operation_id="decline_crisis",
)
def decline(request: HttpRequest, uid: UUID, body: OptionalReasonIn) -> HttpResponse:
    """Decline an invitation, for your party. The reason is optional."""
    return answer(
        participants_writes.decline(uid, body=body, by=caller_of(request).actor, now=now())
    )


@router.post(
    "/crises/{uid}/leave",
    **requires(Scope.CRISES_WRITE),
    response=CrisisOut,
    operation_id="leave_crisis",
)
def leave(request: HttpRequest, uid: UUID, body: OptionalReasonIn) -> HttpResponse:
    """Leave a crisis, for your party. The reason is optional."""
    return answer(participants_writes.leave(uid, body=body, by=caller_of(request).actor, now=now()))


@router.post(
    "/crises/{uid}/link",
    **requires(Scope.CRISES_WRITE),
    response=CrisisLife,
    operation_id="link_crises",
)
def link(request: HttpRequest, uid: UUID, body: LinkIn) -> HttpResponse:
    """Link a crisis with another one about the same event."""
    return answer(events.link(uid, body=body, by=caller_of(request).actor, now=now()))


@router.post(
    "/crises/{uid}/unlink",
    **requires(Scope.CRISES_WRITE),
    response=CrisisLife,
    operation_id="unlink_crisis",
)
def unlink(request: HttpRequest, uid: UUID, body: ReasonIn) -> HttpResponse:
    """Unlink a crisis: it is about an event of its own after all."""
    return answer(events.unlink(uid, body=body, by=caller_of(request).actor, now=now()))


@router.get(
    "/crises/{uid}/event",
    **requires(Scope.FEED_READ),
    response=EventOut,
    operation_id="read_event",
)
def read_event(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Retrieve all activations about the event of a crisis, beside each other."""
    return answer(activations.event(uid, viewer=caller_of(request).party))


@router.post(
    "/crises/{uid}/neighbours",
    **requires(Scope.CRISES_WRITE),
    response=CrisisLife,
    operation_id="mirror_neighbour",
)
def mirror(request: HttpRequest, uid: UUID, body: NeighbourIn) -> HttpResponse:
    """Record another mechanism's activation about the event."""
    return answer(events.mirror(uid, body=body, by=caller_of(request).actor, now=now()))


@router.put(
    "/crises/{uid}/neighbours/{neighbour}",
    **requires(Scope.CRISES_WRITE),
    response=CrisisLife,
    operation_id="update_neighbour",
)
def update(
    request: HttpRequest, uid: UUID, neighbour: UUID, body: NeighbourUpdateIn
) -> HttpResponse:
    """Update the status of another mechanism's activation."""
    by = caller_of(request).actor
    return answer(events.update_neighbour(uid, neighbour, body=body, by=by, now=now()))
