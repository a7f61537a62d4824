# SPDX-License-Identifier: Apache-2.0
"""Endpoints for signals that match far more uploads than is plausible."""

from typing import Annotated
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Path, Router
from pydantic import RootModel

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer
from stemtide.hub.rooms.signals.reads import runaways as reads
from stemtide.hub.rooms.signals.writes import runaways as writes
from stemtide.protocol.enums import Scope
from stemtide.protocol.sync.agents import AGENT_NAME
from stemtide.protocol.sync.runaways import RunawayDecisionIn, RunawayOut, RunawayReportIn

router = Router(tags=["agents"])

_Runaways = RootModel[list[RunawayOut]]


@router.get(
    "/runaways",
    **requires(Scope.FEED_READ),
    response=list[RunawayOut],
    operation_id="list_runaways",
)
def read_all(request: HttpRequest, *, signal: UUID | None = None) -> HttpResponse:
    """List signals that match far more uploads than is plausible, latest first; at most 200."""
    return answer(_Runaways(reads.runaways(viewer=caller_of(request).party, signal=signal)))


@router.put(
    "/agents/{name}/runaways/{uid}",
    **requires(Scope.FEEDBACK_WRITE),
    response=RunawayOut,
    operation_id="report_runaway",
)
def report(
    request: HttpRequest,
    name: Annotated[str, Path(pattern=AGENT_NAME)],
    uid: UUID,
    body: RunawayReportIn,
) -> HttpResponse:
    """Report that a signal matches too much at an agent. A later report replaces this one."""
    caller = caller_of(request)
    return answer(
        writes.report(
            uid, agent=name, body=body, by=caller.party, now=now(), through=caller.ref or ""
        )
    )


@router.post(
    "/signals/{uid}/runaway/lower",
    **requires(Scope.SIGNALS_WRITE),
    response=RunawayOut,
    operation_id="lower_runaway",
)
def lower(request: HttpRequest, uid: UUID, body: RunawayDecisionIn) -> HttpResponse:
    """Lower a signal to hold everywhere, as an agency."""
    return answer(writes.lower(uid, body=body, by=caller_of(request).actor, now=now()))


@router.post(
    "/signals/{uid}/runaway/clear",
    **requires(Scope.SIGNALS_WRITE),
    response=RunawayOut,
    operation_id="clear_runaway",
)
def clear(request: HttpRequest, uid: UUID, body: RunawayDecisionIn) -> HttpResponse:
    """Decide, as an agency, that a signal's matches are right, so that no agent lowers it."""
    return answer(writes.clear(uid, body=body, by=caller_of(request).actor, now=now()))
