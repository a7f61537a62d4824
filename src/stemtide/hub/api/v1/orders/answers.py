# SPDX-License-Identifier: Apache-2.0
"""Endpoints for responses to orders and their end: answers, scrutiny, appeals."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer
from stemtide.hub.rooms.orders.rules import scrutiny
from stemtide.hub.rooms.orders.rules.orders import Side
from stemtide.hub.rooms.orders.writes import (
    answers,
    endings,
    finality,
)
from stemtide.protocol.enums import Scope
from stemtide.protocol.messages.orders import (
    AppealDeadlineIn,
    AppealDecisionIn,
    AppealIn,
    OrderAnswerIn,
    OrderOut,
    OrderReasonIn,
    ScrutinyIn,
    SecrecyIn,
)

router = Router(tags=["orders"])


@router.post(
    "/orders/{uid}/acknowledge",
    **requires(Scope.ANSWERS_WRITE),
    response=OrderOut,
    operation_id="acknowledge_order",
)
def acknowledge(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Acknowledge an order. Its deadline of one hour keeps running."""
    return answer(answers.acknowledge(uid, by=caller_of(request).actor, now=now()))


@router.post(
    "/orders/{uid}/execute",
    **requires(Scope.ANSWERS_WRITE),
    response=OrderOut,
    operation_id="execute_order",
)
def execute(request: HttpRequest, uid: UUID, body: OrderAnswerIn) -> HttpResponse:
    """Report execution by Annex II: content removed, or access disabled in all Member States."""
    actor = caller_of(request).actor
    return answer(answers.execute(uid, body=body, by=actor, now=now()))


@router.post(
    "/orders/{uid}/suspend",
    **requires(Scope.ANSWERS_WRITE),
    response=OrderOut,
    operation_id="suspend_order",
)
def suspend(request: HttpRequest, uid: UUID, body: OrderAnswerIn) -> HttpResponse:
    """Report by Annex III why the order cannot be executed. The deadline is suspended."""
    actor = caller_of(request).actor
    return answer(answers.suspend(uid, body=body, by=actor, now=now()))


@router.post(
    "/orders/{uid}/resume",
    **requires(Scope.ANSWERS_WRITE),
    response=OrderOut,
    operation_id="resume_order",
)
def resume(request: HttpRequest, uid: UUID, body: OrderReasonIn) -> HttpResponse:
    """End the ground of Annex III, as the addressee. The deadline of one hour starts anew."""
    actor = caller_of(request).actor
    side = Side.ADDRESSEE
    return answer(answers.resume(uid, body=body, by=actor, now=now(), side=side))


@router.post(
    "/orders/{uid}/clarify",
    **requires(Scope.ORDERS_WRITE),
    response=OrderOut,
    operation_id="clarify_order",
)
def clarify(request: HttpRequest, uid: UUID, body: OrderReasonIn) -> HttpResponse:
    """Provide the clarification requested by Annex III, as the issuer. The deadline starts anew."""
    actor = caller_of(request).actor
    side = Side.ISSUER
    return answer(answers.resume(uid, body=body, by=actor, now=now(), side=side))


@router.post(
    "/orders/{uid}/reinstate",
    **requires(Scope.ANSWERS_WRITE),
    response=OrderOut,
    operation_id="reinstate_content",
)
def reinstate(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Report that content was reinstated after the order lost its effect."""
    return answer(answers.reinstate(uid, by=caller_of(request).actor, now=now()))


@router.post(
    "/orders/{uid}/withdraw",
    **requires(Scope.ORDERS_WRITE),
    response=OrderOut,
    operation_id="withdraw_order",
)
def withdraw(request: HttpRequest, uid: UUID, body: OrderReasonIn) -> HttpResponse:
    """Withdraw an order. The signals linked to it are withdrawn as well."""
    actor = caller_of(request).actor
    return answer(endings.withdraw(uid, body=body, by=actor, now=now()))


@router.post(
    "/orders/{uid}/prolong",
    **requires(Scope.ORDERS_WRITE),
    response=OrderOut,
    operation_id="prolong_secrecy",
)
def prolong(request: HttpRequest, uid: UUID, body: SecrecyIn) -> HttpResponse:
    """Extend the non-disclosure to the content provider, to at most twelve weeks in all."""
    actor = caller_of(request).actor
    return answer(endings.prolong(uid, body=body, by=actor, now=now()))


@router.post(
    "/orders/{uid}/ask-scrutiny",
    **requires(Scope.ANSWERS_WRITE),
    response=OrderOut,
    operation_id="ask_scrutiny",
)
def ask_scrutiny(request: HttpRequest, uid: UUID, body: ScrutinyIn) -> HttpResponse:
    """Request scrutiny by the authority of your Member State, within 48 hours of receipt."""
    scrutiny.check_door(body.basis, is_providers=True)
    actor = caller_of(request).actor
    return answer(endings.open_scrutiny(uid, body=body, by=actor, now=now()))


@router.post(
    "/orders/{uid}/scrutiny",
    **requires(Scope.ORDERS_WRITE),
    response=OrderOut,
    operation_id="open_scrutiny",
)
def open_scrutiny(request: HttpRequest, uid: UUID, body: ScrutinyIn) -> HttpResponse:
    """Open scrutiny of an order that you have a copy of, on your own or for a content provider."""
    scrutiny.check_door(body.basis, is_providers=False)
    actor = caller_of(request).actor
    return answer(endings.open_scrutiny(uid, body=body, by=actor, now=now()))


@router.post(
    "/orders/{uid}/scrutiny/announce",
    **requires(Scope.ORDERS_WRITE),
    response=OrderOut,
    operation_id="announce_infringement",
)
def announce(request: HttpRequest, uid: UUID, body: OrderReasonIn) -> HttpResponse:
    """Inform the issuer that you intend to find an infringement, with reasons."""
    return _decide(request, uid, step="announce", body=body)


@router.post(
    "/orders/{uid}/scrutiny/uphold",
    **requires(Scope.ORDERS_WRITE),
    response=OrderOut,
    operation_id="uphold_order",
)
def uphold(request: HttpRequest, uid: UUID, body: OrderReasonIn) -> HttpResponse:
    """Decide that there is no infringement: the order remains in effect."""
    return _decide(request, uid, step="uphold", body=body)


@router.post(
    "/orders/{uid}/scrutiny/infringe",
    **requires(Scope.ORDERS_WRITE),
    response=OrderOut,
    operation_id="find_infringement",
)
def infringe(request: HttpRequest, uid: UUID, body: OrderReasonIn) -> HttpResponse:
    """Decide that there is an infringement: the order loses its effect, content is reinstated."""
    return _decide(request, uid, step="infringe", body=body)


def _decide(request: HttpRequest, uid: UUID, *, step: str, body: OrderReasonIn) -> HttpResponse:
    """Take a step of scrutiny."""
    actor = caller_of(request).actor
    return answer(endings.decide_scrutiny(uid, step=step, body=body, by=actor, now=now()))


@router.post(
    "/orders/{uid}/appeals",
    **requires(Scope.ORDERS_WRITE),
    response=OrderOut,
    operation_id="record_appeal",
)
def record_appeal(request: HttpRequest, uid: UUID, body: AppealIn) -> HttpResponse:
    """Record an appeal against an order, as its issuer. It is not final until that is decided."""
    actor = caller_of(request).actor
    return answer(finality.record_appeal(uid, body=body, by=actor, now=now(), side=Side.ISSUER))


@router.post(
    "/orders/{uid}/report-appeal",
    **requires(Scope.ANSWERS_WRITE),
    response=OrderOut,
    operation_id="report_appeal",
)
def report_appeal(request: HttpRequest, uid: UUID, body: AppealIn) -> HttpResponse:
    """Record an appeal against an order, as its addressee: yours, or a content provider's."""
    actor = caller_of(request).actor
    return answer(finality.record_appeal(uid, body=body, by=actor, now=now(), side=Side.ADDRESSEE))


@router.post(
    "/orders/{uid}/appeals/{appeal}/decide",
    **requires(Scope.ORDERS_WRITE),
    response=OrderOut,
    operation_id="decide_appeal",
)
def decide_appeal(
    request: HttpRequest, uid: UUID, appeal: UUID, body: AppealDecisionIn
) -> HttpResponse:
    """Record the outcome of an appeal. An order that was overturned loses its effect."""
    actor = caller_of(request).actor
    return answer(finality.decide_appeal(uid, appeal, body=body, by=actor, now=now()))


@router.post(
    "/orders/{uid}/appeal-deadline",
    **requires(Scope.ORDERS_WRITE),
    response=OrderOut,
    operation_id="set_appeal_deadline",
)
def set_appeal_deadline(request: HttpRequest, uid: UUID, body: AppealDeadlineIn) -> HttpResponse:
    """Enter the last day for appeal, if Section G names no term or the law counts otherwise."""
    actor = caller_of(request).actor
    return answer(finality.set_appeal_deadline(uid, body=body, by=actor, now=now()))


@router.post(
    "/orders/{uid}/final",
    **requires(Scope.ORDERS_WRITE),
    response=OrderOut,
    operation_id="finalise_order",
)
def finalise(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Record that an order is final, and alert authorities of the provider's State: Art. 3(9)."""
    return answer(finality.finalise(uid, by=caller_of(request).actor, now=now()))
