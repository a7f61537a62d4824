# SPDX-License-Identifier: Apache-2.0
import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import IntegrityError, OperationalError, connection, transaction

from stemtide.hub.rooms.ledger.models import Entry, Numbering
from stemtide.hub.rooms.ledger.reads import ledger as reads
from stemtide.hub.rooms.ledger.rules.ledger import NoTransactionError
from stemtide.hub.rooms.ledger.writes import ledger as writes
from tests.world import NOON

MICROSECOND = timedelta(microseconds=1)


def append(kind="thing.done", **more):
    return writes.append(kind, actor="operator", subject="thing:1", now=NOON, **more)


class FailedError(Exception):
    """An act that was recorded did not come to its end."""


@transaction.atomic
def act_and_fail():
    append()
    writes.take_positions(10, now=NOON)
    raise FailedError


@pytest.mark.usefixtures("world")
def test_numbers_follow_each_other():
    first, second = append(), append()
    assert second.number == first.number + 1
    assert reads.heads().entries == second.number


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entry SET kind = 'thing.undone'",
        "UPDATE ledger_entry SET detail = '{}'",
        "DELETE FROM ledger_entry",
    ],
)
def test_the_database_refuses_to_change_an_entry(world, statement):
    with pytest.raises(IntegrityError, match="ledger_is_append_only"), transaction.atomic():
        connection.cursor().execute(statement)
    assert Entry.objects.count() == world.entries_before


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_numbering SET entries = entries - 1",
        "UPDATE ledger_numbering SET positions = -1",
        "UPDATE ledger_numbering SET hub = '00000000000000000000000000000000'",
        "DELETE FROM ledger_numbering",
    ],
)
def test_the_database_refuses_to_give_numbers_out_again(world, statement):
    told = pytest.raises(IntegrityError, match="ledger_numbering_moves_forward")
    with told, transaction.atomic():
        connection.cursor().execute(statement)
    assert Numbering.objects.get().entries == world.entries_before


@pytest.mark.usefixtures("world")
def test_the_database_refuses_a_second_numbering():
    hub = reads.heads().hub
    with pytest.raises(IntegrityError, match="ledger_numbering"), transaction.atomic():
        Numbering.objects.create(hub=hub)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no TRUNCATE")
@pytest.mark.parametrize("table", ["ledger_entry", "ledger_numbering"])
@pytest.mark.usefixtures("world")
def test_the_database_refuses_to_truncate(table):
    with pytest.raises(IntegrityError, match="ledger_"), transaction.atomic():
        connection.cursor().execute(f"TRUNCATE {table}")


@pytest.mark.parametrize(
    "act", [append, writes.lock_ledger, lambda: writes.take_positions(1, now=NOON)]
)
@pytest.mark.usefixtures("transactional_db")
def test_nothing_is_numbered_outside_a_transaction(act):
    with pytest.raises(NoTransactionError, match="inside transaction"):
        act()
    assert reads.heads().entries == 0


@pytest.mark.usefixtures("world")
def test_positions_are_given_out_in_runs():
    assert [
        writes.take_positions(1, now=NOON),
        writes.take_positions(5, now=NOON),
        writes.take_positions(2, now=NOON),
    ] == [
        1,
        2,
        7,
    ]
    assert reads.heads().positions == 8


@pytest.mark.usefixtures("transactional_db")
def test_an_act_that_fails_leaves_no_gap():
    with transaction.atomic():
        append()
    with pytest.raises(FailedError):
        act_and_fail()
    with transaction.atomic():
        assert append().number == 2
        assert writes.take_positions(1, now=NOON) == 1


@pytest.mark.usefixtures("transactional_db")
def test_a_reader_never_skips_a_number_while_many_write():
    """Writers draw numbers, dawdle, then commit or fail; a reader asks for what is new."""
    writers, acts = 6, 15
    seen: list[int] = []
    over = threading.Event()

    def write(which: int) -> int:
        kept = 0
        for turn in range(acts):
            with contextlib.suppress(FailedError), transaction.atomic():
                append(detail={"writer": which})
                time.sleep(0.001 * ((which + turn) % 3))
                if (which + turn) % 5 == 0:
                    act_and_fail()
                kept += 1
        connection.close()
        return kept

    def read() -> None:
        while True:
            last_round = over.is_set()
            after = seen[-1] if seen else 0
            rows = Entry.objects.filter(number__gt=after).order_by("number")
            seen.extend(rows.values_list("number", flat=True))
            if last_round:
                break
            time.sleep(0.001)  # or the reader keeps the interpreter to itself
        connection.close()

    with ThreadPoolExecutor(writers + 1) as pool:
        reader = pool.submit(read)
        try:
            kept = sum(pool.map(write, range(writers)))
        finally:
            over.set()  # or the reader would go on for ever after a writer that failed
        reader.result()
    assert 0 < kept < writers * acts
    assert seen == list(range(1, kept + 1))
    assert reads.heads().entries == kept


@pytest.mark.usefixtures("transactional_db")
def test_a_write_waits_for_its_turn():
    """Between lock_ledger and commit nobody else numbers anything."""
    has_turn, may_commit, order = threading.Event(), threading.Event(), []

    def first() -> None:
        try:
            with transaction.atomic():
                writes.lock_ledger()
                has_turn.set()
                may_commit.wait()
                order.append(append().number)
        finally:
            has_turn.set()  # or the other would wait for ever for one that failed
            connection.close()

    def second() -> None:
        has_turn.wait()
        with transaction.atomic():
            may_commit.set()
            order.append(append().number)
        connection.close()

    with ThreadPoolExecutor(2) as pool:
        done = [pool.submit(first)]
        if connection.vendor == "sqlite":
            # BEGIN IMMEDIATE waits itself, so the other must not wait for it to begin.
            may_commit.set()
        done.append(pool.submit(second))
        for one in done:
            one.result()
    assert order == [1, 2]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="a transaction of SQLite locks all")
@pytest.mark.usefixtures("transactional_db")
def test_nobody_else_gets_the_lock_before_the_transaction_ends():
    other = connection.copy()
    with transaction.atomic(), other.cursor() as cursor:
        writes.lock_ledger()
        with pytest.raises(OperationalError, match="could not obtain lock"):
            cursor.execute("SELECT 1 FROM ledger_numbering FOR UPDATE NOWAIT")
    with other.cursor() as cursor:
        cursor.execute("SELECT 1 FROM ledger_numbering FOR UPDATE NOWAIT")
    other.close()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite is watched, not told")
@pytest.mark.usefixtures("transactional_db")
def test_listeners_hear_of_an_entry_once_it_is_committed():
    listener = connection.copy()
    listener.ensure_connection()
    listener.connection.autocommit = True
    listener.cursor().execute(f"LISTEN {writes.CHANNEL}")
    with transaction.atomic():
        number = append().number
        assert list(listener.connection.notifies(timeout=0.05)) == []
    with connection.cursor() as cursor:
        cursor.execute(f"NOTIFY {writes.CHANNEL}, 'the end'")  # so that nobody waits in vain
    heard = next(listener.connection.notifies(timeout=600))
    listener.close()
    assert heard.payload == str(number)


def test_every_party_sees_every_number(world):
    world.share(tlp="red", audience=("big-video",))
    for viewer in world.everyone:
        numbers = [row.number for row in reads.entries(viewer=viewer)]
        assert numbers == list(range(1, reads.heads().entries + 1))


def test_an_entry_about_a_signal_names_it_to_its_actor_only(world):
    shared = world.share(tlp="red", audience=("big-video",))
    for viewer in world.everyone:
        entry = reads.entries(viewer=viewer, after=world.entries_before)[0]
        expected = f"signal:{shared.id}" if viewer == world.authority else reads.WITHHELD
        assert (entry.kind, entry.subject) == ("signal.shared", expected)
        assert bool(entry.detail) is (viewer == world.authority)


def test_entries_are_read_page_by_page(world):
    page = reads.entries(viewer=world.agency, after=2, limit=3)
    assert [row.number for row in page] == [3, 4, 5]


def test_the_entries_about_one_thing(world):
    crisis = world.activate()
    rows = reads.entries(viewer=world.authority, subject=f"crisis:{crisis.id}")
    assert [row.kind for row in rows] == [
        "crisis.warned",
        *["check.answered"] * 6,
        "measure.considered",
        "proposal.opened",
        "crisis.activated",
    ]


@pytest.mark.nightly
@pytest.mark.usefixtures("transactional_db")
def test_a_ledger_can_be_taken_down_and_set_up_again():
    """Migrations are reversible; the guards are there again afterwards."""
    call_command("migrate", "ledger", "0001", verbosity=0)
    assert not Numbering.objects.exists()
    call_command("migrate", verbosity=0)
    with transaction.atomic():
        append()
    told = pytest.raises(IntegrityError, match="ledger_is_append_only")
    with told, transaction.atomic():
        connection.cursor().execute("DELETE FROM ledger_entry")


@pytest.mark.usefixtures("world")
def test_every_position_has_a_moment_of_its_own_also_when_the_clock_goes_back():
    with transaction.atomic():
        writes.take_positions(3, now=NOON)
        writes.take_positions(2, now=NOON - timedelta(hours=1))
        writes.take_positions(1, now=NOON + timedelta(seconds=1))
    found = reads.position_times([6, 1, 2, 3, 4, 5])
    moments = [found[position].at for position in range(1, 7)]
    assert moments == sorted(set(moments))
    assert moments[0] == NOON
    assert moments[5] == NOON + timedelta(seconds=1)
    assert found[3].act_at == found[1].act_at
    assert reads.acts_at([found[5].act_at]) == [(4, 5)]


@pytest.mark.usefixtures("world")
def test_a_moment_leads_back_to_its_position():
    assert reads.until(NOON) == (0, timedelta())
    with transaction.atomic():
        writes.take_positions(3, now=NOON)
        writes.take_positions(1, now=NOON + timedelta(seconds=9))
    for position, moment in reads.position_times([1, 2, 3, 4]).items():
        assert reads.until(moment.at) == (position, timedelta())
        assert reads.until(moment.at + MICROSECOND) == (position, MICROSECOND)
    assert reads.until(NOON - MICROSECOND)[0] == 0
    assert reads.until(NOON + timedelta(seconds=5))[0] == 3
