# SPDX-License-Identifier: Apache-2.0
"""Read contact points and escalation ladders."""

from dataclasses import dataclass
from datetime import datetime

from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.ledger.reads import hub_settings
from stemtide.hub.rooms.parties.models import ContactPoint, LadderStep, Party
from stemtide.hub.rooms.parties.rules import contacts
from stemtide.protocol.enums import PartyKind

_DEFAULT_MINUTES = int(contacts.DEFAULT_WAIT.total_seconds() // 60)


@dataclass(frozen=True, slots=True)
class ContactRow:
    """A contact point. is_open: somebody should be there now. number: its id in writes."""

    number: int
    party: str
    party_title: str
    party_kind: PartyKind
    title: str
    channel: str
    address: str
    languages: tuple[str, ...]
    time_zone: str
    is_24_7: bool
    is_open: bool
    verified_at: datetime | None


@dataclass(frozen=True, slots=True)
class ContactStep:
    """A step of a ladder. wait_minutes: how long to wait for an answer before the next one."""

    position: int
    contact: ContactRow
    wait_minutes: int


def contact_points(*, viewer: Party, now: datetime) -> list[ContactRow]:
    """Return all contact points that the viewer may see, by party; 24/7 ones first."""
    kind = PartyKind(viewer.kind)
    points = ContactPoint.objects.filter(removed_at=None).select_related("party")
    return [
        _row(point, now=now)
        for point in points.order_by("party__title", "party__name", "-is_24_7", "pk")
        if contacts.may_see_contact(_facts(point), viewer=viewer.name, kind=kind)
    ]


def parties_at(host: str, *, viewer: Party) -> list[str]:
    """Return names of parties with a contact point, which the viewer may see, at a web host.

    Only points that answered in a drill count: a party could name anybody's address as its own.
    """
    kind = PartyKind(viewer.kind)
    points = ContactPoint.objects.filter(removed_at=None, verified_at__isnull=False)
    points = points.select_related("party")
    return sorted(
        {
            point.party.name
            for point in points
            if contacts.is_at(host, address=point.address)
            and contacts.may_see_contact(_facts(point), viewer=viewer.name, kind=kind)
        }
    )


def own_contact_points(*, viewer: Party, now: datetime) -> list[ContactRow]:
    """Return the viewer's own contact points; 24/7 ones first."""
    points = ContactPoint.objects.filter(party=viewer, removed_at=None).select_related("party")
    return [_row(point, now=now) for point in points.order_by("-is_24_7", "pk")]


def ladder(party: Party, *, viewer: Party, now: datetime) -> list[ContactStep]:
    """Return the steps for reaching a party now, without closed contact points.

    1. The party's own ladder; if it has none, its contact points, 24/7 ones first.
    2. Of those, the ones that the viewer may see.
    3. Of those, the ones where somebody should be now; if there are none, all of them: a mailbox
       that nobody reads is better than nothing.

    Positions count from 1, without gaps. The result is empty only if the party has no contact point
    that the viewer may see. Code that alerts a party reads on its behalf: viewer=party.
    """
    kind = PartyKind(viewer.kind)
    visible = [
        (point, minutes)
        for point, minutes in _all_steps(party)
        if contacts.may_see_contact(_facts(point), viewer=viewer.name, kind=kind)
    ]
    rows = [(_row(point, now=now), minutes) for point, minutes in visible]
    reachable = [(row, minutes) for row, minutes in rows if row.is_open] or rows
    return [
        ContactStep(position=at, contact=row, wait_minutes=minutes)
        for at, (row, minutes) in enumerate(reachable, start=1)
    ]


def own_ladder(*, viewer: Party, now: datetime) -> list[ContactStep]:
    """Return the viewer's ladder as configured, even at closed steps; empty if it has none."""
    steps = LadderStep.objects.filter(party=viewer).select_related("point__party")
    return [
        ContactStep(position=at, contact=_row(step.point, now=now), wait_minutes=step.wait_minutes)
        for at, step in enumerate(steps.order_by("position"), start=1)
    ]


@needs_no_viewer("an operator sees all")
def all_contact_points() -> list[ContactPoint]:
    """Return all parties' contact points, for the operator at the hub's own console."""
    points = ContactPoint.objects.filter(removed_at=None).select_related("party")
    return list(points.order_by("party__name", "pk"))


def _all_steps(party: Party) -> list[tuple[ContactPoint, int]]:
    """Return the party's contact points with minutes to wait, from the first step to the last."""
    steps = LadderStep.objects.filter(party=party).select_related("point__party")
    if own_steps := [(step.point, step.wait_minutes) for step in steps.order_by("position")]:
        return own_steps
    points = ContactPoint.objects.filter(party=party, removed_at=None).select_related("party")
    return [(point, _DEFAULT_MINUTES) for point in points.order_by("-is_24_7", "pk")]


def _facts(point: ContactPoint) -> contacts.ContactFacts:
    """Return the facts that decide who may see a contact point."""
    return contacts.ContactFacts(
        owner=point.party.name,
        owner_kind=PartyKind(point.party.kind),
        channel=point.channel,
        is_24_7=point.is_24_7,
    )


def _row(point: ContactPoint, *, now: datetime) -> ContactRow:
    """Return a contact point for display."""
    return ContactRow(
        number=point.pk,
        party=point.party.name,
        party_title=point.party.title,
        party_kind=PartyKind(point.party.kind),
        title=point.title,
        channel=point.channel,
        address=point.address,
        languages=tuple(point.languages),
        time_zone=point.time_zone,
        is_24_7=point.is_24_7,
        is_open=contacts.is_open(
            is_24_7=point.is_24_7,
            time_zone=point.time_zone,
            hours=hub_settings.office_hours(),
            now=now,
        ),
        verified_at=point.verified_at,
    )
