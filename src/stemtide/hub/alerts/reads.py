# SPDX-License-Identifier: Apache-2.0
"""The only readers of alerts: of a party, and their number."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Case, Count, IntegerField, QuerySet, Value, When

from stemtide.hub.alerts import words
from stemtide.hub.alerts.models import Alert, Receipt
from stemtide.hub.alerts.rules import UNSETTLED, AlertState, Urgency, Via, rank
from stemtide.hub.parties.models import Party
from stemtide.hub.parties.moment import once
from stemtide.hub.parties.rules import NotFoundError
from stemtide.protocol.words import PartyKind

ROWS = 200
"""Alerts in one list."""


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """Who acknowledged, when and how. by: a person's address for their own party, else "".

    shown: SHA-256 of the request that lay behind the link; "" where none did.
    """

    received_at: datetime
    via: Via
    step: int
    by: str
    shown: str = ""


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One alert, in the language that is active."""

    uid: UUID
    kind: str
    title: str
    text: str
    urgency: Urgency
    state: AlertState
    exercise: bool
    crisis: UUID | None
    subject: str
    created_at: datetime
    step: int
    step_due: datetime | None
    receipt: ReceiptRow | None

    @property
    def is_waiting(self) -> bool:
        """Whether nobody has acknowledged it yet, and somebody still may."""
        return self.state in UNSETTLED

    @property
    def signal(self) -> str:
        """The id of the signal that it is about; "" where it is about something else."""
        return self._about("signal")

    @property
    def lead(self) -> str:
        """The id of the lead that it is about; "" where it is about something else."""
        return self._about("lead")

    @property
    def complaint(self) -> str:
        """The id of the complaint about a decision of the party's own; "" for all else."""
        return "" if self.kind == "redress_asked" else self._about("complaint")

    @property
    def redress(self) -> str:
        """The id of the complaint because of which the party is asked to look again."""
        return self._about("complaint") if self.kind == "redress_asked" else ""

    @property
    def referral(self) -> str:
        """The id of the referral that it is about; "" where it is about something else."""
        return self._about("referral")

    @property
    def batch(self) -> str:
        """The id of the batch that it is about; "" where it is about something else."""
        return self._about("batch")

    @property
    def order(self) -> str:
        """The id of the removal order that it is about; "" where it is about something else."""
        return self._about("order")

    @property
    def scrutiny(self) -> str:
        """The id of the scrutiny whose decision was sent to an agency; "" for all else."""
        return self._about("scrutiny")

    @property
    def information(self) -> str:
        """The id of what a provider was told before a first order; "" for all else."""
        return self._about("information")

    @property
    def recheck(self) -> str:
        """The id of the re-check that it is about; "" where it is about something else."""
        return self._about("recheck")

    def _about(self, wanted: str) -> str:
        """The id of its subject, if that is such a thing."""
        thing, _, name = self.subject.partition(":")
        return name if thing == wanted else ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many alerts wait for somebody of a party, and how urgent the most urgent is."""

    number: int
    urgent: int
    latest: AlertRow | None


def alerts(*, viewer: Party, limit: int = ROWS, is_waiting: bool | None = None) -> list[AlertRow]:
    """A party's alerts: those that wait first, the most urgent of them first, then the latest."""
    found = _of(viewer)
    if is_waiting is not None:
        found = (
            found.filter(state__in=UNSETTLED) if is_waiting else found.exclude(state__in=UNSETTLED)
        )
    return [_row(one) for one in found.order_by("is_settled", "rank", "-created_at", "-pk")[:limit]]


def alert(uid: UUID, *, viewer: Party) -> AlertRow:
    """One alert.

    raises: NotFoundError, also for one to another party.
    """
    return _row(find(uid, viewer=viewer))


def waiting(*, viewer: Party) -> Waiting:
    """What the bar of the desk says."""
    return once(("waiting", viewer), lambda: _waiting(viewer))


def _waiting(viewer: Party) -> Waiting:
    """The same, from the table."""
    found = _of(viewer).filter(state__in=UNSETTLED)
    counts = [one["urgency"] for one in found.values("urgency")]
    latest = found.order_by("-created_at", "-pk").first()
    return Waiting(
        number=len(counts),
        urgent=counts.count(Urgency.NOW),
        latest=_row(latest) if latest else None,
    )


def find(uid: UUID, *, viewer: Party) -> Alert:
    """The row of an alert, for writes.

    raises: NotFoundError, also for one to another party.
    """
    row: Alert | None = _of(viewer).filter(uid=uid).first()
    if row is None:
        raise NotFoundError("there is no alert {uid} to your party: list them first", uid=uid)
    return row


def counts(*, viewer: Party) -> dict[str, int]:
    """How many alerts to a party stand in each state; an agency counts all."""
    found = Alert.objects.order_by()
    if viewer.kind != PartyKind.AGENCY:
        found = found.filter(party=viewer)
    return dict(found.values_list("state").annotate(Count("pk")))


def _ranked() -> QuerySet[Any]:
    """All alerts, with what they are sorted by."""
    ranks = [When(urgency=urgency, then=Value(rank(urgency))) for urgency in Urgency]
    return Alert.objects.select_related("crisis", "receipt__person", "party").annotate(
        rank=Case(*ranks, default=Value(9), output_field=IntegerField()),
        is_settled=Case(
            When(state__in=UNSETTLED, then=Value(0)),
            default=Value(1),
            output_field=IntegerField(),
        ),
    )


def _of(viewer: Party) -> QuerySet[Any]:
    """The alerts to a party."""
    return _ranked().filter(party=viewer)


def _row(one: Alert) -> AlertRow:
    """An alert as its party reads it."""
    return AlertRow(
        uid=one.uid,
        kind=one.kind,
        title=words.title(one.kind, one.parameters, exercise=one.exercise),
        text=words.text(one.kind, one.parameters),
        urgency=Urgency(one.urgency),
        state=AlertState(one.state),
        exercise=one.exercise,
        crisis=one.crisis.uid if one.crisis else None,
        subject=one.subject,
        created_at=one.created_at,
        step=one.step,
        step_due=one.step_due,
        receipt=_receipt(one),
    )


def _receipt(one: Alert) -> ReceiptRow | None:
    """An alert's receipt, where it has one."""
    found: Receipt | None = getattr(one, "receipt", None)
    if found is None:
        return None
    return ReceiptRow(
        received_at=found.received_at,
        via=Via(found.via),
        step=found.step,
        by=found.person.email if found.person else "",
        shown=found.shown,
    )
