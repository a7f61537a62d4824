# SPDX-License-Identifier: Apache-2.0
"""Endpoints for disputes: an agency sets one aside, and the disputing party answers."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer as respond
from stemtide.hub.rooms.signals.writes import disputes
from stemtide.protocol.enums import Scope
from stemtide.protocol.messages.signals import DisputeAnswerIn, SetAsideIn, SignalOut

router = Router(tags=["signals"])


@router.post(
    "/signals/{uid}/disputes/{party}/set-aside",
    **requires(Scope.SIGNALS_WRITE),
    response=SignalOut,
    operation_id="set_dispute_aside",
)
def set_aside(request: HttpRequest, uid: UUID, party: str, body: SetAsideIn) -> HttpResponse:
    """Decide, as an agency, that a party's dispute does not count elsewhere.

    The party's own agents still obey it. The party is told, and may answer once.
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
