# SPDX-License-Identifier: Apache-2.0
import random
from contextlib import suppress
from uuid import uuid4

import pytest
from django.db import transaction

from stemtide.hub.platform.errors import InvalidError
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads.caches.pictures import pictures
from stemtide.hub.rooms.signals.reads.signals import visible
from stemtide.hub.rooms.signals.writes import signals as writes
from stemtide.hub.rooms.situation.reads import search as reads_search
from stemtide.hub.rooms.situation.reads.search import search
from stemtide.protocol.messages.signals import WithdrawIn
from tests.rounds import rounds
from tests.world import NOON, hex_value, signal_in

ASKED = hex_value(77)


def near(bits):
    """A value so many bits from the one that is asked for."""
    return f"{int(ASKED, 16) ^ ((1 << bits) - 1):064x}"


NEAR = near(3)


def found(query, viewer, **more):
    """Ids by kind."""
    answer = search(str(query), viewer=viewer, **more)
    return {str(group.kind): [one.id for one in group.found] for group in answer.groups}


def test_a_crisis_is_found_by_its_id_its_name_and_its_summary(room):
    uid = room.crisis.id
    viewer = room.world.agency
    assert found(uid, viewer) == {"crises": [uid]}
    assert found("attack IN a city", viewer) == {"crises": [uid]}
    told = room.world.warn(name="Another", summary="Filmed by its perpetrator.")
    assert found("perpetrator.", viewer) == {"crises": [told.id]}


def test_a_signal_is_found_by_its_id_its_content_and_its_value(room):
    content = uuid4()
    one = room.world.share(content=content)
    assert found(one.id, room.world.agency) == {"signals": [one.id]}
    assert found(content, room.world.agency) == {"signals": [one.id]}
    assert found(hex_value().upper(), room.world.agency) == {"signals": [one.id]}
    md5 = room.world.share(kind="md5", quality=None)
    assert found(hex_value(digits=32), room.world.agency) == {"signals": [md5.id]}


def test_a_picture_is_found_near_by_the_nearest_first(room):
    far = room.world.share(value=near(32))
    second = room.world.share(value=near(31))
    first = room.world.share(value=near(1))
    answer = search(ASKED, viewer=room.world.agency)
    bits = [(one.id, one.within_bits) for one in answer.groups[0].found]
    assert bits == [(first.id, 1), (second.id, 31)]
    assert far.id not in dict(bits)
    assert answer.compared == 3


@pytest.mark.parametrize("seed", range(rounds(1, nightly=20)))
def test_near_pictures_are_those_that_an_oracle_finds(room, seed):
    chance = random.Random(seed)  # noqa: S311  # the same pictures each time
    world = room.world
    viewers = (world.agency, world.big_provider, world.small_provider)
    rows = []
    for number in range(rounds(16, nightly=30)):
        value = f"{int(near(chance.randrange(60)), 16) ^ (1 << (100 + number)):064x}"
        facts = chance.choice(({}, {"tlp": "red", "audience": ("small-forum",)}))
        by = chance.choice((world.authority, world.other_authority))
        shared = writes.share(signal_in(value=value, **facts), by=by, now=NOON)
        rows.append((shared.id, value))
        if chance.random() < 0.2:
            gone, _ = rows.pop(chance.randrange(len(rows)))
            row = Signal.objects.get(uid=gone)
            if row.state == "live":
                body = WithdrawIn(reason="mistake")
                writes.withdraw(gone, body=body, by=row.shared_by, now=NOON, is_counted=False)
        if number % 5 == 0:
            viewer = chance.choice(viewers)
            live = Signal.objects.filter(visible(viewer), kind="pdq", state="live")
            slow = sorted(
                (oracle_distance(ASKED, value), pk) for pk, value in live.values_list("pk", "value")
            )
            close = [each for each in slow if 0 < each[0] <= 31]
            assert pictures.near([ASKED], viewer=viewer) == {ASKED: close}
            assert pictures.count(viewer=viewer) == len(slow)


def test_a_share_that_came_to_nothing_is_not_kept(room):
    with suppress(KeyError), transaction.atomic():
        room.world.share(value=near(3))
        assert pictures.count(viewer=room.world.agency) == 1
        raise KeyError
    shared = room.world.share(value=near(5))
    assert [bits for bits, _ in pictures.near([ASKED], viewer=room.world.agency)[ASKED]] == [5]
    assert found(ASKED, room.world.agency) == {"signals": [shared.id]}


def oracle_distance(one, other):
    return (int(one, 16) ^ int(other, 16)).bit_count()


def test_an_address_is_found_in_any_spelling(world):
    shared = world.share(kind="url", value="https://example.org/a/video?id=1", quality=None)
    for spelling in (
        "https://example.org/a/video?id=1",
        "HTTPS://EXAMPLE.org:443/a/./video?id=1",
        "example.org/a/video?id=1",
    ):
        assert found(spelling, world.agency)["signals"] == [shared.id], spelling


def test_a_label_is_found_by_its_name_and_its_title(room):
    shared = room.world.share(labels=("manifesto", "livestream"))
    room.world.share(value=hex_value(2))
    assert found("manifesto", room.world.agency)["signals"] == [shared.id]
    assert found("Livestream", room.world.agency)["signals"] == [shared.id]


def test_a_message_is_found_by_its_words_and_its_id(room):
    said = room.post(text="The longer film is on a paste site.")
    assert found("PASTE site", room.world.agency) == {"messages": [said.id]}
    assert found(said.id, room.world.agency) == {"messages": [said.id]}
    assert found(said.id, room.world.observer) == {}


@pytest.mark.nightly
def test_a_lead_is_found_by_its_id_by_those_who_may_see_it(room):
    lead = room.lead()
    assert found(lead.id, room.world.authority) == {"leads": [lead.id]}
    assert found(lead.id, room.world.authority, leads=False) == {}
    assert found(lead.id, room.world.other_authority) == {}
    assert found("attack on the market", room.world.authority) == {}


def test_what_is_hidden_is_not_found_whatever_is_asked(room):
    shared = room.world.share(tlp="red", audience=("small-forum",), value=NEAR)
    said = room.post(tlp="red", audience=("small-forum",), text="A secret word.")
    for query in (NEAR, ASKED, shared.id, said.id, "perpetrator-content", "secret word"):
        assert found(query, room.world.agency) == found(uuid4(), room.world.agency) == {}, query
    assert search(ASKED, viewer=room.world.agency).compared == 0


def test_findings_come_page_by_page_in_one_kind(room, monkeypatch):
    monkeypatch.setattr(reads_search, "PAGE", 2)
    for n in range(3):
        room.post(text=f"The same words {n}.")
    first = search("same words", viewer=room.world.agency).groups[0]
    assert (len(first.found), first.more, first.page) == (2, True, 1)
    rest = search("same words", viewer=room.world.agency, kind="messages", page=2).groups[0]
    assert (len(rest.found), rest.more, rest.page) == (1, False, 2)


@pytest.mark.parametrize("query", ["", " a ", "x" * 5000])
def test_a_query_has_a_length(world, query):
    with pytest.raises(InvalidError, match="characters"):
        search(query, viewer=world.agency)


@pytest.mark.parametrize(
    ("query", "is_a"),
    [
        ("0190b7a1-0000-7000-8000-000000000000", "id"),
        ("f" * 32, "hash"),
        ("f" * 64, "hash"),
        ("f" * 63, "prefix"),
        ("http://[bad", "text"),
        ("three. words", "text"),
        ("and-so-on", "text"),
        ("example.org", "host"),
        ("example.org/x", "address"),
        ("Imminent threat", "label"),
        ("'; DROP TABLE signals; --", "text"),
        ("100%_", "text"),
    ][:: rounds(3, nightly=1)],
)
def test_a_query_is_taken_for_what_it_is(world, query, is_a):
    assert search(query, viewer=world.agency).recognised == is_a
