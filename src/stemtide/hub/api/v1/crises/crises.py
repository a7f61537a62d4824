# SPDX-License-Identifier: Apache-2.0
"""Endpoints for crises: warning, triage, checklist, proposals, reviews, closing."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import RootModel

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer
from stemtide.hub.rooms.adoptions import writes as adoptions
from stemtide.hub.rooms.crises.reads import crises as reads, life
from stemtide.hub.rooms.crises.writes import crises as writes, moves
from stemtide.hub.rooms.signals.reads import times as times_reads
from stemtide.protocol.enums import Scope
from stemtide.protocol.messages.crises import (
    CheckIn,
    CloseIn,
    CountriesIn,
    CrisisClocks,
    CrisisLife,
    CrisisOut,
    KeepIn,
    MeasureIn,
    ProposalIn,
    ReasonIn,
    TriageIn,
    WarningIn,
)

router = Router(tags=["crises"])

_Crises = RootModel[list[CrisisOut]]


@router.post(
    "/crises",
    **requires(Scope.CRISES_WRITE),
    response={201: CrisisLife},
    operation_id="warn_of_crisis",
)
def warn(request: HttpRequest, body: WarningIn) -> HttpResponse:
    """Raise an early warning, and invite the parties that it is addressed to."""
    by = caller_of(request).actor
    return answer(writes.warn(body, by=by, now=now()), status=201)


@router.get(
    "/crises", **requires(Scope.FEED_READ), response=list[CrisisOut], operation_id="list_crises"
)
def read_all(request: HttpRequest) -> HttpResponse:
    """List the crises that your party may see, latest warning first."""
    return answer(_Crises(reads.crises(viewer=caller_of(request).party)))


@router.get(
    "/crises/{uid}", **requires(Scope.FEED_READ), response=CrisisLife, operation_id="read_crisis"
)
def read(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Retrieve a crisis with its full history. Parties outside it get its basic data only."""
    return answer(life.life(uid, viewer=caller_of(request).party))


@router.get(
    "/crises/{uid}/clocks",
    **requires(Scope.FEED_READ),
    response=CrisisClocks,
    operation_id="read_crisis_clocks",
)
def read_clocks(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Retrieve the times from which a crisis is counted, from signals that your party may see."""
    viewer = caller_of(request).party
    crisis = reads.crisis(uid, viewer=viewer)
    times = times_reads.crisis_times(uid, viewer=viewer)
    return answer(
        CrisisClocks(
            now=now(),
            happened_at=crisis.happened_at,
            first_sighting_at=times.first_sighting_at,
            warned_at=crisis.warned_at,
            activated_at=crisis.activated_at,
            first_signal_at=times.first_signal_at,
            last_variant_at=times.last_variant_at,
            closed_at=crisis.closed_at,
            tail_ends_at=crisis.tail_ends_at,
        )
    )


@router.post(
    "/crises/{uid}/triage",
    **requires(Scope.CRISES_WRITE),
    response=CrisisLife,
    operation_id="triage_crisis",
)
def triage(request: HttpRequest, uid: UUID, body: TriageIn) -> HttpResponse:
    """Rate a warning by harm and virality. The matrix determines the outcome."""
    return answer(writes.triage(uid, body=body, by=caller_of(request).actor, now=now()))


@router.put(
    "/crises/{uid}/checks/{test}",
    **requires(Scope.CRISES_WRITE),
    response=CrisisLife,
    operation_id="answer_check",
)
def check(request: HttpRequest, uid: UUID, test: str, body: CheckIn) -> HttpResponse:
    """Answer a question of the activation checklist."""
    by = caller_of(request).actor
    return answer(writes.answer(uid, test=test, body=body, by=by, now=now()))


@router.post(
    "/crises/{uid}/measures",
    **requires(Scope.CRISES_WRITE),
    response=CrisisLife,
    operation_id="consider_measure",
)
def consider(request: HttpRequest, uid: UUID, body: MeasureIn) -> HttpResponse:
    """Record a national measure that was considered, and why it does not suffice."""
    return answer(writes.consider(uid, body=body, by=caller_of(request).actor, now=now()))


@router.post(
    "/crises/{uid}/countries",
    **requires(Scope.CRISES_WRITE),
    response=CrisisLife,
    operation_id="widen_crisis",
)
def widen(request: HttpRequest, uid: UUID, body: CountriesIn) -> HttpResponse:
    """Add countries that the crisis concerns. Their authorities are alerted."""
    return answer(writes.widen(uid, body=body, by=caller_of(request).actor, now=now()))


@router.post(
    "/crises/{uid}/proposals",
    **requires(Scope.CRISES_WRITE),
    response=CrisisLife,
    operation_id="propose_move",
)
def propose(request: HttpRequest, uid: UUID, body: ProposalIn) -> HttpResponse:
    """Propose activation or closure. Proposals by API key are confirmed by another party."""
    return answer(adoptions.propose(uid, body=body, by=caller_of(request).actor, now=now()))


@router.post(
    "/crises/{uid}/proposals/{proposal}/confirm",
    **requires(Scope.CRISES_WRITE),
    response=CrisisLife,
    operation_id="confirm_proposal",
)
def confirm(request: HttpRequest, uid: UUID, proposal: UUID) -> HttpResponse:
    """Confirm another party's proposal, which moves the crisis to its new stage."""
    return answer(moves.confirm(uid, proposal, by=caller_of(request).actor, now=now()))


@router.post(
    "/crises/{uid}/proposals/{proposal}/decline",
    **requires(Scope.CRISES_WRITE),
    response=CrisisLife,
    operation_id="decline_proposal",
)
def refuse(request: HttpRequest, uid: UUID, proposal: UUID, body: ReasonIn) -> HttpResponse:
    """Decline another party's proposal, with a reason."""
    by = caller_of(request).actor
    return answer(moves.refuse(uid, proposal, body=body, by=by, now=now()))


@router.post(
    "/crises/{uid}/proposals/{proposal}/withdraw",
    **requires(Scope.CRISES_WRITE),
    response=CrisisLife,
    operation_id="withdraw_proposal",
)
def withdraw(request: HttpRequest, uid: UUID, proposal: UUID) -> HttpResponse:
    """Withdraw a proposal of your party."""
    return answer(moves.withdraw(uid, proposal, by=caller_of(request).actor, now=now()))


@router.post(
    "/crises/{uid}/deescalate",
    **requires(Scope.CRISES_WRITE),
    response=CrisisLife,
    operation_id="deescalate_crisis",
)
def deescalate(request: HttpRequest, uid: UUID, body: ReasonIn) -> HttpResponse:
    """De-escalate a live crisis."""
    return answer(moves.deescalate(uid, body=body, by=caller_of(request).actor, now=now()))


@router.post(
    "/crises/{uid}/resume",
    **requires(Scope.CRISES_WRITE),
    response=CrisisLife,
    operation_id="resume_crisis",
)
def resume(request: HttpRequest, uid: UUID, body: ReasonIn) -> HttpResponse:
    """Make a crisis live again after de-escalation."""
    return answer(moves.resume(uid, body=body, by=caller_of(request).actor, now=now()))


@router.post(
    "/crises/{uid}/review",
    **requires(Scope.CRISES_WRITE),
    response=CrisisLife,
    operation_id="review_crisis",
)
def keep(request: HttpRequest, uid: UUID, body: KeepIn) -> HttpResponse:
    """Review a live crisis and keep it live until the next review."""
    return answer(moves.keep(uid, body=body, by=caller_of(request).actor, now=now()))


@router.post(
    "/crises/{uid}/close",
    **requires(Scope.CRISES_WRITE),
    response=CrisisLife,
    operation_id="close_crisis",
)
def close(request: HttpRequest, uid: UUID, body: CloseIn) -> HttpResponse:
    """Close a warning that was never activated. Activated crises are closed by a proposal."""
    return answer(adoptions.close(uid, body=body, by=caller_of(request).actor, now=now()))
