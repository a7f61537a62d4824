# SPDX-License-Identifier: Apache-2.0
"""Write tasks of a response."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from stemtide.hub.platform.errors import InvalidError, NotFoundError
from stemtide.hub.rooms.crises.models import Crisis
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import Party, Person
from stemtide.hub.rooms.parties.reads import parties, people
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.signals.rules.signals import uuid_at
from stemtide.hub.rooms.tasks import reads, rules
from stemtide.hub.rooms.tasks.models import Task
from stemtide.protocol.enums.response import ResponseRole, TaskState
from stemtide.protocol.messages.situation import TaskIn, TaskMoveIn, TaskOut

_KINDS = {
    TaskState.DONE: "task.finished",
    TaskState.DROPPED: "task.dropped",
    TaskState.OPEN: "task.reopened",
}
_ROLE = "role:"


@dataclass(frozen=True, slots=True)
class _Owner:
    """The owner of a new task: a role, or a party with or without one of its people."""

    role: ResponseRole | None = None
    party: Party | None = None
    person: Person | None = None


@transaction.atomic
def give(uid: UUID, *, body: TaskIn, by: Actor, now: datetime) -> TaskOut:
    """Add a task to a crisis, and notify its owner.

    raises: NotFoundError, NotAllowedError, ConflictError, InvalidError naming the field.
    """
    ledger.lock_ledger()
    crisis = crises.find_in_room(uid, viewer=by.party)
    rules.check_give(crises.facts(crisis), by=by)
    owner = _owner(body.owner, crisis=crisis, by=by)
    row = Task.objects.create(
        uid=uuid_at(now),
        crisis=crisis,
        title=body.title,
        due_at=body.due_at,
        owner_role=owner.role or "",
        owner_party=owner.party,
        owner_person=owner.person,
        given_by=by.party,
        given_at=now,
        exercise=crisis.exercise,
        **_link(body, crisis=crisis, by=by),
    )
    return _record("task.given", row, by=by, now=now)


@transaction.atomic
def move(uid: UUID, *, body: TaskMoveIn, by: Actor, now: datetime) -> TaskOut:
    """Finish, drop or reopen a task.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    rules.check_move(crises.facts(row.crisis), reads.facts(row), by=by, to=body.state)
    is_open = body.state is TaskState.OPEN
    row.state = body.state
    row.ended_by = None if is_open else by.party
    row.ended_at = None if is_open else now
    row.save(update_fields=["state", "ended_by", "ended_at"])
    return _record(_KINDS[body.state], row, by=by, now=now)


def _owner(text: str, *, crisis: Crisis, by: Actor) -> _Owner:
    """Return the owner that a message names. raises: InvalidError."""
    if text.startswith(_ROLE):
        name = text.removeprefix(_ROLE)
        if name not in set(ResponseRole):
            roles = ", ".join(ResponseRole)
            raise InvalidError(
                "owner", "there is no role {name!r}; known are {known}", name=name[:20], known=roles
            )
        return _Owner(role=ResponseRole(name))
    if "@" in text:
        person = people.colleague(email=text, party=by.party)
        if person is None or not people.may_write(person):
            raise InvalidError(
                "owner", "your party has nobody with this mail address who may write"
            )
        return _Owner(party=by.party, person=person)
    party = by.party if not text else _party(text)
    rules.check_owner(crises.facts(crisis), party)
    return _Owner(party=party)


def _party(name: str) -> Party:
    """Return a party by its name. raises: InvalidError."""
    try:
        return parties.party(name)
    except NotFoundError as error:
        raise InvalidError.of("owner", error) from error


def _link(body: TaskIn, *, crisis: Crisis, by: Actor) -> dict[str, object]:
    """Return the columns of what a task is about.

    raises: InvalidError if it is not visible, or if one is an exercise and the other is not.
    """
    if body.link is None:
        return {}
    try:
        row = reads.find_linked(body.link.kind, body.link.id, viewer=by.party)
    except NotFoundError as error:
        raise InvalidError.of("link", error) from error
    rules.check_link(crisis=crisis.exercise, linked=row.exercise)
    return {"link_kind": body.link.kind, "link": body.link.id}


def _record(kind: str, row: Task, *, by: Actor, now: datetime) -> TaskOut:
    """Append to the ledger: the owner's party if somebody there gets an alert; return the task.

    The entry names a person only if their own party appends it, as that party reads it in full.
    """
    party, person = reads.owner(row)
    is_told = person.ref != by.ref if person else party != by.party
    detail: dict[str, object] = {"parties": [party.name] if party and is_told else []}
    if row.owner_role:
        detail["role"] = row.owner_role
    if person is not None and person.party == by.party:
        detail["person"] = person.ref
    ledger.append_by(
        kind,
        by=by,
        subject=row.ref,
        now=now,
        detail=detail,
        exercise=row.exercise,
        crisis=row.crisis.uid,
    )
    return reads.describe(row, viewer=by.party)
