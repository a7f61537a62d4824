# SPDX-License-Identifier: Apache-2.0
"""Endpoints for retention: what a party keeps, until when, and what stops its erasure."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer
from stemtide.hub.rooms.retention.reads import shown
from stemtide.hub.rooms.retention.writes import holds as writes
from stemtide.protocol.enums import Scope
from stemtide.protocol.law.retention import RowClass
from stemtide.protocol.law.retention.messages import (
    KeptRowOut,
    LegalHoldIn,
    RetentionChangeIn,
    RetentionOverview,
)

router = Router(tags=["retention"])


@router.get(
    "/retention",
    **requires(Scope.RETENTION_MANAGE),
    response=RetentionOverview,
    operation_id="read_retention",
)
def overview(
    request: HttpRequest, *, row_class: RowClass | None = None, stopped: bool = False
) -> HttpResponse:
    """Return what your party keeps, and until when. `stopped`: only what something stops."""
    viewer = caller_of(request).party
    overview_out = shown.overview(viewer=viewer, now=now(), row_class=row_class, is_stopped=stopped)
    return answer(overview_out)


@router.get(
    "/retention/{row_class}/{uid}",
    **requires(Scope.RETENTION_MANAGE),
    response=KeptRowOut,
    operation_id="read_kept_row",
)
def read(request: HttpRequest, row_class: RowClass, uid: UUID) -> HttpResponse:
    """Return why your party keeps a row, until when, and what stops its erasure."""
    viewer = caller_of(request).party
    return answer(shown.kept_row(row_class, uid, viewer=viewer, now=now()))


@router.post(
    "/retention/{row_class}/{uid}",
    **requires(Scope.RETENTION_MANAGE),
    response=KeptRowOut,
    operation_id="change_retention",
)
def change(
    request: HttpRequest, row_class: RowClass, uid: UUID, body: RetentionChangeIn
) -> HttpResponse:
    """Keep your party's row until a later date, on another basis or for another purpose."""
    by = caller_of(request).actor
    return answer(writes.change(row_class, uid, body=body, by=by, now=now()))


@router.post(
    "/retention/{row_class}/{uid}/hold",
    **requires(Scope.RETENTION_MANAGE),
    response=KeptRowOut,
    operation_id="hold_row",
)
def hold(request: HttpRequest, row_class: RowClass, uid: UUID, body: LegalHoldIn) -> HttpResponse:
    """Stop the erasure of a row."""
    by = caller_of(request).actor
    return answer(writes.hold(row_class, uid, body=body, by=by, now=now()))
