# SPDX-License-Identifier: Apache-2.0
"""What the acts of a crisis' room may be about now, by the rules that their writes ask."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from stemtide.hub.crises import rules, rules_events, rules_joining, rules_moves
from stemtide.hub.crises.rules import CrisisFacts
from stemtide.hub.parties.reads import Actor
from stemtide.protocol.crises import CrisisLife, ProposalOut
from stemtide.protocol.words import JoinState, ProposalState


@dataclass(frozen=True, slots=True)
class Room:
    """What the rules ask about when a form is shown."""

    facts: CrisisFacts
    life: CrisisLife
    by: Actor
    now: datetime


def whole(check: Callable[..., None], **more: object) -> Callable[[Room], list[str]]:
    """The crisis itself as target, where a rule lets it."""
    return lambda room: [""] if rules.allows(check, room.facts, by=room.by, **more) else []


def proposals(check: Callable[..., None]) -> Callable[[Room], list[str]]:
    """Open proposals as targets."""

    def targets(room: Room) -> list[str]:
        return [
            str(proposal.id)
            for proposal in room.life.proposals
            if proposal.state is ProposalState.OPEN
            and rules.allows(
                check,
                room.facts,
                by=room.by,
                proposal=proposal_facts(proposal),
                now=room.now,
            )
        ]

    return targets


def proposal_facts(one: ProposalOut) -> rules_moves.ProposalFacts:
    """What the rules must know of a proposal as it travels; its ref is told to its party only."""
    return rules_moves.ProposalFacts(
        act=one.act,
        state=one.state,
        party=one.by.party,
        ref=one.by.ref or "",
        is_machine=one.by.role is None,
        expires_at=one.expires_at,
        is_stale=one.is_stale,
    )


def tests(room: Room) -> list[str]:
    """The tests that may be answered."""
    return [
        test
        for test in room.facts.framework.tests
        if rules.allows(rules.check_answer, room.facts, by=room.by, test=test)
    ]


def invited(room: Room) -> list[str]:
    """Whose invitation may be taken back."""
    return [
        participant.party
        for participant in room.life.participants
        if participant.state is JoinState.INVITED
        and rules.allows(
            rules_joining.check_uninvite, room.facts, by=room.by, party=participant.party
        )
    ]


def running_neighbours(room: Room) -> list[str]:
    """Mirrored activations that have not ended."""
    is_allowed = rules.allows(rules_events.check_neighbour, room.facts, by=room.by)
    own = [neighbour for neighbour in room.life.neighbours if neighbour.crisis == room.life.id]
    return [str(one.id) for one in own if is_allowed and one.ended_at is None]


def linked(room: Room) -> list[str]:
    """The crisis itself, where it is linked with others."""
    has_others = any(one.is_linked for one in room.life.alike)
    return whole(rules_events.check_unlink, has_others=has_others)(room)


def linkable(room: Room) -> list[str]:
    """The crisis itself, where there may be another to link it with."""
    return whole(rules_events.check_neighbour)(room)
