# SPDX-License-Identifier: Apache-2.0
"""Endpoints for batches of referrals: opened by name, sent in parts, read row by row."""

from typing import Annotated
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router
from pydantic import RootModel

from stemtide.hub.api.bodies import answer
from stemtide.hub.api.callers import caller_of, now
from stemtide.hub.api.machine import needs
from stemtide.hub.referrals import reads_batches as reads, writes_batches as writes
from stemtide.protocol.batches import BatchIn, BatchOut, CheckRowsIn, RowPage, RowsIn, RowsOut
from stemtide.protocol.words import Scope

router = Router(tags=["batches"])

_Batches = RootModel[list[BatchOut]]


@router.post(
    "/batches", **needs(Scope.REFERRALS_WRITE), response=BatchOut, operation_id="open_batch"
)
def open_batch(request: HttpRequest, body: BatchIn) -> HttpResponse:
    """Open a batch, or find the one of that name."""
    return answer(writes.open_batch(body, by=caller_of(request).actor, now=now()))


@router.post(
    "/batches/check", **needs(Scope.REFERRALS_WRITE), response=RowsOut, operation_id="check_rows"
)
def check(request: HttpRequest, body: CheckRowsIn) -> HttpResponse:
    """A dry run: what would become of rows. Nothing is stored, and nobody learns of it."""
    viewer = caller_of(request).party
    return answer(reads.check_rows(body, viewer=viewer, role=None, now=now()))


@router.get(
    "/batches", **needs(Scope.REQUESTS_READ), response=list[BatchOut], operation_id="list_batches"
)
def read_all(request: HttpRequest) -> HttpResponse:
    """Your party's batches, the latest first; agencies see all of them."""
    return answer(_Batches(reads.batches(viewer=caller_of(request).party)))


@router.get(
    "/batches/{uid}", **needs(Scope.REQUESTS_READ), response=BatchOut, operation_id="read_batch"
)
def read(request: HttpRequest, uid: UUID) -> HttpResponse:
    """One batch, with how many rows met each outcome."""
    return answer(reads.batch(uid, viewer=caller_of(request).party))


@router.post(
    "/batches/{uid}/rows",
    **needs(Scope.REFERRALS_WRITE),
    response=RowsOut,
    operation_id="add_rows",
)
def add_rows(request: HttpRequest, uid: UUID, body: RowsIn) -> HttpResponse:
    """Refer the addresses of up to 1,000 rows. A row that is there already is told, not sent."""
    return answer(writes.add_rows(uid, body=body, by=caller_of(request).actor, now=now()))


@router.get(
    "/batches/{uid}/rows", **needs(Scope.REQUESTS_READ), response=RowPage, operation_id="read_rows"
)
def read_rows(
    request: HttpRequest,
    uid: UUID,
    *,
    after: Annotated[int, Query(ge=0, lt=2**31)] = 0,
    limit: Annotated[int, Query(ge=1, le=reads.MAX_PAGE)] = reads.MAX_PAGE,
) -> HttpResponse:
    """What became of each row, by number."""
    viewer = caller_of(request).party
    return answer(reads.rows(uid, viewer=viewer, after=after, limit=limit))
