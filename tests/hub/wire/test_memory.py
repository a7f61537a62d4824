# SPDX-License-Identifier: Apache-2.0
"""The memory gives each reader what the database gives, whatever happened before."""

import json
import random
from contextlib import suppress
from itertools import product

import pytest

from stemtide.hub.platform.errors import RefusalError
from stemtide.hub.rooms.ledger.models import Placement
from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.writes import parties
from stemtide.hub.rooms.signals.reads import signals as reads
from stemtide.hub.rooms.signals.writes import opinions, signals
from stemtide.hub.wire import tail
from stemtide.hub.wire.memory import FeedQuery, Memory
from stemtide.hub.wire.tail import NotInMemoryError, UnknownCrisesError
from stemtide.protocol.messages.signals import OpinionIn, WithdrawIn
from tests.rounds import rounds
from tests.world import NOON, hex_value, lift, suspend


class Play:
    """Random acts of the cast, each through the room's own write."""

    def __init__(self, world, seed: int) -> None:
        self.world, self.random = world, random.Random(seed)  # noqa: S311  # a game
        self.shared = []
        self.numbers = iter(range(seed * 100_000, 10**12))
        self.crisis = world.warn()
        world.share(value=hex_value(next(self.numbers)), crisis=self.crisis.id)
        self.acts = [self.share] * 5 + [self.withdraw, self.give_opinion, self.join, self.suspend]

    def act(self) -> None:
        with suppress(RefusalError):  # a rule forbids it: that is an act, too
            self.random.choice(self.acts)()

    def share(self) -> None:
        tlp = self.random.choice(["red", "amber+strict", "amber", "green", "clear"])
        names = [party.name for party in self.world.everyone]
        audience = self.random.sample(
            names, 1 if tlp == "red" else self.random.choice([0, 0, 1, 2])
        )
        party = self.random.choice(self.world.everyone[:6])
        crisis = self.crisis.id if self.random.random() < 0.4 else None
        facts = {"tlp": tlp, "audience": audience, "exercise": self.random.random() < 0.2}
        value = hex_value(next(self.numbers))
        shared = self.world.share(party, value=value, crisis=crisis, **facts)
        self.shared.append((shared.id, party))

    def withdraw(self) -> None:
        if self.shared:
            uid, party = self.random.choice(self.shared)
            body = WithdrawIn(reason="mistake")
            signals.withdraw(uid, body=body, by=party, now=NOON)

    def give_opinion(self) -> None:
        if self.shared:
            uid, _ = self.random.choice(self.shared)
            word = self.random.choice(["agree", "dispute", "seen"])
            body = OpinionIn(opinion=word, note="seen")
            party = self.random.choice(self.world.everyone[:6])
            opinions.give_opinion(uid, body=body, by=party, now=NOON)

    def join(self) -> None:
        self.world.join(self.crisis, self.random.choice(self.world.everyone[3:5]))

    def suspend(self) -> None:
        suspend(self.world.small_provider, agency=self.world.agency)
        lift(self.world.small_provider, agency=self.world.agency)


def page(memory: Memory, party, query: FeedQuery) -> bytes:
    try:
        return memory.page(party, query)
    except UnknownCrisesError:
        memory.learn_crises(party)
        return memory.page(party, query)


def expected(party, query: FeedQuery) -> bytes:
    facts = query._asdict()
    return reads.feed(facts.pop("after"), viewer=party, **facts).model_dump_json().encode()


def assert_everybody_reads_the_same(memory: Memory, world, *, random: random.Random) -> None:
    head = ledger.heads().positions
    places = sorted({0, head, max(head - 1, 0), random.randrange(head + 1)})
    cases = list(product(world.everyone, places, (False, True)))
    for party, after, is_rehearsing in random.sample(cases, rounds(12, nightly=len(cases))):
        query = FeedQuery(
            after=after,
            limit=random.choice([1, 3, 1000]),
            exercise=is_rehearsing,
            history=random.choice(["", ledger.history(after)]),
            parties_after=random.choice([None, 0, after]),
        )
        assert page(memory, party, query) == expected(party, query)


@pytest.mark.parametrize("seed", range(1, 1 + rounds(1, nightly=40)))
def test_after_each_act_every_reader_gets_the_page_of_the_database(world, seed):
    memory, play = Memory(), Play(world, seed)
    memory.refresh()
    for _ in range(rounds(7, nightly=25)):
        play.act()
        memory.refresh()
        assert_everybody_reads_the_same(memory, world, random=play.random)
    assert any(b'"crisis":"' in expected(world.agency, FeedQuery(exercise=x)) for x in (0, 1))


@pytest.mark.parametrize("is_rehearsing", [False, True])
def test_who_exists_for_an_exercise_reads_nothing_real(world, is_rehearsing):
    world.share(value=hex_value(1), tlp="green")
    rehearsed = world.share(value=hex_value(2), tlp="green", exercise=True)
    Party.objects.filter(pk=world.small_provider.pk).update(exercise=True)
    world.small_provider.refresh_from_db()
    memory, query = Memory(), FeedQuery(exercise=is_rehearsing)
    memory.refresh()
    got = page(memory, world.small_provider, query)
    assert got == expected(world.small_provider, query)
    ids = [entry["id"] for entry in json.loads(got)["entries"]]
    assert ids == ([str(rehearsed.id)] if is_rehearsing else [])


def test_a_memory_that_begins_late_reads_the_same(world):
    play = Play(world, 90)
    for _ in range(rounds(15, nightly=40)):
        play.act()
    memory = Memory()
    memory.refresh()
    assert_everybody_reads_the_same(memory, world, random=play.random)


def test_what_the_memory_has_forgotten_is_left_to_the_database(world, monkeypatch):
    monkeypatch.setattr(tail, "MAX_ENTRIES", 8)
    memory = Memory()
    memory.refresh()
    first = ledger.heads().positions
    for number in range(12):
        world.share(value=hex_value(number), tlp="green")
        memory.refresh()
    last = FeedQuery(after=first + 10)
    assert page(memory, world.observer, last) == expected(world.observer, last)
    with pytest.raises(NotInMemoryError):
        memory.page(world.observer, FeedQuery(after=first))


@pytest.mark.parametrize("query", [{"after": 10**6}, {"history": "0" * 15 + "1"}])
def test_a_reader_of_another_history_is_left_to_the_database(world, query):
    memory = Memory()
    world.share(tlp="green")
    memory.refresh()
    place = {"after": ledger.heads().positions, **query}
    with pytest.raises(NotInMemoryError):
        memory.page(world.observer, FeedQuery(**place))


def test_a_database_that_was_set_back_is_read_anew(world):
    memory = Memory()
    shared = world.share(tlp="green")
    memory.refresh()
    Placement.objects.filter(first=shared.position).update(mark=5)  # another act, same number
    world.share(value=hex_value(77), tlp="green")
    memory.refresh()
    query = FeedQuery(after=0)
    assert page(memory, world.observer, query) == expected(world.observer, query)


def test_a_key_is_known_until_it_is_revoked_and_no_longer(world):
    memory, text = Memory(), world.key(world.big_provider)
    memory.refresh()
    assert memory.caller(text).party == world.big_provider
    assert memory.caller(text + "0") is memory.caller(text[:-1]) is None

    parties.revoke_key(text.split("_")[1], actor="operator", now=NOON)
    memory.refresh()

    assert memory.caller(text) is None


def test_a_key_is_known_until_it_expires(world):
    facts = {"scopes": ["feed:read"], "actor": "operator", "now": NOON}
    later = world.at(minutes=5)
    _, text = parties.new_key("short", party=world.observer, expires_at=later, **facts)
    memory = Memory()
    memory.refresh()
    assert memory.caller(text, now=world.at(minutes=4)).party == world.observer
    assert memory.caller(text, now=later) is None


def test_a_suspended_party_is_known_as_such(world):
    memory, text = Memory(), world.key(world.small_provider)
    suspend(world.small_provider, agency=world.agency)
    memory.refresh()
    assert memory.caller(text).party.is_suspended
