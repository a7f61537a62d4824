# SPDX-License-Identifier: Apache-2.0
"""Endpoints for what comes back to an order, and how it ends: answers, scrutiny, preservation."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router

from stemtide.hub.api.bodies import answer
from stemtide.hub.api.callers import caller_of, now
from stemtide.hub.api.machine import needs
from stemtide.hub.orders import (
    rules_scrutiny,
    writes_answers,
    writes_endings,
    writes_preserving,
)
from stemtide.hub.orders.rules import Side
from stemtide.protocol.orders import (
    AccessIn,
    OrderAnswerIn,
    OrderOut,
    PreserveIn,
    ScrutinyIn,
    SecrecyIn,
    WordsIn,
)
from stemtide.protocol.words import Scope

router = Router(tags=["orders"])


@router.post(
    "/orders/{uid}/acknowledge",
    **needs(Scope.ANSWERS_WRITE),
    response=OrderOut,
    operation_id="acknowledge_order",
)
def acknowledge(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Say that somebody of yours has the order. Its hour goes on."""
    return answer(writes_answers.acknowledge(uid, by=caller_of(request).actor, now=now()))


@router.post(
    "/orders/{uid}/execute",
    **needs(Scope.ANSWERS_WRITE),
    response=OrderOut,
    operation_id="execute_order",
)
def execute(request: HttpRequest, uid: UUID, body: OrderAnswerIn) -> HttpResponse:
    """Answer by Annex II: removed, or access disabled in all Member States, and when."""
    actor = caller_of(request).actor
    return answer(writes_answers.execute(uid, body=body, by=actor, now=now()))


@router.post(
    "/orders/{uid}/suspend",
    **needs(Scope.ANSWERS_WRITE),
    response=OrderOut,
    operation_id="suspend_order",
)
def suspend(request: HttpRequest, uid: UUID, body: OrderAnswerIn) -> HttpResponse:
    """Answer by Annex III: why the order cannot be executed. The clock stands still."""
    actor = caller_of(request).actor
    return answer(writes_answers.suspend(uid, body=body, by=actor, now=now()))


@router.post(
    "/orders/{uid}/resume",
    **needs(Scope.ANSWERS_WRITE),
    response=OrderOut,
    operation_id="resume_order",
)
def resume(request: HttpRequest, uid: UUID, body: WordsIn) -> HttpResponse:
    """Say, as the addressee, that the ground of Annex III is over. The hour starts anew."""
    actor = caller_of(request).actor
    side = Side.ADDRESSEE
    return answer(writes_answers.resume(uid, body=body, by=actor, now=now(), side=side))


@router.post(
    "/orders/{uid}/clarify",
    **needs(Scope.ORDERS_WRITE),
    response=OrderOut,
    operation_id="clarify_order",
)
def clarify(request: HttpRequest, uid: UUID, body: WordsIn) -> HttpResponse:
    """Clear up, as the issuer, what Annex III asked. The hour starts anew."""
    actor = caller_of(request).actor
    side = Side.ISSUER
    return answer(writes_answers.resume(uid, body=body, by=actor, now=now(), side=side))


@router.post(
    "/orders/{uid}/reinstate",
    **needs(Scope.ANSWERS_WRITE),
    response=OrderOut,
    operation_id="reinstate_content",
)
def reinstate(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Say that the content of an order that lost its effect is there again."""
    return answer(writes_answers.reinstate(uid, by=caller_of(request).actor, now=now()))


@router.post(
    "/orders/{uid}/withdraw",
    **needs(Scope.ORDERS_WRITE),
    response=OrderOut,
    operation_id="withdraw_order",
)
def withdraw(request: HttpRequest, uid: UUID, body: WordsIn) -> HttpResponse:
    """Take an order back. The signals that it names are withdrawn with it."""
    actor = caller_of(request).actor
    return answer(writes_endings.withdraw(uid, body=body, by=actor, now=now()))


@router.post(
    "/orders/{uid}/prolong",
    **needs(Scope.ORDERS_WRITE),
    response=OrderOut,
    operation_id="prolong_secrecy",
)
def prolong(request: HttpRequest, uid: UUID, body: SecrecyIn) -> HttpResponse:
    """Keep the order from its content provider for longer: at most twelve weeks in all."""
    actor = caller_of(request).actor
    return answer(writes_endings.prolong(uid, body=body, by=actor, now=now()))


@router.post(
    "/orders/{uid}/ask-scrutiny",
    **needs(Scope.ANSWERS_WRITE),
    response=OrderOut,
    operation_id="ask_scrutiny",
)
def ask_scrutiny(request: HttpRequest, uid: UUID, body: ScrutinyIn) -> HttpResponse:
    """Ask the authority of your Member State to examine an order, within 48 hours of receipt."""
    rules_scrutiny.check_door(body.basis, is_providers=True)
    actor = caller_of(request).actor
    return answer(writes_endings.open_scrutiny(uid, body=body, by=actor, now=now()))


@router.post(
    "/orders/{uid}/scrutiny",
    **needs(Scope.ORDERS_WRITE),
    response=OrderOut,
    operation_id="open_scrutiny",
)
def open_scrutiny(request: HttpRequest, uid: UUID, body: ScrutinyIn) -> HttpResponse:
    """Examine an order that you have a copy of, by yourself or for a content provider."""
    rules_scrutiny.check_door(body.basis, is_providers=False)
    actor = caller_of(request).actor
    return answer(writes_endings.open_scrutiny(uid, body=body, by=actor, now=now()))


@router.post(
    "/orders/{uid}/scrutiny/announce",
    **needs(Scope.ORDERS_WRITE),
    response=OrderOut,
    operation_id="announce_infringement",
)
def announce(request: HttpRequest, uid: UUID, body: WordsIn) -> HttpResponse:
    """Tell the issuer that you intend to find an infringement, and why."""
    return _decide(request, uid, step="announce", body=body)


@router.post(
    "/orders/{uid}/scrutiny/uphold",
    **needs(Scope.ORDERS_WRITE),
    response=OrderOut,
    operation_id="uphold_order",
)
def uphold(request: HttpRequest, uid: UUID, body: WordsIn) -> HttpResponse:
    """Find no infringement: the order stands."""
    return _decide(request, uid, step="uphold", body=body)


@router.post(
    "/orders/{uid}/scrutiny/infringe",
    **needs(Scope.ORDERS_WRITE),
    response=OrderOut,
    operation_id="find_infringement",
)
def infringe(request: HttpRequest, uid: UUID, body: WordsIn) -> HttpResponse:
    """Find an infringement: the order loses its effect, and what it removed is reinstated."""
    return _decide(request, uid, step="infringe", body=body)


def _decide(request: HttpRequest, uid: UUID, *, step: str, body: WordsIn) -> HttpResponse:
    """Take a step of scrutiny."""
    actor = caller_of(request).actor
    return answer(writes_endings.decide_scrutiny(uid, step=step, body=body, by=actor, now=now()))


@router.post(
    "/orders/{uid}/preservation",
    **needs(Scope.ORDERS_WRITE),
    response=OrderOut,
    operation_id="extend_preservation",
)
def extend(request: HttpRequest, uid: UUID, body: PreserveIn) -> HttpResponse:
    """Ask the provider to preserve longer what it removed, for review proceedings: Art. 6(2)."""
    actor = caller_of(request).actor
    return answer(writes_preserving.extend(uid, body=body, by=actor, now=now()))


@router.post(
    "/orders/{uid}/preservation/access",
    **needs(Scope.ANSWERS_WRITE),
    response=OrderOut,
    operation_id="note_access",
)
def note_access(request: HttpRequest, uid: UUID, body: AccessIn) -> HttpResponse:
    """Note that somebody had access to what you preserve."""
    actor = caller_of(request).actor
    return answer(writes_preserving.note_access(uid, body=body, by=actor, now=now()))


@router.post(
    "/orders/{uid}/preservation/destroyed",
    **needs(Scope.ANSWERS_WRITE),
    response=OrderOut,
    operation_id="note_destroyed",
)
def note_destroyed(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Note that you destroyed what you preserved, once its time was over."""
    return answer(writes_preserving.note_destroyed(uid, by=caller_of(request).actor, now=now()))
