# SPDX-License-Identifier: Apache-2.0
"""Endpoints for holds: requests not to act on content yet."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import RootModel

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer
from stemtide.hub.rooms.referrals.reads import holds as reads
from stemtide.hub.rooms.referrals.writes import holds as writes
from stemtide.protocol.enums import Scope
from stemtide.protocol.messages.holds import ExtendIn, HoldIn, HoldOut

router = Router(tags=["holds"])

_Holds = RootModel[list[HoldOut]]


@router.post(
    "/holds", **requires(Scope.REFERRALS_WRITE), response={201: HoldOut}, operation_id="place_hold"
)
def place(request: HttpRequest, body: HoldIn) -> HttpResponse:
    """Place a hold on content until a given time. It delays referrals, but not removal orders."""
    return answer(writes.place(body, by=caller_of(request).actor, now=now()), status=201)


@router.get(
    "/holds", **requires(Scope.REQUESTS_READ), response=list[HoldOut], operation_id="list_holds"
)
def read_all(request: HttpRequest, *, open: bool | None = None) -> HttpResponse:  # noqa: A002  # the query's own word
    """List your party's holds, the next to end first. Agencies see the holds of all parties."""
    return answer(_Holds(reads.holds(viewer=caller_of(request).party, is_open=open)))


@router.get(
    "/holds/{uid}", **requires(Scope.REQUESTS_READ), response=HoldOut, operation_id="read_hold"
)
def read(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Retrieve a hold."""
    return answer(reads.hold(uid, viewer=caller_of(request).party))


@router.post(
    "/holds/{uid}/extend",
    **requires(Scope.REFERRALS_WRITE),
    response=HoldOut,
    operation_id="extend_hold",
)
def extend(request: HttpRequest, uid: UUID, body: ExtendIn) -> HttpResponse:
    """Extend a hold."""
    return answer(writes.extend(uid, body=body, by=caller_of(request).actor, now=now()))


@router.post(
    "/holds/{uid}/lift",
    **requires(Scope.REFERRALS_WRITE),
    response=HoldOut,
    operation_id="lift_hold",
)
def lift(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Lift a hold early. Senders of waiting referrals are notified."""
    return answer(writes.lift(uid, by=caller_of(request).actor, now=now()))
