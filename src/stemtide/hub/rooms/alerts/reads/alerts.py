# SPDX-License-Identifier: Apache-2.0
"""Read a party's alerts, and their counts."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Case, Count, IntegerField, QuerySet, Value, When

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.rooms.alerts.models import Alert, MutedKind, Receipt
from stemtide.hub.rooms.alerts.rules.alerts import UNSETTLED, AlertState, Urgency, Via, rank
from stemtide.hub.rooms.alerts.texts import alerts as texts_alerts
from stemtide.hub.rooms.parties.models import Party, Person
from stemtide.hub.rooms.parties.request_cache import cached
from stemtide.protocol.enums import PartyKind

ROWS = 200
"""Alerts in one list."""


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """An acknowledgement. by: the person's address if the viewer is of their party, else "".

    shown: SHA-256 of the request that was shown behind the link; "" if there was none.
    """

    received_at: datetime
    via: Via
    step: int
    by: str
    shown: str = ""


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One alert, in the active language. assigned_to: a person's mail address; "" for nobody."""

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
    assigned_to: str = ""
    snoozed_until: datetime | None = None

    def is_aside(self, *, muted: Collection[str], now: datetime) -> bool:
        """Whether it is snoozed for the party, or of a kind that its reader has muted."""
        is_snoozed = self.snoozed_until is not None and self.snoozed_until > now
        return is_snoozed or self.kind in muted

    @property
    def is_waiting(self) -> bool:
        """Whether it is unacknowledged and still can be acknowledged."""
        return self.state in UNSETTLED

    @property
    def signal(self) -> str:
        """Return the id of the signal that it is about; "" for other subjects."""
        return self._about("signal")

    @property
    def dismissal(self) -> str:
        """Return the id of the decision on many disputes that it is about; "" for others."""
        return self._about("dismissal")

    @property
    def run(self) -> str:
        """Return the id of the exercise that it is about; "" for other subjects."""
        return self._about("exercise")

    @property
    def lead(self) -> str:
        """Return the id of the lead that it is about; "" for other subjects."""
        return self._about("lead")

    @property
    def complaint(self) -> str:
        """Return the id of the complaint about the party's own decision; "" for other subjects."""
        return "" if self.kind == "redress_asked" else self._about("complaint")

    @property
    def redress(self) -> str:
        """Return the id of the complaint because of which the party is asked to reconsider."""
        return self._about("complaint") if self.kind == "redress_asked" else ""

    @property
    def referral(self) -> str:
        """Return the id of the referral that it is about; "" for other subjects."""
        return self._about("referral")

    @property
    def batch(self) -> str:
        """Return the id of the batch that it is about; "" for other subjects."""
        return self._about("batch")

    @property
    def order(self) -> str:
        """Return the id of the removal order that it is about; "" for other subjects."""
        return self._about("order")

    @property
    def scrutiny(self) -> str:
        """Return the id of the scrutiny whose decision was sent to an agency; "" for others."""
        return self._about("scrutiny")

    @property
    def finality(self) -> str:
        """Return the id of the final order that an alert is about; "" for other subjects."""
        return self._about("finality")

    @property
    def information(self) -> str:
        """Return the id of the information before a first order; "" for other subjects."""
        return self._about("information")

    @property
    def is_second_look(self) -> bool:
        """Whether it is about acts that need a second look."""
        return bool(self._about("approval"))

    @property
    def recheck(self) -> str:
        """Return the id of the re-check that it is about; "" for other subjects."""
        return self._about("recheck")

    def _about(self, kind: str) -> str:
        """Return the id of its subject if the subject is of this kind, else ""."""
        thing, _, name = self.subject.partition(":")
        return name if thing == kind else ""


@dataclass(frozen=True, slots=True)
class UnacknowledgedAlerts:
    """The number of a party's unacknowledged alerts, of the urgent ones, and the latest."""

    number: int
    urgent: int
    latest: AlertRow | None


def alerts(*, viewer: Party, limit: int = ROWS, is_waiting: bool | None = None) -> list[AlertRow]:
    """Return a party's alerts: waiting ones first, the most urgent first, then the latest."""
    rows = _of(viewer)
    if is_waiting is not None:
        rows = rows.filter(state__in=UNSETTLED) if is_waiting else rows.exclude(state__in=UNSETTLED)
    return [_row(row) for row in rows.order_by("is_settled", "rank", "-created_at", "-pk")[:limit]]


def alert(uid: UUID, *, viewer: Party) -> AlertRow:
    """Return one alert.

    raises: NotFoundError, also for an alert to another party.
    """
    return _row(find(uid, viewer=viewer))


def waiting(*, viewer: Party, muted: Collection[str] = (), now: datetime) -> UnacknowledgedAlerts:
    """Return the counts for the desk's header, without snoozed alerts and muted kinds."""
    alerts = [
        (pk, urgency)
        for pk, kind, urgency, snoozed_until in cached(
            ("waiting", viewer), lambda: _waiting(viewer)
        )
        if kind not in muted and not (snoozed_until and snoozed_until > now)
    ]
    latest = _ranked().filter(pk=alerts[0][0]).first() if alerts else None
    return UnacknowledgedAlerts(
        number=len(alerts),
        urgent=sum(urgency == Urgency.NOW for _pk, urgency in alerts),
        latest=_row(latest) if latest else None,
    )


def _waiting(viewer: Party) -> list[tuple[int, str, str, datetime | None]]:
    """Return key, kind, urgency and snooze of unacknowledged alerts, the latest first."""
    rows = Alert.objects.filter(party=viewer, state__in=UNSETTLED)
    columns = rows.values_list("pk", "kind", "urgency", "snoozed_until")
    return list(columns.order_by("-created_at", "-pk"))


def find(uid: UUID, *, viewer: Party) -> Alert:
    """Return the row of an alert, for writes.

    raises: NotFoundError, also for an alert to another party.
    """
    row: Alert | None = _of(viewer).filter(uid=uid).first()
    if row is None:
        raise NotFoundError("your party has no alert {uid}: see your list of alerts", uid=uid)
    return row


def counts(*, viewer: Party) -> dict[str, int]:
    """Return the number of real alerts to a party in each state; an agency counts everyone's."""
    rows = Alert.objects.filter(exercise=False).order_by()
    if viewer.kind != PartyKind.AGENCY:
        rows = rows.filter(party=viewer)
    return dict(rows.values_list("state").annotate(Count("pk")))


def _ranked() -> QuerySet[Any]:
    """Return all alerts, annotated with their sort keys."""
    ranks = [When(urgency=urgency, then=Value(rank(urgency))) for urgency in Urgency]
    return Alert.objects.select_related(
        "crisis", "receipt__person", "party", "assigned_to"
    ).annotate(
        rank=Case(*ranks, default=Value(9), output_field=IntegerField()),
        is_settled=Case(
            When(state__in=UNSETTLED, then=Value(0)),
            default=Value(1),
            output_field=IntegerField(),
        ),
    )


def _of(viewer: Party) -> QuerySet[Any]:
    """Return the alerts to a party."""
    return _ranked().filter(party=viewer)


def _row(alert: Alert) -> AlertRow:
    """Return an alert as its party reads it."""
    return AlertRow(
        uid=alert.uid,
        kind=alert.kind,
        title=texts_alerts.title(alert.kind, alert.parameters, exercise=alert.exercise),
        text=texts_alerts.text_at_desk(alert.kind, alert.parameters),
        urgency=Urgency(alert.urgency),
        state=AlertState(alert.state),
        exercise=alert.exercise,
        crisis=alert.crisis.uid if alert.crisis else None,
        subject=alert.subject,
        created_at=alert.created_at,
        step=alert.step,
        step_due=alert.step_due,
        receipt=_receipt(alert),
        assigned_to=alert.assigned_to.email if alert.assigned_to else "",
        snoozed_until=alert.snoozed_until,
    )


def _receipt(alert: Alert) -> ReceiptRow | None:
    """Return an alert's receipt, if it has one."""
    receipt: Receipt | None = getattr(alert, "receipt", None)
    if receipt is None:
        return None
    return ReceiptRow(
        received_at=receipt.received_at,
        via=Via(receipt.via),
        step=receipt.step,
        by=receipt.person.email if receipt.person else "",
        shown=receipt.shown,
    )


def muted_kinds(*, viewer: Person, now: datetime) -> dict[str, datetime]:
    """Return the kinds of alert that a person has muted, with the end of each."""
    rows = MutedKind.objects.filter(person=viewer, until__gt=now)
    return dict(rows.values_list("kind", "until"))
