# SPDX-License-Identifier: Apache-2.0
"""Write alerts: raise them from the ledger, escalate, acknowledge."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Q

from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.rooms.alerts import links
from stemtide.hub.rooms.alerts.models import Alert, Delivery, Drill, Receipt
from stemtide.hub.rooms.alerts.reads import (
    addressees,
    alerts as reads,
    deliveries,
)
from stemtide.hub.rooms.alerts.reads.addressees import EscalationStep, Matter
from stemtide.hub.rooms.alerts.reads.alerts import AlertRow
from stemtide.hub.rooms.alerts.rules import alerts as rules
from stemtide.hub.rooms.alerts.rules.alerts import AlertState, Channel, DeliveryState, Via
from stemtide.hub.rooms.alerts.rules.kinds import EVERY_KIND, RAISES, REACHES_SUSPENDED
from stemtide.hub.rooms.alerts.rules.rows import AlertRule
from stemtide.hub.rooms.alerts.writes import requests
from stemtide.hub.rooms.alerts.writes.endings import end_alerts, stop_deliveries
from stemtide.hub.rooms.crises.models import Crisis
from stemtide.hub.rooms.ledger.reads.ledger import EntryRow
from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.ledger.writes.followers import LedgerFollower
from stemtide.hub.rooms.parties.models import ContactPoint, Party, Person
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.writes import contacts
from stemtide.protocol.enums import Standing

FOLLOWER = LedgerFollower("alerts", batch=200)
"""Reads one batch per scheduler tick."""

ESCALATIONS = 200
"""Alerts that go to their next step per scheduler tick."""


@dataclass(frozen=True, slots=True)
class AlertDraft:
    """An alert that is about to be created."""

    kind: str
    party: Party
    subject: str
    crisis: Crisis | None = None
    drill: Drill | None = None
    entry: int | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    exercise: bool = False
    person: Person | None = None

    @property
    def rule(self) -> AlertRule:
        """Return its row of the table."""
        return EVERY_KIND[self.kind]


@needs_no_entry("the caller records what raised the alert")
def create_alert(draft: AlertDraft, *, now: datetime) -> Alert:
    """Create an alert and its first deliveries.

    The caller records the act and holds the write lock.
    """
    rule = draft.rule
    ladder = addressees.ladder(party=draft.party, now=now)
    first = next(iter(ladder), None)
    wait = (first.wait if first else rules.STEP) if rule.escalates else None
    if rule.at_once and wait is not None:
        wait = max(step.wait for step in ladder) if ladder else rules.STEP
    alert = Alert.objects.create(
        uid=uuid4(),
        kind=draft.kind,
        party=draft.party,
        subject=draft.subject,
        crisis=draft.crisis,
        drill=draft.drill,
        entry=draft.entry,
        urgency=rule.urgency,
        parameters=draft.parameters,
        exercise=draft.exercise,
        state=AlertState.OPEN,
        step_due=now + wait if wait is not None else None,
        created_at=now,
        assigned_to=draft.person if rule.for_person else None,
    )
    _queue(alert, step=0, point=None, channel=Channel.PAGE, now=now)
    if rule.mails_person and draft.person is not None:
        _queue(alert, step=0, point=None, channel=Channel.MAIL, now=now, person=draft.person)
    for at, step in enumerate(ladder if rule.at_once else ladder[:1]):
        _ask(alert, step, at=at, now=now)
    return alert


def raise_from_ledger(now: datetime) -> int:
    """Raise the alerts of new ledger entries, each once; return how many were raised.

    Each entry ends open alerts, or raises new ones, or neither.
    """
    raised = 0
    if FOLLOWER.is_behind():
        with FOLLOWER.next_entries() as entries:
            for entry in entries:
                end_alerts(entry, now=now)
                raised += _raise(entry, now=now)
    return raised


def escalate_due(now: datetime) -> int:
    """Take the next step of every ladder whose last step did not answer in time.

    Alerts of a suspended party wait until the suspension is lifted, but for those it is owed.
    """
    due = Alert.objects.filter(state=AlertState.OPEN, step_due__lte=now).select_related("party")
    due = due.filter(Q(kind__in=REACHES_SUSPENDED) | ~Q(party__standing=Standing.SUSPENDED))
    return sum(_escalate(alert, now=now) for alert in due.order_by("step_due")[:ESCALATIONS])


@transaction.atomic
def acknowledge(
    uid: UUID, *, by: Actor, person: Person | None = None, via: Via = Via.PAGE, now: datetime
) -> AlertRow:
    """Record that somebody of the party has the alert. person: None for a machine.

    raises: NotFoundError, NotAllowedError, ConflictError for a settled alert.
    """
    rules.check_acknowledge(role=by.role)
    ledger.lock_ledger()
    alert = reads.find(uid, viewer=by.party)
    _settle(alert, person=person, delivery=None, via=via, by=by, now=now)
    return reads.alert(uid, viewer=by.party)


@transaction.atomic
def acknowledge_by_link(token: str, *, now: datetime, shown: str = "") -> AlertRow:
    """Acknowledge an alert by the link in a message. shown: the digest of the request.

    raises: NotFoundError for an invalid link; ConflictError for a settled alert.
    """
    ledger.lock_ledger()
    delivery = deliveries.find_by_link(links.read_token(token, now=now))
    alert = delivery.alert
    by = Actor(alert.party, delivery.ref)
    _settle(alert, person=None, delivery=delivery, via=Via.LINK, by=by, now=now, shown=shown)
    return reads.alert(alert.uid, viewer=alert.party)


@transaction.atomic
def renew_link(token: str, *, is_open: bool, now: datetime) -> None:
    """Send a new link to the contact point of an expired one. is_open: whether it can be answered.

    raises: NotFoundError for a link that this hub never made; ConflictError.
    """
    ledger.lock_ledger()
    delivery = deliveries.find_by_link(links.parse_token(token).delivery)
    alert, point = delivery.alert, delivery.point
    last = alert.deliveries.filter(point=point).latest("queued_at").queued_at
    has_point = point is not None and point.removed_at is None
    rules.check_renew(is_open=is_open, has_point=has_point, since_last=now - last)
    channel = Channel(delivery.channel)
    _queue(alert, step=delivery.step, point=point, channel=channel, now=now)
    detail: dict[str, object] = {"kind": alert.kind, "through": delivery.ref}
    ledger.append(
        "link.renewed",
        actor=alert.party.ref,
        subject=alert.ref,
        now=now,
        detail=detail,
        exercise=alert.exercise,
    )


@transaction.atomic
def acknowledge_by_answer(delivery_uid: UUID, *, now: datetime) -> bool:
    """Acknowledge an alert because the receiver's response says so; return False if too late."""
    ledger.lock_ledger()
    delivery = Delivery.objects.select_related("alert__party", "point").get(uid=delivery_uid)
    alert = delivery.alert
    if alert.state not in rules.UNSETTLED:
        return False
    by = Actor(alert.party, delivery.ref)
    _settle(alert, person=None, delivery=delivery, via=Via.WEBHOOK, by=by, now=now)
    return True


def _raise(entry: EntryRow, *, now: datetime) -> int:
    """Raise the alerts of one entry, recorded as one act."""
    raised = 0
    for kind in RAISES.get(entry.kind, ()):
        rule = EVERY_KIND[kind]
        if not rule.fits(entry.detail):
            continue
        matter = addressees.matter(entry)
        if entry.kind == "alert.exhausted" and not _is_unanswered(matter):
            continue
        alerts = [
            create_alert(_draft(kind, matter, party=party), now=now)
            for party in addressees.addressees(matter, rule=rule)
            if not (rule.once and _is_open(kind, matter, party=party))
            and not (rule.sums and _add(kind, matter, party=party))
        ]
        raised += len(alerts)
        if alerts:
            detail: dict[str, object] = {"kind": kind, "entry": entry.number, "count": len(alerts)}
            ledger.append(
                "alerts.raised",
                actor=CLOCK,
                subject=entry.subject,
                now=now,
                detail=detail,
                exercise=matter.exercise,
            )
    return raised


def _is_unanswered(matter: Matter) -> bool:
    """Whether nobody has answered the alert of an entry since."""
    return matter.about is not None and matter.about.state == AlertState.UNANSWERED


def _draft(kind: str, matter: Matter, *, party: Party) -> AlertDraft:
    """Return the draft of an alert about a matter to one party."""
    is_sum = EVERY_KIND[kind].sums
    return AlertDraft(
        kind=kind,
        party=party,
        subject=matter.entry.subject,
        crisis=None if is_sum else matter.crisis,
        entry=matter.entry.number,
        parameters=_added({}, matter) if is_sum else matter.parameters,
        exercise=matter.exercise,
        person=matter.person,
    )


def _add(kind: str, matter: Matter, *, party: Party) -> bool:
    """Add a matter to the party's unacknowledged alert of this kind; False if there is none."""
    rows = Alert.objects.filter(kind=kind, party=party, state=AlertState.OPEN)
    alert = rows.filter(exercise=matter.exercise).first()
    if alert is None:
        return False
    alert.parameters = _added(alert.parameters, matter)
    alert.save(update_fields=["parameters"])
    return True


def _added(parameters: Mapping[str, str], matter: Matter) -> dict[str, str]:
    """Return the parameters of an alert about several things, with one thing more."""
    actor = matter.entry.actor.removeprefix("party:")
    return rules.add_thing(
        parameters,
        thing=matter.entry.subject.partition(":")[2],
        actor=actor,
        title=matter.parameters["by"],
        words=matter.parameters.get("reasons", ""),
    )


def _is_open(kind: str, matter: Matter, *, party: Party) -> bool:
    """Whether the party has an unacknowledged alert of this kind with the same parameters.

    An exercise never keeps the alert of something real back.
    """

    def values_of(parameters: Mapping[str, str]) -> list[str]:
        return [parameters.get(name, "") for name in EVERY_KIND[kind].once]

    rows = Alert.objects.filter(kind=kind, party=party, state=AlertState.OPEN)
    alerts = rows.filter(exercise=matter.exercise)
    return any(values_of(alert.parameters) == values_of(matter.parameters) for alert in alerts)


@transaction.atomic
def _escalate(alert: Alert, *, now: datetime) -> int:
    """Take the next step, or end the ladder; return 0 if another scheduler was first."""
    step = addressees.next_step(alert, party=alert.party, now=now)
    step_number = alert.step + 1
    unchanged = Alert.objects.filter(pk=alert.pk, state=AlertState.OPEN, step_due=alert.step_due)
    if step:
        kind = "alert.escalated"
        won = unchanged.update(step=step_number, step_due=now + step.wait)
    else:
        kind = "alert.exhausted"
        won = unchanged.update(state=AlertState.UNANSWERED, step_due=None)
    if not won:
        return 0
    if step:
        _ask(alert, step, at=step_number, now=now)
    ledger.append(
        kind,
        actor=CLOCK,
        subject=alert.ref,
        now=now,
        detail={"kind": alert.kind, "step": step_number},
        exercise=alert.exercise,
    )
    return 1


def _settle(
    alert: Alert,
    *,
    person: Person | None,
    delivery: Delivery | None,
    via: Via,
    by: Actor,
    now: datetime,
    shown: str = "",
) -> None:
    """Acknowledge an alert: receipt, deliveries, ledger, and the request that it carries."""
    rules.check_settle(AlertState(alert.state))
    Alert.objects.filter(pk=alert.pk).update(state=AlertState.ACKNOWLEDGED, step_due=None)
    step = delivery.step if delivery else alert.step
    Receipt.objects.create(
        alert=alert,
        person=person,
        delivery=delivery,
        via=via,
        step=step,
        received_at=now,
        shown=shown,
    )
    sent = Delivery.objects.filter(alert=alert, state=DeliveryState.SENT)
    sent.update(state=DeliveryState.ACKNOWLEDGED)
    stop_deliveries([alert.pk], personal=False)
    if delivery is not None and delivery.point is not None:
        # An answer proves that the contact point is read, which is what a contact drill checks.
        contacts.verify_contact_point(delivery.point.pk, actor=alert.party.ref, now=now)
    detail: dict[str, object] = {"via": via, "step": step, "through": by.ref}
    if shown:
        detail["shown"] = shown
    ledger.append(
        "alert.acknowledged",
        actor=alert.party.ref,
        subject=alert.ref,
        now=now,
        detail=detail,
        exercise=alert.exercise,
    )
    requests.settle_request(alert, by=by, via=via, now=now)


def _ask(alert: Alert, step: EscalationStep, *, at: int, now: datetime) -> None:
    """Queue a delivery to a step's contact point, if the alert's kind allows its channel."""
    if step.channel in EVERY_KIND[alert.kind].channels:
        _queue(alert, step=at, point=step.point, channel=step.channel, now=now)


def _queue(
    alert: Alert,
    *,
    step: int,
    point: ContactPoint | None,
    channel: Channel,
    now: datetime,
    person: Person | None = None,
) -> None:
    """Create a delivery that is due at once."""
    Delivery.objects.create(
        uid=uuid4(),
        alert=alert,
        step=step,
        point=point,
        person=person,
        channel=channel,
        state=DeliveryState.QUEUED,
        rank=rules.rank(rules.Urgency(alert.urgency)),
        next_at=now,
        queued_at=now,
    )
