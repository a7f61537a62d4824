# SPDX-License-Identifier: Apache-2.0
"""Pulling from MISP feeds: manifest and events, what is deleted, tags, and what is odd."""

from datetime import timedelta
from uuid import uuid4

import pytest

from stemtide.hub.rooms.exchanges.sources import misp
from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.interop.misp import pulled as exchange_misp
from stemtide.interop.misp.events import attribute_uuid, organisation_uuid
from tests.world import NOON, hex_value

NOON_S = int(NOON.timestamp())


class Feed:
    """Events by their UUID. tags: whether the manifest has an ETag."""

    def __init__(self, partner):
        self.events = {}
        self.read = []
        partner.answers = self.answer

    def answer(self, _method, path, headers, _body):
        assert headers["Authorization"] == "raw-key"
        name = path.removeprefix("/feed/")
        if name == "manifest.json":
            listed = {
                uuid: {"timestamp": str(one["timestamp"])} for uuid, one in self.events.items()
            }
            tag = f'"{sorted((uuid, one["timestamp"]) for uuid, one in self.events.items())}"'
            if headers["If-None-Match"] == tag:
                return 304, {}, b""
            return 200, {"ETag": tag}, listed
        self.read.append(name)
        found = self.events.get(name.removesuffix(".json"))
        return (200, {}, {"Event": found}) if found else (404, {}, {})

    def put(self, *attributes, uuid=None, at=0, objects=(), **more):
        uuid = uuid or str(uuid4())
        self.events[uuid] = {
            "uuid": uuid,
            "timestamp": NOON_S + at,
            "Attribute": list(attributes),
            "Object": list(objects),
            **more,
        }
        return uuid


def attribute(number=1, *, kind="sha256", **more):
    plain = {
        "uuid": str(uuid4()),
        "type": kind,
        "value": hex_value(number, digits=32 if kind == "md5" else 64),
        "to_ids": True,
        "timestamp": str(NOON_S),
        "Tag": [],
    }
    return plain | more


def tags(*names):
    return [{"name": name} for name in names]


@pytest.fixture
def source(desk, partner):
    desk.add("misp-feed", address=partner.address, secret="raw-key")
    return partner


def test_hashes_addresses_and_pdq_objects_become_signals(desk, source):
    feed = Feed(source)
    pdq = attribute(4, kind="text", object_relation="pdq", to_ids=False)
    feed.put(
        attribute(1),
        attribute(2, kind="md5"),
        attribute(kind="url", value="https://evil.example/x"),
        attribute(3, kind="filename|sha256", value=f"a.bin|{hex_value(3)}"),
        attribute(kind="comment", value="words"),
        objects=[{"name": "perceptual-hash", "Attribute": [pdq]}],
    )
    assert desk.run() == {"shared": 5}
    assert {hex_value(1), hex_value(2, digits=32), hex_value(3), hex_value(4)} < set(desk.live())


def test_only_what_is_newer_is_read_and_a_known_manifest_costs_one_request(desk, source):
    feed = Feed(source)
    first = feed.put(attribute(1))
    second = feed.put(attribute(2))
    desk.run()
    assert sorted(feed.read) == sorted([f"{first}.json", f"{second}.json"])
    assert desk.run() == {}
    assert len(feed.read) == 2
    feed.put(attribute(3), uuid=first, at=1)
    assert desk.run() == {"shared": 1}
    assert feed.read[2:] == [f"{first}.json"]


def test_what_is_marked_as_deleted_ends_and_what_vanishes_does_not(desk, source):
    feed = Feed(source)
    gone, vanished, inside = attribute(1), attribute(2), attribute(3, object_relation="pdq")
    uuid = feed.put(gone, vanished, objects=[{"name": "x", "Attribute": [inside]}])
    desk.run()
    ended = {"name": "x", "deleted": "1", "Attribute": [inside]}
    feed.put(gone | {"deleted": True}, uuid=uuid, at=1, objects=[ended])
    assert desk.run() == {"ended": 2}
    assert desk.live() == [hex_value(2)]


def test_an_attributes_own_words_go_before_its_events_and_its_marks_only_where_stricter(
    desk, source
):
    feed = Feed(source)
    feed.put(
        attribute(1, Tag=tags("tlp:green", 'stemtide:severity="low"')),
        attribute(2),
        Tag=tags("tlp:amber", 'dark-web:topic="violence"'),
    )
    feed.put(attribute(3, Tag=tags("tlp:amber")), Tag=tags("tlp:green"))
    desk.run()
    assert [desk.signal(one).tlp for one in (1, 2, 3)] == ["amber"] * 3
    assert desk.signal(1).severity == "low"
    assert desk.signal(2).labels == ["graphic-violence"]


def test_what_is_not_for_machines_there_is_not_for_machines_here(desk, partner):
    desk.add("misp-feed", address=partner.address, secret="raw-key", terms={"pap": "clear"})
    Feed(partner).put(
        attribute(1, to_ids=False, Tag=tags("PAP:GREEN")), attribute(2, Tag=tags("PAP:GREEN"))
    )
    desk.run()
    assert (desk.signal(1).pap, desk.signal(2).pap) == ("amber", "green")


def test_our_own_events_and_attributes_are_echoes(desk, source):
    feed, hub = Feed(source), ledger.heads().hub
    placed = desk.world.share(kind="sha256", value=hex_value(9))
    ours = str(attribute_uuid(placed.id, crisis=None))
    feed.put(attribute(1, uuid=ours))
    feed.put(attribute(2), Orgc={"uuid": str(organisation_uuid(hub))})
    feed.put(attribute(3, Tag=tags(f'stemtide:via="{hub}"')))
    assert desk.run() == {"echo": 3}


def test_child_abuse_on_an_event_refuses_all_of_it(desk, source):
    Feed(source).put(attribute(1), attribute(2), Tag=tags('copine-scale:level-8="x"'))
    assert desk.run() == {"refused": 2}


@pytest.mark.nightly
def test_events_that_cannot_be_read_are_named_and_the_others_go_on(desk, source):
    feed = Feed(source)
    odd, missing = feed.put(), feed.put(at=-5)
    feed.events[odd] = {"timestamp": NOON_S}
    feed.put(attribute(1), attribute(2, uuid="no"), attribute(3, value="zz"))
    honest = feed.answer
    feed.events[missing]["Attribute"] = 7

    def answer(method, path, headers, body):
        if missing in path:
            return 404, {}, {}
        return (200, {}, []) if odd in path else honest(method, path, headers, body)

    source.answers = answer
    assert desk.run() == {"shared": 1, "refused": 4}
    assert desk.run() == {}
    assert any("not there (404)" in line for line in desk.log())


@pytest.mark.nightly
def test_more_events_than_are_kept_at_once_are_all_read(desk, source, monkeypatch):
    monkeypatch.setattr(misp, "AT_ONCE", 3)
    feed = Feed(source)
    for number in range(8):
        feed.put(attribute(number), at=number)
    assert desk.run() == {"shared": 8}
    assert len(feed.read) == 8


def test_a_manifest_with_odd_names_and_times_is_read_for_the_rest(desk, source):
    feed = Feed(source)
    feed.put(attribute(1))
    feed.put(attribute(2), uuid="../../secret")
    feed.put(attribute(3), at=86_400 * 400)
    assert desk.run() == {"shared": 1}
    assert any("2 events of the list" in line for line in desk.log())
    assert len(feed.read) == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [(b"[]", "no manifest"), (b"{", "no JSON")],
    ids=["list", "broken"],
)
def test_what_is_no_manifest_is_an_error(desk, source, body, words):
    source.answers = lambda *_: (200, {}, body)
    desk.run()
    assert words in desk.row.trouble


def test_a_source_that_dies_between_events_goes_on_from_there(desk, source):
    feed = Feed(source)
    for number in range(3):
        feed.put(attribute(number), at=number)
    honest = feed.answer
    source.answers = lambda *all_of: (500, {}, {}) if len(feed.read) == 2 else honest(*all_of)
    assert desk.run() == {"shared": 2}
    assert "500" in desk.row.trouble
    source.answers = honest
    desk.later(minutes=30)
    assert desk.run() == {"shared": 1}
    assert len(feed.read) == 3
    assert desk.row.next_at > desk.now + timedelta(seconds=100)


def test_an_event_with_more_tags_than_are_read_is_named_and_passed_over(desk, source):
    feed = Feed(source)
    feed.put(attribute(1), Tag=tags(*map(str, range(exchange_misp.MAX_TAGS + 1))))
    feed.put(attribute(2))
    counts = desk.run()
    assert (counts["shared"], counts["refused"]) == (1, 1)


@pytest.mark.parametrize("zeros", [15, 5000])
def test_a_time_of_too_many_digits_spoils_nothing_else(desk, source, zeros):
    feed = Feed(source)
    odd = "0" * zeros + "9" * 20
    feed.put(attribute(1, timestamp=odd), attribute(2))
    feed.events[str(uuid4())] = {"timestamp": odd}
    assert desk.run()["shared"] == 2
