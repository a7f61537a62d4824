# SPDX-License-Identifier: Apache-2.0
"""Readers of deliveries: as people see them, as a channel takes them, and their signing secrets."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Count, Q, QuerySet
from django.utils import translation

from stemtide.hub.alerts import links, rules, words
from stemtide.hub.alerts.channels.port import Parcel
from stemtide.hub.alerts.models import Delivery, SigningKey
from stemtide.hub.alerts.rules import Channel, DeliveryState, Urgency
from stemtide.hub.alerts.rules_kinds import EVERY_KIND
from stemtide.hub.parties import reads as parties, reads_people as people
from stemtide.hub.parties.models import ContactPoint, Party, Person
from stemtide.hub.parties.rules import NotFoundError
from stemtide.protocol import webhooks
from stemtide.protocol.words import PartyKind

_MAILER = "mail"

ROWS = 200
"""Deliveries in one list."""

_SEALED = tuple(name for name, rule in EVERY_KIND.items() if rule.sealed)
"""Alerts of removal orders: agencies know of those alone that they were copied on."""


@dataclass(frozen=True, slots=True)
class Home:
    """Where the hub is found. address: its public one, "" where it was not told."""

    address: str = ""
    languages: frozenset[str] = frozenset({"en"})


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One delivery as people see it. address: of their own party's contact points only.

    proof: what the other side's server said as it took it.
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
    """The deliveries to a party, latest first; an agency sees those to everybody."""
    found = _all().filter(_seen_by(viewer))
    if state is not None:
        found = found.filter(state=state)
    return [_row(one, is_own=one.alert.party_id == viewer.pk) for one in found[:limit]]


def all_deliveries(
    *,
    by: str,  # noqa: ARG001  # an operator sees all
    state: DeliveryState | None = None,
    limit: int = ROWS,
) -> list[DeliveryRow]:
    """All deliveries, latest first, for the operator at the hub's own console."""
    found = _all().filter(state=state) if state is not None else _all()
    return [_row(one, is_own=True) for one in found[:limit]]


def find(uid: UUID, *, viewer: Party | None) -> Delivery:
    """The row of a delivery, for writes. viewer: None for the operator.

    raises: NotFoundError, also for one to another party; an agency sees everybody's.
    """
    found = _all().filter(uid=uid)
    if viewer is not None:
        found = found.filter(_seen_by(viewer))
    row = found.first()
    if row is None:
        raise NotFoundError(
            "there is no delivery {uid} that your party may see: list them first", uid=uid
        )
    return row


def counts(*, viewer: Party) -> dict[tuple[str, str], int]:
    """How many deliveries to a party stand in each state, by channel; an agency counts all."""
    found = Delivery.objects.order_by().filter(_seen_by(viewer))
    rows = found.values_list("channel", "state").annotate(Count("pk"))
    return {(channel, state): number for channel, state, number in rows}


def points_of(party: str, *, address: str, by: str) -> list[ContactPoint]:
    """A party's contact points that are written to, for the operator. address: "" for all.

    raises: NotFoundError for a party or an address that there is not.
    """
    owner = parties.party_named(party, by=by)
    found = ContactPoint.objects.filter(party=owner, removed_at=None, channel__in=("mail", "url"))
    rows = [one for one in found.select_related("party") if address in {"", one.address}]
    if not rows:
        raise NotFoundError(
            "{party} has no such contact point: see stemtide party contacts", party=party
        )
    return rows


def parcel(row: Delivery, *, by: str, home: Home, now: datetime) -> Parcel:  # noqa: ARG001  # the clock, for the addressee
    """A delivery as its channel takes it. The row knows its alert, party, crisis and point."""
    alert, point, person = row.alert, row.point, row.person
    if person is not None:
        return _personal(row, person, home=home, now=now)
    ends_at = now + rules.link_valid_for(alert.subject)
    link = links.make(row.uid, until=ends_at)
    base = home.address.rstrip("/")
    return Parcel(
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
        language=_language(point.languages if point else (), known=home.languages),
        secrets=secrets(point, by=alert.party.name, now=now) if point else (),
        link=f"{base}/acknowledge/{link}" if base else "",
        desk=f"{base}/alerts" if base else "",
        link_ends_at=ends_at if base else None,
    )


def _personal(row: Delivery, person: Person, *, home: Home, now: datetime) -> Parcel:
    """Return a mail to one person: in their language and on their clock, with no link in it."""
    alert = row.alert
    language = _language([person.language], known=home.languages)
    with translation.override(language):
        notes = words.personal_notes(
            at=alert.created_at.astimezone(ZoneInfo(person.time_zone or "UTC")),
            networks=people.failed_from(person, by=_MAILER, now=now),
        )
    return Parcel(
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


def secrets(point: ContactPoint, *, by: str, now: datetime) -> tuple[str, ...]:  # noqa: ARG001  # whoever is shown them was asked before
    """The secrets that sign for a contact point now, the latest first, as "whsec_…".

    They are derived from the hub's own secret and kept nowhere: a copy of the database signs
    nothing. A point that was never rotated stands at generation 1.
    """
    rows = list(SigningKey.objects.filter(point=point))
    latest = max((row.generation for row in rows), default=1)
    still = [row.generation for row in rows if row.retires_at and row.retires_at > now]
    return tuple(_secret(point.pk, one) for one in [latest, *sorted(still, reverse=True)])


def _secret(point: int, generation: int) -> str:
    """One secret, in the spelling of Standard Webhooks."""
    name = f"stemtide.alerts.signing:{point}:{generation}"
    return webhooks.derived_secret(settings.SECRET_KEY, name)


def _language(wanted: Iterable[str], *, known: frozenset[str]) -> str:
    """The first language of a contact point that the hub speaks; English otherwise."""
    return next((one for one in wanted if one in known), "en")


def _seen_by(viewer: Party) -> Q:
    """Deliveries that a party sees: its own; an agency all, but for what is between two others."""
    own = Q(alert__party=viewer)
    if viewer.kind != PartyKind.AGENCY:
        return own
    return own | ~Q(alert__kind__in=_SEALED)


def _all() -> QuerySet[Delivery]:
    """All deliveries with what rows and parcels name."""
    return Delivery.objects.select_related("alert__party", "alert__crisis", "point", "person")


def _row(one: Delivery, *, is_own: bool) -> DeliveryRow:
    """A delivery as people see it."""
    alert = one.alert
    return DeliveryRow(
        uid=one.uid,
        alert=alert.uid,
        title=words.title(alert.kind, alert.parameters, exercise=alert.exercise),
        party=alert.party.name,
        channel=Channel(one.channel),
        address=one.point.address if one.point and is_own else "",
        step=one.step,
        state=DeliveryState(one.state),
        attempts=one.attempts,
        queued_at=one.queued_at,
        next_at=one.next_at,
        sent_at=one.sent_at,
        last_error=one.last_error,
        drop_reason=one.drop_reason,
        proof=one.proof,
        exercise=alert.exercise,
        is_own=is_own,
    )
