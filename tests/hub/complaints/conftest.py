# SPDX-License-Identifier: Apache-2.0
"""Short ways to complain and to decide, and who does so in which role."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from stemtide.hub.rooms.complaints.reads import complaints as reads, redress as reads_redress
from stemtide.hub.rooms.complaints.writes import complaints as writes, redress as writes_redress
from stemtide.protocol.messages.complaints import (
    ComplaintIn,
    ComplaintLinkIn,
    ComplaintOutcomeIn,
    ComplaintTakeIn,
    RedressIn,
)
from tests.world import NOON

WORDS = "This is my own report for the evening news, nothing else."
HOME = "https://hub.example"


@dataclass
class Bench:
    """Big Video's reviewers, and a signal that the Belgian authority shared."""

    world: object
    signal: object
    made: list = field(default_factory=list)

    def actor(self, party="big_provider", role="duty_officer", ref=""):
        return self.world.actor(getattr(self.world, party), role=role, ref=ref)

    def decision(self, **facts):
        plain = {
            "reference": f"case-{len(self.made)}",
            "basis": "signal",
            "ground": self.signal.id,
            "measure": "blocked",
            "acted_at": NOON - timedelta(hours=1),
        }
        self.made.append(plain | facts)
        return plain | facts

    def link(self, party="big_provider", role="duty_officer", now=NOON, **facts):
        body = ComplaintLinkIn(**self.decision(**facts))
        return reads.link(body, by=self.actor(party, role), home=HOME, now=now)

    def complain(self, now=NOON, text=WORDS, **facts):
        """Complain with a link, as an uploader does; the complaint as its provider reads it."""
        made = self.link(now=now, **facts)
        writes.file_by_link(made.token, text=text, language="en", now=now)
        viewer = self.world.big_provider
        found = reads.complaints(viewer=viewer)
        return next(one for one in found if one.reference == made.reference)

    def file(self, party="big_provider", role="duty_officer", now=NOON, **facts):
        text = facts.pop("text", WORDS)
        body = ComplaintIn(**self.decision(**facts), text=text)
        return writes.file_for(body, by=self.actor(party, role), now=now)

    def take(self, complaint, party="big_provider", role="duty_officer", now=NOON, **named):
        body = ComplaintTakeIn(**named)
        return writes.take(complaint.id, body=body, by=self.actor(party, role), now=now)

    def decide(self, complaint, *, now=NOON, by=None, **facts):
        plain = {
            "is_upheld": True,
            "exemption": "news",
            "finding": "content",
            "reasons": "It reports on the attack and shows none of it.",
        }
        body = ComplaintOutcomeIn(**(plain | facts))
        return writes.decide(complaint.id, body=body, by=by or self.actor(), now=now)

    def uphold(self, complaint, **facts):
        """Take it up and find the signal itself wrong."""
        self.take(complaint)
        ground = {"finding": "ground", "note": "It shows a fire brigade."}
        return self.decide(complaint, **(ground | facts))

    def reject(self, complaint, **facts):
        self.take(complaint)
        plain = {"is_upheld": False, "exemption": "none", "finding": None}
        plain["reasons"] = "It shows the attack as its perpetrator filmed it."
        return self.decide(complaint, **(plain | facts))

    def answer(self, complaint, *, keep, reason="", party="authority", role="duty_officer"):
        body = RedressIn(keep=keep, reason=reason)
        return writes_redress.answer(complaint.id, body=body, by=self.actor(party, role), now=NOON)

    def accept(self, complaint, party="big_provider", role="duty_officer"):
        return writes_redress.accept(complaint.id, by=self.actor(party, role), now=NOON)

    def asked(self, party="authority"):
        return reads_redress.requests(viewer=getattr(self.world, party))


@pytest.fixture
def bench(world):
    return Bench(world=world, signal=world.share())
