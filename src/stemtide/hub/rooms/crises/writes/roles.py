# SPDX-License-Identifier: Apache-2.0
"""Write who holds which role in the response to a crisis."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from django.db import transaction

from stemtide.hub.platform.errors import InvalidError
from stemtide.hub.rooms.crises.models import Crisis, RoleHolding
from stemtide.hub.rooms.crises.reads import crises as reads, life, roles as roles_reads
from stemtide.hub.rooms.crises.rules import roles as rules
from stemtide.hub.rooms.crises.rules.crises import CrisisFacts
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import Party, Person
from stemtide.hub.rooms.parties.reads import parties, people
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.protocol.enums.response import ResponseRole
from stemtide.protocol.messages.crises import CrisisLife
from stemtide.protocol.messages.situation import RoleGiveIn


@dataclass(frozen=True, slots=True)
class _Role:
    """A role that is about to change hands, with the rows that count now."""

    crisis: Crisis
    facts: CrisisFacts
    role: ResponseRole
    rows: roles_reads.RoleRows

    @property
    def state(self) -> rules.RoleFacts:
        """Return the rules' input."""
        return roles_reads.role_facts(self.role, self.rows)


@transaction.atomic
def take(uid: UUID, role: ResponseRole, *, by: Actor, now: datetime) -> CrisisLife:
    """Take an open role, as the person who acts.

    raises: NotFoundError, NotAllowedError, ConflictError for a role that somebody holds.
    """
    current = _find(uid, role, by=by)
    rules.check_take(current.facts, current.state, by=by)
    _hold(current, person=people.own_row(by), note="", given_by=by.party, now=now)
    return _record("role.taken", current, by=by, now=now, parties=[])


@transaction.atomic
def give(
    uid: UUID, role: ResponseRole, *, body: RoleGiveIn, by: Actor, now: datetime
) -> CrisisLife:
    """Give a role to a colleague, who has it at once, or offer it to another party in the room.

    The present holder keeps the role until somebody accepts. A new offer replaces an earlier one.

    raises: NotFoundError, NotAllowedError, ConflictError, InvalidError naming the field.
    """
    current = _find(uid, role, by=by)
    person = _colleague(body.to, by=by) if "@" in body.to else None
    to = by.party if person else _party(body.to)
    rules.check_give(current.facts, current.state, by=by, to=to)
    if person is not None:
        _hold(current, person=person, note=body.note, given_by=by.party, now=now)
        alerted = [] if person.ref == by.ref else [by.name]
        return _record("role.given", current, by=by, now=now, parties=alerted, person=person.ref)
    if to == by.party:
        raise InvalidError("to", "is your own party: name a person of it by mail address")
    _end(current, now=now, is_offer=True)
    RoleHolding.objects.create(
        uid=uuid4(),
        crisis=current.crisis,
        role=role,
        party=to,
        note=body.note,
        given_by=by.party,
        given_at=now,
    )
    return _record("role.offered", current, by=by, now=now, parties=[to.name])


@transaction.atomic
def accept(uid: UUID, role: ResponseRole, *, by: Actor, now: datetime) -> CrisisLife:
    """Take a role that is offered to one's party, as the person who acts.

    raises: NotFoundError, NotAllowedError, ConflictError for a role that is not offered.
    """
    current = _find(uid, role, by=by)
    rules.check_accept(current.facts, current.state, by=by)
    offer = current.rows.offered
    note, giver = (offer.note, offer.given_by) if offer else ("", by.party)
    _hold(current, person=people.own_row(by), note=note, given_by=giver, now=now)
    return _record("role.accepted", current, by=by, now=now, parties=[by.name])


@transaction.atomic
def decline(uid: UUID, role: ResponseRole, *, by: Actor, now: datetime) -> CrisisLife:
    """Decline a role that is offered to one's party.

    raises: NotFoundError, NotAllowedError, ConflictError for a role that is not offered.
    """
    current = _find(uid, role, by=by)
    rules.check_decline(current.facts, current.state, by=by)
    _end(current, now=now, is_offer=True)
    return _record("role.declined", current, by=by, now=now, parties=[by.name])


@transaction.atomic
def lay_down(uid: UUID, role: ResponseRole, *, by: Actor, now: datetime) -> CrisisLife:
    """Leave a role open: the holder's party lays it down, or a leading party takes it away.

    raises: NotFoundError, NotAllowedError, ConflictError for an open role.
    """
    current = _find(uid, role, by=by)
    rules.check_lay_down(current.facts, current.state, by=by)
    _end(current, now=now, is_offer=False)
    return _record("role.opened", current, by=by, now=now, parties=[current.state.holder])


def _find(uid: UUID, role: ResponseRole, *, by: Actor) -> _Role:
    """Take the ledger's lock, and return a role of a crisis that the actor's party is in."""
    ledger.lock_ledger()
    crisis = reads.find_in_room(uid, viewer=by.party)
    return _Role(crisis, reads.facts(crisis), role, roles_reads.current(crisis, role))


def _colleague(email: str, *, by: Actor) -> Person:
    """Return a person of the actor's party who may hold a role. raises: InvalidError."""
    person = people.colleague(email=email, party=by.party)
    if person is None or not people.may_write(person):
        raise InvalidError("to", "your party has nobody with this mail address who may write")
    return person


def _party(name: str) -> Party:
    """Return a party by its name. raises: InvalidError."""
    row = next((party for party in parties.parties() if party.name == name), None)
    if row is None:
        raise InvalidError("to", "there is no party {name!r}: see the participants", name=name[:60])
    return row


def _hold(role: _Role, *, person: Person, note: str, given_by: Party, now: datetime) -> None:
    """Let a person hold a role in place of its holder, and of a person to whom it was offered."""
    role.crisis.roles.filter(role=role.role, ended_at=None).update(ended_at=now)
    RoleHolding.objects.create(
        uid=uuid4(),
        crisis=role.crisis,
        role=role.role,
        party=person.party,
        person=person,
        note=note,
        given_by=given_by,
        given_at=now,
        accepted_at=now,
    )


def _end(role: _Role, *, now: datetime, is_offer: bool) -> None:
    """End the offer of a role, or its holding."""
    rows = role.crisis.roles.filter(role=role.role, ended_at=None)
    rows.filter(accepted_at__isnull=is_offer).update(ended_at=now)


def _record(
    kind: str, role: _Role, *, by: Actor, now: datetime, parties: list[str], **detail: object
) -> CrisisLife:
    """Append to the ledger: the role, and the parties it concerns; return the crisis."""
    ledger.append_by(
        kind,
        by=by,
        subject=role.crisis.ref,
        now=now,
        detail={"role": role.role.value, "parties": parties, **detail},
        exercise=role.crisis.exercise,
    )
    return life.describe(role.crisis, viewer=by.party)
