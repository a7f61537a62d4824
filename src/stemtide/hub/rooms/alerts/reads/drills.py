# SPDX-License-Identifier: Apache-2.0
"""Read contact drills: who answered when, at which step, and who did not."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Prefetch, QuerySet

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.alerts.models import Alert, Delivery, Drill, Receipt
from stemtide.hub.rooms.alerts.rules.alerts import AlertState, Via
from stemtide.hub.rooms.parties.models import Party
from stemtide.protocol.enums import PartyKind


@dataclass(frozen=True, slots=True)
class DrillResult:
    """The result of one party. step: 1 for the first step of its ladder; the last one tried.

    answered_s: seconds from the start to the answer; None without one.
    """

    party: str
    title: str
    state: AlertState
    step: int
    via: Via | None
    answered_at: datetime | None
    answered_s: float | None
    asked: tuple[str, ...]
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DrillRow:
    """A drill and the results of its parties, as far as the viewer may see them."""

    uid: UUID
    started_by: str
    started_at: datetime
    ended_at: datetime | None
    answers: tuple[DrillResult, ...]

    @property
    def answered(self) -> int:
        """Return the number of parties that answered."""
        return sum(answer.answered_at is not None for answer in self.answers)

    @property
    def missing(self) -> int:
        """Return the number of parties that did not answer and no longer can."""
        return sum(answer.state is AlertState.UNANSWERED for answer in self.answers)

    @property
    def waiting(self) -> int:
        """Return the number of parties that can still answer."""
        return sum(answer.state is AlertState.OPEN for answer in self.answers)


def drills(*, viewer: Party, limit: int = 50) -> list[DrillRow]:
    """Return drills that a party started or is in, the latest first; an agency sees all."""
    return [_row(row, viewer=viewer) for row in _visible(viewer)[:limit]]


def drill(uid: UUID, *, viewer: Party) -> DrillRow:
    """Return one drill; of a drill that another party started, only the viewer's own result.

    raises: NotFoundError, also for a drill that the viewer is not in.
    """
    row = _visible(viewer).filter(uid=uid).first()
    if row is None:
        raise NotFoundError(
            "there is no drill {uid} that your party may see: see the list of drills", uid=uid
        )
    return _row(row, viewer=viewer)


@needs_no_viewer("an operator sees all")
def all_drills(*, limit: int = 50) -> list[DrillRow]:
    """Return all drills, the latest first, for the operator at the hub's own console."""
    return [_row(row, viewer=None) for row in _with_answers()[:limit]]


def _with_answers() -> QuerySet[Drill]:
    """Return drills with all related rows that views need."""
    deliveries = Prefetch("deliveries", Delivery.objects.select_related("point").order_by("step"))
    alerts = Alert.objects.select_related("party", "receipt").prefetch_related(deliveries)
    by_name = Prefetch("alerts", alerts.order_by("party__name"))
    return Drill.objects.select_related("started_by").prefetch_related(by_name)


def _visible(viewer: Party) -> QuerySet[Drill]:
    """Return the drills that a party may see."""
    rows = _with_answers()
    if viewer.kind == PartyKind.AGENCY:
        return rows
    return rows.filter(alerts__party=viewer).distinct()


def _row(drill: Drill, *, viewer: Party | None) -> DrillRow:
    """Return a drill as a viewer sees it. viewer: None for the operator."""
    sees_all = viewer is None or viewer.kind == PartyKind.AGENCY or drill.started_by_id == viewer.pk
    return DrillRow(
        uid=drill.uid,
        started_by=drill.started_by.title if drill.started_by else "",
        started_at=drill.started_at,
        ended_at=drill.ended_at,
        answers=tuple(
            _answer(alert, started_at=drill.started_at)
            for alert in drill.alerts.all()
            if sees_all or (viewer is not None and alert.party_id == viewer.pk)
        ),
    )


def _answer(alert: Alert, *, started_at: datetime) -> DrillResult:
    """Return the result of one party."""
    receipt: Receipt | None = getattr(alert, "receipt", None)
    deliveries = [sent for sent in alert.deliveries.all() if sent.point is not None]
    return DrillResult(
        party=alert.party.name,
        title=alert.party.title,
        state=AlertState(alert.state),
        step=(receipt.step if receipt else alert.step) + 1,
        via=Via(receipt.via) if receipt else None,
        answered_at=receipt.received_at if receipt else None,
        answered_s=(receipt.received_at - started_at).total_seconds() if receipt else None,
        asked=tuple(delivery.channel for delivery in deliveries),
        errors=tuple(delivery.last_error for delivery in deliveries if delivery.last_error),
    )
