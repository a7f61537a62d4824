# SPDX-License-Identifier: Apache-2.0
"""Endpoints for parties: their standing, and the suspension of a party by two people."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import RootModel

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer
from stemtide.hub.rooms.parties.reads import standing as reads, suspensions as suspension_reads
from stemtide.hub.rooms.parties.writes import standing, suspensions
from stemtide.protocol.enums import Scope
from stemtide.protocol.trust.parties import (
    DigestsIn,
    GroupIn,
    MechanismIn,
    PartyDetailOut,
    PartyOut,
    StandingIn,
    SuspensionIn,
    SuspensionOut,
    SuspensionReasonIn,
)

router = Router(tags=["parties"])

_Parties = RootModel[list[PartyOut]]
_Suspensions = RootModel[list[SuspensionOut]]


@router.get("/parties", **requires(None), response=list[PartyOut], operation_id="list_parties")
def parties(request: HttpRequest) -> HttpResponse:  # noqa: ARG001  # the same for everybody
    """List all parties with their standing, by name."""
    return answer(_Parties(reads.describe_all()))


@router.get("/parties/{name}", **requires(None), response=PartyDetailOut, operation_id="read_party")
def party(request: HttpRequest, name: str) -> HttpResponse:
    """Retrieve a party; agencies, and the party itself, also get the history of its standing."""
    return answer(reads.describe(name, viewer=caller_of(request).party))


@router.put(
    "/parties/{name}/standing",
    **requires(Scope.PARTIES_WRITE),
    response=PartyDetailOut,
    operation_id="grant_standing",
)
def grant_standing(request: HttpRequest, name: str, body: StandingIn) -> HttpResponse:
    """Move a party one standing up or down: new, member, trusted. For agencies."""
    by = caller_of(request).actor
    return answer(standing.grant_standing(name, body=body, by=by, now=now()))


@router.put(
    "/parties/{name}/group",
    **requires(Scope.PARTIES_WRITE),
    response=PartyDetailOut,
    operation_id="set_party_group",
)
def set_group(request: HttpRequest, name: str, body: GroupIn) -> HttpResponse:
    """Put a party into a group, whose parties count once. For agencies."""
    return answer(standing.set_group(name, body=body, by=caller_of(request).actor, now=now()))


@router.put(
    "/parties/{name}/digests",
    **requires(Scope.PARTIES_WRITE),
    response=PartyDetailOut,
    operation_id="grant_digests",
)
def grant_digests(request: HttpRequest, name: str, body: DigestsIn) -> HttpResponse:
    """Let a party speak alone for exact digests, or no longer. For agencies."""
    return answer(standing.grant_digests(name, body=body, by=caller_of(request).actor, now=now()))


@router.put(
    "/parties/{name}/mechanism",
    **requires(Scope.PARTIES_WRITE),
    response=PartyDetailOut,
    operation_id="set_mechanism",
)
def set_mechanism(request: HttpRequest, name: str, body: MechanismIn) -> HttpResponse:
    """Let a party note and end the activations of a crisis mechanism itself. For agencies."""
    return answer(standing.set_mechanism(name, body=body, by=caller_of(request).actor, now=now()))


@router.get(
    "/suspensions",
    **requires(Scope.PARTIES_WRITE),
    response=list[SuspensionOut],
    operation_id="list_suspensions",
)
def list_suspensions(request: HttpRequest) -> HttpResponse:
    """List proposals to suspend a party or to lift its suspension, latest first. For agencies."""
    return answer(_Suspensions(suspension_reads.proposals(viewer=caller_of(request).party)))


@router.post(
    "/parties/{name}/suspensions",
    **requires(Scope.PARTIES_WRITE),
    response={201: SuspensionOut},
    operation_id="propose_suspension",
)
def propose(request: HttpRequest, name: str, body: SuspensionIn) -> HttpResponse:
    """Propose to suspend a party, or to lift its suspension; another person confirms.

    After a proposal with a key, a person of another agency must confirm.
    """
    by = caller_of(request).actor
    return answer(suspensions.propose(name, body=body, by=by, now=now()), status=201)


@router.post(
    "/suspensions/{uid}/confirm",
    **requires(Scope.PARTIES_WRITE),
    response=SuspensionOut,
    operation_id="confirm_suspension",
)
def confirm(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Confirm what a person of another agency proposed. The party is suspended or back at once."""
    return answer(suspensions.confirm(uid, by=caller_of(request).actor, now=now()))


@router.post(
    "/suspensions/{uid}/decline",
    **requires(Scope.PARTIES_WRITE),
    response=SuspensionOut,
    operation_id="decline_suspension",
)
def decline(request: HttpRequest, uid: UUID, body: SuspensionReasonIn) -> HttpResponse:
    """Decline a proposal of another person."""
    return answer(suspensions.decline(uid, body=body, by=caller_of(request).actor, now=now()))


@router.post(
    "/suspensions/{uid}/withdraw",
    **requires(Scope.PARTIES_WRITE),
    response=SuspensionOut,
    operation_id="withdraw_suspension",
)
def withdraw(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Withdraw a proposal of your own party."""
    return answer(suspensions.withdraw(uid, by=caller_of(request).actor, now=now()))
