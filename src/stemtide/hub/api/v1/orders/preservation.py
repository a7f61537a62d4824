# SPDX-License-Identifier: Apache-2.0
"""Endpoints for preservation of removed content, by Article 6 and by other laws."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer
from stemtide.hub.rooms.orders.writes import preservation as writes
from stemtide.protocol.enums import Scope
from stemtide.protocol.messages.orders import (
    AccessIn,
    LongerPreservationIn,
    OrderOut,
    PreservationIn,
    PreserveIn,
)

router = Router(tags=["preservation"])


@router.post(
    "/orders/{uid}/preservation",
    **requires(Scope.ORDERS_WRITE),
    response=OrderOut,
    operation_id="extend_preservation",
)
def extend(request: HttpRequest, uid: UUID, body: PreserveIn) -> HttpResponse:
    """Request longer preservation of removed content for review proceedings: Art. 6(2)."""
    actor = caller_of(request).actor
    return answer(writes.extend(uid, body=body, by=actor, now=now()))


@router.post(
    "/orders/{uid}/preservations",
    **requires(Scope.ORDERS_WRITE),
    response=OrderOut,
    operation_id="record_preservation",
)
def record_preservation(request: HttpRequest, uid: UUID, body: PreservationIn) -> HttpResponse:
    """Record, as an authority, an EPOC-PR or an order of national law that preserves content."""
    by = caller_of(request).actor
    return answer(writes.record(uid, body=body, by=by, now=now(), is_providers=False))


@router.post(
    "/orders/{uid}/preservations/{preservation}/extend",
    **requires(Scope.ORDERS_WRITE),
    response=OrderOut,
    operation_id="extend_recorded_preservation",
)
def extend_recorded(
    request: HttpRequest, uid: UUID, preservation: UUID, body: LongerPreservationIn
) -> HttpResponse:
    """Extend a preservation that you recorded as an authority, as its law allows."""
    by = caller_of(request).actor
    return answer(
        writes.extend_recorded(uid, preservation, body=body, by=by, now=now(), is_providers=False)
    )


@router.post(
    "/orders/{uid}/preservations/{preservation}/end",
    **requires(Scope.ORDERS_WRITE),
    response=OrderOut,
    operation_id="end_recorded_preservation",
)
def end_recorded(request: HttpRequest, uid: UUID, preservation: UUID) -> HttpResponse:
    """End a preservation that you recorded as an authority, once it is no longer necessary."""
    by = caller_of(request).actor
    return answer(writes.end(uid, preservation, by=by, now=now(), is_providers=False))


@router.post(
    "/orders/{uid}/report-preservation",
    **requires(Scope.ANSWERS_WRITE),
    response=OrderOut,
    operation_id="report_preservation",
)
def report_preservation(request: HttpRequest, uid: UUID, body: PreservationIn) -> HttpResponse:
    """Record, as the addressee, an EPOC-PR or an order of national law that you received."""
    by = caller_of(request).actor
    return answer(writes.record(uid, body=body, by=by, now=now(), is_providers=True))


@router.post(
    "/orders/{uid}/report-preservation/{preservation}/extend",
    **requires(Scope.ANSWERS_WRITE),
    response=OrderOut,
    operation_id="extend_reported_preservation",
)
def extend_reported(
    request: HttpRequest, uid: UUID, preservation: UUID, body: LongerPreservationIn
) -> HttpResponse:
    """Record, as the addressee, that an authority extended a preservation by another law."""
    by = caller_of(request).actor
    return answer(
        writes.extend_recorded(uid, preservation, body=body, by=by, now=now(), is_providers=True)
    )


@router.post(
    "/orders/{uid}/report-preservation/{preservation}/end",
    **requires(Scope.ANSWERS_WRITE),
    response=OrderOut,
    operation_id="end_reported_preservation",
)
def end_reported(request: HttpRequest, uid: UUID, preservation: UUID) -> HttpResponse:
    """Record, as the addressee, that an authority ended a preservation that you reported."""
    by = caller_of(request).actor
    return answer(writes.end(uid, preservation, by=by, now=now(), is_providers=True))


@router.post(
    "/orders/{uid}/preservation/access",
    **requires(Scope.ANSWERS_WRITE),
    response=OrderOut,
    operation_id="note_access",
)
def note_access(request: HttpRequest, uid: UUID, body: AccessIn) -> HttpResponse:
    """Record an access to preserved content."""
    actor = caller_of(request).actor
    return answer(writes.note_access(uid, body=body, by=actor, now=now()))


@router.post(
    "/orders/{uid}/preservation/destroyed",
    **requires(Scope.ANSWERS_WRITE),
    response=OrderOut,
    operation_id="note_destroyed",
)
def note_destroyed(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Record that preserved content was destroyed after its time."""
    return answer(writes.note_destroyed(uid, by=caller_of(request).actor, now=now()))
