# SPDX-License-Identifier: Apache-2.0
"""Signals of a crisis as clusters: what belongs together, for whom, under which name."""

import random
from contextlib import suppress
from itertools import combinations
from uuid import uuid4

import pytest
from django.db import transaction

from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads import clusters as reads
from stemtide.hub.rooms.signals.reads.caches import variants
from stemtide.hub.rooms.signals.reads.signals import visible
from stemtide.hub.rooms.signals.writes import entries, signals as writes
from stemtide.protocol.enums import Severity, SignalState
from stemtide.protocol.messages.signals import OpinionIn, WithdrawIn
from tests.rounds import at_night, rounds
from tests.world import NOON, hex_value, outcome, report_of, signal_in

pytestmark = pytest.mark.django_db


def flipped(value, bits):
    """The value with its last so many bits turned."""
    return f"{int(value, 16) ^ ((1 << bits) - 1):064x}"


@pytest.fixture
def crisis(world):
    found = world.warn()
    world.join(found, world.other_authority, world.big_provider, world.small_provider)
    return found


@pytest.fixture
def share(world, crisis):
    def share_one(value=None, *, by=None, at=NOON, **facts):
        body = signal_in(value=value or hex_value(), crisis=crisis.id, **facts)
        return writes.share(body, by=by or world.authority, now=at).id

    return share_one


def members(crisis, viewer):
    return [set(one.members) for one in reads.clusters(crisis.id, viewer=viewer)]


@at_night
def test_pictures_within_31_bits_are_one_cluster_and_farther_ones_two(world, crisis, share):
    near = {share(hex_value(1)), share(flipped(hex_value(1), 31))}
    far = share(flipped(hex_value(2), 0))
    assert sorted(map(len, members(crisis, world.agency))) == [1, 2]
    assert near in members(crisis, world.agency)
    assert {far} in members(crisis, world.agency)


@at_night
def test_32_bits_are_too_many(world, crisis, share):
    share(hex_value(1))
    share(flipped(hex_value(1), 32))
    assert sorted(map(len, members(crisis, world.agency))) == [1, 1]


@at_night
def test_a_chain_of_near_pictures_is_one_cluster(world, crisis, share):
    each = {share(flipped(hex_value(1), 30 * step)) for step in range(4)}
    assert members(crisis, world.agency) == [each]


def test_signals_of_one_content_are_one_cluster_whatever_their_kinds(world, crisis, share):
    content = uuid4()
    each = {
        share(hex_value(1), content=content),
        share(hex_value(2), kind="sha256", quality=None, content=content),
        share("https://example.org/a", kind="url", quality=None, content=content),
    }
    assert members(crisis, world.agency) == [each]
    (cluster,) = reads.clusters(crisis.id, viewer=world.agency)
    assert cluster.kinds == {"pdq": 1, "sha256": 1, "url": 1}
    assert cluster.drawing == hex_value(1)


@at_night
def test_the_same_value_shared_by_two_parties_is_one_cluster(world, crisis, share):
    value = hex_value(3)
    each = {share(value), share(value, by=world.big_provider)}
    assert members(crisis, world.agency) == [each]
    (cluster,) = reads.clusters(crisis.id, viewer=world.agency)
    assert cluster.sharers == ("be-crisis-centre", "big-video")


def test_a_signal_that_is_held_back_links_nothing(world, crisis, share):
    first = share(hex_value(1))
    bridge = share(flipped(hex_value(1), 30), tlp="red", audience=("eu-referral-unit",))
    last = share(flipped(hex_value(1), 60))
    assert members(crisis, world.agency) == [{first, bridge, last}]
    assert sorted(map(len, members(crisis, world.big_provider))) == [1, 1]


@at_night
def test_signals_of_other_crises_stay_out(world, crisis, share):
    share()
    world.share(value=hex_value(9))
    other = world.warn(name="Another one")
    assert members(other, world.agency) == []
    assert len(members(crisis, world.agency)) == 1


@at_night
def test_the_name_of_a_cluster_stays_and_the_elder_name_survives(world, crisis, share):
    first = share(hex_value(1))
    other = share(flipped(hex_value(1), 60))
    (one, two) = sorted(reads.clusters(crisis.id, viewer=world.agency), key=lambda c: c.first_at)
    assert {one.key, two.key} == {first, other}
    share(flipped(hex_value(1), 30), at=world.at(minutes=1))
    (merged,) = reads.clusters(crisis.id, viewer=world.agency)
    assert merged.key == first
    assert (merged.first_at, merged.last_at) == (NOON, world.at(minutes=1))


@at_night
def test_a_cluster_says_the_worst_severity_and_the_strictest_marks(world, crisis, share):
    share(hex_value(1), severity="low", tlp="green", pap="green")
    share(flipped(hex_value(1), 3), severity="critical", tlp="amber", pap="amber")
    (cluster,) = reads.clusters(crisis.id, viewer=world.agency)
    assert (cluster.severity, cluster.tlp, cluster.pap) == (Severity.CRITICAL, "amber", "amber")


@at_night
def test_a_withdrawn_variant_stays_in_its_cluster_and_counts_no_more(world, crisis, share):
    share(hex_value(1), severity="low")
    gone = share(flipped(hex_value(1), 3), severity="critical")
    body = WithdrawIn(reason="mistake")
    writes.withdraw(gone, body=body, by=world.authority, now=NOON)
    (cluster,) = reads.clusters(crisis.id, viewer=world.agency)
    assert cluster.states == {SignalState.LIVE: 1, SignalState.WITHDRAWN: 1}
    assert cluster.severity is Severity.LOW
    assert cluster.is_live
    assert cluster.variants[-1].id == gone


@at_night
def test_a_cluster_of_withdrawn_signals_is_not_live(world, crisis, share):
    uid = share()
    writes.withdraw(uid, body=WithdrawIn(reason="mistake"), by=world.authority, now=NOON)
    (cluster,) = reads.clusters(crisis.id, viewer=world.agency)
    assert not cluster.is_live


@at_night
def test_a_dispute_shows_at_once(world, crisis, share):
    uid = share()
    assert not reads.clusters(crisis.id, viewer=world.agency)[0].is_disputed
    body = OpinionIn(opinion="dispute", note="a news report")
    writes.give_opinion(uid, body=body, by=world.agency, now=NOON)
    assert reads.clusters(crisis.id, viewer=world.agency)[0].is_disputed


@at_night
def test_sightings_of_all_variants_are_summed(world, crisis, share):
    each = [share(hex_value(1)), share(flipped(hex_value(1), 3))]
    rows = [outcome(each[0], count=2), outcome(each[1], count=3), outcome(each[1], "held")]
    writes.report_outcomes(report_of(*rows), by=world.big_provider, now=NOON)
    (cluster,) = reads.clusters(crisis.id, viewer=world.agency)
    counts = reads.outcomes(crisis.id, viewer=world.agency)
    found = reads.sum_of(cluster, counts=counts)
    assert (found.blocked, found.held, found.total) == (5, 1, 6)


@at_night
def test_the_cluster_of_a_signal_is_found_by_any_of_them(world, crisis, share):
    first, other = share(hex_value(1)), share(flipped(hex_value(1), 3))
    found = reads.cluster_of(other, crisis=crisis.id, viewer=world.agency)
    assert found.key == first
    assert reads.cluster_of(uuid4(), crisis=crisis.id, viewer=world.agency) is None


@at_night
def test_clusters_are_kept_while_nothing_changes(world, crisis, share, django_assert_num_queries):
    share()
    first = reads.clusters(crisis.id, viewer=world.agency)
    # Two of them ask whether the crisis is over for the viewer; a request has their rows already.
    with django_assert_num_queries(4):
        assert reads.clusters(crisis.id, viewer=world.agency) is first


def belong_together(left, right):
    """Whether two signals are of one content item or value, or pictures near each other."""
    if left.content_id is not None and left.content_id == right.content_id:
        return True
    if (left.kind, left.value) == (right.kind, right.value):
        return True
    if left.kind != "pdq" or right.kind != "pdq":
        return False
    return (int(left.value, 16) ^ int(right.value, 16)).bit_count() <= 31


def grouped_slowly(crisis, viewer):
    """The slow twin: groups are joined for each pair of signals that belong together."""
    rows = list(Signal.objects.filter(visible(viewer), crisis__uid=crisis.id))
    groups = [{row} for row in rows]
    for left, right in combinations(rows, 2):
        if belong_together(left, right):
            one, two = (next(group for group in groups if row in group) for row in (left, right))
            if one is not two:
                groups.remove(two)
                one |= two
    return {frozenset(row.uid for row in group) for group in groups}


MARKS = ({}, {}, {"tlp": "green"}, {"tlp": "red", "audience": ("small-forum",)})


class Shares:
    """Random shares and withdrawals in a crisis, of pictures that are near some others."""

    def __init__(self, world, crisis, *, seed):
        self.world, self.crisis = world, crisis
        self.chance = random.Random(seed)  # noqa: S311  # the same acts each time
        self.roots = [self.chance.getrandbits(256) for _ in range(4)]
        self.contents = [uuid4() for _ in range(3)]

    def value(self):
        value = self.chance.choice(self.roots)
        for bit in self.chance.sample(range(256), self.chance.choice((0, 8, 20))):
            value ^= 1 << bit
        return f"{value:064x}"

    def share(self):
        facts = {"value": self.value(), **self.chance.choice(MARKS)}
        if self.chance.random() < 0.3:
            facts["content"] = self.chance.choice(self.contents)
        if self.chance.random() < 0.3:
            facts |= {"kind": "sha256", "quality": None}
        by = self.chance.choice((self.world.authority, self.world.other_authority))
        is_in = self.chance.random() < 0.8
        body = signal_in(crisis=self.crisis.id if is_in else None, **facts)
        return writes.share_many([body], by=by, now=NOON, partial=True)

    def withdraw(self):
        row = Signal.objects.filter(state="live").order_by("?").first()
        body = WithdrawIn(reason="mistake")
        writes.withdraw(row.uid, body=body, by=row.shared_by, now=NOON, is_counted=False)

    def join(self):
        row = Signal.objects.filter(state="live", crisis=None).first()
        if row:
            crisis = self.crisis.id
            entries.join_crisis(row.uid, crisis=crisis, by=row.shared_by, now=NOON, through="key:1")

    def take_back(self):
        """Share and look at it, in a transaction that comes to nothing."""
        with suppress(KeyError), transaction.atomic():
            self.share()
            reads.clusters(self.crisis.id, viewer=self.world.agency)
            raise KeyError

    def act(self):
        getattr(self, self.chance.choice(("share",) * 5 + ("withdraw", "join", "take_back")))()


@pytest.mark.parametrize("seed", range(rounds(1, nightly=20)))
def test_kept_clusters_are_those_that_are_computed_anew(world, crisis, seed, monkeypatch):
    monkeypatch.setattr(variants, "_AT_ONCE", seed % 3)
    shares = Shares(world, crisis, seed=seed)
    shares.share()
    viewers = (world.agency, world.big_provider, world.small_provider, world.authority)
    for _ in range(rounds(10, nightly=80)):
        shares.act()
        viewer = shares.chance.choice(viewers)
        kept = reads.clusters(crisis.id, viewer=viewer)
        anew = variants.Variants(build=reads._cluster, order=reads._order)
        assert kept == anew.of(crisis.id).groups(viewer=viewer)
        assert {cluster.members for cluster in kept} == grouped_slowly(crisis, viewer)
    assert len(kept) > 1


@at_night
def test_many_new_pictures_are_grouped_as_each_alone(world, crisis, monkeypatch):
    shares = Shares(world, crisis, seed=3)
    bodies = [signal_in(value=shares.value(), crisis=crisis.id) for _ in range(30)]
    reads.clusters(crisis.id, viewer=world.agency)
    writes.share_many(bodies, by=world.authority, now=NOON)
    each = reads.clusters(crisis.id, viewer=world.agency)
    monkeypatch.setattr(variants, "_AT_ONCE", 5)
    reads.crisis_clusters.clear()
    assert reads.clusters(crisis.id, viewer=world.agency) == each
