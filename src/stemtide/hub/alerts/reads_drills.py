# SPDX-License-Identifier: Apache-2.0
"""Readers of contact drills: who answered when, at which step, and who did not."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Prefetch, QuerySet

from stemtide.hub.alerts.models import Alert, Delivery, Drill, Receipt
from stemtide.hub.alerts.rules import AlertState, Via
from stemtide.hub.parties.models import Party
from stemtide.hub.parties.rules import NotFoundError
from stemtide.protocol.words import PartyKind


@dataclass(frozen=True, slots=True)
class Answer:
    """How one party did. step: 1 for the first one of its ladder; the one that was asked last.

    answered_s: seconds from the start to the answer; None where nobody answered.
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
    """A drill and how everybody in it did, as far as the viewer may know."""

    uid: UUID
    started_by: str
    started_at: datetime
    ended_at: datetime | None
    answers: tuple[Answer, ...]

    @property
    def answered(self) -> int:
        """How many answered."""
        return sum(answer.answered_at is not None for answer in self.answers)

    @property
    def missing(self) -> int:
        """How many did not, and are not waited for any more."""
        return sum(answer.state is AlertState.UNANSWERED for answer in self.answers)

    @property
    def waiting(self) -> int:
        """How many are still waited for."""
        return sum(answer.state is AlertState.OPEN for answer in self.answers)


def drills(*, viewer: Party, limit: int = 50) -> list[DrillRow]:
    """Drills that a party started or is in, the latest first; an agency sees all."""
    return [_row(one, viewer=viewer) for one in _visible(viewer)[:limit]]


def drill(uid: UUID, *, viewer: Party) -> DrillRow:
    """One drill; of those that another party started, a party sees its own answer alone.

    raises: NotFoundError, also for one that the viewer is not in.
    """
    found = _visible(viewer).filter(uid=uid).first()
    if found is None:
        raise NotFoundError(
            "there is no drill {uid} that your party may see: list them first", uid=uid
        )
    return _row(found, viewer=viewer)


def all_drills(*, by: str, limit: int = 50) -> list[DrillRow]:  # noqa: ARG001  # an operator sees all
    """All drills, the latest first, for the operator at the hub's own console."""
    return [_row(answer, viewer=None) for answer in _with_answers()[:limit]]


def _with_answers() -> QuerySet[Drill]:
    """Drills with everything their rows name."""
    deliveries = Prefetch("deliveries", Delivery.objects.select_related("point").order_by("step"))
    alerts = Alert.objects.select_related("party", "receipt").prefetch_related(deliveries)
    by_name = Prefetch("alerts", alerts.order_by("party__name"))
    return Drill.objects.select_related("started_by").prefetch_related(by_name)


def _visible(viewer: Party) -> QuerySet[Drill]:
    """Drills that a party sees."""
    found = _with_answers()
    if viewer.kind == PartyKind.AGENCY:
        return found
    return found.filter(alerts__party=viewer).distinct()


def _row(drill: Drill, *, viewer: Party | None) -> DrillRow:
    """A drill as a viewer sees it. viewer: None for the operator."""
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


def _answer(alert: Alert, *, started_at: datetime) -> Answer:
    """How one party did."""
    receipt: Receipt | None = getattr(alert, "receipt", None)
    ways = [delivery for delivery in alert.deliveries.all() if delivery.point is not None]
    return Answer(
        party=alert.party.name,
        title=alert.party.title,
        state=AlertState(alert.state),
        step=(receipt.step if receipt else alert.step) + 1,
        via=Via(receipt.via) if receipt else None,
        answered_at=receipt.received_at if receipt else None,
        answered_s=(receipt.received_at - started_at).total_seconds() if receipt else None,
        asked=tuple(way.channel for way in ways),
        errors=tuple(way.last_error for way in ways if way.last_error),
    )
