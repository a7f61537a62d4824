# SPDX-License-Identifier: Apache-2.0
"""Signals of addresses that reach further, and what is known of who made the content."""

import json

import pytest

from stemtide.fingerprints.url import canonical as url
from stemtide.hub.platform.errors import ConflictError, InvalidError
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads import signals as reads
from stemtide.hub.rooms.signals.writes import signals as writes
from stemtide.protocol.messages.signals import WithdrawIn
from stemtide.protocol.sync.feed import FeedSignal
from tests.world import NOON, hex_value, signal_in

PAGE = "hxxps://www.Bad.example/video/12/?utm_source=x"
NARROW = [("address", "bad.example/video/12", None), (None, "bad.example/video/12", None)]
WIDE = [("folder", "bad.example/video/12/", "folder"), ("host", "bad.example/", "host")]


def share(world, value=PAGE, **facts):
    return world.share_looked_at(kind="url", value=value, quality=None, **facts)


@pytest.mark.parametrize(("said", "covered", "told"), NARROW + WIDE)
def test_every_door_says_how_far_an_address_reaches(world, said, covered, told):
    shared = share(world, reach=said)
    (entry,) = reads.feed(0, viewer=world.agency).entries
    line = json.loads(b"".join(reads.snapshot(viewer=world.agency)).splitlines()[1])
    out = reads.signal(shared.id, viewer=world.agency)
    ((row,),) = ([*one.signals] for one in reads.board(viewer=world.agency))
    assert (entry.value, entry.reach) == (url.digest(covered).hex(), told)
    assert (line["value"], line["reach"]) == (entry.value, told)
    assert (out.url, out.reach, row.url, row.reach) == (covered, told, covered, told)


def test_one_address_may_be_shared_with_every_reach(world):
    each = [share(world, reach=reach).id for reach in ("address", "folder", "host")]
    assert len(set(each)) == 3
    assert share(world, reach="host").id == each[2]


def test_a_reach_that_is_withdrawn_leaves_the_feed_like_any_other(world):
    shared = share(world, reach="host")
    body = WithdrawIn(reason="mistake")
    writes.withdraw(shared.id, body=body, by=world.authority, now=NOON)
    (entry,) = reads.feed(0, viewer=world.agency).entries
    assert (entry.op, entry.id) == ("drop", shared.id)


@pytest.mark.parametrize(
    ("value", "reach", "remedy"),
    [
        ("https://co.uk", "host", "single addresses"),
        ("https://github.io", "host", "single addresses"),
        ("https://www.youtube.com/watch?v=abc", "host", "single addresses"),
        ("https://www.youtube.com/watch?v=abc", "folder", "single addresses"),
        ("https://bit.ly/abc", "host", "single addresses"),
        ("https://bad.example/", "folder", "share the host"),
        ("https://bad.example/a/b/c/d/e", "folder", "share a shorter one"),
    ],
)
def test_what_would_cover_what_many_publish_is_refused_with_the_remedy(world, value, reach, remedy):
    with pytest.raises(InvalidError, match=remedy) as refused:
        share(world, value, reach=reach)
    assert refused.value.field == "value"
    bulk = writes.share_many(
        [signal_in(kind="url", value=value, quality=None, reach=reach)],
        by=world.authority, now=NOON, partial=True,
    )  # fmt: skip
    assert (bulk.refused, bulk.errors[0].field) == (1, "value")


def test_only_addresses_reach_further():
    with pytest.raises(ValueError, match="only url signals reach further"):
        signal_in(kind="sha256", quality=None, reach="host")
    with pytest.raises(ValueError, match="'address', 'folder' or 'host'"):
        signal_in(kind="url", value=PAGE, quality=None, reach="country")


def test_a_digest_may_be_shared_with_its_reach_but_not_with_two(world):
    digest = url.digest("bad.example/").hex()
    shared = share(world, digest, reach="host")
    out = reads.signal(shared.id, viewer=world.agency)
    assert (out.value, out.url, out.reach) == (digest, None, "host")
    with pytest.raises(ConflictError, match="reach"):
        share(world, digest)


def test_a_row_of_before_is_one_address(world):
    share(world)
    assert Signal.objects.get().reach is None


def test_every_door_says_what_is_known_of_who_made_it(world):
    shared = world.share(ideology="right-wing", entity="  The  Base ", language="sr-Latn")
    (entry,) = reads.feed(0, viewer=world.agency).entries
    line = json.loads(b"".join(reads.snapshot(viewer=world.agency)).splitlines()[1])
    out = reads.signal(shared.id, viewer=world.agency)
    (row,) = reads.board(viewer=world.agency)
    for one in (entry, out, row):
        assert (one.ideology, one.entity) == ("right-wing", "The Base")
    assert (line["ideology"], line["entity"]) == ("right-wing", "The Base")
    assert (entry.language, out.language, line["language"]) == ("sr-Latn",) * 3


def test_neither_ideology_nor_entity_is_ever_needed(world):
    shared = world.share()
    out = reads.signal(shared.id, viewer=world.agency)
    assert (out.ideology, out.entity, out.language) == (None, None, None)


def test_another_ideology_is_another_statement(world):
    world.share(ideology="jihadist")
    with pytest.raises(ConflictError, match="ideology"):
        world.share(ideology="other")


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"ideology": "green-party"}, "there is no ideology"),
        ({"entity": ""}, "1 to 120 characters"),
        ({"entity": "x" * 121}, "1 to 120 characters"),
        ({"entity": "a\u202eb"}, "can be shown"),
        ({"language": "Dutch"}, "language"),
    ],
)
def test_what_is_no_ideology_or_entity_is_refused(facts, words):
    with pytest.raises(ValueError, match=words):
        signal_in(**facts)


def test_a_feed_of_an_older_hub_is_read():
    facts = signal_in(value=hex_value()).model_dump(
        mode="json", exclude={"reach", "ideology", "entity", "language", "audience"}
    )
    facts |= {"position": 1, "id": "01a20eac-b579-7a46-93cb-be1060f95163", "disputed": False}
    facts |= {"shared_by": "a", "shared_at": "2026-11-24T12:00:00Z"}
    read = FeedSignal.model_validate(facts)
    assert (read.reach, read.ideology, read.entity, read.language) == (None,) * 4
