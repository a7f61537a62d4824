# SPDX-License-Identifier: Apache-2.0
"""Read deliveries, for people and for channels, and the signing secrets of contact points."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Count, Min, Q, QuerySet
from django.utils import translation

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.alerts import links
from stemtide.hub.rooms.alerts.channels.channel import OutgoingAlert
from stemtide.hub.rooms.alerts.models import Delivery, SigningKey
from stemtide.hub.rooms.alerts.rules import alerts as rules
from stemtide.hub.rooms.alerts.rules.alerts import Channel, DeliveryState, Urgency
from stemtide.hub.rooms.alerts.rules.kinds import EVERY_KIND
from stemtide.hub.rooms.alerts.texts import alerts
from stemtide.hub.rooms.parties.models import ContactPoint, Party, Person
from stemtide.hub.rooms.parties.reads import parties, people
from stemtide.protocol import webhook_headers
from stemtide.protocol.enums import PartyKind

ROWS = 200
"""Deliveries in one list."""

_SEALED = tuple(name for name, rule in EVERY_KIND.items() if rule.sealed)
"""Sealed kinds of alerts, which agencies see only if they are addressed themselves."""


@dataclass(frozen=True, slots=True)
class Home:
    """The hub's public address and languages. address: "" if not configured."""

    address: str = ""
    languages: frozenset[str] = frozenset({"en"})


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One delivery as people see it. address: only for contact points of the viewer's party.

    proof: the reply of the receiver's server when it accepted the delivery.
    """

    uid: UUID
    alert: UUID
    title: str
    party: str
    channel: Channel
    address: str
    step: int
    state: DeliveryState
    attempts: int
    queued_at: datetime
    next_at: datetime
    sent_at: datetime | None
    last_error: str
    drop_reason: str
    proof: str
    exercise: bool
    is_own: bool


def deliveries(
    *, viewer: Party, state: DeliveryState | None = None, limit: int = ROWS
) -> list[DeliveryRow]:
    """Return the deliveries to a party, latest first; an agency sees everyone's."""
    rows = _all().filter(_seen_by(viewer))
    if state is not None:
        rows = rows.filter(state=state)
    return [_row(row, is_own=row.alert.party_id == viewer.pk) for row in rows[:limit]]


@needs_no_viewer("an operator sees all")
def all_deliveries(
    *,
    state: DeliveryState | None = None,
    limit: int = ROWS,
) -> list[DeliveryRow]:
    """Return all deliveries, latest first, for the operator at the hub's own console."""
    rows = _all().filter(state=state) if state is not None else _all()
    return [_row(row, is_own=True) for row in rows[:limit]]


def find(uid: UUID, *, viewer: Party | None) -> Delivery:
    """Return the row of a delivery, for writes. viewer: None for the operator.

    raises: NotFoundError, also for a delivery to another party, except for agencies.
    """
    rows = _all().filter(uid=uid)
    if viewer is not None:
        rows = rows.filter(_seen_by(viewer))
    row = rows.first()
    if row is None:
        raise NotFoundError(
            "there is no delivery {uid} that your party may see: see the list of deliveries",
            uid=uid,
        )
    return row


def counts(*, viewer: Party) -> dict[tuple[str, str], int]:
    """Return the number of deliveries to a party by channel and state; an agency counts all."""
    visible = Delivery.objects.order_by().filter(_seen_by(viewer))
    rows = visible.values_list("channel", "state").annotate(Count("pk"))
    return {(channel, state): number for channel, state, number in rows}


@needs_no_viewer("it returns a time")
def oldest_due() -> datetime | None:
    """Return when the delivery that is overdue for longest was due; None if none waits."""
    waiting = Delivery.objects.filter(state__in=(DeliveryState.QUEUED, DeliveryState.FAILED))
    due: datetime | None = waiting.aggregate(due=Min("next_at"))["due"]
    return due


def points_of(party: str, *, address: str) -> list[ContactPoint]:
    """Return a party's contact points that the hub can write to, for the operator.

    address: "" for all.

    raises: NotFoundError for an unknown party or address.
    """
    owner = parties.party(party)
    points = ContactPoint.objects.filter(party=owner, removed_at=None, channel__in=("mail", "url"))
    rows = [point for point in points.select_related("party") if address in {"", point.address}]
    if not rows:
        raise NotFoundError(
            "{party} has no such contact point: see stemtide party contacts", party=party
        )
    return rows


def outgoing(row: Delivery, *, home: Home, now: datetime) -> OutgoingAlert:
    """Return a delivery for its channel. The row must have its alert, party, crisis and point."""
    alert, point, person = row.alert, row.point, row.person
    if person is not None:
        return _personal(row, person, home=home, now=now)
    ends_at = now + rules.link_valid_for(alert.subject)
    link = links.make_token(row.uid, until=ends_at)
    base = home.address.rstrip("/")
    return OutgoingAlert(
        delivery=row.uid,
        attempt=row.attempts,
        channel=Channel(row.channel),
        alert=alert.uid,
        kind=alert.kind,
        urgency=Urgency(alert.urgency),
        exercise=alert.exercise,
        party=alert.party.name,
        party_title=alert.party.title,
        crisis=alert.crisis.uid if alert.crisis else None,
        subject=alert.subject,
        parameters=alert.parameters,
        created_at=alert.created_at,
        now=now,
        address=point.address if point else "",
        language=_language(point.languages if point else (), available=home.languages),
        secrets=secrets(point, now=now) if point else (),
        link=f"{base}/acknowledge/{link}" if base else "",
        desk=f"{base}/alerts" if base else "",
        link_ends_at=ends_at if base else None,
    )


def _personal(row: Delivery, person: Person, *, home: Home, now: datetime) -> OutgoingAlert:
    """Return a mail to one person: in their language and time zone, without a link."""
    alert = row.alert
    language = _language([person.language], available=home.languages)
    with translation.override(language):
        notes = alerts.personal_notes(
            at=alert.created_at.astimezone(ZoneInfo(person.time_zone or "UTC")),
            networks=people.failure_networks(person, now=now),
        )
    return OutgoingAlert(
        delivery=row.uid,
        attempt=row.attempts,
        channel=Channel(row.channel),
        alert=alert.uid,
        kind=alert.kind,
        urgency=Urgency(alert.urgency),
        exercise=alert.exercise,
        party=alert.party.name,
        party_title=alert.party.title,
        crisis=None,
        subject=alert.subject,
        parameters=alert.parameters,
        created_at=alert.created_at,
        now=now,
        address=person.email,
        language=language,
        notes=notes,
        is_personal=True,
    )


def secrets(point: ContactPoint, *, now: datetime) -> tuple[str, ...]:
    """Return the secrets that sign for a contact point now, the latest first, as "whsec_…".

    They are derived from the hub's own secret and never stored, so a copy of the database cannot
    sign. A point that was never rotated is at generation 1.
    """
    rows = list(SigningKey.objects.filter(point=point))
    latest = max((row.generation for row in rows), default=1)
    unretired = [row.generation for row in rows if row.retires_at and row.retires_at > now]
    return tuple(
        _secret(point.pk, generation) for generation in [latest, *sorted(unretired, reverse=True)]
    )


def _secret(point: int, generation: int) -> str:
    """Return one secret, in the format of Standard Webhooks."""
    name = f"stemtide.alerts.signing:{point}:{generation}"
    return webhook_headers.derived_secret(settings.SECRET_KEY, name)


def _language(preferred: Iterable[str], *, available: frozenset[str]) -> str:
    """Return the first language of a contact point that the hub supports; English otherwise."""
    return next((language for language in preferred if language in available), "en")


def _seen_by(viewer: Party) -> Q:
    """Return the filter for deliveries that a party sees: its own; an agency all but sealed."""
    own = Q(alert__party=viewer)
    if viewer.kind != PartyKind.AGENCY:
        return own
    return own | ~Q(alert__kind__in=_SEALED)


def _all() -> QuerySet[Delivery]:
    """Return all deliveries with the related rows that views and channels need."""
    return Delivery.objects.select_related("alert__party", "alert__crisis", "point", "person")


def _row(delivery: Delivery, *, is_own: bool) -> DeliveryRow:
    """Return a delivery as people see it."""
    alert = delivery.alert
    return DeliveryRow(
        uid=delivery.uid,
        alert=alert.uid,
        title=alerts.title(alert.kind, alert.parameters, exercise=alert.exercise),
        party=alert.party.name,
        channel=Channel(delivery.channel),
        address=delivery.point.address if delivery.point and is_own else "",
        step=delivery.step,
        state=DeliveryState(delivery.state),
        attempts=delivery.attempts,
        queued_at=delivery.queued_at,
        next_at=delivery.next_at,
        sent_at=delivery.sent_at,
        last_error=delivery.last_error,
        drop_reason=delivery.drop_reason,
        proof=delivery.proof,
        exercise=alert.exercise,
        is_own=is_own,
    )


@needs_no_viewer("everybody who has the link may read it")
def find_by_link(uid: UUID) -> Delivery:
    """Return the delivery that a link came with, for writes.

    raises: NotFoundError, also if the contact point that it went to was removed since.
    """
    deliveries = Delivery.objects.select_related("alert__party", "alert__crisis", "point")
    row = deliveries.filter(uid=uid).first()
    if row is None or (row.point is not None and row.point.removed_at is not None):
        raise NotFoundError("this link is invalid or has expired: sign in at the desk")
    return row
