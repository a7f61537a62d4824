# SPDX-License-Identifier: Apache-2.0
"""Endpoints for removal orders up to issuing: information, drafts, lint, issuing, reading.

An addressee that fetches an order has received it, as has an authority its copy: fetching one is
recorded. A list has no content and is no receipt.
"""

from typing import Annotated
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router
from pydantic import RootModel

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer
from stemtide.hub.rooms.orders.reads import (
    authenticity,
    decisions as decisions_reads,
    doubts as doubts_reads,
    drafts,
    finality,
    orders as reads,
)
from stemtide.hub.rooms.orders.rules.orders import Side
from stemtide.hub.rooms.orders.writes import answers, issue as issue_writes, orders as writes
from stemtide.hub.rooms.retention.reads.rows import held_ids
from stemtide.protocol.enums import Scope
from stemtide.protocol.enums.orders import OrderState
from stemtide.protocol.enums.referrals import ReceiptVia
from stemtide.protocol.law.retention import RowClass
from stemtide.protocol.messages.documents import OrderAuthenticity
from stemtide.protocol.messages.orders import (
    AgencyCopyOut,
    DraftIn,
    EntryOut,
    FinalOrdersOut,
    FormOut,
    InformationOut,
    InformIn,
    LintFinding,
    OrderHead,
    OrderIn,
    OrderOut,
    OrdersInEffectOut,
    ScrutinyDecisionOut,
)

router = Router(tags=["orders"])

_Heads = RootModel[list[OrderHead]]
_Findings = RootModel[list[LintFinding]]
_Entries = RootModel[list[EntryOut]]
_AgencyCopies = RootModel[list[AgencyCopyOut]]
_Decisions = RootModel[list[ScrutinyDecisionOut]]
_FinalOrders = RootModel[list[FinalOrdersOut]]
_Informations = RootModel[list[InformationOut]]


@router.post(
    "/order-information",
    **requires(Scope.ORDERS_WRITE),
    response={201: InformationOut},
    operation_id="inform_provider",
)
def inform(request: HttpRequest, body: InformIn) -> HttpResponse:
    """Inform a provider of procedures and deadlines, twelve hours before your first order to it."""
    information = writes.inform(body, by=caller_of(request).actor, now=now())
    return answer(information, status=201)


@router.get(
    "/order-information",
    **requires(Scope.REQUESTS_READ),
    response=list[InformationOut],
    operation_id="list_order_information",
)
def read_information(request: HttpRequest) -> HttpResponse:
    """List information on procedures and deadlines that your party sent or received."""
    return answer(_Informations(reads.informations(viewer=caller_of(request).party)))


@router.get(
    "/order-standing",
    **requires(Scope.REQUESTS_READ),
    response=OrdersInEffectOut,
    operation_id="read_order_standing",
)
def standing(
    request: HttpRequest,
    *,
    url: Annotated[str, Query(min_length=1, max_length=4096)],
    exercise: bool = False,
) -> HttpResponse:
    """Retrieve who has an order in effect for a URL, for authorities and agencies."""
    viewer = caller_of(request).party
    return answer(drafts.standing(url, viewer=viewer, exercise=exercise))


@router.get(
    "/order-copies",
    **requires(Scope.REQUESTS_READ),
    response=list[AgencyCopyOut],
    operation_id="list_order_copies",
)
def agency_copies(
    request: HttpRequest,
    *,
    limit: Annotated[int, Query(ge=1, le=doubts_reads.MAX_LIST)] = 100,
) -> HttpResponse:
    """List copies of orders that authorities sent to your agency, latest first: Art. 14(6)."""
    viewer = caller_of(request).party
    return answer(_AgencyCopies(doubts_reads.agency_copies(viewer=viewer, limit=limit)))


@router.get(
    "/scrutiny-decisions",
    **requires(Scope.REQUESTS_READ),
    response=list[ScrutinyDecisionOut],
    operation_id="list_scrutiny_decisions",
)
def decisions(
    request: HttpRequest,
    *,
    limit: Annotated[int, Query(ge=1, le=decisions_reads.MAX_LIST)] = 100,
) -> HttpResponse:
    """List decisions of scrutiny that were sent to your agency, latest first: Art. 4(6)."""
    viewer = caller_of(request).party
    return answer(_Decisions(decisions_reads.decisions(viewer=viewer, limit=limit)))


@router.get(
    "/final-orders",
    **requires(Scope.REQUESTS_READ),
    response=list[FinalOrdersOut],
    operation_id="list_final_orders",
)
def final_orders(request: HttpRequest) -> HttpResponse:
    """List final orders by provider: of your State's providers, if you oversee them, or yours."""
    viewer = caller_of(request).party
    return answer(_FinalOrders(finality.final_orders(viewer=viewer, now=now())))


@router.post(
    "/orders", **requires(Scope.ORDERS_WRITE), response={201: OrderOut}, operation_id="draft_order"
)
def draft(request: HttpRequest, body: OrderIn) -> HttpResponse:
    """Create a draft of a removal order. Nobody else sees it until it is issued."""
    order = writes.draft(body, by=caller_of(request).actor, now=now())
    return answer(order, status=201)


@router.get(
    "/orders",
    **requires(Scope.REQUESTS_READ),
    response=list[OrderHead],
    operation_id="list_orders",
)
def read_all(
    request: HttpRequest,
    *,
    side: Side | None = None,
    state: OrderState | None = None,
    open: bool | None = None,  # noqa: A002  # the query's own word
    limit: Annotated[int, Query(ge=1, le=reads.MAX_LIST)] = 100,
) -> HttpResponse:
    """List orders that your party issued, received or has a copy of; open ones first."""
    viewer = caller_of(request).party
    return answer(
        _Heads(reads.orders(viewer=viewer, side=side, state=state, is_open=open, limit=limit))
    )


@router.get(
    "/orders/{uid}", **requires(Scope.REQUESTS_READ), response=OrderOut, operation_id="read_order"
)
def read(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Retrieve an order. This counts as receipt by its addressee, or of an authority's copy."""
    actor, moment = caller_of(request).actor, now()
    order = reads.order(uid, viewer=actor.party, now=moment)
    if order.issued_at is not None and order.issued_by != actor.name:
        record_arrival(order, request=request)
        order = reads.order(uid, viewer=actor.party, now=moment)
    return answer(order)


@router.get(
    "/orders/{uid}/authenticity",
    **requires(Scope.REQUESTS_READ),
    response=OrderAuthenticity,
    operation_id="read_order_authenticity",
)
def read_authenticity(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Check in one step that an order is authentic: its issuer, and who seals it. No receipt."""
    viewer = caller_of(request).party
    return answer(authenticity.authenticity(uid, viewer=viewer, now=now()))


def record_arrival(order: OrderOut, *, request: HttpRequest) -> None:
    """Record once that an addressee, or an authority with a copy, fetched an order."""
    actor, moment = caller_of(request).actor, now()
    if order.addressee == actor.name:
        if all(receipt.via is not ReceiptVia.API for receipt in order.receipts):
            via = ReceiptVia.API
            answers.record_receipt(order.id, via=via, at=moment, now=moment, by=actor)
    elif any(copy.to == actor.name and copy.received_at is None for copy in order.copies):
        answers.receive_copy(order.id, by=actor, now=moment)


@router.patch(
    "/orders/{uid}", **requires(Scope.ORDERS_WRITE), response=OrderOut, operation_id="change_order"
)
def change(request: HttpRequest, uid: UUID, body: DraftIn) -> HttpResponse:
    """Change a draft, field by field."""
    return answer(writes.change(uid, body=body, by=caller_of(request).actor, now=now()))


@router.get(
    "/orders/{uid}/lint",
    **requires(Scope.ORDERS_WRITE),
    response=list[LintFinding],
    operation_id="lint_order",
)
def lint(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Check a draft: missing and contradictory fields; errors first, then warnings."""
    viewer = caller_of(request).party
    return answer(_Findings(drafts.lint(uid, viewer=viewer, now=now())))


@router.post(
    "/orders/{uid}/issue",
    **requires(Scope.ORDERS_WRITE),
    response=OrderOut,
    operation_id="issue_order",
)
def issue(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Issue a draft: it gets its reference, is sent, and cannot be changed any more."""
    return answer(issue_writes.issue(uid, by=caller_of(request).actor, now=now()))


@router.post(
    "/orders/{uid}/confirm",
    **requires(Scope.ORDERS_WRITE),
    response={204: None},
    operation_id="confirm_order",
)
def confirm(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Confirm an order as the second person whom a bot plays in an exercise; refused to others."""
    issue_writes.confirm(uid, by=caller_of(request).second_person, now=now())
    return HttpResponse(status=204)


@router.post(
    "/orders/{uid}/discard",
    **requires(Scope.ORDERS_WRITE),
    response=OrderOut,
    operation_id="discard_order",
)
def discard(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Discard a draft."""
    at = now()
    on_hold = held_ids(RowClass.ORDER, now=at)
    return answer(writes.discard(uid, by=caller_of(request).actor, now=at, on_hold=on_hold))


@router.get(
    "/orders/{uid}/annex-1",
    **requires(Scope.REQUESTS_READ),
    response=FormOut,
    operation_id="read_annex_1",
)
def read_annex_1(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Retrieve Annex I of an order as data, with the hub's fields. This counts as receipt, too."""
    actor, moment = caller_of(request).actor, now()
    order = reads.order(uid, viewer=actor.party, now=moment)
    if order.issued_at is not None and order.issued_by != actor.name:
        record_arrival(order, request=request)
    annex = FormOut(
        form="tco-annex-1", values=order.annex, exercise=order.exercise, entry=order.entry
    )
    return answer(annex)


@router.get(
    "/orders/{uid}/history",
    **requires(Scope.REQUESTS_READ),
    response=list[EntryOut],
    operation_id="read_order_history",
)
def history(request: HttpRequest, uid: UUID) -> HttpResponse:
    """List the ledger entries of an order, oldest first."""
    rows = reads.history(uid, viewer=caller_of(request).party)
    entries = [
        EntryOut(
            number=row.number,
            kind=row.kind,
            actor=row.actor,
            detail=row.detail,
            recorded_at=row.recorded_at,
        )
        for row in rows
    ]
    return answer(_Entries(entries))
