# SPDX-License-Identifier: Apache-2.0
"""Endpoints for progress: figures of referrals and, separately, of removal orders."""

from datetime import date
from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer
from stemtide.hub.rooms.reports.reads import orders as orders_reads, referrals as referrals_reads
from stemtide.protocol.enums import Scope
from stemtide.protocol.enums.progress import ProgressBy, ProgressOf
from stemtide.protocol.messages.progress import OrderProgress, ProgressQuery, ReferralProgress
from stemtide.protocol.places import TimeZone

router = Router(tags=["progress"])

First = Annotated[date, Query(alias="from", description="The first day.")]
Last = Annotated[date, Query(alias="to", description="The last day; it is in the period.")]
By = Annotated[ProgressBy | None, Query(description="What the rows are; none: no rows.")]
Of = Annotated[ProgressOf, Query(description="Your party's own, or everybody's of a quarter.")]
Zone = Annotated[TimeZone, Query(max_length=60, description="Where days begin: Europe/Brussels.")]


@router.get(
    "/progress/referrals",
    **requires(Scope.REQUESTS_READ),
    response=ReferralProgress,
    operation_id="read_referral_progress",
)
def referrals(
    request: HttpRequest,
    *,
    first: First,
    last: Last,
    by: By = None,
    of: Of = ProgressOf.OWN,
    zone: Zone = "UTC",
    exercise: bool = False,
) -> HttpResponse:
    """Retrieve figures of a period's referrals: counts, durations, reasons of refusals."""
    query = ProgressQuery(first=first, last=last, by=by, of=of, zone=zone, exercise=exercise)
    viewer = caller_of(request).party
    return answer(referrals_reads.referrals(query, viewer=viewer, now=now()))


@router.get(
    "/progress/orders",
    **requires(Scope.REQUESTS_READ),
    response=OrderProgress,
    operation_id="read_order_progress",
)
def orders(
    request: HttpRequest,
    *,
    first: First,
    last: Last,
    by: By = None,
    of: Of = ProgressOf.OWN,
    zone: Zone = "UTC",
    exercise: bool = False,
) -> HttpResponse:
    """Retrieve figures of a period's removal orders. Referrals never include them."""
    query = ProgressQuery(first=first, last=last, by=by, of=of, zone=zone, exercise=exercise)
    viewer = caller_of(request).party
    return answer(orders_reads.orders(query, viewer=viewer, now=now()))
