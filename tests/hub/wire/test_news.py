# SPDX-License-Identifier: Apache-2.0
"""Readers of events with entries end with what the feed has, see nothing else, and miss nothing."""

import asyncio
import json
import zlib

import pytest

from stemtide.hub.rooms.ledger.models import Placement
from stemtide.hub.rooms.signals import tail as shared_tail
from stemtide.hub.rooms.signals.reads import signals as reads
from stemtide.hub.wire import compression, memory as room, news, tail
from stemtide.hub.wire.memory import Memory
from stemtide.hub.wire.news import News
from stemtide.hub.wire.tail import NotInMemoryError, UnknownCrisesError
from tests.hub.wire.test_memory import Play
from tests.prints import long_value
from tests.rounds import rounds
from tests.world import hex_value


class Reader:
    """A reader that does as agents do. has: its signals, each as it was told last."""

    def __init__(self, party, *, exercise: bool) -> None:
        self.party, self.exercise = party, exercise
        self.position, self.place = 0, None
        self.has: dict[str, dict] = {}
        self.carried = self.pulled = 0
        self.inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self.inflater.decompress(compression.HEADER)

    def take(self, page: dict) -> None:
        for entry in page["entries"]:
            before = self.has.get(entry["id"], {"position": 0})
            assert entry["position"] >= before["position"]
            self.has[entry["id"]] = entry
        self.position = page["next"]

    def pull(self, memory: Memory) -> None:
        """Read the feed, after the chain began at the memory's place."""
        self.place, self.pulled = memory.place, self.pulled + 1
        page = reads.feed(self.position, viewer=self.party, exercise=self.exercise)
        self.take(json.loads(page.model_dump_json()))

    def follow(self, memory: Memory) -> None:
        """Take events until nothing is left, as a stream sends them."""
        more = self.place is not None
        while more:
            try:
                content, place, more = memory.event(
                    self.party, after=self.place, exercise=self.exercise
                )
            except UnknownCrisesError:
                memory.learn_crises(self.party)
                continue
            except NotInMemoryError:
                self.pull(memory)
                return
            assert self.inflater.decompress(content.blocks) == content.plain
            event = json.loads(content.plain.partition(b"data: ")[2])
            assert event["previous"] == self.place.position <= self.position
            positions = [entry["position"] for entry in event["page"]["entries"]]
            assert all(event["previous"] < at <= event["page"]["next"] for at in positions)
            self.take(event["page"])
            self.place, self.carried = place, self.carried + len(positions)


def everything(reader: Reader) -> dict[str, dict]:
    page = reads.feed(0, viewer=reader.party, exercise=reader.exercise)
    return {entry["id"]: entry for entry in json.loads(page.model_dump_json())["entries"]}


def assert_has(reader: Reader, expected: dict[str, dict]) -> None:
    """Compare what a reader has with the feed; it may not know the crisis of an entry yet.

    Joining a crisis moves no signal: who joined after reading one learns its crisis with the
    signal's next change.
    """
    assert reader.has.keys() == expected.keys()
    for uid, entry in reader.has.items():
        assert entry | {"crisis": None} == expected[uid] | {"crisis": None}
        assert entry.get("crisis") in (None, expected[uid].get("crisis"))


@pytest.mark.parametrize("seed", range(1, 1 + rounds(1, nightly=40)))
def test_whatever_happens_readers_end_with_what_the_feed_has(world, monkeypatch, seed):
    monkeypatch.setattr(tail, "MAX_ENTRIES", 12)  # slow readers are cut loose
    monkeypatch.setattr(room, "EVENT_ENTRIES", 3)
    memory, play = Memory(), Play(world, seed)
    memory.refresh()
    readers = [
        Reader(party, exercise=is_rehearsing)
        for party in world.everyone
        for is_rehearsing in (False, True)
        for _stream in range(2)  # at one place they get one event
    ]
    for reader in readers:
        reader.pull(memory)
    for _ in range(rounds(20, nightly=40)):
        for _ in range(play.random.choice([1, 1, 4])):
            play.act()
        memory.refresh()
        if play.random.random() < 0.05:
            memory = Memory()  # the process started again: all streams broke
            memory.refresh()
            for reader in readers:
                reader.place = None
        for reader in play.random.sample(readers, 16):  # the others are slow
            if play.random.random() < 0.1:
                reader.place = None  # its stream broke
            if reader.place is None:
                reader.pull(memory)
            reader.follow(memory)
    for reader in readers:
        reader.follow(memory) if reader.place else reader.pull(memory)
        assert_has(reader, everything(reader))
    assert sum(reader.carried for reader in readers) > 50
    assert sum(reader.pulled for reader in readers) > len(readers)


@pytest.fixture
def following(world, monkeypatch):
    """A memory in place of the process's own, and what a stream of the observer sends."""
    memory = Memory()
    memory.refresh()
    monkeypatch.setattr(news, "memory", memory)
    stream = News(world.observer, exercise=False, place=memory.place)

    def sent(position: int) -> list[dict]:
        memory.refresh()

        async def collect() -> list[bytes]:
            return [event.plain async for event in stream.events(position)]

        lines = [event.split(b"\n") for event in asyncio.run(collect())]
        assert all(line[0] == b"event: wake" and line[3:] == [b"", b""] for line in lines)
        events = [json.loads(line[2].removeprefix(b"data: ")) for line in lines]
        ids = [int(line[1].removeprefix(b"id: ")) for line in lines]
        assert ids == [event["position"] for event in events]
        return events

    return sent


def test_a_wake_carries_what_is_new_once(world, following):
    shared = world.share(value=hex_value(1), tlp="green")
    (event,) = following(shared.position)

    assert [entry["id"] for entry in event["page"]["entries"]] == [str(shared.id)]
    assert event["previous"] < event["page"]["next"] == event["position"] == shared.position
    assert following(shared.position) == []


def test_streams_of_a_party_at_one_place_get_one_event(world):
    memory = Memory()
    memory.refresh()
    place = memory.place
    world.share(value=hex_value(1), tlp="red", audience=["small-forum"])
    memory.refresh()

    def entries(party, *, exercise=False):
        event = memory.event(party, after=place, exercise=exercise)
        page = json.loads(event.content.plain.partition(b"data: ")[2])["page"]
        return event, [entry["value"] for entry in page["entries"]]

    first, values = entries(world.small_provider)
    assert values == [hex_value(1)]
    assert entries(world.small_provider)[0] is first
    assert entries(world.small_provider, exercise=True)[0] is not first
    assert entries(world.big_provider)[1] == []
    alike = entries(world.observer)[0].content
    assert entries(world.big_provider)[0].content is alike
    assert entries(world.small_provider)[0].content is not alike
    world.share(value=hex_value(2), tlp="green")
    memory.refresh()
    assert entries(world.small_provider)[1] == [hex_value(1), hex_value(2)]


def test_events_are_forgotten_once_they_have_too_many_bytes(world, monkeypatch):
    monkeypatch.setattr(room, "_MAX_EVENTS_BYTES", 1000)
    monkeypatch.setattr(room, "EVENT_ENTRIES", 1)
    memory = Memory()
    memory.refresh()
    first = memory.place
    world.share(value=hex_value(1), tlp="green")
    world.share(value=hex_value(2), tlp="green")
    memory.refresh()

    event = memory.event(world.observer, after=first, exercise=False)
    assert memory.event(world.observer, after=first, exercise=False) is event
    memory.event(world.observer, after=event.place, exercise=False)
    again = memory.event(world.observer, after=first, exercise=False)
    assert again is not event
    assert again.content.plain == event.content.plain


def test_each_event_follows_on_the_one_before(world, following):
    first = world.share(value=hex_value(1), tlp="green")
    (before,) = following(first.position)
    world.share(value=hex_value(2), tlp="red", audience=["small-forum"])
    third = world.share(value=hex_value(3), tlp="green")
    (event,) = following(third.position)

    assert event["previous"] == before["position"]
    assert [entry["id"] for entry in event["page"]["entries"]] == [str(third.id)]


def test_many_changes_travel_as_pages(world, following, monkeypatch):
    monkeypatch.setattr(room, "EVENT_BYTES", 1500)
    for number in range(5):
        shared = world.share(value=hex_value(number), tlp="green")
    events = following(shared.position)

    assert [len(event["page"]["entries"]) for event in events] == [2, 2, 1]
    assert [event["page"]["more"] for event in events] == [True, True, False]
    assert [event["previous"] for event in events[1:]] == [e["position"] for e in events[:-1]]


def test_a_value_that_is_too_large_for_the_memory_is_left_to_the_feed(
    world, following, monkeypatch
):
    value = long_value("text")
    monkeypatch.setattr(shared_tail, "MAX_VALUE_BYTES", len(value) - 1)
    shared = world.share(kind="text", value=value.hex(), quality=None, tlp="green")
    (event,) = following(shared.position)
    assert event == {"position": shared.position}

    later = world.share(value=hex_value(3), tlp="green")
    (event,) = following(later.position)
    assert [entry["id"] for entry in event["page"]["entries"]] == [str(later.id)]


def test_a_long_value_travels_whole(world, following):
    value = long_value("text")
    shared = world.share(kind="text", value=value.hex(), quality=None, tlp="green")
    (event,) = following(shared.position)

    assert [entry["value"] for entry in event["page"]["entries"]] == [value.hex()]


def test_a_reader_of_a_history_that_is_gone_is_sent_to_the_feed(world, following):
    shared = world.share(value=hex_value(1), tlp="green")
    following(shared.position)
    Placement.objects.filter(first=shared.position).update(mark=5)
    later = world.share(value=hex_value(2), tlp="green")

    assert following(later.position) == [{"position": later.position}]
