# SPDX-License-Identifier: Apache-2.0
"""Endpoints for propagation: when signals reached agents, and how soon they matched."""

from datetime import date
from typing import Annotated
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router
from pydantic import RootModel

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of
from stemtide.hub.api.bodies import answer
from stemtide.hub.rooms.propagation import reads
from stemtide.protocol.enums import Scope
from stemtide.protocol.sync.propagation import (
    OtherOutcomesOut,
    PropagationDayOut,
    SignalPropagationOut,
)

router = Router(tags=["signals"])

_Days = RootModel[list[PropagationDayOut]]

First = Annotated[date, Query(alias="from", description="The first day (UTC).")]
Last = Annotated[date, Query(alias="to", description="The last day; it is in the period.")]


@router.get(
    "/signals/{uid}/propagation",
    **requires(Scope.FEED_READ),
    response=SignalPropagationOut,
    operation_id="read_signal_propagation",
)
def of_signal(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Retrieve when a signal was delivered, applied, matched, acted on, withdrawn and released.

    Agencies see each recipient, others their own agents; the sharer sees sums as well. When an
    agent had a signal is known for two weeks.
    """
    return answer(reads.signal_propagation(uid, viewer=caller_of(request).party))


@router.get(
    "/signals/{uid}/outcomes",
    **requires(Scope.FEED_READ),
    response=OtherOutcomesOut,
    operation_id="read_other_outcomes",
)
def outcomes_of_others(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Retrieve how many other parties blocked, held, logged and reversed content of a signal.

    Numbers of parties alone, and only from three on. Parties, uploads and users are not named.
    """
    return answer(reads.other_outcomes(uid, viewer=caller_of(request).party))


@router.get(
    "/propagation",
    **requires(Scope.FEED_READ),
    response=list[PropagationDayOut],
    operation_id="list_propagation",
)
def days(request: HttpRequest, *, first: First, last: Last, exercise: bool = False) -> HttpResponse:
    """List how long shares and withdrawals took to reach agents, by party and day, latest first.

    Agencies see all parties and their total, others themselves. At most 92 days at once.
    """
    viewer = caller_of(request).party
    return answer(_Days(reads.days(first, last, viewer=viewer, exercise=exercise)))
