# SPDX-License-Identifier: Apache-2.0
"""Endpoints for referrals: search, assess, send, answer. None of them orders anything."""

from typing import Annotated
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema

from stemtide.hub.api.bodies import answer
from stemtide.hub.api.callers import caller_of, now
from stemtide.hub.api.machine import needs
from stemtide.hub.parties.reads import Actor
from stemtide.hub.referrals import reads, reads_search, writes, writes_answers
from stemtide.protocol.referrals import (
    AcknowledgeIn,
    AnswerIn,
    AssessIn,
    ContextIn,
    DropIn,
    ReferralOut,
    ReferralPage,
    ReferralSearchOut,
    ReinstateIn,
    SearchIn,
    SendIn,
    TakeBackIn,
)
from stemtide.protocol.words import Scope
from stemtide.protocol.words_referrals import ReceiptVia, ReferralState

router = Router(tags=["referrals"])


class _Wanted(Schema):
    """Which referrals are wanted."""

    state: list[ReferralState] = []
    sender: str = ""
    provider: str = ""
    crisis: UUID | None = None
    batch: UUID | None = None
    reference: str = ""
    exercise: bool | None = None


@router.post(
    "/referrals/search",
    **needs(Scope.REFERRALS_WRITE),
    response=ReferralSearchOut,
    operation_id="search_before_sending",
)
def search(request: HttpRequest, body: SearchIn) -> HttpResponse:
    """What speaks against referring an address now: your own, others', similar content, holds."""
    return answer(reads_search.search(body, viewer=caller_of(request).party, now=now()))


@router.post(
    "/referrals",
    **needs(Scope.REFERRALS_WRITE),
    response={201: ReferralOut},
    operation_id="refer",
)
def refer(
    request: HttpRequest,
    body: AssessIn,
    *,
    send: bool = False,
    despite: Annotated[str, Query(max_length=500)] = "",
) -> HttpResponse:
    """Record assessed content; with send=1 refer it at once, unless a hold stands on it."""
    by = caller_of(request).actor
    if not send:
        return answer(writes.assess(body, by=by, now=now()), status=201)
    how = SendIn(despite=despite)
    return answer(writes.refer(body, how=how, by=by, now=now()), status=201)


@router.get(
    "/referrals",
    **needs(Scope.REQUESTS_READ),
    response=ReferralPage,
    operation_id="list_referrals",
)
def read_all(
    request: HttpRequest,
    wanted: Annotated[_Wanted, Query()],
    *,
    after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
    limit: Annotated[int, Query(ge=1, le=reads.MAX_PAGE)] = 100,
) -> HttpResponse:
    """Referrals that your party made or got, oldest first. A provider's reading is its receipt."""
    filters = reads.Filters(
        states=tuple(wanted.state),
        sender=wanted.sender,
        provider=wanted.provider,
        crisis=wanted.crisis,
        batch=wanted.batch,
        reference=wanted.reference,
        exercise=wanted.exercise,
    )
    by = caller_of(request).actor
    page = reads.referrals(viewer=by.party, filters=filters, after=after, limit=limit)
    if _note_receipt(page.referrals, by=by):
        page = reads.referrals(viewer=by.party, filters=filters, after=after, limit=limit)
    return answer(page)


@router.get(
    "/referrals/{uid}",
    **needs(Scope.REQUESTS_READ),
    response=ReferralOut,
    operation_id="read_referral",
)
def read(request: HttpRequest, uid: UUID) -> HttpResponse:
    """One referral. A provider's reading is its receipt."""
    by = caller_of(request).actor
    found = reads.referral(uid, viewer=by.party)
    if _note_receipt([found], by=by):
        found = reads.referral(uid, viewer=by.party)
    return answer(found)


@router.post(
    "/referrals/{uid}/send",
    **needs(Scope.REFERRALS_WRITE),
    response=ReferralOut,
    operation_id="send_referral",
)
def send(request: HttpRequest, uid: UUID, body: SendIn) -> HttpResponse:
    """Send an assessed referral. It waits where a hold stands on it, unless you override that."""
    return answer(writes.send(uid, body=body, by=caller_of(request).actor, now=now()))


@router.post(
    "/referrals/{uid}/drop",
    **needs(Scope.REFERRALS_WRITE),
    response=ReferralOut,
    operation_id="drop_referral",
)
def drop(request: HttpRequest, uid: UUID, body: DropIn) -> HttpResponse:
    """Decide not to refer what was assessed."""
    return answer(writes.drop(uid, body=body, by=caller_of(request).actor, now=now()))


@router.post(
    "/referrals/{uid}/withdraw",
    **needs(Scope.REFERRALS_WRITE),
    response=ReferralOut,
    operation_id="withdraw_referral",
)
def withdraw(request: HttpRequest, uid: UUID, body: TakeBackIn) -> HttpResponse:
    """Withdraw a referral that was sent; its provider is told."""
    return answer(writes.take_back(uid, body=body, by=caller_of(request).actor, now=now()))


@router.post(
    "/referrals/{uid}/context",
    **needs(Scope.REFERRALS_WRITE),
    response=ReferralOut,
    operation_id="give_context",
)
def explain(request: HttpRequest, uid: UUID, body: ContextIn) -> HttpResponse:
    """Give the context that the provider asked for; the referral is sent again with it."""
    return answer(writes.explain(uid, body=body, by=caller_of(request).actor, now=now()))


@router.post(
    "/referrals/{uid}/acknowledge",
    **needs(Scope.ANSWERS_WRITE),
    response=ReferralOut,
    operation_id="acknowledge_referral",
)
def acknowledge(request: HttpRequest, uid: UUID, body: AcknowledgeIn) -> HttpResponse:
    """Say that a person at your party has the referral."""
    by = caller_of(request).actor
    return answer(writes_answers.acknowledge(uid, body=body, by=by, now=now()))


@router.post(
    "/referrals/{uid}/answer",
    **needs(Scope.ANSWERS_WRITE),
    response=ReferralOut,
    operation_id="answer_referral",
)
def give_answer(request: HttpRequest, uid: UUID, body: AnswerIn) -> HttpResponse:
    """Say what became of referred content, or ask for context. You are free to refuse."""
    by = caller_of(request).actor
    return answer(writes_answers.answer(uid, body=body, by=by, now=now()))


@router.post(
    "/referrals/{uid}/reinstate",
    **needs(Scope.ANSWERS_WRITE),
    response=ReferralOut,
    operation_id="reinstate_referred",
)
def reinstate(request: HttpRequest, uid: UUID, body: ReinstateIn) -> HttpResponse:
    """Say that the content is there again, as acting on it was wrong."""
    by = caller_of(request).actor
    return answer(writes_answers.reinstate(uid, body=body, by=by, now=now()))


def _note_receipt(found: list[ReferralOut], *, by: Actor) -> bool:
    """Note what reached its provider by being read with its key; whether anything was new."""
    fresh = [one.id for one in found if one.provider == by.name and one.received_at is None]
    if not fresh:
        return False
    count = writes_answers.record_receipts(
        fresh, provider=by.party, via=ReceiptVia.API, at=now(), by=by
    )
    return count > 0
