# SPDX-License-Identifier: Apache-2.0
"""Numbers that the database keeps are those that a recount gives, for every reader."""

import random
from datetime import timedelta

import pytest
from django.db.models import Count, Max, Min

from stemtide.hub.platform.errors import RefusalError
from stemtide.hub.rooms.parties.rules.parties import COORDINATING
from stemtide.hub.rooms.signals.models import (
    MispBlock,
    OutcomeTally,
    Sighting,
    Signal,
    SignalTally,
)
from stemtide.hub.rooms.signals.reads import misp, signals as reads
from stemtide.hub.rooms.signals.reads.caches import recount
from stemtide.hub.rooms.signals.reads.signals import visible
from stemtide.hub.rooms.signals.writes import entries, signals as writes, tallies
from stemtide.protocol.enums import Outcome, SignalState
from stemtide.protocol.messages.signals import OpinionIn, WithdrawIn
from tests.rounds import at_night, rounds
from tests.world import NOON, hex_value, outcome, report_of, signal_in

pytestmark = pytest.mark.django_db

OUTCOMES = ("blocked", "held", "logged")

MARKS = (
    {"tlp": "clear"},
    {"tlp": "green"},
    {"tlp": "amber"},
    {"tlp": "amber", "audience": ("fr-referral-unit", "small-forum")},
    {"tlp": "red", "audience": ("small-forum",)},
)
KINDS = (
    {},
    {"kind": "sha256", "quality": None},
    {"kind": "md5", "quality": None},
    {"kind": "url", "quality": None},
)


class Acts:
    """Random acts on signals of a crisis and of none, by the hub's own writes."""

    def __init__(self, world, *, seed):
        self.world = world
        self.chance = random.Random(seed)  # noqa: S311  # the same acts each time
        self.crisis = world.activate()
        world.join(self.crisis, world.other_authority, world.big_provider)
        self.uids = []
        self.minutes = 0

    @property
    def now(self):
        """A later time for each act, so that each leaves another stamp."""
        self.minutes += 1
        return self.world.at(minutes=self.minutes)

    def share(self):
        kind = self.chance.choice(KINDS)
        value = hex_value(self.chance.getrandbits(200))
        if kind.get("kind") == "md5":
            value = value[:32]
        if kind.get("kind") == "url":
            value = f"https://host.example/{value}/" + self.chance.choice(("", "*"))
        facts = {**kind, **self.chance.choice(MARKS), "value": value}
        if self.chance.random() < 0.5:
            facts["crisis"] = self.crisis.id
        if self.chance.random() < 0.3:
            facts["expires_at"] = NOON + timedelta(days=self.chance.randrange(1, 20))
        if "crisis" not in facts and self.chance.random() < 0.3:
            facts["exercise"] = True
        by = self.chance.choice((self.world.authority, self.world.other_authority))
        many = [signal_in(**facts)]
        out = writes.share_many(many, by=by, now=self.now, partial=True)
        self.uids += [signal.id for signal in out.signals if signal]

    def withdraw(self):
        body = WithdrawIn(reason="mistake")
        self._own(lambda uid, by: writes.withdraw(uid, body=body, by=by, now=self.now))

    def dispute(self):
        body = OpinionIn(opinion="dispute", note="a news report")
        by = self.chance.choice((self.world.agency, self.world.big_provider, self.world.authority))
        writes.give_opinion(self.chance.choice(self.uids), body=body, by=by, now=self.now)

    def agree(self):
        body = OpinionIn(opinion="agree")
        uid = self.chance.choice(self.uids)
        writes.give_opinion(uid, body=body, by=self.world.agency, now=self.now)

    def join(self):
        crisis = self.crisis.id
        self._own(
            lambda uid, by: entries.join_crisis(
                uid, crisis=crisis, by=by, now=self.now, through="key:1"
            )
        )

    def report(self):
        by = self.chance.choice((self.world.big_provider, self.world.small_provider))
        rows = [
            outcome(self.chance.choice(self.uids), self.chance.choice(OUTCOMES), count=number)
            for number in (2, 3)
        ]
        if self.chance.random() < 0.3:
            moved = {"outcome": Outcome.REVERSED, "was": rows[0].outcome}
            rows.append(rows[0].model_copy(update=moved))
        writes.report_outcomes(report_of(*rows), by=by, now=self.now)

    def expire(self):
        writes.expire_due(NOON + timedelta(days=self.chance.randrange(1, 8)))

    def _own(self, act):
        uid = self.chance.choice(self.uids)
        act(uid, Signal.objects.get(uid=uid).shared_by)

    def play(self, number):
        for _ in range(number):
            name = self.chance.choice(
                (
                    "share",
                    "share",
                    "share",
                    "withdraw",
                    "dispute",
                    "agree",
                    "join",
                    "report",
                    "expire",
                )
            )
            if name != "share" and not self.uids:
                continue
            try:
                getattr(self, name)()
            except RefusalError:
                continue


def counted(viewer, *, exercise):
    """The slow twin of the tallies: every signal that a party may see, counted."""
    rows = Signal.objects.filter(visible(viewer), exercise=exercise).order_by()
    states = dict(rows.values_list("state").annotate(Count("pk")))
    disputed = rows.filter(state="live", is_disputed=True).count()
    return {f"signals_{state}": states.get(state, 0) for state in SignalState} | {
        "signals_disputed": disputed
    }


def summed(viewer):
    """The slow twin of the rows of outcomes: every sighting that a party may see, summed."""
    sightings = Sighting.objects.filter(visible(viewer, "signal__"))
    if viewer.kind in COORDINATING:
        return reads._sighting_rows(sightings)
    own = reads._sighting_rows(sightings.filter(party=viewer))
    return [*own, reads._total_row(sightings)]


def event_facts(viewer, *, crisis):
    """The slow twin of an event's head: the last change and the first share of its signals."""
    rows = misp.representable(Signal.objects.filter(visible(viewer)))
    rows = rows.filter(crisis__uid=crisis) if crisis else rows
    return rows.aggregate(Max("stamp_s"), Min("shared_at"), tlps=Count("tlp", distinct=True))


@at_night
@pytest.mark.parametrize("seed", range(rounds(1, nightly=20)))
def test_kept_numbers_are_those_of_a_recount_after_random_acts(world, seed):
    acts = Acts(world, seed=seed)
    acts.play(rounds(60, nightly=400))
    assert Signal.objects.exclude(state="live").exists()
    assert Signal.objects.filter(is_disputed=True).exists()
    assert Signal.objects.filter(exercise=True).exists()
    assert recount.differences() == []
    assert OutcomeTally.objects.filter(party=None, count__gt=1).exists()
    for viewer in world.everyone:
        rows = reads.sightings(viewer=viewer)
        assert [row for row in rows if row.signals or row.is_total] == summed(viewer)
        for exercise in (False, True):
            totals = reads.totals(viewer=viewer, exercise=exercise)
            counts = counted(viewer, exercise=exercise)
            assert {name: totals[name] for name in counts} == counts
        for head in misp.heads(viewer=viewer, now=NOON):
            facts = event_facts(viewer, crisis=head.crisis)
            assert head.since == facts["shared_at__min"]
            assert head.timestamp >= facts["stamp_s__max"]


def test_a_total_counts_no_signal_that_its_reader_may_not_see(world):
    world.share(tlp="red", audience=("small-forum",))
    lives = {viewer.name: reads.totals(viewer=viewer)["signals_live"] for viewer in world.everyone}
    assert {name for name, live in lives.items() if live} == {"small-forum", "be-crisis-centre"}


def test_a_wrong_number_is_found_and_corrected_by_a_recount(world):
    world.share()
    SignalTally.objects.update(live=7)
    MispBlock.objects.update(stamp_s=5)
    wrong = tallies.check(repair=True)
    assert {(found.table, found.stored[0]) for found in wrong} == {("tally", 7), ("block", 5)}
    assert tallies.check() == []
