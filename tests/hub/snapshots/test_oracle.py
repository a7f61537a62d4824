# SPDX-License-Identifier: Apache-2.0
"""A delta applied to a snapshot is the later snapshot to the byte, and both are the feed's."""

import json
import random
from contextlib import suppress

import pytest
from django.db import transaction

from stemtide.hub.platform.errors import ConflictError
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads import signals as reads
from stemtide.hub.rooms.signals.writes import signals as writes
from stemtide.hub.rooms.snapshots.builder import GoneError
from stemtide.protocol.enums import SignalState
from stemtide.protocol.handling import Tlp
from stemtide.protocol.messages.signals import OpinionIn, WithdrawIn
from tests.prints import LONG, long_value
from tests.rounds import rounds
from tests.world import NOON, hex_value

MOVES = ("share", "share", "share", "exercise", "withdraw", "dispute", "agree", "expire", "again")
AUDIENCES = ((), (), ("big-video",), ("small-forum",), ("rights-watch", "big-video"))


class Play:
    """Acts of many kinds, as chance has it, on one hub."""

    def __init__(self, world, seed):
        self.world, self.dice, self.number = world, random.Random(seed), 0  # noqa: S311  # chance, not secrecy

    def some(self, count):
        for _ in range(count):
            getattr(self, f"_{self.dice.choice(MOVES)}")()

    def _share(self, **more):
        self.number += 1
        tlp, audience = self.dice.choice(list(Tlp)), self.dice.choice(AUDIENCES)
        facts = {"value": hex_value(self.number), "tlp": tlp, "audience": audience} | more
        if facts["tlp"] is Tlp.RED and not facts["audience"]:
            facts["tlp"] = Tlp.AMBER
        if self.dice.random() < 0.2 and "value" not in more:
            kind = self.dice.choice(LONG)
            value = long_value(kind)
            facts |= {"kind": kind, "value": value.hex(), "quality": None}
        sharer = self.dice.choice([self.world.authority, self.world.small_provider])
        with suppress(ConflictError):  # of long values there are few
            self.world.share(sharer, **facts)

    def _exercise(self):
        self._share(exercise=True)

    def _again(self):
        """The same value once more after its end, for other parties."""
        live = Signal.objects.filter(state=SignalState.LIVE).values("value")
        gone = list(Signal.objects.filter(kind="pdq").exclude(value__in=live).order_by("pk"))
        if gone:
            self._share(value=self.dice.choice(gone).value)

    def _live(self):
        rows = list(Signal.objects.filter(state=SignalState.LIVE).order_by("pk"))
        return self.dice.choice(rows) if rows else None

    def _withdraw(self):
        if row := self._live():
            body = WithdrawIn(reason="mistake")
            writes.withdraw(row.uid, body=body, by=row.shared_by, now=NOON)

    def _dispute(self, opinion="dispute"):
        row = self._live()
        who = self.dice.choice([self.world.big_provider, self.world.agency, self.world.authority])
        if row and Signal.objects.filter(reads.visible(who), pk=row.pk).exists():
            body = OpinionIn(opinion=opinion, note="art")
            writes.give_opinion(row.uid, body=body, by=who, now=NOON)

    def _agree(self):
        self._dispute("agree")

    def _expire(self):
        if row := self._live():
            Signal.objects.filter(pk=row.pk).update(expires_at=NOON)
            writes.expire_due(NOON)


def oracle(viewer, *, exercise):
    """What a reader of the feed from its beginning has, by id."""
    found = {}
    for entry in reads.feed(0, viewer=viewer, exercise=exercise).entries:
        found.pop(entry.id, None)
        if entry.op == "put":
            found[entry.id] = json.loads(entry.model_dump_json(exclude={"op", "signature"}))
    return list(found.values())


@pytest.mark.parametrize("seed", range(rounds(1, nightly=4)))
def test_snapshots_and_deltas_are_what_the_feed_says(world, readers, seed):
    """Each reader takes the whole once, and then deltas, which lead from one to the next."""
    play = Play(world, seed)
    watching = [(one, mark) for one in world.everyone[1:] for mark in (False, True)]
    play.some(12)
    held = {(one.name, mark): readers.whole(one, exercise=mark)[0] for one, mark in watching}
    for _ in range(rounds(2, nightly=4)):
        play.some(7)
        for viewer, mark in watching:
            key = (viewer.name, mark)
            fresh, _ = readers.whole(viewer, exercise=mark)
            lines = readers.lines(fresh)
            assert [json.loads(one) for one in lines] == oracle(viewer, exercise=mark)
            delta = readers.delta(viewer, readers.manifest(held[key]))
            held[key] = readers.apply(held[key], delta)
            assert readers.lines(held[key]) == lines
            assert readers.manifest(held[key]) == readers.manifest(fresh)


def test_a_delta_leads_from_any_version_to_the_newest(world, readers):
    play = Play(world, 99)
    bases = []
    for _ in range(6):
        play.some(5)
        bases.append(readers.whole(world.big_provider))
    play.some(5)
    newest, manifest = readers.whole(world.big_provider)
    for base, of_base in bases:
        applied = readers.apply(base, readers.delta(world.big_provider, of_base))
        assert readers.lines(applied) == readers.lines(newest)
        assert readers.manifest(applied) == manifest


def test_a_reader_whose_rights_changed_takes_the_whole(world, readers):
    world.share(tlp="amber")
    _, manifest = readers.whole(world.observer)
    assert manifest.signals == 0
    world.observer.kind = "provider"
    world.observer.save()
    with pytest.raises(ConflictError, match="download the whole snapshot"):
        readers.delta(world.observer, manifest)
    assert readers.whole(world.observer)[1].signals == 1
    world.observer.kind = "observer"
    world.observer.save()
    assert readers.whole(world.observer)[1].signals == 0


def test_a_reader_who_comes_into_a_crisis_takes_the_whole(world, readers):
    crisis = world.warn()
    world.share(crisis=crisis.id)
    before, manifest = readers.whole(world.big_provider)
    assert json.loads(readers.lines(before)[0])["crisis"] is None
    world.join(crisis, world.big_provider)
    with pytest.raises(ConflictError, match="may see have changed"):
        readers.delta(world.big_provider, manifest)
    after, _ = readers.whole(world.big_provider)
    assert json.loads(readers.lines(after)[0])["crisis"] == str(crisis.id)


def test_a_base_from_before_what_is_known_to_be_gone_takes_the_whole(world, readers, monkeypatch):
    monkeypatch.setattr("stemtide.hub.rooms.snapshots.builder.MAX_DROPS", 2)
    shared = [world.share(value=hex_value(number)) for number in range(4)]
    base, manifest = readers.whole(world.agency)
    for one in shared[:2]:
        writes.withdraw(one.id, body=WithdrawIn(reason="mistake"), by=world.authority, now=NOON)
    assert len(readers.lines(readers.apply(base, readers.delta(world.agency, manifest)))) == 2
    writes.withdraw(shared[2].id, body=WithdrawIn(reason="mistake"), by=world.authority, now=NOON)
    with pytest.raises(GoneError, match="take the whole snapshot"):
        readers.delta(world.agency, manifest)


def test_a_base_that_this_hub_never_reached_takes_the_whole(world, readers):
    world.share()
    _, manifest = readers.whole(world.agency)
    with pytest.raises(ConflictError, match="restored from a backup"):
        readers.delta(world.agency, manifest.model_copy(update={"version": 99}))


def test_a_hub_that_was_set_back_gives_neither_its_old_file_nor_a_delta_on_it(world, readers):
    world.share()
    with transaction.atomic():
        world.share(value=hex_value(2))
        _, lost = readers.whole(world.agency)
        transaction.set_rollback(True)
    world.share(value=hex_value(3))

    path, manifest = readers.whole(world.agency)
    assert (manifest.version, lost.version) == (2, 2)
    assert {json.loads(one)["value"] for one in readers.lines(path)} == {
        hex_value(3),
        *Signal.objects.filter(position=1).values_list("value", flat=True),
    }
    with pytest.raises(ConflictError, match=r"feed up to 2.* differs"):
        readers.delta(world.agency, lost)


def test_the_strictest_marks_bind_for_the_file(world, readers):
    world.share(value=hex_value(1), tlp="green", pap="clear")
    assert readers.whole(world.agency)[1].tlp == "green"
    world.share(value=hex_value(2), tlp="amber+strict", pap="amber")
    manifest = readers.whole(world.agency)[1]
    assert (manifest.tlp, manifest.pap) == ("amber+strict", "amber")


def test_a_snapshot_of_nothing_is_signed_as_well(world, readers):
    path, manifest = readers.whole(world.observer)
    assert (manifest.signals, manifest.tlp, readers.lines(path)) == (0, None, [])
    world.share(tlp="clear")
    applied = readers.apply(path, readers.delta(world.observer, manifest))
    assert len(readers.lines(applied)) == 1
