# SPDX-License-Identifier: Apache-2.0
"""The ledger's log grows with it, and a check of the ledger names what somebody rewrote."""

import hashlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.ledger.reads import ledger as ledger_reads
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.orders.models import Order
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.writes import entries, opinions, signals
from stemtide.hub.rooms.transparency.models import Head, Leaf, Log, Node
from stemtide.hub.rooms.transparency.reads import log as reads, openings
from stemtide.hub.rooms.transparency.reads.verification import verify
from stemtide.hub.rooms.transparency.rules.ends import SignalEnds
from stemtide.hub.rooms.transparency.writes import leaves
from stemtide.protocol.messages.signals import OpinionIn, TitleIn, WithdrawIn
from stemtide.protocol.tlog.merkle import check_consistency
from stemtide.protocol.tlog.notes import read_checkpoint
from stemtide.protocol.tlog.tiles import Tile, TiledTree, tiles_of, unpack_hashes, unpack_leaves
from tests.hub.orders import cast
from tests.hub.rewrites import change_an_entry, lift_guards, rows
from tests.rounds import at_night
from tests.world import NOON, hex_value, signal_in

LATER = NOON + timedelta(hours=30)


@pytest.fixture
def hub(world):
    """A hub whose log has the entries of a cast, single shares and a bulk."""
    for number in range(3):
        world.share(value=hex_value(number))
    share_bulk(world, range(10, 14))
    signals.withdraw(
        world.share(value=hex_value(3)).id,
        body=WithdrawIn(reason="mistake"),
        by=world.authority,
        now=NOON,
    )
    leaves.follow_ledger(NOON)
    return world


def share_bulk(world, numbers):
    bodies = [signal_in(value=hex_value(number)) for number in numbers]
    return signals.share_many(bodies, by=world.authority, now=NOON)


def problems(**more):
    return {(flaw.kind.value, flaw.number) for flaw in verify(**more).flaws}


def kept_head():
    """The newest head, as somebody else keeps it."""
    note = reads.head(now=LATER, is_member=True).note
    return read_checkpoint(note, trusted=reads.log_keys())


def test_what_was_not_rewritten_holds(hub):
    result = verify(outside_heads=[kept_head()])
    assert result.flaws == []
    assert result.size == hub.last_entry().number + 1
    assert result.waiting == 0
    assert result.statement.filled_in == hub.last_entry().number


@pytest.mark.usefixtures("hub")
def test_a_salt_that_is_gone_is_named():
    number = rows("signal.shared")[0].number
    Leaf.objects.filter(number=number).update(salt=None, content_salt=None)
    assert problems() == {("salt-gone", number)}


def test_an_order_is_covered_from_its_issue_on_through_all_that_happens_to_it(world):
    cast.name_competent(world)
    cast.inform(world)
    order = cast.issue(world)
    leaves.follow_ledger(NOON)
    cast.receive(order.id)
    cast.execute(world, order.id)
    leaves.follow_ledger(NOON)
    assert problems() == set()
    Order.objects.update(issued_by=world.other_authority)
    number = Entry.objects.get(kind="order.issued").number
    assert problems() == {("content-changed", number)}


@at_night
def test_acts_on_a_signal_are_no_rewrites(hub):
    signal = Signal.objects.get(value=hex_value(1))
    before = Signal.objects.filter(pk=signal.pk).values().get()
    crisis = hub.activate()
    act = {"by": hub.authority, "now": NOON, "through": "key:1"}
    entries.join_crisis(signal.uid, crisis=crisis.id, **act)
    entries.name(signal.uid, body=TitleIn(title="A car"), **act)
    dispute = OpinionIn(opinion="dispute", note="It is news.")
    opinions.give_opinion(signal.uid, body=dispute, by=hub.agency, now=NOON)
    leaves.follow_ledger(NOON)
    assert Signal.objects.filter(pk=signal.pk).values().get() != before
    assert problems() == set()


@at_night
@pytest.mark.usefixtures("hub")
def test_a_log_that_was_made_anew_does_not_continue_the_head_that_somebody_kept():
    """The owner of the database has the signing key: the hub's own heads all hold."""
    head = kept_head()
    lift_guards()
    change_an_entry()
    for model in (Leaf, Node, Head, Log):
        model.objects.all().delete()
    while leaves.follow_ledger(NOON):
        pass
    assert problems() == set()
    assert problems(outside_heads=[head]) == {("head-changed", None)}


def test_an_old_copy_that_is_put_back_is_smaller_than_the_head_that_somebody_kept(hub):
    with transaction.atomic():
        hub.share(value=hex_value(70))
        leaves.follow_ledger(NOON)
        head = kept_head()
        transaction.set_rollback(True)
    assert problems() == set()
    assert problems(outside_heads=[head]) == {("set-back", None)}


def test_the_head_of_another_log_is_named(hub):
    head = kept_head()
    other = type(head)("stemtide/other", head.size, head.root)
    assert problems(outside_heads=[other]) == {("head-changed", None)}
    assert hub


@at_night
@pytest.mark.usefixtures("hub")
def test_tiles_give_the_roots_of_all_heads():
    old = kept_head()
    with transaction.atomic():
        for _ in range(600):
            ledger.append("thing.done", actor="operator", subject="thing:1", now=NOON)
    leaves.follow_ledger(LATER)
    head = kept_head()

    def read(tile):
        return unpack_hashes(reads.read_tile(tile), tile=tile)

    tree = TiledTree(head.size, read)
    path = tree.consistency_path(old.size)
    sizes = {"old_size": old.size, "size": head.size}
    check_consistency(path, old_root=old.root, root=head.root, **sizes)
    for tile in tiles_of(head.size):
        content = reads.read_tile(tile)
        assert len(unpack_leaves(content, tile=tile) if tile.level is None else read(tile)) > 0
    with pytest.raises(NotFoundError, match="no tile"):
        reads.read_tile(Tile(0, 99))


def test_a_log_grows_in_batches_and_once(hub, monkeypatch):
    monkeypatch.setattr(leaves, "BATCH", 3)
    monkeypatch.setattr(leaves, "BATCHES", 2)
    size = Log.objects.get().size
    with transaction.atomic():
        for _ in range(8):
            ledger.append("thing.done", actor="operator", subject="thing:1", now=NOON)
    assert [leaves.follow_ledger(NOON) for _ in range(3)] == [6, 2, 0]
    assert Log.objects.get().size == size + 8
    assert problems() == set()
    assert hub


@pytest.mark.usefixtures("transactional_db")
def test_followers_of_two_processes_make_one_log():
    def append_and_follow(_):
        try:
            added = 0
            for _ in range(8):
                with transaction.atomic():
                    ledger.append("thing.done", actor="operator", subject="thing:1", now=NOON)
                added += leaves.follow_ledger(NOON)
            return added
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        added = sum(pool.map(append_and_follow, range(2)))
    added += leaves.follow_ledger(NOON)
    assert added == 16
    assert Log.objects.get().size == 17
    assert problems() == set()


@at_night
@pytest.mark.usefixtures("transactional_db")
def test_a_check_beside_a_log_that_grows_finds_nothing():
    leaves.follow_ledger(NOON)
    is_over = threading.Event()

    def grow():
        try:
            while not is_over.is_set():
                with transaction.atomic():
                    ledger.append("thing.done", actor="operator", subject="thing:1", now=NOON)
                leaves.follow_ledger(NOON)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        growing = pool.submit(grow)
        try:
            while ledger_reads.heads().entries < 60 and not growing.done():
                assert problems() == set()
        finally:
            is_over.set()
        growing.result()
    assert problems() == set()


@pytest.mark.usefixtures("hub")
def test_strangers_see_heads_of_a_day_ago(settings):
    with pytest.raises(NotFoundError, match="24 hours old"):
        reads.head(now=NOON + timedelta(hours=23), is_member=False)
    old = reads.head(now=NOON + timedelta(hours=24), is_member=False)
    with transaction.atomic():
        ledger.append("thing.done", actor="operator", subject="thing:1", now=LATER)
    leaves.follow_ledger(LATER)
    assert reads.head(now=LATER, is_member=False) == old
    assert reads.head(now=LATER, is_member=True).size == old.size + 1
    settings.LOG_LAG_HOURS = 0
    assert reads.head(now=LATER, is_member=False).size == old.size + 1


def root_of(leaves):
    """The root of a tree (RFC 6962, section 2.1) of one leaf or four."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    half = len(leaves) // 2
    return hashlib.sha256(b"\1" + root_of(leaves[:half]) + root_of(leaves[half:])).digest()


@pytest.mark.usefixtures("hub")
def test_a_leaf_is_made_again_from_its_opening_as_the_page_says():
    """With nothing of ours: docs/understand/transparency-log.md is enough."""
    for kind, count in (("signal.shared", 1), ("signals.shared", 4), ("party.added", None)):
        facts = openings.opening(rows(kind)[0].number).facts()
        salt, leaf = bytes.fromhex(facts["salt"]), bytes.fromhex(facts["leaf"])
        entry = json.dumps(
            facts["entry"], sort_keys=True, separators=(",", ":"), ensure_ascii=False
        )
        first = b"stemtide-entry/1\n" + salt + entry.encode()
        second = b"stemtide-no-content/1\n" + salt
        if count:
            digests = list(map(bytes.fromhex, facts["content"]))
            assert len(digests) == count
            second = b"stemtide-contents/2\n" + count.to_bytes(8) + root_of(digests)
        assert leaf == hashlib.sha256(first).digest() + hashlib.sha256(second).digest()


@pytest.mark.usefixtures("world")
def test_a_leaf_shows_nothing_of_its_entry():
    """The same act twice has other commitments, and one without content looks like one with."""
    with transaction.atomic():
        for _ in range(2):
            ledger.append("thing.done", actor="operator", subject="thing:1", now=NOON)
    leaves.follow_ledger(NOON)
    first, second = (bytes(leaf.data) for leaf in Leaf.objects.order_by("-number")[:2])
    assert len(first) == len(second) == 64
    halves = {first[:32], first[32:], second[:32], second[32:]}
    assert len(halves) == 4


def test_signals_of_old_leaves_are_counted_and_none_of_them_is_named():
    ends = SignalEnds()
    ends.add([], state="expired", entry=5, count=2)
    ended = dict.fromkeys(["a-signal", "another", "a-third"], "expired")
    assert list(ends.unexplained(dict(list(ended.items())[:2]))) == []
    (flaw,) = ends.unexplained(ended)
    assert flaw.text.startswith("3 signals ended that no entry lists")
    assert not any(uid in flaw.text for uid in ended)
