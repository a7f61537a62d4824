# SPDX-License-Identifier: Apache-2.0
"""Read the proposals to activate or close crises that still wait for a second person."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.crises.models import Proposal
from stemtide.hub.rooms.crises.reads import crises, life
from stemtide.hub.rooms.crises.rules.crises import CrisisFacts, check_in_room
from stemtide.hub.rooms.crises.rules.moves import ProposalFacts
from stemtide.hub.rooms.parties.models import Party
from stemtide.protocol.enums import ProposalState


@dataclass(frozen=True, slots=True)
class OpenProposal:
    """A proposal that waits. name: of the crisis. at: when it was made."""

    crisis: UUID
    name: str
    exercise: bool
    reason: str
    at: datetime
    facts: ProposalFacts
    crisis_facts: CrisisFacts


def open_proposals(*, viewer: Party, now: datetime) -> list[OpenProposal]:
    """Return the proposals that wait in crises that a party takes part in, soonest to end first."""
    rows = Proposal.objects.filter(state=ProposalState.OPEN, expires_at__gt=now)
    rows = rows.select_related("crisis__opened_by", "by").order_by("expires_at")
    waiting = []
    for row in rows:
        crisis_facts = crises.facts(row.crisis)
        if allows(check_in_room, crisis_facts, viewer):
            waiting.append(
                OpenProposal(
                    crisis=row.crisis.uid,
                    name=row.crisis.name,
                    exercise=row.crisis.exercise,
                    reason=row.reason,
                    at=row.at,
                    facts=life.proposal_facts(row),
                    crisis_facts=crisis_facts,
                )
            )
    return waiting
