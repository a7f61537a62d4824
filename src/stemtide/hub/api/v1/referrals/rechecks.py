# SPDX-License-Identifier: Apache-2.0
"""Endpoints for re-checks: whether removed content is gone, and whether it came back."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import RootModel

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer
from stemtide.hub.rooms.rechecks import reads, writes
from stemtide.protocol.enums import Scope
from stemtide.protocol.enums.rechecks import Verdict
from stemtide.protocol.messages.rechecks import RecheckOut

router = Router(tags=["rechecks"])

_Rechecks = RootModel[list[RecheckOut]]


@router.get(
    "/rechecks",
    **requires(Scope.REQUESTS_READ),
    response=list[RecheckOut],
    operation_id="list_rechecks",
)
def read_all(
    request: HttpRequest,
    *,
    referral: UUID | None = None,
    order: UUID | None = None,
    verdict: Verdict | None = None,
    returned: bool | None = None,
) -> HttpResponse:
    """List re-checks of requests that your party sent or received, latest first; at most 200."""
    rechecks = reads.rechecks(
        viewer=caller_of(request).party,
        referral=referral,
        order=order,
        verdict=verdict,
        returned=returned,
    )
    return answer(_Rechecks(rechecks))


@router.get(
    "/rechecks/{uid}",
    **requires(Scope.REQUESTS_READ),
    response=RecheckOut,
    operation_id="read_recheck",
)
def read(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Retrieve a re-check with its visits."""
    return answer(reads.recheck(uid, viewer=caller_of(request).party))


@router.post(
    "/rechecks/{uid}/visit",
    **requires(Scope.REQUESTS_READ),
    response=RecheckOut,
    operation_id="ask_for_visit",
)
def visit(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Request an immediate visit to the URL. It does not change the request."""
    return answer(writes.ask(uid, by=caller_of(request).actor, now=now()))
