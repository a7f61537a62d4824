# SPDX-License-Identifier: Apache-2.0
"""Rooms that follow the ledger get each entry once, in order."""

from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor

from stemtide.hub.rooms.alerts.writes.alerts import FOLLOWER as ALERTS
from stemtide.hub.rooms.ledger.reads import ledger as reads
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.ledger.writes.followers import LedgerFollower
from stemtide.hub.rooms.rechecks.writes import FOLLOWER as RECHECKS
from stemtide.hub.rooms.stix.models import SumPublication
from stemtide.hub.rooms.stix.writes.builder import FOLLOWER as STIX
from stemtide.hub.rooms.webhooks.writes.events import FOLLOWER as WEBHOOKS
from tests.world import NOON

FOLLOWER = LedgerFollower("test", batch=2)
BEFORE = {
    "alerts": "0004_deliveries_to_a_person",
    "rechecks": "0002_met_again",
    "stix": "0005_second_descriptions",
    "webhooks": "0002_oldest_secret",
}
"""The last migration of each room that had a table of its own for its position."""


class FailedError(Exception):
    """What follows from some entries could not be done."""


def append(count):
    with transaction.atomic():
        for _ in range(count):
            ledger.append("thing.done", actor="operator", subject="thing:1", now=NOON)


def append_and_fail():
    with FOLLOWER.next_entries():
        append(1)
        raise FailedError


def read(follower=FOLLOWER):
    with follower.next_entries() as entries:
        return [entry.number for entry in entries]


@pytest.mark.django_db
def test_entries_are_read_in_batches_and_once():
    append(3)
    assert FOLLOWER.is_behind()
    assert [read(), read(), read()] == [[1, 2], [3], []]
    assert not FOLLOWER.is_behind()
    append(1)
    assert FOLLOWER.is_behind()
    assert read() == [4]


@pytest.mark.django_db
def test_followers_do_not_move_each_other():
    append(2)
    assert read() == read(LedgerFollower("other", batch=2)) == [1, 2]


@pytest.mark.django_db
def test_entries_whose_consequences_failed_are_read_again():
    append(3)
    read()
    with pytest.raises(FailedError):
        append_and_fail()
    assert reads.heads().entries == 3
    assert read() == [3]


@pytest.mark.django_db
def test_entries_can_be_skipped():
    append(3)
    with transaction.atomic():
        ledger.lock_ledger()
        FOLLOWER.skip_to(reads.heads().entries)
    assert not FOLLOWER.is_behind()
    append(1)
    assert read() == [4]


@pytest.mark.usefixtures("transactional_db")
def test_a_second_reader_waits_and_gets_what_is_left():
    append(5)
    read()

    def read_elsewhere():
        try:
            return read()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with FOLLOWER.next_entries() as entries:
            second = pool.submit(read_elsewhere)
            wait([second], timeout=0.5)  # it must not be done by then
        assert [entry.number for entry in entries] == [3, 4]
        assert second.result() == [5]


def old_tables():
    nodes = list(BEFORE.items())
    apps = MigrationExecutor(connection).loader.project_state(nodes).apps
    return {room: apps.get_model(room, "Cursor").objects for room in BEFORE}


@pytest.mark.nightly
@pytest.mark.usefixtures("transactional_db")
def test_positions_from_before_are_carried_over_and_back():
    followers = (ALERTS, RECHECKS, STIX, WEBHOOKS)
    append(9)
    with transaction.atomic():
        for number, follower in enumerate(followers, 1):
            follower.skip_to(number)
    SumPublication.objects.create(pk=1, counts_due=True, counted_at=NOON)

    for room, name in BEFORE.items():
        call_command("migrate", room, name, verbosity=0)
    call_command("migrate", "ledger", "0008", verbosity=0)
    numbers = [old_tables()[follower.name].get().number for follower in followers]
    assert numbers == [1, 2, 3, 4]
    assert old_tables()["stix"].get().counted_at == NOON
    old_tables()["alerts"].update(number=8)

    call_command("migrate", verbosity=0)
    assert [read(follower)[0] for follower in followers] == [9, 3, 4, 5]
    assert SumPublication.objects.get().counts_due
