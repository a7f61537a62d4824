# SPDX-License-Identifier: Apache-2.0
"""Endpoints for disputes: an agency sets one or many aside, and the disputing party answers."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import RootModel

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer as respond
from stemtide.hub.rooms.signals.reads import dismissals as reads
from stemtide.hub.rooms.signals.writes import dismissals, disputes
from stemtide.protocol.enums import Scope
from stemtide.protocol.messages.signals import DisputeAnswerIn, SetAsideIn, SignalOut
from stemtide.protocol.trust.disputes import (
    DismissalAnswerIn,
    DismissalOut,
    DismissIn,
    OpenDisputesOut,
)

router = Router(tags=["signals"])

_Dismissals = RootModel[list[DismissalOut]]


@router.post(
    "/signals/{uid}/disputes/{party}/set-aside",
    **requires(Scope.SIGNALS_WRITE),
    response=SignalOut,
    operation_id="set_dispute_aside",
)
def set_aside(request: HttpRequest, uid: UUID, party: str, body: SetAsideIn) -> HttpResponse:
    """Decide, as an agency, that a party's dispute does not count elsewhere.

    The party's own agents still obey it. The party is notified, and may answer once.
    """
    by = caller_of(request).actor
    return respond(disputes.set_aside(uid, party, body=body, by=by, now=now()))


@router.post(
    "/signals/{uid}/disputes/{party}/restore",
    **requires(Scope.SIGNALS_WRITE),
    response=SignalOut,
    operation_id="restore_dispute",
)
def restore(request: HttpRequest, uid: UUID, party: str) -> HttpResponse:
    """Let a dispute that an agency set aside count again."""
    by = caller_of(request).actor
    return respond(disputes.restore(uid, party, by=by, now=now()))


@router.post(
    "/signals/{uid}/dispute/answer",
    **requires(Scope.FEEDBACK_WRITE),
    response=SignalOut,
    operation_id="answer_set_aside",
)
def answer(request: HttpRequest, uid: UUID, body: DisputeAnswerIn) -> HttpResponse:
    """Answer the agency that set your party's dispute aside. You can answer once."""
    by = caller_of(request).actor
    return respond(disputes.answer(uid, body=body, by=by, now=now()))


@router.get(
    "/parties/{name}/disputes",
    **requires(Scope.FEED_READ),
    response=OpenDisputesOut,
    operation_id="count_disputes",
)
def count(request: HttpRequest, name: str) -> HttpResponse:
    """Count the open disputes of a party and of its group, for agencies and the party itself.

    Counted are disputes of live, real signals that you may see, without those that were set aside.
    """
    return respond(reads.counted_disputes(name, viewer=caller_of(request).party))


@router.post(
    "/parties/{name}/disputes/set-aside",
    **requires(Scope.SIGNALS_WRITE),
    response={201: DismissalOut},
    operation_id="set_disputes_aside",
)
def dismiss(request: HttpRequest, name: str, body: DismissIn) -> HttpResponse:
    """Decide, as an agency, that all open disputes of a party and its group do not count elsewhere.

    Send the count that you were shown. Each party is notified once, and may answer once.
    """
    by = caller_of(request).actor
    return respond(dismissals.dismiss(name, body=body, by=by, now=now()), status=201)


@router.get(
    "/dismissals",
    **requires(Scope.FEED_READ),
    response=list[DismissalOut],
    operation_id="list_dismissals",
)
def list_dismissals(request: HttpRequest, party: str | None = None) -> HttpResponse:
    """List decisions that set many disputes aside, latest first: agencies all, others their own."""
    viewer = caller_of(request).party
    return respond(_Dismissals(reads.dismissals(viewer=viewer, party=party)))


@router.post(
    "/dismissals/{uid}/restore",
    **requires(Scope.SIGNALS_WRITE),
    response=DismissalOut,
    operation_id="restore_disputes",
)
def restore_many(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Take such a decision back, as an agency. The disputes count again."""
    return respond(dismissals.restore(uid, by=caller_of(request).actor, now=now()))


@router.post(
    "/dismissals/{uid}/answer",
    **requires(Scope.FEEDBACK_WRITE),
    response=DismissalOut,
    operation_id="answer_dismissal",
)
def answer_many(request: HttpRequest, uid: UUID, body: DismissalAnswerIn) -> HttpResponse:
    """Answer the agency that set your party's disputes aside, once for all of them."""
    by = caller_of(request).actor
    return respond(dismissals.answer(uid, body=body, by=by, now=now()))
