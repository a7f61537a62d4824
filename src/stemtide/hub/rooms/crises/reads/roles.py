# SPDX-License-Identifier: Apache-2.0
"""Read who holds which role in the response to a crisis."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.crises.models import Crisis, RoleHolding
from stemtide.hub.rooms.crises.reads import crises as reads
from stemtide.hub.rooms.crises.rules import crises as rules
from stemtide.hub.rooms.crises.rules.roles import RoleFacts
from stemtide.hub.rooms.parties.models import Party, Person
from stemtide.hub.rooms.parties.reads import people
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.request_cache import cached
from stemtide.protocol.enums.response import ResponseRole
from stemtide.protocol.messages.situation import RoleOut


@dataclass(frozen=True, slots=True)
class RoleOffer:
    """A role that a party is asked to take. offered_by: a title."""

    crisis: UUID
    name: str
    role: ResponseRole
    offered_by: str
    offered_at: datetime
    note: str
    exercise: bool


@dataclass(frozen=True, slots=True)
class RoleRows:
    """The rows of one role that count now; None for none."""

    held: RoleHolding | None = None
    offered: RoleHolding | None = None


def roles(uid: UUID, *, viewer: Party) -> list[RoleOut]:
    """Return all roles of a crisis in order, open ones as well.

    raises: NotFoundError; NotAllowedError if the viewer is not in the room.
    """
    return describe_all(reads.find_in_room(uid, viewer=viewer), viewer=viewer)


def describe_all(row: Crisis, *, viewer: Party) -> list[RoleOut]:
    """Return all roles of a crisis from its row. The caller checks that the viewer is in it."""
    current = _current(row)
    return [_describe(role, current[role], viewer=viewer) for role in ResponseRole]


def offers_to(viewer: Party) -> list[RoleOffer]:
    """Return the roles in open crises that a party is asked to take, the latest first."""
    rows = RoleHolding.objects.filter(
        party=viewer, accepted_at=None, ended_at=None, crisis__closed_at=None
    ).select_related("crisis__opened_by", "party", "given_by")
    return [
        RoleOffer(
            crisis=row.crisis.uid,
            name=row.crisis.name,
            role=ResponseRole(row.role),
            offered_by=row.given_by.title,
            offered_at=row.given_at,
            note=row.note,
            exercise=row.crisis.exercise,
        )
        for row in rows.order_by("-given_at")
        if _counts(row, facts=reads.facts(row.crisis))
    ]


def held_by(by: Actor) -> list[tuple[Crisis, ResponseRole]]:
    """Return the roles that a person holds, with their crises."""
    if not by.is_person:
        return []
    rows = RoleHolding.objects.filter(
        person=int(by.ref.removeprefix("person:")), accepted_at__isnull=False, ended_at=None
    ).select_related("crisis__opened_by", "party", "person")
    return [
        (row.crisis, ResponseRole(row.role))
        for row in rows
        if _counts(row, facts=reads.facts(row.crisis))
    ]


def current(row: Crisis, role: ResponseRole) -> RoleRows:
    """Return the rows of one role that count now, for writes and rooms above."""
    return _current(row)[role]


@needs_no_viewer("the caller found the rows")
def role_facts(role: ResponseRole, rows: RoleRows) -> RoleFacts:
    """Return the facts that the rules need of a role."""
    return RoleFacts(
        role=role,
        holder=rows.held.party.name if rows.held else "",
        offered_to=rows.offered.party.name if rows.offered else "",
    )


def person_name(person: Person, *, viewer: Party) -> str:
    """Return how the room names a person; "" for others if they have entered no name."""
    return person.name or (person.email if person.party == viewer else "")


def _current(row: Crisis) -> Mapping[ResponseRole, RoleRows]:
    """Return the rows of each role that count now."""
    return cached(("roles", row.pk), lambda: _read_current(row))


def _read_current(row: Crisis) -> dict[ResponseRole, RoleRows]:
    """Return the rows of each role that count now, from the table."""
    facts = reads.facts(row)
    rows = row.roles.filter(ended_at=None).select_related("party", "person", "given_by")
    counting = [holding for holding in rows if _counts(holding, facts=facts)]
    holdings = {holding.role: holding for holding in counting if holding.accepted_at}
    offers = {holding.role: holding for holding in counting if not holding.accepted_at}
    return {role: RoleRows(holdings.get(role), offers.get(role)) for role in ResponseRole}


def _counts(row: RoleHolding, *, facts: rules.CrisisFacts) -> bool:
    """Whether a holding or offer counts: its party is in the room, and its person may write.

    A suspended party and a deactivated person hold nothing: the role is open.
    """
    if row.party.is_suspended or not rules.is_in_room(facts, row.party):
        return False
    person = row.person
    return person is None or people.may_write(person)


def _describe(role: ResponseRole, rows: RoleRows, *, viewer: Party) -> RoleOut:
    """Return a role as a party in the room reads it."""
    holding, offer = rows.held, rows.offered
    person = holding.person if holding else None
    return RoleOut(
        role=role,
        party=holding.party.name if holding else None,
        holder=person_name(person, viewer=viewer) if person else "",
        ref=person.ref if person and person.party == viewer else None,
        since=holding.accepted_at if holding else None,
        note=holding.note if holding else "",
        offered_to=offer.party.name if offer else None,
        offered_by=offer.given_by.name if offer else None,
        offered_at=offer.given_at if offer else None,
        offer_note=offer.note if offer else "",
    )
