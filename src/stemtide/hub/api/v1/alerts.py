# SPDX-License-Identifier: Apache-2.0
"""Endpoints for alerts: list and acknowledge those of your party."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils import translation
from ninja import Router
from pydantic import RootModel

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer
from stemtide.hub.rooms.alerts.reads import alerts as reads
from stemtide.hub.rooms.alerts.reads.alerts import AlertRow
from stemtide.hub.rooms.alerts.rules.alerts import Via
from stemtide.hub.rooms.alerts.writes import alerts as writes
from stemtide.protocol.enums import Scope
from stemtide.protocol.messages.alerts import AlertOut, AlertReceiptOut

router = Router(tags=["alerts"])

_Alerts = RootModel[list[AlertOut]]

LANGUAGE = "en"
"""Language of texts for programs, which rely on kind and subject."""


@router.get(
    "/alerts", **requires(Scope.FEED_READ), response=list[AlertOut], operation_id="list_alerts"
)
def read_all(
    request: HttpRequest,
    waiting: bool | None = None,  # noqa: FBT001  # ninja reads it from the query
) -> HttpResponse:
    """List your party's alerts, unacknowledged ones first; at most 200."""
    with translation.override(LANGUAGE):
        rows = reads.alerts(viewer=caller_of(request).party, is_waiting=waiting)
    return answer(_Alerts([_message_of(row) for row in rows]))


@router.get(
    "/alerts/{uid}", **requires(Scope.FEED_READ), response=AlertOut, operation_id="read_alert"
)
def read(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Retrieve an alert of your party."""
    with translation.override(LANGUAGE):
        return answer(_message_of(reads.alert(uid, viewer=caller_of(request).party)))


@router.post(
    "/alerts/{uid}/acknowledge",
    **requires(Scope.CRISES_WRITE),
    response=AlertOut,
    operation_id="acknowledge_alert",
)
def acknowledge(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Acknowledge an alert for your party, which stops its escalation."""
    with translation.override(LANGUAGE):
        row = writes.acknowledge(uid, by=caller_of(request).actor, via=Via.API, now=now())
    return answer(_message_of(row))


def _message_of(row: AlertRow) -> AlertOut:
    """Return an alert as a message."""
    receipt = row.receipt
    return AlertOut(
        id=row.uid,
        kind=row.kind,
        title=row.title,
        text=row.text,
        urgency=row.urgency,
        state=row.state,
        exercise=row.exercise,
        crisis=row.crisis,
        subject=row.subject,
        created_at=row.created_at,
        next_step_due=row.step_due,
        receipt=AlertReceiptOut(received_at=receipt.received_at, via=receipt.via, step=receipt.step)
        if receipt
        else None,
    )
