# SPDX-License-Identifier: Apache-2.0
"""Endpoints for orders that were made elsewhere: enter one, and answer for one of the other side.

source: decision 0151.
"""

from typing import Annotated
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils.http import content_disposition_header
from ninja import Query, Router

from stemtide.hub.api.app import PDF as PDF_ANSWER, requires
from stemtide.hub.api.auth import caller_of, check_scope, now
from stemtide.hub.api.bodies import answer, check_content_type
from stemtide.hub.api.problems import ProblemError
from stemtide.hub.api.v1.documents import PDF, PDF_BODY
from stemtide.hub.api.v1.orders.orders import record_arrival
from stemtide.hub.rooms.orders.reads import entries as reads, orders
from stemtide.hub.rooms.orders.writes import entries as writes
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.protocol.enums import PartyKind, Scope
from stemtide.protocol.messages.documents import MAX_DOCUMENT_BYTES
from stemtide.protocol.messages.orders import EnterIn, OrderDocumentOut, OrderOut, OrderReasonIn
from stemtide.protocol.problems import ProblemType

router = Router(tags=["orders"])

_ENTERS = (Scope.ORDERS_WRITE, Scope.ANSWERS_WRITE)


@router.post(
    "/order-documents",
    **requires(*_ENTERS, requestBody=PDF_BODY),
    response={201: OrderDocumentOut},
    operation_id="keep_order_document",
)
def keep_document(
    request: HttpRequest, *, name: Annotated[str, Query(max_length=200)] = ""
) -> HttpResponse:
    """Send the PDF of an order that was made elsewhere. Enter the order within a day."""
    check_content_type(request, PDF)
    if len(request.body) > MAX_DOCUMENT_BYTES:
        raise ProblemError(
            ProblemType.TOO_LARGE,
            f"the document is too large: send a PDF of at most {MAX_DOCUMENT_BYTES:,} bytes",
        )
    by, moment = _of_side(request), now()
    report = reads.verify(request.body, of=by.name, now=moment)
    document = writes.keep_document(request.body, name=name, report=report, by=by, now=moment)
    return answer(document, status=201)


@router.post(
    "/entered-orders",
    **requires(*_ENTERS),
    response={201: OrderOut},
    operation_id="enter_order",
)
def enter(request: HttpRequest, body: EnterIn) -> HttpResponse:
    """Enter an order that you received, or issued, elsewhere. Its hour began at its receipt."""
    return answer(writes.enter(body, by=_of_side(request), now=now()), status=201)


@router.post(
    "/orders/{uid}/confirm-entry",
    **requires(*_ENTERS),
    response=OrderOut,
    operation_id="confirm_order_entry",
)
def confirm(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Confirm an order that the other side entered by hand."""
    return answer(writes.confirm(uid, by=_of_side(request), now=now()))


@router.post(
    "/orders/{uid}/dispute-entry",
    **requires(*_ENTERS),
    response=OrderOut,
    operation_id="dispute_order_entry",
)
def dispute(request: HttpRequest, uid: UUID, body: OrderReasonIn) -> HttpResponse:
    """Report that an order that the other side entered is not right. Its issuer ends it so."""
    return answer(writes.dispute(uid, body=body, by=_of_side(request), now=now()))


@router.post(
    "/orders/{uid}/void-entry",
    **requires(*_ENTERS),
    response=OrderOut,
    operation_id="void_order_entry",
)
def void(request: HttpRequest, uid: UUID, body: OrderReasonIn) -> HttpResponse:
    """Take back an order that you entered by mistake, until the other side has confirmed it."""
    return answer(writes.void(uid, body=body, by=_of_side(request), now=now()))


@router.get(
    "/orders/{uid}/document",
    **requires(Scope.REQUESTS_READ, responses=PDF_ANSWER),
    operation_id="read_order_document",
)
def read_document(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Download the PDF of an order that was made elsewhere. This counts as receipt, too."""
    actor, moment = caller_of(request).actor, now()
    order = orders.order(uid, viewer=actor.party, now=moment)
    name, pdf = reads.content_of(orders.find(uid, viewer=actor.party))
    if order.issued_by != actor.name:
        record_arrival(order, request=request)
    response = HttpResponse(pdf, content_type=PDF)
    response.headers["Content-Disposition"] = content_disposition_header(
        as_attachment=True, filename=name or "order.pdf"
    )
    return response


def _of_side(request: HttpRequest) -> Actor:
    """Return the caller. Its key needs the scope of its side: a provider answers, others order.

    raises: ProblemError.
    """
    caller = caller_of(request)
    is_provider = caller.party.kind == PartyKind.PROVIDER
    check_scope(caller, Scope.ANSWERS_WRITE if is_provider else Scope.ORDERS_WRITE)
    return caller.actor
