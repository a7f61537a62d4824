# SPDX-License-Identifier: Apache-2.0
"""Acts of one owner at a hub, in any order: what others learn from the feed does not change.

Parties of one owner, with any keys, share, judge, report, withdraw and try what only agencies may.
What an agent then makes of the feed is in tests/agent/test_trust_policy.py and
tests/agent/test_trust_sequences.py.
"""

import random
from contextlib import suppress
from datetime import timedelta

import pytest

from stemtide.hub.platform.errors import RefusalError
from stemtide.hub.rooms.approvals import reads as approvals, writes as approval_writes
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads import signals as reads
from stemtide.hub.rooms.signals.writes import allowlists, dismissals, disputes, runaways, signals
from stemtide.protocol.approvals import ApproveIn
from stemtide.protocol.messages.signals import OpinionIn, SetAsideIn, WithdrawIn
from stemtide.protocol.sync.allowlists import AllowlistIn
from stemtide.protocol.sync.runaways import RunawayDecisionIn, RunawayReportIn
from stemtide.protocol.trust.disputes import DismissIn
from tests.rounds import rounds
from tests.world import NOON, add_member, hex_value, signal_in

WHY = "as we see it"
ENOUGH = ("speaks_alone", "confirmed")


class Owner:
    """One owner of several parties, and what it may try with their keys."""

    def __init__(self, world, draw):
        self.world, self.draw = world, draw
        self.parties = [world.big_provider, world.small_provider, world.consortium]
        standings = draw.choices(["new", "member", "trusted"], k=3)
        for party, standing in zip(self.parties, standings, strict=True):
            party.group, party.standing = "one owner", standing
            party.save()

    def act(self, now):
        """Do one act, as far as the hub lets it."""
        self.by = self.draw.choice(self.parties)
        self.actor = self.world.actor(self.by, ref=f"key:{self.draw.randrange(20)}")
        signal = self.draw.choice(list(Signal.objects.all()))
        act = self.draw.choice([self.share, self.judge, self.take, self.decide, self.release])
        with suppress(RefusalError):
            act(signal, now)

    def share(self, _signal, now):
        """Share addresses, a folder, or what others share as well."""
        value = f"https://site{self.draw.randrange(3)}.example/a/"
        folder = signal_in(kind="url", value=value, reach=self.draw.choice(["folder", None]))
        same = signal_in(value=hex_value(self.draw.randrange(4)))
        body = self.draw.choice([folder, same])
        signals.share(body, by=self.by, now=now, actor_ref=self.actor.ref)

    def judge(self, signal, now):
        """Confirm, dispute, or report that it matches too much."""
        if self.draw.random() < 0.7:
            opinion = self.draw.choice(["agree", "dispute", "seen"])
            body = OpinionIn(opinion=opinion, note=WHY)
            signals.give_opinion(signal.uid, body=body, by=self.by, now=now)
            return
        facts = {"state": "lowered", "since": now - timedelta(hours=1), "most": 1, "curve": []}
        body = RunawayReportIn(**facts, matches=900, lookups=1000)
        agent = f"agent-{self.draw.randrange(9)}"
        runaways.report(signal.uid, agent=agent, body=body, by=self.by, now=now)

    def take(self, signal, now):
        """Withdraw a signal, whoever shared it."""
        signals.withdraw(signal.uid, body=WithdrawIn(reason="mistake"), by=self.by, now=now)

    def decide(self, signal, now):
        """Try the acts of an agency."""
        party = self.draw.choice(list(Party.objects.all())).name
        reason, decision = SetAsideIn(reason=WHY), RunawayDecisionIn(reason=WHY)
        named = {"by": self.actor, "now": now}
        match self.draw.randrange(4):
            case 0:
                disputes.set_aside(signal.uid, party, body=reason, **named)
            case 1:
                dismissals.dismiss(party, body=DismissIn(count=1, reason=WHY), **named)
            case 2:
                lower = self.draw.choice([runaways.lower, runaways.clear])
                lower(signal.uid, body=decision, **named)
            case _:
                entry = {"kind": "pdq", "value": hex_value(0), "source": "Newsroom", "reason": WHY}
                body = AllowlistIn.model_validate({"entries": [entry], "accept_covered": True})
                allowlists.add(body, **named)

    def release(self, _signal, now):
        """Try to approve what waits, with a key and as the person who asked."""
        for waiting in approvals.approvals(viewer=self.by).approvals:
            for role in (None, "coordinator"):
                actor = self.world.actor(self.by, role=role, ref=waiting.ref or "key:a")
                with suppress(RefusalError):
                    body = ApproveIn(count=waiting.count)
                    approval_writes.approve(waiting.id, body=body, by=actor, now=now)


@pytest.mark.parametrize("seed", range(rounds(1, nightly=40)))
def test_one_owner_lends_no_weight_and_takes_none_from_what_others_stand_behind(world, seed):
    owner = Owner(world, random.Random(seed))  # noqa: S311  # a test that can be repeated
    honest = [add_member(f"honest-{n}", title=f"Honest {n}", kind="provider") for n in range(2)]
    vouched = [
        world.share(value=hex_value(0)).id,
        signals.share(signal_in(value=hex_value(1)), by=honest[0], now=NOON).id,
    ]
    body = OpinionIn(opinion="agree", note="")
    signals.give_opinion(vouched[1], body=body, by=honest[1], now=NOON)
    for step in range(rounds(25, nightly=80)):
        owner.act(NOON + timedelta(minutes=step))
        feed = {entry.id: entry for entry in reads.feed(0, viewer=honest[1]).entries}
        for uid in vouched:
            assert (feed[uid].op, feed[uid].disputed, feed[uid].lowered) == ("put", False, False)
            assert reads.signal(uid, viewer=honest[1]).basis in ENOUGH
        for entry in feed.values():
            if entry.op != "put" or entry.value in (hex_value(0), hex_value(1)):
                continue
            assert entry.reach is None
            assert reads.signal(entry.id, viewer=honest[1]).basis not in ENOUGH
