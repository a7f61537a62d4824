# SPDX-License-Identifier: Apache-2.0
"""Acts of one owner at a hub, in any order: what others learn from the feed does not change.

Parties of one owner, with any keys, share, judge, report, withdraw and try what only agencies may.
What an agent then makes of the feed is in tests/agent/test_trust_policy.py and
tests/agent/test_trust_sequences.py.
"""

import random
from collections import Counter
from contextlib import suppress
from datetime import timedelta

import pytest
from benchmarks import _common_set
from benchmarks._common_pictures import login

from stemtide.hub.platform.errors import RefusalError
from stemtide.hub.rooms.allowlists import writes as allow_entries
from stemtide.hub.rooms.allowlists.models import AllowEntry
from stemtide.hub.rooms.approvals.reads import approvals
from stemtide.hub.rooms.approvals.writes import approvals as approval_writes
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads import signals as reads
from stemtide.hub.rooms.signals.writes import allowlists, dismissals, disputes, runaways, signals
from stemtide.protocol.approvals import ApproveIn
from stemtide.protocol.messages.signals import OpinionIn, SetAsideIn, WithdrawIn
from stemtide.protocol.sync.allowlists import AllowlistIn, AllowRemoveIn
from stemtide.protocol.sync.runaways import RunawayDecisionIn, RunawayReportIn
from stemtide.protocol.trust.disputes import DismissIn
from tests.rounds import at_night, rounds
from tests.world import NOON, add_member, hex_value, signal_in

WHY = "as we see it"
ENOUGH = ("speaks_alone", "confirmed")
FORM = _common_set.hashes(login, 1, seed=(70,))[0].hex()
ALLOWED, RUNAWAY = hex_value(7), hex_value(9)


class Owner:
    """One owner of several parties, and what it may try with their keys."""

    def __init__(self, world, draw):
        self.world, self.draw = world, draw
        self.parties = [world.big_provider, world.small_provider, world.consortium]
        self.done = Counter()
        self.names = {party.name for party in self.parties}
        standings = ["member", "trusted", draw.choice(["new", "member"])]
        for party, standing in zip(self.parties, standings, strict=True):
            party.group, party.standing = "one owner", standing
            party.save()

    def act(self, now):
        """Do one act, as far as the hub lets it; count it by its name if it does."""
        self.by = self.draw.choice(self.parties)
        self.actor = self.world.actor(self.by, ref=f"key:{self.draw.randrange(20)}")
        acts = [*2 * [self.share], *2 * [self.judge], self.take, self.decide, self.release]
        act = self.draw.choice(acts)
        live = Signal.objects.filter(state="live")
        own = live.filter(shared_by=self.by) if act == self.take else live.none()
        shared_here = live.filter(shared_by__in=self.parties)
        half = shared_here if self.draw.random() < 0.5 else live
        signal = self.draw.choice(list(own) or list(half) or list(live))
        with suppress(RefusalError):
            act(signal, now)
            self.done[act.__name__] += 1

    def be_judged(self, now):
        """Be suspended, restored or moved a step by agencies; the clock weighs it."""
        party = self.draw.choice(self.parties)
        party.standing = self.draw.choice(["new", "member", "trusted", "suspended"])
        party.position = ledger.take_positions(1, now=now)
        party.save()
        self.done["weighed"] += disputes.reweigh_due(now)

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


@at_night
@pytest.mark.parametrize("seed", range(rounds(1, nightly=20)))
def test_one_owner_lends_no_weight_and_takes_none_from_what_others_stand_behind(world, seed):
    owner = Owner(world, random.Random(seed))  # noqa: S311  # a test that can be repeated
    honest = [add_member(f"honest-{n}", title=f"Honest {n}", kind="provider") for n in range(2)]
    vouched = [
        world.share(value=hex_value(0)).id,
        signals.share(signal_in(value=hex_value(1)), by=honest[0], now=NOON).id,
    ]
    body = OpinionIn(opinion="agree", note="")
    signals.give_opinion(vouched[1], body=body, by=honest[1], now=NOON)
    for step in range(rounds(30, nightly=80)):
        now = NOON + timedelta(minutes=step)
        owner.be_judged(now) if step % 7 == 6 else owner.act(now)
        feed = {entry.id: entry for entry in reads.feed(0, viewer=honest[1]).entries}
        for uid in vouched:
            assert (feed[uid].op, feed[uid].disputed, feed[uid].lowered) == ("put", False, False)
            assert reads.signal(uid, viewer=honest[1]).basis in ENOUGH
        for entry in feed.values():
            if entry.op != "put" or entry.value in (hex_value(0), hex_value(1)):
                continue
            assert entry.reach is None
            assert reads.signal(entry.id, viewer=honest[1]).basis not in ENOUGH
            owner.done["stood behind twice"] += bool(owner.names & {*entry.confirmed_by})
    assert owner.done["decide"] == 0
    if seed == 0:  # the sequences do what the hub allows
        reached = ("share", "judge", "take", "stood behind twice")
        assert min(owner.done[name] for name in reached) > 0


class Authority:
    """One authority with any number of keys and one person, and what it may try alone."""

    def __init__(self, world, draw):
        self.world, self.draw = world, draw
        self.party = world.authority
        self.done = Counter()

    def act(self, now):
        """Do one act, as far as the hub lets it; count it by its name if it does."""
        ref = self.draw.choice([f"key:{self.draw.randrange(20)}", "person:1"])
        role = "coordinator" if ref == "person:1" else None
        self.actor = self.world.actor(self.party, role=role, ref=ref)
        acts = [*3 * [self.share], *3 * [self.look], self.judge, self.take, self.decide]
        act = self.draw.choice(acts)
        with suppress(RefusalError):
            act(now)
            self.done[act.__name__] += 1

    def share(self, now):
        """Share a folder, a host, a common picture, an allowed file, or what ran away."""
        number = self.draw.randrange(3)
        site = {"kind": "url", "value": f"https://site{number}.example/a/"}
        body = self.draw.choice(
            [
                signal_in(**site, reach="folder"),
                signal_in(kind="url", value=f"https://site{number}.example", reach="host"),
                signal_in(value=FORM),
                signal_in(kind="sha256", value=ALLOWED),
                signal_in(value=RUNAWAY),
            ]
        )
        rows = [body] * self.draw.randrange(1, 3)
        signals.share_many(rows, by=self.party, now=now, actor_ref=self.actor.ref)

    def judge(self, now):
        """Confirm, dispute, or take an opinion of a signal back."""
        signal = self.draw.choice(list(Signal.objects.all()))
        body = OpinionIn(opinion=self.draw.choice(["agree", "dispute", "seen"]), note=WHY)
        signals.give_opinion(signal.uid, body=body, by=self.party, now=now)

    def take(self, now):
        """Withdraw a signal, to share it anew."""
        signal = self.draw.choice(list(Signal.objects.filter(state="live")) or [None])
        if signal is not None:
            body = WithdrawIn(reason="mistake")
            signals.withdraw(signal.uid, body=body, by=self.party, now=now)

    def look(self, now):
        """Approve what waits: a person may, what a key asked for and covers a site; or wait."""
        waiting = self.draw.choice(approvals.approvals(viewer=self.party).approvals or [None])
        if waiting is None or self.draw.random() < 0.2:
            approval_writes.expire_due(now)
            return
        body = ApproveIn(count=waiting.count)
        approval_writes.approve(waiting.id, body=body, by=self.actor, now=now)

    def decide(self, now):
        """Clear what ran away, or remove an entry of the allow-list, as an agency does."""
        if self.draw.random() < 0.5:
            signal = self.draw.choice(list(Signal.objects.all()))
            body = RunawayDecisionIn(reason=WHY)
            runaways.clear(signal.uid, body=body, by=self.actor, now=now)
            return
        entry = AllowEntry.objects.get()
        allow_entries.remove(entry.uid, body=AllowRemoveIn(reason=WHY), by=self.actor, now=now)


def lowered_signal(world):
    """A signal of the authority that three providers reported, and that was lowered everywhere."""
    shared = world.share(value=RUNAWAY, by=world.authority)
    reporting = [world.big_provider, world.small_provider]
    reporting.append(add_member("honest", title="Honest", kind="provider"))
    facts = {"state": "lowered", "since": NOON, "matches": 60, "lookups": 900, "most": 29}
    body = RunawayReportIn.model_validate(facts)
    for party in reporting:
        runaways.report(shared.id, agent="a", body=body, by=party, now=NOON + timedelta(minutes=5))
    assert Signal.objects.get(uid=shared.id).flood == "lowered"


def allowed_file(world):
    """An entry of the hub's allow-list."""
    entry = {"kind": "sha256", "value": ALLOWED, "source": "Newsroom", "reason": "its logo"}
    body = AllowlistIn.model_validate({"entries": [entry], "accept_covered": True})
    by = world.actor(world.agency, role="coordinator", ref="person:agency")
    allowlists.add(body, by=by, now=NOON)


@pytest.mark.parametrize("seed", range(rounds(1, nightly=20)))
def test_one_authority_alone_blocks_no_site_and_passes_no_guard(world, seed):
    authority = Authority(world, random.Random(seed))  # noqa: S311  # a test that can be repeated
    lowered_signal(world)
    allowed_file(world)
    for step in range(rounds(40, nightly=120)):
        authority.act(NOON + timedelta(minutes=10 + 20 * step))
        for entry in reads.feed(0, viewer=world.big_provider).entries:
            if entry.op == "put" and entry.reach:
                assert reads.signal(entry.id, viewer=world.agency).basis == "whole_site"
            elif entry.op == "put":
                assert (entry.value, entry.lowered) == (RUNAWAY, True)
    assert authority.done["decide"] == 0
    if seed == 0:  # the sequences do what the hub allows
        assert min(authority.done[name] for name in ("share", "take", "look")) > 0
