# SPDX-License-Identifier: Apache-2.0
"""Endpoints for referrals: search, assessment, sending, responses. None of them is an order."""

from typing import Annotated
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.referrals.reads import referrals as reads, search as search_reads
from stemtide.hub.rooms.referrals.writes import answers, referrals as writes
from stemtide.protocol.enums import Scope
from stemtide.protocol.enums.referrals import ReceiptVia, ReferralState
from stemtide.protocol.messages.referrals import (
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

router = Router(tags=["referrals"])


class _ReferralFilters(Schema):
    """Filters of the list of referrals."""

    state: list[ReferralState] = []
    sender: str = ""
    provider: str = ""
    crisis: UUID | None = None
    batch: UUID | None = None
    reference: str = ""
    exercise: bool | None = None


@router.post(
    "/referrals/search",
    **requires(Scope.REFERRALS_WRITE),
    response=ReferralSearchOut,
    operation_id="search_before_sending",
)
def search(request: HttpRequest, body: SearchIn) -> HttpResponse:
    """Search before referring a URL: your own and others' referrals, similar content, holds."""
    return answer(search_reads.search(body, viewer=caller_of(request).party, now=now()))


@router.post(
    "/referrals",
    **requires(Scope.REFERRALS_WRITE),
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
    """Record assessed content. With send=1 it is referred at once, unless a hold applies."""
    by = caller_of(request).actor
    if not send:
        return answer(writes.assess(body, by=by, now=now()), status=201)
    options = SendIn(despite=despite)
    return answer(writes.refer(body, assessment=options, by=by, now=now()), status=201)


@router.get(
    "/referrals",
    **requires(Scope.REQUESTS_READ),
    response=ReferralPage,
    operation_id="list_referrals",
)
def read_all(
    request: HttpRequest,
    query: Annotated[_ReferralFilters, Query()],
    *,
    after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
    limit: Annotated[int, Query(ge=1, le=reads.MAX_PAGE)] = 100,
) -> HttpResponse:
    """List referrals that your party sent or received, oldest first.

    Reading them counts as receipt by their provider.
    """
    filters = reads.Filters(
        states=tuple(query.state),
        sender=query.sender,
        provider=query.provider,
        crisis=query.crisis,
        batch=query.batch,
        reference=query.reference,
        exercise=query.exercise,
    )
    by = caller_of(request).actor
    page = reads.referrals(viewer=by.party, filters=filters, after=after, limit=limit)
    if _record_receipt(page.referrals, by=by):
        page = reads.referrals(viewer=by.party, filters=filters, after=after, limit=limit)
    return answer(page)


@router.get(
    "/referrals/{uid}",
    **requires(Scope.REQUESTS_READ),
    response=ReferralOut,
    operation_id="read_referral",
)
def read(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Retrieve a referral. This counts as receipt by its provider."""
    by = caller_of(request).actor
    referral = reads.referral(uid, viewer=by.party)
    if _record_receipt([referral], by=by):
        referral = reads.referral(uid, viewer=by.party)
    return answer(referral)


@router.post(
    "/referrals/{uid}/send",
    **requires(Scope.REFERRALS_WRITE),
    response=ReferralOut,
    operation_id="send_referral",
)
def send(request: HttpRequest, uid: UUID, body: SendIn) -> HttpResponse:
    """Send an assessed referral. It waits while a hold applies, unless you override the hold."""
    return answer(writes.send(uid, body=body, by=caller_of(request).actor, now=now()))


@router.post(
    "/referrals/{uid}/drop",
    **requires(Scope.REFERRALS_WRITE),
    response=ReferralOut,
    operation_id="drop_referral",
)
def drop(request: HttpRequest, uid: UUID, body: DropIn) -> HttpResponse:
    """Decide not to refer assessed content."""
    return answer(writes.drop(uid, body=body, by=caller_of(request).actor, now=now()))


@router.post(
    "/referrals/{uid}/withdraw",
    **requires(Scope.REFERRALS_WRITE),
    response=ReferralOut,
    operation_id="withdraw_referral",
)
def withdraw(request: HttpRequest, uid: UUID, body: TakeBackIn) -> HttpResponse:
    """Withdraw a referral that was sent. Its provider is notified."""
    return answer(writes.take_back(uid, body=body, by=caller_of(request).actor, now=now()))


@router.post(
    "/referrals/{uid}/context",
    **requires(Scope.REFERRALS_WRITE),
    response=ReferralOut,
    operation_id="give_context",
)
def explain(request: HttpRequest, uid: UUID, body: ContextIn) -> HttpResponse:
    """Provide the context that the provider asked for. The referral is sent again with it."""
    return answer(writes.explain(uid, body=body, by=caller_of(request).actor, now=now()))


@router.post(
    "/referrals/{uid}/acknowledge",
    **requires(Scope.ANSWERS_WRITE),
    response=ReferralOut,
    operation_id="acknowledge_referral",
)
def acknowledge(request: HttpRequest, uid: UUID, body: AcknowledgeIn) -> HttpResponse:
    """Confirm that a person at your party has the referral."""
    by = caller_of(request).actor
    return answer(answers.acknowledge(uid, body=body, by=by, now=now()))


@router.post(
    "/referrals/{uid}/answer",
    **requires(Scope.ANSWERS_WRITE),
    response=ReferralOut,
    operation_id="answer_referral",
)
def give_answer(request: HttpRequest, uid: UUID, body: AnswerIn) -> HttpResponse:
    """Answer a referral with a measure, a refusal or a question. You are free to refuse."""
    by = caller_of(request).actor
    return answer(answers.answer(uid, body=body, by=by, now=now()))


@router.post(
    "/referrals/{uid}/reinstate",
    **requires(Scope.ANSWERS_WRITE),
    response=ReferralOut,
    operation_id="reinstate_referred",
)
def reinstate(request: HttpRequest, uid: UUID, body: ReinstateIn) -> HttpResponse:
    """Report that referred content was put back, as acting on it was wrong."""
    by = caller_of(request).actor
    return answer(answers.reinstate(uid, body=body, by=by, now=now()))


def _record_receipt(referrals: list[ReferralOut], *, by: Actor) -> bool:
    """Record receipt of referrals that their provider has read; return whether any was new."""
    fresh = [
        referral.id
        for referral in referrals
        if referral.provider == by.name and referral.received_at is None
    ]
    if not fresh:
        return False
    count = answers.record_receipts(fresh, provider=by.party, via=ReceiptVia.API, at=now(), by=by)
    return count > 0
