# SPDX-License-Identifier: Apache-2.0
"""Endpoints for batches of referrals: open one by name, add rows in parts, read the results."""

from typing import Annotated
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router
from pydantic import RootModel

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer
from stemtide.hub.rooms.referrals.reads import batches as reads
from stemtide.hub.rooms.referrals.writes import batches as writes
from stemtide.protocol.enums import Scope
from stemtide.protocol.messages.batches import (
    BatchIn,
    BatchOut,
    CheckRowsIn,
    RowPage,
    RowsIn,
    RowsOut,
)

router = Router(tags=["batches"])

_Batches = RootModel[list[BatchOut]]


@router.post(
    "/batches", **requires(Scope.REFERRALS_WRITE), response=BatchOut, operation_id="open_batch"
)
def open_batch(request: HttpRequest, body: BatchIn) -> HttpResponse:
    """Create a batch, or return the existing batch of that name."""
    return answer(writes.open_batch(body, by=caller_of(request).actor, now=now()))


@router.post(
    "/batches/check", **requires(Scope.REFERRALS_WRITE), response=RowsOut, operation_id="check_rows"
)
def check(request: HttpRequest, body: CheckRowsIn) -> HttpResponse:
    """Check rows without sending: return the result that each would have. Nothing is stored."""
    viewer = caller_of(request).party
    return answer(reads.check_rows(body, viewer=viewer, role=None, now=now()))


@router.get(
    "/batches",
    **requires(Scope.REQUESTS_READ),
    response=list[BatchOut],
    operation_id="list_batches",
)
def read_all(request: HttpRequest) -> HttpResponse:
    """List your party's batches, latest first. Agencies see the batches of all parties."""
    return answer(_Batches(reads.batches(viewer=caller_of(request).party)))


@router.get(
    "/batches/{uid}", **requires(Scope.REQUESTS_READ), response=BatchOut, operation_id="read_batch"
)
def read(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Retrieve a batch, with the number of rows for each outcome."""
    return answer(reads.batch(uid, viewer=caller_of(request).party))


@router.post(
    "/batches/{uid}/rows",
    **requires(Scope.REFERRALS_WRITE),
    response=RowsOut,
    operation_id="add_rows",
)
def add_rows(request: HttpRequest, uid: UUID, body: RowsIn) -> HttpResponse:
    """Refer the URLs of up to 1,000 rows. Rows that exist already are returned, not sent again."""
    return answer(writes.add_rows(uid, body=body, by=caller_of(request).actor, now=now()))


@router.get(
    "/batches/{uid}/rows",
    **requires(Scope.REQUESTS_READ),
    response=RowPage,
    operation_id="read_rows",
)
def read_rows(
    request: HttpRequest,
    uid: UUID,
    *,
    after: Annotated[int, Query(ge=0, lt=2**31)] = 0,
    limit: Annotated[int, Query(ge=1, le=reads.MAX_PAGE)] = reads.MAX_PAGE,
) -> HttpResponse:
    """List the results of a batch's rows, by number."""
    viewer = caller_of(request).party
    return answer(reads.rows(uid, viewer=viewer, after=after, limit=limit))
