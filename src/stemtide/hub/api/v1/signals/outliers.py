# SPDX-License-Identifier: Apache-2.0
"""Endpoints for outliers: reported uploads that do not count until somebody decides."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import RootModel

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer
from stemtide.hub.rooms.signals.reads import outliers
from stemtide.hub.rooms.signals.writes import outliers as outliers_writes
from stemtide.protocol.enums import Scope
from stemtide.protocol.sync.agents import OutlierDecisionIn, OutlierOut

router = Router(tags=["agents"])

_Outliers = RootModel[list[OutlierOut]]


@router.get(
    "/outliers",
    **requires(Scope.FEED_READ),
    response=list[OutlierOut],
    operation_id="list_outliers",
)
def read_all(
    request: HttpRequest, *, signal: UUID | None = None, is_open: bool = False
) -> HttpResponse:
    """List reported uploads that exceed the agent's look-ups, undecided ones first; at most 200."""
    viewer = caller_of(request).party
    return answer(_Outliers(outliers.outliers(viewer=viewer, signal=signal, is_open=is_open)))


@router.put(
    "/outliers/{uid}/decision",
    **requires(Scope.FEEDBACK_WRITE),
    response=OutlierOut,
    operation_id="decide_outlier",
)
def decide(request: HttpRequest, uid: UUID, body: OutlierDecisionIn) -> HttpResponse:
    """Count these uploads, or leave them out. Deciding again replaces the decision."""
    caller = caller_of(request)
    return answer(
        outliers_writes.decide_outlier(
            uid, body=body, by=caller.party, now=now(), actor_ref=caller.ref
        )
    )
