# SPDX-License-Identifier: Apache-2.0
import json
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import pytest
from django.db import connection, transaction

from stemtide.hub.platform.errors import ConflictError, NotFoundError
from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.signals.reads import signals as reads
from stemtide.hub.rooms.signals.rules.signals import unpack_audience
from stemtide.hub.rooms.signals.writes import signals as writes
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.handling import Tlp, may_receive
from stemtide.protocol.messages.signals import OpinionIn, WithdrawIn
from stemtide.protocol.sync.feed import FeedPage, FeedSignal
from tests.rounds import rounds
from tests.world import NOON, hex_value, signal_in

AUDIENCES = [
    (),
    ("big-video",),
    ("rights-watch", "small-forum"),
    ("be-crisis-centre", "eu-referral-unit", "tech-forum"),
]


def share_every_handling(world):
    """One signal for every label, audience and sharer; what each is, by id."""
    shared = {}
    number = 0
    authorities = rounds([], nightly=[world.authority])
    for sharer, tlp, audience in product([world.small_provider, *authorities], Tlp, AUDIENCES):
        number += 1
        if tlp is Tlp.RED and not audience:
            continue
        out = world.share(sharer, value=hex_value(number), tlp=tlp, audience=audience)
        shared[out.id] = (sharer.name, tlp, audience)
    return shared


def lines(world, viewer=None, *, exercise=False):
    told = b"".join(reads.snapshot(viewer=viewer or world.agency, exercise=exercise))
    return [json.loads(line) for line in told.splitlines()]


def walk(viewer, *, limit, after=0, exercise=False):
    """All entries of the feed, page by page."""
    found = []
    while True:
        page = reads.feed(after, viewer=viewer, limit=limit, exercise=exercise)
        found += page.entries
        after = page.next
        if not page.more:
            return found, after


def test_every_door_lets_in_exactly_whom_the_rule_lets_in(world):
    """The SQL of feed, snapshot, single read, board and sightings equals may_receive."""
    shared = share_every_handling(world)
    for viewer in world.everyone:
        allowed = {
            uid
            for uid, (sharer, tlp, audience) in shared.items()
            if may_receive(
                viewer.name,
                PartyKind(viewer.kind),
                tlp=tlp,
                audience=frozenset(audience),
                shared_by=sharer,
            )
        }
        assert {one.id for one in reads.feed(0, viewer=viewer).entries} == allowed
        assert {one["id"] for one in lines(world, viewer)[1:-1]} == {str(one) for one in allowed}
        on_board = reads.board(viewer=viewer, limit=len(shared))
        assert {one.id for row in on_board for one in row.signals} == allowed
        assert set(reads.visible_by_uid(shared, viewer=viewer)) == allowed
        for uid in shared.keys() - allowed:
            with pytest.raises(NotFoundError):
                reads.signal(uid, viewer=viewer)
        for uid in allowed:
            assert reads.signal(uid, viewer=viewer).id == uid


def test_a_name_inside_another_name_is_not_in_the_audience(world):
    world.share(audience=("small-forum",))
    world.small_provider.name = "forum"
    assert reads.feed(0, viewer=world.small_provider).entries == []


def test_a_tombstone_goes_to_those_who_had_the_signal_and_nobody_else(world):
    shared = share_every_handling(world)
    had = {one.name: len(reads.feed(0, viewer=one).entries) for one in world.everyone}
    for uid in shared:
        body = WithdrawIn(reason="mistake")
        sharer = shared[uid][0]
        by = next(one for one in world.everyone if one.name == sharer)
        writes.withdraw(uid, body=body, by=by, now=NOON)
    for viewer in world.everyone:
        page = reads.feed(len(shared), viewer=viewer)
        assert [one.op for one in page.entries] == ["drop"] * had[viewer.name]
        assert lines(world, viewer)[1:-1] == []


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_the_feed_is_whole_at_any_page_size(world, limit):
    for number in range(7):
        hidden = {"tlp": "red", "audience": ("small-forum",)} if number % 3 == 0 else {}
        world.share(value=hex_value(number), **hidden)
    entries, after = walk(world.big_provider, limit=limit)
    assert [one.position for one in entries] == [2, 3, 5, 6]
    assert after == 7


def test_next_moves_past_what_the_reader_may_not_see(world):
    world.share(tlp="red", audience=("small-forum",))
    page = reads.feed(0, viewer=world.big_provider)
    assert (page.entries, page.next, page.head, page.more) == ([], 1, 1, False)
    assert page.hub == ledger.heads().hub


def test_an_empty_feed_stays_where_it_is(world):
    page = reads.feed(0, viewer=world.agency)
    assert (page.entries, page.next, page.head) == ([], 0, 0)


def test_a_position_beyond_the_head_says_that_history_was_set_back(world):
    world.share()
    assert reads.feed(1, viewer=world.agency).entries == []
    with pytest.raises(ConflictError, match="snapshot"):
        reads.feed(2, viewer=world.agency)


def test_a_hub_that_was_set_back_has_another_history_at_the_same_position(world):
    world.share()
    kept = reads.feed(0, viewer=world.agency)
    with transaction.atomic():
        world.share(value=hex_value(2))
        lost = reads.feed(1, viewer=world.agency, history=kept.history)
        transaction.set_rollback(True)
    world.share(value=hex_value(3))
    world.share(value=hex_value(4))

    with pytest.raises(ConflictError, match=r"feed up to 2.* differs"):
        reads.feed(lost.next, viewer=world.agency, history=lost.history)
    page = reads.feed(kept.next, viewer=world.agency, history=kept.history)
    assert (kept.next, lost.next, page.next) == (1, 2, 3)


def test_a_page_within_a_bulk_and_the_snapshot_say_the_same_history_as_the_feed(world):
    share_every_handling(world)
    for position in range(1, ledger.heads().positions + 1):
        history = reads.feed(position - 1, viewer=world.agency, limit=1).history
        assert len(history) == 16
    head = lines(world, world.agency)[0]
    page = reads.feed(head["position"], viewer=world.agency, history=head["history"])
    assert page.entries == []


def test_a_reader_that_knows_no_history_is_served_as_before(world):
    world.share()
    assert reads.feed(0, viewer=world.agency).history
    assert reads.feed(0, viewer=world.agency, history="").next == 1


def test_each_signal_stands_once_in_the_feed_as_it_is_now(world):
    shared = world.share()
    for opinion in ("dispute", "agree", "dispute"):
        body = OpinionIn(opinion=opinion, note="art")
        writes.give_opinion(shared.id, body=body, by=world.authority, now=NOON)
    entries, after = walk(world.agency, limit=1)
    assert [(one.id, one.position, one.disputed) for one in entries] == [(shared.id, 4, True)]
    assert after == 4


def test_exercise_signals_come_only_to_those_who_ask(world):
    real, exercise = world.share(), world.share(exercise=True)
    assert [one.id for one in walk(world.agency, limit=9)[0]] == [real.id]
    both = walk(world.agency, limit=9, exercise=True)[0]
    assert [(one.id, one.exercise) for one in both] == [(real.id, False), (exercise.id, True)]
    assert len(lines(world)) == 3
    assert len(lines(world, exercise=True)) == 4


def test_a_page_survives_the_wire(world):
    world.share(kind="url", value="https://host.example/a", tlp="green")
    page = reads.feed(0, viewer=world.observer)
    assert FeedPage.model_validate_json(page.model_dump_json()) == page


def test_a_snapshot_line_is_a_feed_entry(world):
    crisis = world.activate()
    world.share(crisis=crisis.id, expires_at=world.at(days=1), labels=("manifesto",))
    head, line, tail = lines(world)
    entry = reads.feed(0, viewer=world.agency).entries[0]
    assert FeedSignal.model_validate(line) == entry
    assert line == json.loads(entry.model_dump_json(exclude={"op", "signature"}))
    history = ledger.history(1)
    assert {party["standing"] for party in head.pop("parties")} == {"member"}
    assert head == {"hub": str(ledger.heads().hub), "position": 1, "history": history}
    assert tail == {"signals": 1}


def test_a_signal_does_not_name_a_crisis_that_its_reader_may_not_see(world):
    crisis = world.activate()
    shared = world.share(crisis=crisis.id, tlp="green")
    world.join(crisis, world.small_provider)
    named = {
        viewer.name: {
            reads.feed(0, viewer=viewer).entries[0].crisis,
            reads.signal(shared.id, viewer=viewer).crisis,
            lines_of(viewer)[1]["crisis"],
        }
        for viewer in (world.agency, world.small_provider, world.big_provider, world.observer)
    }
    assert str(crisis.id) not in {str(one) for one in named["big-video"] | named["rights-watch"]}
    assert {str(one) for name in ("eu-referral-unit", "small-forum") for one in named[name]} == {
        str(crisis.id)
    }


def lines_of(viewer):
    return [json.loads(line) for line in b"".join(reads.snapshot(viewer=viewer)).splitlines()]


def test_a_snapshot_holds_live_signals_only(world):
    gone, due, live = (world.share(value=hex_value(n)) for n in range(3))
    writes.withdraw(gone.id, body=WithdrawIn(reason="mistake"), by=world.authority, now=NOON)
    writes.share(
        signal_in(value=hex_value(9), expires_at=world.at(hours=1)), by=world.agency, now=NOON
    )
    writes.expire_due(world.at(hours=1))
    ids = [one["id"] for one in lines(world)[1:-1]]
    assert ids == [str(due.id), str(live.id)]


def test_what_changes_while_a_snapshot_is_read_is_in_the_feed_after_it(world, monkeypatch):
    monkeypatch.setattr(reads, "_CHUNK", 2)
    shared = [world.share(value=hex_value(number)) for number in range(6)]
    parts = reads.snapshot(viewer=world.agency, exercise=False)
    head = json.loads(next(parts))
    told = [next(parts)]
    body = OpinionIn(opinion="dispute", note="a news report")
    writes.give_opinion(shared[4].id, body=body, by=world.big_provider, now=NOON)
    late = world.share(value=hex_value(7))
    told += list(parts)
    rows = [json.loads(line) for line in b"".join(told).splitlines()]
    assert rows[-1] == {"signals": 5}
    after = reads.feed(head["position"], viewer=world.agency).entries
    seen = {one["id"] for one in rows[:-1]} | {str(one.id) for one in after}
    assert seen == {str(one.id) for one in [*shared, late]}


def test_a_follower_misses_nothing_while_many_share(committed_world):
    world = committed_world
    shares = rounds(20, nightly=60)

    def share(number):
        try:
            world.share(value=hex_value(number))
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(share, number) for number in range(shares)]
        seen, after = [], 0
        while len(seen) < shares and not (
            failed := [d for d in done if d.done() and d.exception()]
        ):
            entries, after = walk(world.agency, limit=7, after=after)
            seen += [one.position for one in entries]
            time.sleep(0.001)  # or the follower keeps the interpreter to itself
    assert failed == []
    assert seen == list(range(1, shares + 1))


def test_changes_say_who_must_be_woken(world):
    for number in range(4):
        world.share(value=hex_value(number))
    world.share(value=hex_value(5), tlp="red", audience=("big-video", "small-forum"))
    world.share(world.agency, exercise=True)
    told = [
        (one.position, one.shared_by, one.tlp, one.audience, one.exercise)
        for one in reads.changes(0)
    ]
    both = frozenset({"big-video", "small-forum"})
    assert told == [
        (4, "be-crisis-centre", Tlp.AMBER, frozenset(), False),
        (5, "be-crisis-centre", Tlp.RED, both, False),
        (6, "eu-referral-unit", Tlp.AMBER, frozenset(), True),
    ]
    assert reads.changes(6) == []


def test_an_audience_is_read_as_it_was_written():
    assert unpack_audience("") == frozenset()
    assert unpack_audience("|a|b|") == {"a", "b"}
