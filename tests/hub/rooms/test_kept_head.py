# SPDX-License-Identifier: Apache-2.0
"""A machine keeps the newest signed head, and notices if the database lacks it."""

from datetime import timedelta

import pytest
from django.db import transaction

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.transparency.models import Leaf, Log
from stemtide.hub.rooms.transparency.reads import log as reads, witnesses
from stemtide.hub.rooms.transparency.reads.restarts import lost_head, restarts
from stemtide.hub.rooms.transparency.reads.verification import verify
from stemtide.hub.rooms.transparency.writes import leaves
from stemtide.hub.rooms.transparency.writes.kept_head import FILE, KeptHead
from stemtide.hub.scheduler import follow_ledger
from stemtide.protocol.tlog.notes import Checkpoint
from stemtide.protocol.tlog.statements import Statement
from tests.rounds import at_night, on_sqlite
from tests.world import NOON, hex_value

pytestmark = pytest.mark.django_db

LATER = NOON + timedelta(hours=1)


def head():
    """The newest head, as somebody else keeps it."""
    return Checkpoint.read(reads.head(now=LATER, is_member=True).note.partition("\n\n")[0] + "\n")


@pytest.fixture
def kept(world, tmp_path):
    """A machine that kept a head with three more leaves than the database has now."""
    machine = KeptHead(tmp_path)
    world.share(value=hex_value(1))
    follow_ledger(NOON, kept_head=machine)
    before = head()
    with transaction.atomic():
        for number in range(2, 5):
            world.share(value=hex_value(number))
        follow_ledger(NOON, kept_head=machine)
        newest = head()
        transaction.set_rollback(True)
    return KeptHead(tmp_path), before, newest


def grow(count):
    """Append entries that nobody reads."""
    with transaction.atomic():
        for _ in range(count):
            ledger.append("thing.done", actor="operator", subject="thing:1", now=NOON)


@on_sqlite
@pytest.mark.usefixtures("world")
def test_machines_whose_log_only_grows_let_it_grow(tmp_path):
    (tmp_path / "other").mkdir()
    machines = [KeptHead(tmp_path), KeptHead(tmp_path / "other")]
    for number in range(5):
        grow(130)
        assert follow_ledger(NOON, kept_head=machines[number % 2]).leaves
    assert (tmp_path / FILE).read_text().startswith(head().text)
    assert lost_head() is None


def test_a_database_that_lacks_the_kept_head_signs_and_shows_none(world, kept):
    machine, _, newest = kept
    world.share(value=hex_value(9))
    assert follow_ledger(LATER, kept_head=machine).leaves == 0
    entry = Entry.objects.order_by("-number")[0]
    assert (entry.kind, entry.actor, entry.subject) == ("log.halted", "clock", "log")
    assert lost_head() == newest
    for read in (
        lambda: reads.head(now=LATER, is_member=True),
        witnesses.offered,
        lambda: witnesses.cosigned(now=LATER, is_member=True),
    ):
        with pytest.raises(NotFoundError, match="the hub's operator must open a new one"):
            read()


@at_night
def test_it_is_recorded_once_and_stops_every_machine(world, kept, tmp_path):
    machine, _, _ = kept
    (tmp_path / "other").mkdir()
    other = KeptHead(tmp_path / "other")
    for each in (machine, other, machine):
        assert not each.may_grow(LATER)
    world.share(value=hex_value(9))
    assert follow_ledger(LATER, kept_head=other).leaves == 0
    assert Entry.objects.filter(kind="log.halted").count() == 1


@at_night
def test_the_newest_head_that_a_machine_kept_is_recorded(kept, tmp_path):
    machine, before, newest = kept
    (tmp_path / "older").mkdir()
    older = Checkpoint(newest.origin, before.size + 1, bytes(32)).text
    (tmp_path / "older" / FILE).write_text(f"{older}\n— k AAAAAAAAAA==\n")
    for each, size in (
        (KeptHead(tmp_path / "older"), before.size + 1),
        (machine, newest.size),
        (KeptHead(tmp_path / "older"), newest.size),
    ):
        assert not each.may_grow(LATER)
        assert lost_head().size == size


@on_sqlite
def test_a_log_that_went_on_with_other_leaves_is_noticed(world, kept):
    machine, _, newest = kept
    for number in range(20, 30):
        world.share(value=hex_value(number))
    leaves.follow_ledger(LATER)  # by a machine that never saw the lost head
    assert head().size > newest.size
    assert not machine.may_grow(LATER)
    assert lost_head() == newest


def test_the_new_log_names_what_is_lost_and_grows(world, kept):
    machine, before, newest = kept
    world.share(value=hex_value(9))
    assert not machine.may_grow(LATER)
    statement = leaves.restart(last=lost_head(), backup="", actor="operator", now=LATER)
    assert statement.lost == f"entries {before.size} to {newest.size - 1} and any later ones"
    assert (statement.overlap, statement.renewed) == (before.size, "")
    (row,) = restarts()
    assert (row.lost_from, row.lost_to) == (before.size, newest.size - 1)

    assert follow_ledger(LATER, kept_head=machine).leaves
    assert head().origin == statement.origin
    assert Statement.read(bytes(Leaf.objects.get(number=0).data)) == statement
    assert verify(outside_heads=[before, newest]).flaws == []
    world.share(value=hex_value(10))
    assert follow_ledger(LATER, kept_head=machine).leaves


def restore_older(world, tmp_path):
    """Restore once, keep a head of that log, and restore again from a backup before both."""
    machine = KeptHead(tmp_path)
    world.share(value=hex_value(1))
    follow_ledger(NOON, kept_head=machine)
    with transaction.atomic():
        leaves.restart(last=None, backup="newer", actor="operator", now=NOON)
        world.share(value=hex_value(2))
        follow_ledger(NOON, kept_head=machine)
        between = head()
        transaction.set_rollback(True)
    leaves.restart(last=None, backup="older", actor="operator", now=LATER)
    return between


@at_night
def test_a_log_between_two_restores_that_leaf_0_does_not_name_stops_the_hub_once(world, tmp_path):
    between = restore_older(world, tmp_path)
    machine = KeptHead(tmp_path)
    assert not machine.may_grow(LATER)
    assert lost_head() == between
    leaves.restart(last=lost_head(), backup="", actor="operator", now=LATER + timedelta(hours=1))
    assert follow_ledger(LATER, kept_head=machine).leaves
    assert lost_head() is None


@at_night
def test_a_newer_head_than_leaf_0_names_stops_the_hub_again(world, tmp_path):
    between = restore_older(world, tmp_path)
    known = Checkpoint(between.origin, between.size - 1, bytes(32))
    leaves.restart(last=known, backup="", actor="operator", now=LATER + timedelta(hours=1))
    assert not KeptHead(tmp_path).may_grow(LATER)
    assert lost_head() == between


@at_night
def test_a_database_without_any_log_does_not_begin_the_log_of_a_kept_head_anew(world, tmp_path):
    machine = KeptHead(tmp_path)
    with transaction.atomic():
        world.share(value=hex_value(1))
        follow_ledger(NOON, kept_head=machine)
        lost = head()
        transaction.set_rollback(True)
    assert not Log.objects.exists()
    assert follow_ledger(LATER, kept_head=machine).leaves == 0
    assert lost_head() == lost
    assert not Log.objects.exists()
    statement = leaves.restart(last=lost, backup="", actor="operator", now=LATER)
    assert follow_ledger(LATER, kept_head=machine).leaves
    assert (head().origin, lost_head()) == (statement.origin, None)


def test_after_an_outage_heads_are_compared_before_one_is_signed(world, tmp_path):
    machine = KeptHead(tmp_path, settle_s=3600)
    world.share(value=hex_value(1))
    assert follow_ledger(NOON, kept_head=machine).leaves
    machine.note_outage()
    world.share(value=hex_value(2))
    assert follow_ledger(NOON, kept_head=machine).leaves == 0
    assert lost_head() is None


def test_the_head_of_another_hub_and_a_damaged_file_count_for_nothing(world, tmp_path):
    world.share(value=hex_value(1))
    leaves.follow_ledger(NOON)
    other = Checkpoint("stemtide/another", 1000, bytes(32)).text
    for content in (f"{other}\n— k AAAAAAAAAA==\n", "half a", ""):
        (tmp_path / FILE).write_text(content)
        assert KeptHead(tmp_path).may_grow(LATER)
    assert Log.objects.get().size
