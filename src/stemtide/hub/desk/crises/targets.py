# SPDX-License-Identifier: Apache-2.0
"""Targets of the actions in a crisis' room, by the rules that their writes enforce."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from django.utils.translation import gettext as _

from stemtide.hub.desk.actions import why_not, why_not_yet
from stemtide.hub.desk.labels import translated
from stemtide.hub.platform.permissions import allows, check_person_may_lead
from stemtide.hub.rooms.crises.rules import (
    crises as rules,
    events,
    moves,
    participants,
)
from stemtide.hub.rooms.crises.rules.crises import CrisisFacts
from stemtide.hub.rooms.crises.rules.roles import RoleFacts
from stemtide.hub.rooms.parties.reads import parties as reads
from stemtide.hub.rooms.parties.reads.parties import Actor, Viewer
from stemtide.protocol.enums import JoinState, PartyKind, ProposalAct, ProposalState
from stemtide.protocol.messages.crises import CrisisLife, ProposalOut


@dataclass(frozen=True, slots=True)
class Room:
    """The input of the rules when a form is shown."""

    facts: CrisisFacts
    life: CrisisLife
    by: Actor
    now: datetime


def crisis_itself(check: Callable[..., None], **arguments: object) -> Callable[[Room], list[str]]:
    """Return a function that gives the crisis itself as target if a rule allows it."""
    return lambda room: [""] if allows(check, room.facts, by=room.by, **arguments) else []


def why_no_activation(room: Room) -> str:
    """Return what is missing before activation, to a reader who could propose it."""
    may_lead = allows(moves.check_may_activate, room.facts, by=room.by)
    arguments = {"by": room.by, "act": ProposalAct.ACTIVATE}
    return why_not(moves.check_propose, room.facts, **arguments) if may_lead else ""


def at_later_stage(
    check: Callable[..., None], **arguments: object
) -> Callable[[Room], dict[str, str]]:
    """Return a function that says why the stage forbids an act that a later stage allows."""

    def blocked(room: Room) -> dict[str, str]:
        reason = why_not_yet(check, room.facts, by=room.by, **arguments)
        if not reason:
            return {}
        framework = room.facts.framework
        stages = [
            translated(stage.title)
            for name, stage in framework.stages.items()
            if name in framework.reachable(room.facts.stage)
            and allows(check, replace(room.facts, stage=name), by=room.by, **arguments)
        ]
        where = _("Possible at the stage: %(stages)s.") % {"stages": ", ".join(stages)}
        return {"": f"{reason}. {where}"} if stages else {}

    return blocked


def until_answered(
    check: Callable[..., None], **arguments: object
) -> Callable[[Room], dict[str, str]]:
    """Return a function that says why the crisis cannot be closed: its stage, or no answer yet."""

    def blocked(room: Room) -> dict[str, str]:
        answered = replace(room.facts, is_answered=True, is_current=True)
        if allows(check, answered, by=room.by, **arguments):
            reason = why_not_yet(check, room.facts, by=room.by, **arguments)
            return {"": reason} if reason else {}
        return at_later_stage(check, **arguments)(replace(room, facts=answered))

    return blocked


def why_no_confirmation(room: Room) -> dict[str, str]:
    """Return why open proposals wait for somebody else than this reader, who decides such ones."""
    parties = {party.name: party for party in reads.parties()}
    reasons = {}
    for proposal in room.life.proposals:
        can_lead = allows(rules.check_leads, room.facts, by=room.by, act="") and allows(
            check_person_may_lead, room.by.role
        )
        if proposal.state is ProposalState.OPEN and can_lead:
            facts = proposal_facts(proposal, party=parties[proposal.by.party])
            reasons[str(proposal.id)] = why_not(
                moves.check_confirm, room.facts, by=room.by, proposal=facts, now=room.now
            )
    return {target: reason for target, reason in reasons.items() if reason}


def proposals(check: Callable[..., None]) -> Callable[[Room], list[str]]:
    """Return a function that gives open proposals as targets, if a rule allows them."""

    def targets(room: Room) -> list[str]:
        parties = {party.name: party for party in reads.parties()}
        return [
            str(proposal.id)
            for proposal in room.life.proposals
            if proposal.state is ProposalState.OPEN
            and allows(
                check,
                room.facts,
                by=room.by,
                proposal=proposal_facts(proposal, party=parties[proposal.by.party]),
                now=room.now,
            )
        ]

    return targets


def emergency(room: Room) -> list[str]:
    """Return the crisis itself if the party may activate it as an emergency."""
    proposals = room.life.proposals
    parties = {party.name: party for party in reads.parties()}
    is_used = any(
        proposal.is_emergency and _is_same_owner(parties[proposal.by.party], room.by)
        for proposal in proposals
    )
    waiting = [
        proposal_facts(proposal, party=parties[proposal.by.party])
        for proposal in proposals
        if proposal.act is ProposalAct.ACTIVATE
        and proposal.state is ProposalState.OPEN
        and not proposal.is_stale
        and proposal.expires_at > room.now
        and not parties[proposal.by.party].is_suspended
    ]
    pending = waiting[0] if waiting else None
    return crisis_itself(moves.check_emergency, is_used=is_used, pending=pending)(room)


def _is_same_owner(party: Viewer, by: Actor) -> bool:
    """Whether a party is the actor's own, or of its group."""
    return party.name == by.name or (bool(by.group) and party.group == by.group)


def proposal_facts(proposal: ProposalOut, *, party: Viewer) -> moves.ProposalFacts:
    """Return the rules' input for a proposal; its author_ref is shown to its own party only.

    party: the one that made it.
    """
    return moves.ProposalFacts(
        act=proposal.act,
        state=proposal.state,
        author=party.name,
        kind=PartyKind(party.kind),
        country=party.country,
        author_ref=proposal.by.ref or "",
        is_machine=proposal.by.role is None,
        expires_at=proposal.expires_at,
        is_stale=proposal.is_stale,
        is_emergency=proposal.is_emergency,
        is_suspended=party.is_suspended,
        group=party.group,
    )


def roles(check: Callable[..., None]) -> Callable[[Room], list[str]]:
    """Return a function that gives the roles for which a rule allows an act."""

    def targets(room: Room) -> list[str]:
        return [
            role.role
            for role in room.life.roles
            if allows(
                check,
                room.facts,
                RoleFacts(role.role, role.party or "", role.offered_to or ""),
                by=room.by,
            )
        ]

    return targets


def tests(room: Room) -> list[str]:
    """Return the tests that may be answered."""
    return [
        test
        for test in room.facts.framework.tests
        if allows(rules.check_answer, room.facts, by=room.by, test=test)
    ]


def invited(room: Room) -> list[str]:
    """Return the parties whose invitation may be withdrawn."""
    return [
        participant.party
        for participant in room.life.participants
        if participant.state is JoinState.INVITED
        and allows(participants.check_uninvite, room.facts, by=room.by, party=participant.party)
    ]


def running_neighbours(room: Room) -> list[str]:
    """Return mirrored activations that have not ended, and that the reader may change."""
    return [
        str(neighbour.id)
        for neighbour in room.life.neighbours
        if neighbour.crisis == room.life.id
        and neighbour.ended_at is None
        and allows(
            events.check_update_neighbour,
            room.facts,
            by=room.by,
            speaks_for=room.by.mechanism,
            framework=neighbour.framework,
            own_by=neighbour.own_by,
        )
    ]


def mirrorable(room: Room) -> list[str]:
    """Return the crisis itself if the reader may note an activation about its event."""
    return crisis_itself(events.check_mirror, speaks_for=room.by.mechanism)(room)


def linked(room: Room) -> list[str]:
    """Return the crisis itself if it is linked with others."""
    has_others = any(related.is_linked for related in room.life.alike)
    return crisis_itself(events.check_unlink, has_others=has_others)(room)


def linkable(room: Room) -> list[str]:
    """Return the crisis itself if it may be linked with another."""
    return crisis_itself(events.check_neighbour)(room)
