# SPDX-License-Identifier: Apache-2.0
"""Rules of tasks: who gives, finishes, drops and reopens them. Decision 0131."""

from dataclasses import dataclass

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.crises.rules.crises import (
    Acting,
    CrisisFacts,
    PartyNamed,
    check_in_room,
    check_writes,
    is_in_room,
)
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.enums.response import TaskState

__all__ = ["TaskFacts", "allows", "check_give", "check_move", "check_owner"]


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """The facts that the rules need of a task. owner: a party; "" if nobody holds its role."""

    state: TaskState
    given_by: str
    owner: str


def check_give(facts: CrisisFacts, *, by: Acting) -> None:
    """Check that the actor gives a task: everybody who may post in the situation log may."""
    _check_acts(facts, by)
    _check_open(facts)


def check_link(*, crisis: bool, linked: bool) -> None:
    """Check that a crisis and what its task is about are both real or both an exercise."""
    if crisis is not linked:
        raise InvalidError(
            "link",
            "the crisis is {what} and this is not: leave it out",
            what="an exercise" if crisis else "real",
        )


def check_owner(facts: CrisisFacts, party: PartyNamed) -> None:
    """Check that a party owns a task: one that takes part and does not only observe."""
    if party.kind == PartyKind.OBSERVER or not is_in_room(facts, party):
        raise InvalidError(
            "owner", "{name} cannot do tasks here: see the participants", name=party.name
        )


def check_move(facts: CrisisFacts, task: TaskFacts, *, by: Acting, to: TaskState) -> None:
    """Check that the actor changes a task's state: its owner, its giver, or a leading party."""
    _check_acts(facts, by)
    leads = by.name == facts.opened_by or by.kind in facts.leads
    if by.name not in {task.owner, task.given_by} and not leads:
        raise NotAllowedError(
            "only the task's owner, the party that gave it, the party that opened the crisis, an "
            "authority or an agency can change this task: ask one"
        )
    if to is task.state:
        raise ConflictError("this task is already {state}", state=to)
    if to is TaskState.OPEN:
        _check_open(facts)
    elif task.state is not TaskState.OPEN:
        raise ConflictError("this task is {state}: reopen it first", state=task.state)


def _check_acts(facts: CrisisFacts, by: Acting) -> None:
    """Check that the actor may write in the room."""
    if by.kind is PartyKind.OBSERVER:
        raise NotAllowedError("observers can only read tasks: tell an authority or the agency")
    check_in_room(facts, by)
    check_writes(by)


def _check_open(facts: CrisisFacts) -> None:
    """Check that the crisis takes new tasks."""
    if not facts.at.is_open:
        raise ConflictError("this crisis is closed: it takes no new tasks")
