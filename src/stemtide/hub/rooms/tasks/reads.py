# SPDX-License-Identifier: Apache-2.0
"""Read tasks of a response."""

from collections.abc import Callable, Iterable
from uuid import UUID

from django.db.models import Q, QuerySet

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.rooms.crises.reads import crises, roles
from stemtide.hub.rooms.orders.models import Order
from stemtide.hub.rooms.orders.reads import orders
from stemtide.hub.rooms.parties.models import Party, Person
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.referrals.models import Referral
from stemtide.hub.rooms.referrals.reads import referrals
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads import signals
from stemtide.hub.rooms.tasks.models import Task
from stemtide.hub.rooms.tasks.rules import TaskFacts
from stemtide.protocol.enums.response import ResponseRole, TaskLinkKind, TaskState
from stemtide.protocol.messages.situation import TaskLinkOut, TaskOut

MAX_ENDED = 20
"""Tasks in one list that are done or dropped, the latest ones."""


def tasks(uid: UUID, *, viewer: Party) -> list[TaskOut]:
    """Return the tasks of a crisis: open ones by due time, then the latest that ended.

    raises: NotFoundError; NotAllowedError if the viewer is not in the room.
    """
    room = crises.find_in_room(uid, viewer=viewer)
    rows = _rows().filter(crisis=room)
    ended = rows.exclude(state=TaskState.OPEN).order_by("-ended_at", "-pk")[:MAX_ENDED]
    return [describe(row, viewer=viewer) for row in (*rows.filter(state=TaskState.OPEN), *ended)]


def task(uid: UUID, *, viewer: Party) -> TaskOut:
    """Return one task. raises: NotFoundError, also for one of a room that the viewer is not in."""
    return describe(find(uid, viewer=viewer), viewer=viewer)


def find(uid: UUID, *, viewer: Party) -> Task:
    """Return the row of a task, for writes.

    raises: NotFoundError, also for one of a room that the viewer is not in.
    """
    row = _rows().filter(uid=uid).first()
    if row is None or not crises.is_in_room(row.crisis.uid, party=viewer):
        raise NotFoundError("there is no task {uid} that your party may read", uid=uid)
    return row


def names(uids: Iterable[UUID], *, viewer: Party) -> dict[UUID, str]:
    """Return the titles of those of these tasks whose rooms a party is in."""
    rows = Task.objects.filter(uid__in=list(uids)).values_list("uid", "title", "crisis__uid")
    is_inside = {room: crises.is_in_room(room, party=viewer) for _uid, _title, room in rows}
    return {uid: title for uid, title, room in rows if is_inside[room]}


def waiting(by: Actor) -> list[TaskOut]:
    """Return the open tasks of a person: their own, those of their roles, those of their party."""
    mine = Q(owner_party=by.party, owner_person=None)
    if by.is_person:
        mine |= Q(owner_party=by.party, owner_person=int(by.ref.removeprefix("person:")))
    for crisis, role in roles.held_by(by):
        mine |= Q(crisis=crisis, owner_role=role)
    rows = _rows().filter(mine, state=TaskState.OPEN)
    return [
        describe(row, viewer=by.party)
        for row in rows
        if crises.is_in_room(row.crisis.uid, party=by.party)
    ]


def facts(row: Task) -> TaskFacts:
    """Return the facts that the rules need of a task."""
    party, _person = owner(row)
    return TaskFacts(
        state=TaskState(row.state), given_by=row.given_by.name, owner=party.name if party else ""
    )


def owner(row: Task) -> tuple[Party | None, Person | None]:
    """Return the party and the person that own a task now: of a role, its holder."""
    if not row.owner_role:
        return row.owner_party, row.owner_person
    holding = roles.current(row.crisis, ResponseRole(row.owner_role)).held
    return (holding.party, holding.person) if holding else (None, None)


def describe(row: Task, *, viewer: Party) -> TaskOut:
    """Return a task as a party in the room reads it."""
    party, person = owner(row)
    return TaskOut(
        id=row.uid,
        crisis=row.crisis.uid,
        title=row.title,
        state=TaskState(row.state),
        due_at=row.due_at,
        role=ResponseRole(row.owner_role) if row.owner_role else None,
        party=party.name if party else None,
        owner=_owner_name(row, person, viewer=viewer),
        ref=person.ref if person and party == viewer else None,
        link=_link(row, viewer=viewer),
        given_by=row.given_by.name,
        given_at=row.given_at,
        ended_by=row.ended_by.name if row.ended_by else None,
        ended_at=row.ended_at,
        exercise=row.exercise,
    )


def link_title(kind: TaskLinkKind, uid: UUID, *, viewer: Party) -> str:
    """Return the reference of a thing; "" if it has none.

    raises: NotFoundError for one that the viewer may not see.
    """
    row = find_linked(kind, uid, viewer=viewer)
    return row.url or "" if isinstance(row, Signal) else row.reference


def find_linked(kind: TaskLinkKind, uid: UUID, *, viewer: Party) -> Signal | Referral | Order:
    """Return the row of what a task is about, for writes; of a cluster its first signal.

    raises: NotFoundError for one that the viewer may not see.
    """
    return _FINDERS[kind](uid, viewer)


def _owner_name(row: Task, person: Person | None, *, viewer: Party) -> str:
    """Return the name of a task's owner: of a role's holder to the room, of others to their own."""
    if person is None or (not row.owner_role and person.party != viewer):
        return ""
    return roles.person_name(person, viewer=viewer)


def _link(row: Task, *, viewer: Party) -> TaskLinkOut | None:
    """Return the subject of a task; None if the viewer may not see it."""
    if row.link is None:
        return None
    kind = TaskLinkKind(row.link_kind)
    try:
        return TaskLinkOut(kind=kind, id=row.link, title=link_title(kind, row.link, viewer=viewer))
    except NotFoundError:
        return None


def _signal(uid: UUID, viewer: Party) -> Signal:
    """Return a signal, or the first one of a cluster."""
    return signals.find(uid, viewer=viewer)


_FINDERS: dict[TaskLinkKind, Callable[[UUID, Party], Signal | Referral | Order]] = {
    TaskLinkKind.SIGNAL: _signal,
    TaskLinkKind.CLUSTER: _signal,
    TaskLinkKind.REFERRAL: lambda uid, viewer: referrals.find(uid, viewer=viewer),
    TaskLinkKind.ORDER: lambda uid, viewer: orders.find(uid, viewer=viewer),
}


def _rows() -> QuerySet[Task]:
    """Return all tasks with the parties and people that they name."""
    return Task.objects.select_related(
        *("crisis__opened_by", "owner_party", "owner_person", "given_by", "ended_by")
    )
