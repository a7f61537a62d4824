# SPDX-License-Identifier: Apache-2.0
"""The only readers of contact points and escalation ladders."""

from dataclasses import dataclass
from datetime import datetime

from stemtide.hub.rooms.parties.models import ContactPoint, LadderStep, Party
from stemtide.hub.rooms.parties.rules import contacts as rules_contacts
from stemtide.protocol.enums import PartyKind

_DEFAULT_MINUTES = int(rules_contacts.DEFAULT_WAIT.total_seconds() // 60)


@dataclass(frozen=True, slots=True)
class ContactRow:
    """A contact point. is_open: somebody should be there now. number: how writes name it."""

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
class Step:
    """One step of a ladder. wait_minutes: how long to wait for an answer before the next one."""

    position: int
    contact: ContactRow
    wait_minutes: int


def contact_points(*, viewer: Party, now: datetime) -> list[ContactRow]:
    """All contact points that the viewer may see, by party; those always there come first."""
    kind = PartyKind(viewer.kind)
    found = ContactPoint.objects.filter(removed_at=None).select_related("party")
    return [
        _row(point, now=now)
        for point in found.order_by("party__title", "party__name", "-is_24_7", "pk")
        if rules_contacts.may_see_contact(_facts(point), viewer=viewer.name, kind=kind)
    ]


def own_contact_points(*, viewer: Party, now: datetime) -> list[ContactRow]:
    """The viewer's own contact points; those always there come first."""
    found = ContactPoint.objects.filter(party=viewer, removed_at=None).select_related("party")
    return [_row(point, now=now) for point in found.order_by("-is_24_7", "pk")]


def ladder(party: Party, *, viewer: Party, now: datetime) -> list[Step]:
    """Whom to reach at a party now, in order: steps at which nobody should be now are left out.

    1. The party's own ladder; where it set none, its contact points, those always there first.
    2. Of those, what the viewer may see.
    3. Of those, where somebody should be now; if that is nowhere, all of them: a mail box without
       a reader is better than no one at all.

    Positions count from 1, without gaps. Empty only where the party has no contact point that
    the viewer may see. Who alerts a party reads as that party: viewer=party.
    """
    kind = PartyKind(viewer.kind)
    seen = [
        (point, minutes)
        for point, minutes in _whole_ladder(party)
        if rules_contacts.may_see_contact(_facts(point), viewer=viewer.name, kind=kind)
    ]
    rows = [(_row(point, now=now), minutes) for point, minutes in seen]
    reachable = [(row, minutes) for row, minutes in rows if row.is_open] or rows
    return [
        Step(position=at, contact=row, wait_minutes=minutes)
        for at, (row, minutes) in enumerate(reachable, start=1)
    ]


def own_ladder(*, viewer: Party, now: datetime) -> list[Step]:
    """The viewer's ladder as it was set, whoever is there now; empty where none was set."""
    found = LadderStep.objects.filter(party=viewer).select_related("point__party")
    return [
        Step(position=at, contact=_row(one.point, now=now), wait_minutes=one.wait_minutes)
        for at, one in enumerate(found.order_by("position"), start=1)
    ]


def all_contact_points(*, by: str) -> list[ContactPoint]:  # noqa: ARG001  # an operator sees all
    """How each party is reached, for the operator at the hub's own console."""
    found = ContactPoint.objects.filter(removed_at=None).select_related("party")
    return list(found.order_by("party__name", "pk"))


def _whole_ladder(party: Party) -> list[tuple[ContactPoint, int]]:
    """The party's contact points with minutes to wait, from the first step to the last."""
    steps = LadderStep.objects.filter(party=party).select_related("point__party")
    if found := [(step.point, step.wait_minutes) for step in steps.order_by("position")]:
        return found
    points = ContactPoint.objects.filter(party=party, removed_at=None).select_related("party")
    return [(point, _DEFAULT_MINUTES) for point in points.order_by("-is_24_7", "pk")]


def _facts(point: ContactPoint) -> rules_contacts.ContactFacts:
    """What decides who may see it."""
    return rules_contacts.ContactFacts(
        owner=point.party.name,
        owner_kind=PartyKind(point.party.kind),
        channel=point.channel,
        is_24_7=point.is_24_7,
    )


def _row(point: ContactPoint, *, now: datetime) -> ContactRow:
    """A contact point as doors show it."""
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
        is_open=rules_contacts.is_open(is_24_7=point.is_24_7, time_zone=point.time_zone, now=now),
        verified_at=point.verified_at,
    )
