# SPDX-License-Identifier: Apache-2.0
"""Rules of the roles in a crisis' response: who takes, gives, accepts and lays down a role.

A role never gives a right: rules of crises, signals and orders do not look at it. Decision 0131.
"""

from dataclasses import dataclass

from stemtide.hub.platform.errors import ConflictError, NotAllowedError
from stemtide.hub.platform.permissions import LEADING_ROLES
from stemtide.hub.rooms.crises.rules.crises import (
    Acting,
    CrisisFacts,
    PartyNamed,
    check_in_room,
    check_writes,
)
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.enums.response import ResponseRole


@dataclass(frozen=True, slots=True)
class RoleFacts:
    """A role of a crisis. holder, offered_to: names of parties; "" for none."""

    role: ResponseRole
    holder: str = ""
    offered_to: str = ""


def check_take(facts: CrisisFacts, state: RoleFacts, *, by: Acting) -> None:
    """Check that a person takes an open role."""
    _check_acts(facts, by)
    _check_person(by)
    check_may_hold(facts, state.role, by)
    if state.holder:
        raise ConflictError("somebody holds this role: ask them to hand it over")


def check_give(facts: CrisisFacts, state: RoleFacts, *, by: Acting, to: PartyNamed) -> None:
    """Check that the actor gives a role, or hands it over.

    The holder's party does, and leading parties do; an open role anybody gives within their party.
    """
    _check_acts(facts, by)
    if by.name not in {state.holder, "" if state.holder else to.name} and not _leads(facts, by):
        raise NotAllowedError(
            "only the holder's party, the party that opened the crisis, an authority or an agency "
            "can give this role: ask one"
        )
    check_in_room(facts, to)
    check_may_hold(facts, state.role, to)


def check_may_give(facts: CrisisFacts, state: RoleFacts, *, by: Acting) -> None:
    """Check that the actor may give a role to anybody: a colleague if nobody else."""
    if state.holder or _leads(facts, by):
        _check_acts(facts, by)
        if by.name != state.holder and not _leads(facts, by):
            raise NotAllowedError("another party holds this role: ask it")
    else:
        check_give(facts, state, by=by, to=by)


def check_accept(facts: CrisisFacts, state: RoleFacts, *, by: Acting) -> None:
    """Check that a person takes the role that is offered to their party."""
    _check_acts(facts, by)
    _check_person(by)
    _check_offered(state, by)
    check_may_hold(facts, state.role, by)


def check_decline(facts: CrisisFacts, state: RoleFacts, *, by: Acting) -> None:
    """Check that a party declines the role that is offered to it."""
    check_in_room(facts, by)
    check_writes(by)
    _check_offered(state, by)


def check_lay_down(facts: CrisisFacts, state: RoleFacts, *, by: Acting) -> None:
    """Check that a role becomes open: the holder's party lays it down, leading parties take it."""
    check_in_room(facts, by)
    check_writes(by)
    if not state.holder:
        raise ConflictError("nobody holds this role: there is nothing to lay down")
    if by.name != state.holder and not _leads(facts, by):
        raise NotAllowedError(
            "only the holder's party, the party that opened the crisis, an authority or an agency "
            "can open this role: ask one"
        )


def check_any(facts: CrisisFacts, party: PartyNamed) -> None:
    """Check that people of a party may hold roles here."""
    check_in_room(facts, party)
    check_may_hold(facts, ResponseRole.LIAISON, party)


def check_may_hold(facts: CrisisFacts, role: ResponseRole, party: PartyNamed) -> None:
    """Check that people of a party may hold a role: no observers; the lead only of a leader."""
    if party.kind == PartyKind.OBSERVER:
        raise NotAllowedError("observers can hold no role: ask another party")
    leads = party.name == facts.opened_by or party.kind in facts.leads
    if role is ResponseRole.LEAD and not leads:
        raise NotAllowedError(
            "only the party that opened the crisis, an authority or an agency can lead: ask one"
        )


def _leads(facts: CrisisFacts, by: Acting) -> bool:
    """Whether the actor decides for a leading party of the crisis."""
    is_leader = by.role is None or by.role in LEADING_ROLES
    return is_leader and (by.name == facts.opened_by or by.kind in facts.leads)


def _check_acts(facts: CrisisFacts, by: Acting) -> None:
    """Check that the actor may act in an open crisis."""
    check_in_room(facts, by)
    check_writes(by)
    if not facts.at.is_open:
        raise ConflictError("this crisis is closed: its roles cannot change hands")


def _check_person(by: Acting) -> None:
    """Check that a person acts, and not a key."""
    if by.role is None:
        raise NotAllowedError("people hold roles: sign in at the desk to take one")


def _check_offered(state: RoleFacts, by: Acting) -> None:
    """Check that a role is offered to the actor's party."""
    if state.offered_to != by.name:
        raise ConflictError("this role is not offered to your party: see who holds it")
