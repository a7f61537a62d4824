# SPDX-License-Identifier: Apache-2.0
"""Fair writes: one bulk of a party at a time, and others write between the parts of a long act."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.db import connection, connections

from stemtide.hub.platform.disconnects import CallerLeftError, WaitingClient, check_caller, serving
from stemtide.hub.platform.errors import RateLimitError
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.ledger.writes.transactions import part, try_lock
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.rules import checks as rules_ready
from stemtide.hub.rooms.signals.rules.signals import BulkRefusedError
from stemtide.hub.rooms.signals.writes import bulks as writes_bulks, signals as writes
from stemtide.hub.rooms.signals.writes.bulks import one_bulk
from stemtide.protocol.messages.signals import WithdrawIn
from tests.world import NOON, hex_value, signal_in


def rows(count, *, first=1):
    return [signal_in(value=hex_value(first + number)) for number in range(count)]


def share_bulk(bodies, **facts):
    return writes_bulks.share_bulk(rules_ready.read(bodies, now=NOON), now=NOON, **facts)


def apart(work):
    """Run work in a thread with a database connection of its own; its result."""

    def run():
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result(timeout=300)


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(writes_bulks, "ROWS_IN_A_PART", 2)


def test_a_party_has_one_bulk_at_a_time_and_is_told_when_to_come_again(world):
    def begin(party):
        with one_bulk(party):
            return True

    with one_bulk(world.authority):
        with pytest.raises(RateLimitError) as refused:
            apart(lambda: begin(world.authority))
        assert refused.value.retry_after_s == writes_bulks.AGAIN_AFTER_S
        assert apart(lambda: begin(world.agency))
    assert apart(lambda: begin(world.authority))


@pytest.mark.usefixtures("world")
def test_a_bulk_whose_caller_hung_up_before_it_was_written_lets_go_of_its_place():
    caller = WaitingClient()

    def begin():
        with serving(caller), try_lock("bulk-0"):
            caller.has_left = True
            check_caller()

    def is_free():
        with try_lock("bulk-0") as is_ours:
            return is_ours

    with pytest.raises(CallerLeftError):
        begin()
    assert apart(is_free)  # though this thread keeps its connection


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL lets go by itself")
@pytest.mark.usefixtures("world")
def test_a_process_that_is_killed_lets_go_of_its_locks(settings):
    program = (
        "import fcntl, os, sys, time\n"
        "file = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)\n"
        "fcntl.flock(file, fcntl.LOCK_EX); print('held', flush=True); time.sleep(600)"
    )
    with try_lock("bulk-0"):
        pass
    path = settings.DATA_DIR / "locks" / "bulk-0.lock"
    command = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with try_lock("bulk-0") as is_ours:
            assert not is_ours
        os.kill(other.pid, signal.SIGKILL)
    with try_lock("bulk-0") as is_ours:
        assert is_ours


@pytest.mark.usefixtures("small_parts")
def test_a_partial_bulk_that_broke_goes_on_behind_its_last_part(world, monkeypatch):
    parts = []

    @contextmanager
    def part_of_a_process_that_dies():
        with part():
            parts.append(Signal.objects.count())
            if len(parts) == 3:
                raise KeyboardInterrupt
            yield

    with monkeypatch.context() as patch:
        patch.setattr(writes_bulks, "part", part_of_a_process_that_dies)
        with pytest.raises(KeyboardInterrupt):
            share_bulk(rows(7), by=world.authority, partial=True)
    assert Signal.objects.count() == 4
    again = share_bulk(rows(7), by=world.authority, partial=True)
    assert (again.created, again.existing, again.refused) == (3, 4, 0)
    assert [one.created for one in again.signals] == [False] * 4 + [True] * 3
    shared = Entry.objects.filter(kind="signals.shared").order_by("number")
    assert [entry.detail["count"] for entry in shared] == [2, 2, 2, 1]


@pytest.mark.usefixtures("small_parts")
def test_bad_rows_and_repeated_ones_keep_their_numbers_over_all_parts(world):
    bad = signal_in(kind="url", value="no address")
    sent = [*rows(3), bad, *rows(2), signal_in(value=hex_value(9)), bad]
    out = share_bulk(sent, by=world.authority, partial=True)
    assert (out.created, out.existing, out.refused) == (4, 2, 2)
    assert [error.row for error in out.errors] == [3, 7]
    assert [one.id for one in out.signals[:2]] == [one.id for one in out.signals[4:6]]
    assert [one and one.created for one in out.signals][3:] == [None, False, False, True, None]


@pytest.mark.usefixtures("small_parts")
def test_a_bulk_of_which_every_row_is_bad_says_so_in_every_mode(world):
    bad = [signal_in(kind="url", value="no address")] * 3
    out = share_bulk(bad, by=world.authority, partial=True)
    assert (out.refused, [error.row for error in out.errors]) == (3, [0, 1, 2])
    with pytest.raises(BulkRefusedError):
        share_bulk(bad, by=world.authority)


def test_a_bulk_that_is_refused_never_has_the_turn_to_write(world):
    writes.share(signal_in(value=hex_value(1)), by=world.authority, now=NOON)
    ready = rules_ready.read([signal_in(value=hex_value(1), severity="low")], now=NOON)
    with pytest.raises(BulkRefusedError):
        writes.share_parsed(
            ready, by=world.authority, now=NOON, turn=lambda: pytest.fail("it took the turn")
        )


@pytest.mark.parametrize("has_withdrawn", [False, True])
def test_what_changed_since_a_bulk_was_checked_is_checked_again(world, has_withdrawn):
    body = signal_in(value=hex_value(1))
    if has_withdrawn:
        before = writes.share(body, by=world.authority, now=NOON)

    @contextmanager
    def late_turn():
        if has_withdrawn:
            reason = WithdrawIn(reason="mistake")
            writes.withdraw(before.id, body=reason, by=world.authority, now=NOON)
        else:
            writes.share(body, by=world.authority, now=NOON)
        with part():
            yield

    ready = rules_ready.read(rows(3), now=NOON)
    out = writes.share_parsed(ready, by=world.authority, now=NOON, turn=late_turn)
    assert (out.created, out.existing) == ((3, 0) if has_withdrawn else (2, 1))
    assert Signal.objects.filter(state="live").count() == 3


def test_what_others_share_meanwhile_is_theirs(world):
    @contextmanager
    def late_turn():
        writes.share(signal_in(value=hex_value(1)), by=world.agency, now=NOON)
        with part():
            yield

    ready = rules_ready.read(rows(2), now=NOON)
    out = writes.share_parsed(ready, by=world.authority, now=NOON, turn=late_turn)
    assert out.created == 2
    positions = list(Signal.objects.order_by("position").values_list("shared_by__name", flat=True))
    assert positions == [world.agency.name, *[world.authority.name] * 2]


@pytest.mark.usefixtures("small_parts")
def test_others_share_and_withdraw_between_the_parts_of_a_bulk(committed_world, monkeypatch):
    world, values = committed_world, iter(range(100, 200))

    def share_and_withdraw():
        body = signal_in(value=hex_value(next(values)))
        shared = writes.share(body, by=world.agency, now=NOON)
        reason = WithdrawIn(reason="mistake")
        writes.withdraw(shared.id, body=reason, by=world.agency, now=NOON)

    @contextmanager
    def part_after_others():
        # Where the bulk kept its turn meanwhile, the others would wait for ever.
        apart(share_and_withdraw)
        with part():
            yield

    monkeypatch.setattr(writes_bulks, "part", part_after_others)
    out = share_bulk(rows(5), by=world.authority, partial=True)
    assert out.created == 5
    assert world.ledger_kinds() == ["signal.shared", "signal.withdrawn", "signals.shared"] * 3


@pytest.mark.usefixtures("committed_world")
def test_parts_of_two_long_acts_never_run_at_the_same_time():
    running, most, both = [], [], threading.Barrier(2)

    def act():
        try:
            both.wait(timeout=300)
            for _ in range(3):
                with part():
                    running.append(1)
                    most.append(len(running))
                    running.pop()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(act) for _ in range(2)]:
            done.result(timeout=300)
    assert most == [1] * 6
