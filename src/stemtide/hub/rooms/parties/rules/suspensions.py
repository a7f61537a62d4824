# SPDX-License-Identifier: Apache-2.0
"""Rules of suspension: two people of agencies suspend a party, and two lift it. Decision 0098."""

from dataclasses import dataclass
from datetime import datetime

from stemtide.hub.platform.errors import ConflictError, NotAllowedError
from stemtide.hub.rooms.parties.rules import proposals
from stemtide.hub.rooms.parties.rules.standing import Acting, check_oversees
from stemtide.protocol.enums import PartyKind, ProposalState, Standing
from stemtide.protocol.trust.standing import PartyTrust


@dataclass(frozen=True, slots=True)
class SuspensionFacts:
    """The facts that the rules need of a proposal.

    lifts: whether it ends a suspension. author, author_ref, is_machine: who made it.
    agencies: how many agencies are not suspended.
    """

    party: PartyTrust
    lifts: bool
    agencies: int
    state: ProposalState = ProposalState.OPEN
    author: str = ""
    author_ref: str = ""
    is_machine: bool = False
    expires_at: datetime | None = None


def check_propose(facts: SuspensionFacts, *, by: Acting) -> None:
    """Check that an agency proposes to suspend another party, or to lift its suspension."""
    _check_others(facts, by=by)
    party = facts.party
    if facts.lifts and party.standing is not Standing.SUSPENDED:
        raise ConflictError("{party} is not suspended", party=party.name)
    if not facts.lifts and party.standing is Standing.SUSPENDED:
        raise ConflictError("{party} is already suspended", party=party.name)
    if not facts.lifts and party.kind is PartyKind.AGENCY and facts.agencies <= 1:
        raise ConflictError("{party} is the last agency: nobody could lift it", party=party.name)


def check_confirm(facts: SuspensionFacts, *, by: Acting, now: datetime) -> None:
    """Check that another person than its author confirms a proposal.

    Where a key acts on either side, the other side is a person of another agency: two keys of one
    party may be used by one person, and no two keys may suspend a party without a person.

    source: the four-eyes principle, as for the activation of the protocol.
    """
    check_propose(facts, by=by)
    proposals.check_open(facts, now=now)
    proposals.check_another_confirms(facts.author_ref, by=by)
    if not facts.is_machine and by.role is not None:
        return
    if by.name == facts.author or (facts.is_machine and by.role is None):
        raise NotAllowedError(
            "a key proposed or confirms this: a person of another agency must be the other one"
        )


def check_decline(facts: SuspensionFacts, *, by: Acting, now: datetime) -> None:
    """Check that another agency declines a proposal. Its author withdraws it instead."""
    _check_others(facts, by=by)
    proposals.check_open(facts, now=now)
    proposals.check_another_declines(facts.author_ref, by=by)


def check_withdraw(facts: SuspensionFacts, *, by: Acting, now: datetime) -> None:
    """Check that the proposing party withdraws a proposal."""
    check_oversees(by)
    proposals.check_own_party_withdraws(facts, by=by, now=now)


def _check_others(facts: SuspensionFacts, *, by: Acting) -> None:
    """Refuse decisions of all but agencies, and of an agency on itself."""
    check_oversees(by)
    if facts.party.name == by.name:
        raise NotAllowedError(
            "a party cannot decide on its own suspension: another agency must do it"
        )
