# SPDX-License-Identifier: Apache-2.0
"""Pulling from the live stream of an OpenCTI, honest and otherwise."""

from datetime import timedelta

import pytest

from stemtide.hub.platform.errors import InvalidError
from stemtide.hub.rooms.exchanges.sources import opencti as port, source as requests
from stemtide.hub.rooms.signals.models import Signal
from tests.hub.stix.conftest import indicator as stix_indicator
from tests.opencti_server import EXTENSION, STREAM, TOKEN
from tests.world import NOON, hex_value

HOUR_S = 3600


@pytest.fixture
def source(desk, opencti):
    """The exchange, with an OpenCTI that has something already."""
    desk.add("opencti", address=opencti.address, secret=TOKEN)
    return opencti


def indicator(number=1, **more):
    """An indicator, the same each time it is asked for by its number."""
    facts = more.pop("opencti", {})
    plain = {
        "id": f"indicator--00000000-0000-4000-8000-{number:012}",
        "pattern": f"[file:hashes.'SHA-256' = '{hex_value(number)}']",
        "extensions": {EXTENSION: {"extension_type": "property-extension", **facts}},
    }
    return stix_indicator(**(plain | more))


def newer(number, **more):
    return indicator(number, minutes=10, **more)


def again(desk, **more):
    desk.later(**(more or {"minutes": 5}))
    return desk.run()


def live(desk):
    return [number for number in range(10) if hex_value(number) in desk.live()]


def test_the_first_run_reads_all_objects_and_later_ones_what_changed(desk, source):
    desk.now = NOON - timedelta(hours=1)
    source.put(*(indicator(number) for number in (1, 2, 3, 4, 5)))
    desk.now = NOON
    source.events.clear()
    source.put(indicator(6), {"type": "report", "id": "report--1"})
    assert desk.run() == {"shared": 6}
    assert (desk.row.trouble, desk.row.checkpoint.keys()) == ("", {"after"})
    assert again(desk) == {}
    first, second = source.asked
    assert (first["from"], first["recover"]) == ("0-0", "2026-11-24T11:59:00.000Z")
    assert second.keys() == {"from", "listen-delete", "no-dependencies"}
    desk.later(minutes=5)
    source.put(newer(1, pattern=f"[file:hashes.'SHA-256' = '{hex_value(7)}']"))
    source.put(newer(2, revoked=True))
    source.delete(indicator(3))
    source.merge(newer(4), indicator(5))
    assert desk.run() == {"changed": 1, "ended": 3}
    assert live(desk) == [4, 6, 7]
    desk.later(minutes=5)
    source.put(indicator(3))
    assert desk.run() == {"shared": 1}


def test_if_events_are_gone_all_is_read_again_and_what_is_missing_ends(desk, source):
    source.put(indicator(1), indicator(2))
    assert desk.run() == {"shared": 2}
    desk.later(hours=1)
    source.delete(indicator(1))
    desk.later(minutes=1)
    source.put(indicator(3))
    del source.events[:-1]
    assert again(desk) == {"ended": 1, "shared": 1}
    assert live(desk) == [2, 3]
    assert any("everything is read again" in line for line in desk.log())


def test_a_page_ends_between_two_ids(desk, source, monkeypatch):
    monkeypatch.setattr(port, "PAGE", 1)
    desk.now = NOON - timedelta(hours=1)
    source.put(indicator(1), indicator(2))
    desk.now = NOON
    source.put(indicator(3))
    desk.later(minutes=1)
    source.put(indicator(4))
    assert desk.run() == {"shared": 4}
    assert len({query["from"] for query in source.asked}) == len(source.asked) == 3


def test_a_wrong_event_costs_itself_alone(desk, source, monkeypatch):
    monkeypatch.setattr(port, "MAX_EVENT_BYTES", 5_000)
    source.put(indicator(1))
    source.say("create", {"type": "indicator"})
    source.say("merge", indicator(2))
    source.say("create", indicator(3, description="x" * 6_000))
    source.say("create", indicator(4, confidence=700))
    source.say("drop", indicator(5))
    source.put(indicator(6))
    assert desk.run() == {"shared": 2, "refused": 4}
    assert (live(desk), desk.row.trouble) == ([1, 6], "")
    log = "\n".join(desk.log())
    at = int(NOON.timestamp() * 1000)
    assert f"event {at}-1: its data is no object of STIX" in log
    assert f"event {at}-2: it is a merge, and does not name" in log
    assert f"event {at}-3: it has more than 5,000 bytes" in log
    assert "events that are not known: 1 drop" in log


def test_a_name_that_no_database_can_have_costs_itself_alone(desk, source):
    """PostgreSQL stores no NUL: a page with one could never be written."""
    wrong = {"id": "indicator--\x00"}
    source.put(indicator(1) | wrong, indicator(2))
    source.delete(indicator(1) | wrong)
    source.put(indicator(1) | {"id": "indicator--\x00\x00"})
    assert desk.run() == {"shared": 1, "refused": 1}
    assert desk.row.trouble == ""


@pytest.mark.parametrize(
    ("more", "tlp"),
    [
        ({}, "amber"),
        (
            {"object_marking_refs": ["marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"]},
            "green",
        ),
        (
            {
                "object_marking_refs": ["marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"],
                "opencti": {"granted_refs": ["identity--5f0c9c3c-44d0-5c5b-9b2e-0d3f0b1c2a33"]},
            },
            "amber",
        ),
        (
            {"object_marking_refs": ["marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003"]},
            None,
        ),
        (
            {"object_marking_refs": ["marking-definition--5a1b9d3e-0000-4000-8000-000000000001"]},
            None,
        ),
    ],
    ids=["none", "green", "green for organisations", "amber+strict", "unknown"],
)
def test_marks_and_organisations_restrict_it_here(desk, source, more, tlp):
    source.put(indicator(1, **more))
    desk.run()
    assert [row.tlp for row in Signal.objects.all()] == ([tlp] if tlp else [])


def test_our_own_signal_that_opencti_names_anew_is_an_echo(desk, source):
    placed = desk.world.share(kind="md5")
    names = [f"indicator--{placed.id}"]
    source.put(indicator(1, opencti={"stix_ids": names}))
    assert desk.run() == {"echo": 1}


def endless(*lines):
    """A server that repeats lines, with a number in them, until its reader leaves."""

    def play(door):
        door.begin()
        number = 0
        try:
            door.connected()
            while not door.server.is_over.is_set():
                for line in lines:
                    door.wfile.write(line.replace("#", str(1000 - number)).encode())
                number += 1
        except OSError:
            return

    return play


def answer(status, **headers):
    def play(door):
        door.send_response(status)
        for name, value in headers.items():
            door.send_header(name, value)
        door.end_headers()

    return play


AHEAD = int(NOON.timestamp() * 1000) + 48 * HOUR_S * 1000


@pytest.mark.parametrize(
    ("play", "words"),
    [
        (endless("id: 5-0\nevent: create\ndata: {}\n\n"), "too many events under one id"),
        (endless("id: #-0\nevent: create\ndata: {}\n\n"), "too many events under one id"),
        (endless("event: heartbeat\ndata: 1\n\n"), "too many events under one id"),
        (endless("data: " + "x" * 1000), "more than 200,000 bytes"),
        (endless(f": {'x' * 1000}\n"), "more than 200,000 bytes"),
        (endless(f"id: {AHEAD}-0\nevent: heartbeat\ndata: 1\n\n"), "lies in the future"),
        (answer(302, Location="http://127.0.0.1:1/"), "it redirects (302)"),
        (answer(200, **{"Content-Type": "text/html"}), "is no stream of events"),
        (answer(200, **{"Content-Type": "text/event-stream"}), "no events, and no heartbeats"),
        (answer(401), "refuses our key"),
        (answer(410), "does not take what we ask (410)"),
    ],
    ids=[
        *("repeats", "goes back", "heartbeats", "line", "comments", "future"),
        *("redirect", "page", "nothing", "key", "stopped"),
    ],
)
def test_a_wrong_stream_ends_within_limits_and_is_shown(desk, source, monkeypatch, play, words):
    monkeypatch.setattr(port, "MAX_EVENTS", 1500)
    monkeypatch.setattr(requests, "MAX_ANSWER_BYTES", 200_000)
    source.put({"type": "report", "id": "report--1"})
    desk.run()  # a position to go on from
    before = desk.row.checkpoint
    desk.later(minutes=5)
    source.put(indicator(1))
    source.play = play
    desk.run()
    assert words in desk.row.trouble
    assert desk.row.checkpoint == before
    assert desk.live() == []


def test_what_came_before_a_break_stays_and_the_rest_comes_later(desk, source):
    def play(door):
        door.send_response(200)
        door.send_header("Content-Type", "text/event-stream")
        door.send_header("Content-Length", "1000000")
        door.end_headers()
        door.connected()
        for name, kind, data in source.events:
            door.send(kind, data, at=name)
        source.play = None

    source.put(indicator(1), indicator(2))
    source.play = play
    assert desk.run() == {"shared": 2}
    assert (len(source.asked), desk.row.trouble) == (2, "")


def test_an_event_without_an_end_is_passed_over_by_its_id(desk, source, monkeypatch):
    monkeypatch.setattr(requests, "MAX_ANSWER_BYTES", 200_000)
    monkeypatch.setattr(port, "MAX_EVENT_BYTES", 50_000)
    source.put(indicator(1, description="x" * 300_000), indicator(2))
    assert desk.run() == {"shared": 1, "refused": 1}
    assert live(desk) == [2]


def test_a_slow_stream_is_left_in_time_and_read_on_later(desk, source, monkeypatch):
    monkeypatch.setattr(requests, "ONE_TIMEOUT_S", 2.0)

    def play(door):
        door.begin()
        try:
            door.connected()
            door.send("create", {"data": indicator(1)}, at="5-0")
            while not door.server.is_over.wait(0.02):
                door.wfile.write(b":\n")
        except OSError:
            return
        finally:
            source.play = None

    source.play = play
    assert desk.run() == {"shared": 1}
    assert desk.row.trouble == ""


def test_only_the_address_of_a_stream_is_taken_and_nothing_is_pushed(desk):
    with pytest.raises(InvalidError, match="live stream"):
        desk.add("opencti", path="/stream/")
    with pytest.raises(InvalidError, match="not push"):
        desk.add("opencti", direction="push")
    desk.add("opencti", path=f"/stream/{STREAM}/")
    assert desk.row.address.endswith(STREAM)
