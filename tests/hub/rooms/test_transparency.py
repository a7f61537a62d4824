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
from stemtide.hub.rooms.ledger.models import Entry, Numbering
from stemtide.hub.rooms.ledger.reads import ledger as ledger_reads
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.orders.models import Order
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.writes import entries, opinions, signals
from stemtide.hub.rooms.transparency.models import Head, Leaf, Log, Node
from stemtide.hub.rooms.transparency.reads import log as reads, openings
from stemtide.hub.rooms.transparency.reads.contents import entries_after
from stemtide.hub.rooms.transparency.reads.verification import verify
from stemtide.hub.rooms.transparency.rules.leaves import entry_commitment
from stemtide.hub.rooms.transparency.writes import leaves
from stemtide.protocol.messages.signals import OpinionIn, TitleIn, WithdrawIn
from stemtide.protocol.tlog.merkle import check_consistency
from stemtide.protocol.tlog.notes import read_checkpoint
from stemtide.protocol.tlog.tiles import Tile, TiledTree, tiles_of, unpack_hashes, unpack_leaves
from tests.hub.orders import cast
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


def lift_guards():
    """What an owner of the database can do."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ALTER TABLE ledger_entry DISABLE TRIGGER USER")
            cursor.execute("ALTER TABLE ledger_numbering DISABLE TRIGGER USER")
            return
        for trigger in ("entry_no_update", "entry_no_delete", "numbering_forward"):
            cursor.execute(f"DROP TRIGGER ledger_{trigger}")


def rows(*kinds):
    return Entry.objects.filter(kind__in=kinds).order_by("number")


def move(number, to):
    Entry.objects.filter(number=number).update(number=to)


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


def change_an_entry():
    entry = rows("signal.shared")[1]
    Entry.objects.filter(pk=entry.pk).update(actor="party:eu-referral-unit")
    return {("changed", entry.number)}


def change_a_detail():
    entry = rows("signals.shared")[0]
    Entry.objects.filter(pk=entry.pk).update(detail=entry.detail | {"count": 3})
    return {("changed", entry.number)}


def delete_an_entry():
    entry = rows("signal.withdrawn")[0]
    Entry.objects.filter(pk=entry.pk).delete()
    return {("deleted", entry.number)}


def delete_and_close_the_gap():
    number = rows("signal.shared")[0].number
    last = Entry.objects.order_by("-number")[0].number
    Entry.objects.filter(number=number).delete()
    for later in range(number + 1, last + 1):
        move(later, later - 1)
    unknown = ("signal-inserted", None)  # its share is gone
    return {
        unknown,
        ("deleted", number),
        *(("moved", later) for later in range(number + 1, last + 1)),
    }


def insert_an_entry():
    number = rows("signals.shared")[0].number
    last = Entry.objects.order_by("-number")[0].number
    copy = Entry.objects.get(number=number)
    for later in range(last, number - 1, -1):
        move(later, later + 1)
    copy.pk, copy.kind = None, "signal.withdrawn"
    copy.save(force_insert=True)
    Numbering.objects.update(entries=last + 1)
    return {("inserted", number), *(("moved", later) for later in range(number, last + 1))}


def reorder_entries():
    first, second = (entry.number for entry in rows("signal.shared")[:2])
    move(first, 0)
    move(second, first)
    move(0, second)
    return {("moved", first), ("moved", second)}


def swap_the_sharer_of_a_signal():
    signal = Signal.objects.get(value=hex_value(1))
    Signal.objects.filter(pk=signal.pk).update(shared_by=Party.objects.get(name="big-video"))
    return {("content-changed", entry.number) for entry in Entry.objects.filter(subject=signal.ref)}


def change_a_signal_of_a_bulk():
    Signal.objects.filter(value=hex_value(12)).update(tlp="clear")
    return {("content-changed", rows("signals.shared")[0].number)}


def change_the_value_of_a_withdrawn_signal():
    signal = Signal.objects.get(value=hex_value(3))
    Signal.objects.filter(pk=signal.pk).update(value=hex_value(99))
    about = Entry.objects.filter(subject=signal.ref)
    assert len(about) == 2
    return {("content-changed", entry.number) for entry in about}


def insert_a_signal():
    signal = Signal.objects.get(value=hex_value(2))
    signal.pk, signal.uid, signal.value = None, "0" * 32, hex_value(50)
    signal.position += 1000
    signal.save(force_insert=True)
    return {("signal-inserted", None)}


def erase_a_salt():
    number = rows("signal.shared")[0].number
    Leaf.objects.filter(number=number).update(salt=None, content_salt=None)
    return {("salt-gone", number)}


def hide_a_swap_behind_an_erased_content_salt():
    swap_the_sharer_of_a_signal()
    number = rows("signal.shared")[1].number
    Leaf.objects.filter(number=number).update(content_salt=None)
    return {("salt-gone", number)}


def delete_a_leaf():
    number = rows("signal.shared")[0].number
    Leaf.objects.filter(number=number).delete()
    return {("leaf-gone", number), ("tree-changed", None)}


def rewrite_an_entry_with_its_leaf():
    entry = change_an_entry().pop()[1]
    row = entries_after(entry - 1, limit=1)[0]
    leaf = Leaf.objects.get(number=entry)
    salt = bytes(leaf.salt)
    leaf.data = entry_commitment(row, salt) + bytes(leaf.data)[32:]
    leaf.save()
    return {("head-changed", None), ("tree-changed", None)}


def set_the_counter_back():
    last = Numbering.objects.get().entries
    Entry.objects.filter(number=last).delete()
    Numbering.objects.update(entries=last - 1)
    return {("set-back", None), ("deleted", last)}


def change_the_right_edge():
    log = Log.objects.get()
    Log.objects.update(frontier=bytes(len(bytes(log.frontier))))
    return {("tree-changed", None)}


def replace_a_signed_head():
    Head.objects.update(note=Head.objects.get().note.replace("\n", "0\n", 2))
    return {("head-changed", None)}


REWRITES = [
    *(change_an_entry, change_a_detail, delete_an_entry, delete_and_close_the_gap),
    *(insert_an_entry, reorder_entries, swap_the_sharer_of_a_signal, change_a_signal_of_a_bulk),
    *(change_the_value_of_a_withdrawn_signal, insert_a_signal, erase_a_salt),
    *(hide_a_swap_behind_an_erased_content_salt, delete_a_leaf, rewrite_an_entry_with_its_leaf),
    *(set_the_counter_back, change_the_right_edge, replace_a_signed_head),
]


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize("rewrite", REWRITES, ids=lambda rewrite: rewrite.__name__)
def test_a_rewrite_by_the_owner_of_the_database_is_named(rewrite):
    lift_guards()
    expected = rewrite()
    assert problems() == expected


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
