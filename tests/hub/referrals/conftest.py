# SPDX-License-Identifier: Apache-2.0
"""Short ways to refer, answer and hold."""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.referrals.reads import referrals as reads, search as reads_search
from stemtide.hub.rooms.referrals.writes import (
    answers as writes_answers,
    batches as writes_batches,
    holds as writes_holds,
    referrals as writes,
)
from stemtide.protocol.enums import Role
from stemtide.protocol.messages.batches import BatchIn, BatchRowIn, RowsIn
from stemtide.protocol.messages.holds import HoldIn
from stemtide.protocol.messages.referrals import AnswerIn, AssessIn, SearchIn, SendIn
from tests.world import NOON, World

URL = "https://video.example/watch?v=1"


@dataclass
class Desk:
    """The world, and what its people do with referrals."""

    world: World

    def actor(self, party: str = "authority", role: str | None = "duty_officer") -> Actor:
        """Somebody of a party in a role; None: a machine of theirs."""
        found = getattr(self.world, party)
        ref = f"key:{found.name}" if role is None else f"person:{found.pk}"
        return Actor(party=found, ref=ref, role=role and Role(role))

    def body(self, **facts) -> AssessIn:
        said = {
            "provider": "big-video",
            "url": URL,
            "content_type": "video",
            "language": "en",
            "labels": ("incitement",),
            "terms": "4.2 Violent extremism",
            "reason": "It calls for an attack on a market.",
        }
        return AssessIn(**(said | facts))

    def assess(self, party="authority", role="analyst", now=NOON, **facts):
        return writes.assess(self.body(**facts), by=self.actor(party, role), now=now)

    def refer(self, party="authority", role="duty_officer", now=NOON, despite="", **facts):
        how = SendIn(despite=despite)
        return writes.refer(self.body(**facts), assessment=how, by=self.actor(party, role), now=now)

    def send(self, referral, party="authority", role="duty_officer", now=NOON, **how):
        by = self.actor(party, role)
        return writes.send(referral.id, body=SendIn(**how), by=by, now=now)

    def answer(self, referral, answer, party="big_provider", role="analyst", now=NOON, **more):
        body = AnswerIn(answer=answer, **more)
        return writes_answers.answer(referral.id, body=body, by=self.actor(party, role), now=now)

    def hold(self, party="other_authority", role="duty_officer", now=NOON, hours=24, **facts):
        said = {
            "url": URL,
            "until": now + timedelta(hours=hours),
            "reason": "investigation",
            "contact": "+33 1 5555 0100, duty desk",
            "case_reference": "PARQUET 26-4711",
        }
        body = HoldIn(**(said | facts))
        return writes_holds.place(body, by=self.actor(party, role), now=now)

    def search(self, party="authority", now=NOON, **facts):
        body = SearchIn(**({"url": URL} | facts))
        return reads_search.search(body, viewer=getattr(self.world, party), now=now)

    def look(self, referral, party="authority"):
        return reads.referral(referral.id, viewer=getattr(self.world, party))

    def open(self, name="Action day", party="authority", **facts):
        body = BatchIn(name=name, **facts)
        return writes_batches.open_batch(body, by=self.actor(party), now=NOON)

    def add(self, batch, rows, party="authority", *, now=NOON, again=False):
        body = RowsIn(rows=tuple(rows), again=again)
        by = self.actor(party)
        return writes_batches.add_rows(batch.id, body=body, by=by, now=now).rows


def row(number, url=None, **facts):
    """One good row of a batch."""
    said = {
        "url": url or f"https://video.example/watch?v={number}",
        "provider": "big-video",
        "reason": "It calls for an attack.",
        "labels": "incitement",
        "content_type": "video",
    }
    return BatchRowIn(number=number, **(said | facts))


@pytest.fixture
def desk(world):
    return Desk(world)
