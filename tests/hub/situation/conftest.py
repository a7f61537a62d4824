# SPDX-License-Identifier: Apache-2.0
"""Short ways to act in a room, and who does so in which role."""

from dataclasses import dataclass

import pytest

from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.situation.writes import leads as writes_leads, situation as writes
from stemtide.protocol.enums import Role
from stemtide.protocol.messages.situation import LeadIn, MessageIn, PublicStatementIn, VoteIn
from tests.world import NOON

LEAD = {
    "level": "high_specific",
    "bases": ("tco_14_5",),
    "country": "BE",
    "facts": "A man announces an attack on the market at six.",
    "reasons": "He names place and time and shows a rifle.",
    "locate": "Account number 4711",
    "callback": "+32 2 555 0199, ask for the duty officer",
}


@dataclass
class Room:
    """One crisis and the people of its world."""

    world: object
    crisis: object

    def actor(self, party, role="duty_officer"):
        """Somebody of a party in a role; None: a machine of theirs."""
        party = getattr(self.world, party)
        ref = f"key:{party.name}" if role is None else f"person:{party.pk}"
        return Actor(party=party, ref=ref, role=role and Role(role))

    def post(self, party="authority", role="analyst", **facts):
        body = MessageIn(**({"kind": "observation", "text": "Seen on three services."} | facts))
        return writes.post(self.crisis.id, body=body, by=self.actor(party, role), now=NOON)

    def propose(self, party="authority", **facts):
        body = PublicStatementIn(**({"texts": {"en": "Do not share the video."}} | facts))
        return writes.propose_line(self.crisis.id, body=body, by=self.actor(party), now=NOON)

    def vote(self, line, party, vote="agree", role="duty_officer"):
        body = VoteIn(vote=vote)
        return writes.vote(line.id, body=body, by=self.actor(party, role), now=NOON)

    def lead(self, party="big_provider", role="analyst", now=NOON, **facts):
        body = LeadIn(**(LEAD | facts))
        return writes_leads.report_lead(body, by=self.actor(party, role), now=now)


def joined(world):
    """An active crisis that all but the observer have joined."""
    crisis = world.activate()
    world.join(
        crisis, world.other_authority, world.big_provider, world.small_provider, world.consortium
    )
    return crisis


@pytest.fixture
def room(world):
    """Everyone but the observer takes part."""
    crisis = world.activate()
    others = (world.other_authority, world.big_provider, world.small_provider, world.consortium)
    world.join(crisis, *others)
    return Room(world=world, crisis=crisis)


@pytest.fixture
def person(world):
    """person(party, role) as the doors make it from somebody who signed in."""

    def make(party, role="duty_officer"):
        return parties.actor(world.person(party, role=role))

    return make
