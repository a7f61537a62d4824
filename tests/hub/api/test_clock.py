# SPDX-License-Identifier: Apache-2.0
import threading

import pytest
from django.db import OperationalError, connection, transaction

from stemtide.hub import scheduler as clock
from stemtide.hub.rooms.alerts.writes.alerts import FOLLOWER
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.signals.reads import signals as reads
from stemtide.hub.rooms.transparency.models import Log
from stemtide.hub.rooms.transparency.writes.kept_head import KeptHead
from tests.hub.api.conftest import wait_until
from tests.rounds import at_night
from tests.world import hex_value


@at_night
def test_the_clock_expires_what_is_due(world):
    shared = world.share(expires_at=world.at(minutes=5))

    early = clock.run_once(world.at(minutes=4))
    due = clock.run_once(world.at(minutes=5))
    again = clock.run_once(world.at(minutes=6))

    assert [one.expired for one in (early, due, again)] == [0, 1, 0]
    assert reads.signal(shared.id, viewer=world.authority).state == "expired"


def test_two_clocks_do_the_work_once(committed_world):
    world = committed_world
    for number in range(50):
        world.share(value=hex_value(number), expires_at=world.at(minutes=5))
    done: list[int] = []

    def tick() -> None:
        done.append(clock.run_once(world.at(minutes=6)).expired)
        connection.close()

    threads = [threading.Thread(target=tick) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert sum(done) == 50


@pytest.mark.django_db(transaction=True)  # the scheduler writes on a connection of its own
def test_the_clock_survives_a_database_that_is_away(monkeypatch, caplog):
    ticks: list[object] = []

    def tick(now: object, *, kept_head: KeptHead) -> clock.JobCounts:  # noqa: ARG001  # as run_once
        ticks.append(now)
        if len(ticks) == 1:
            raise OperationalError("away")
        return clock.JobCounts(expired=1, erased=0)

    monkeypatch.setattr(clock, "run_once", tick)
    ticking = clock.Scheduler(tick_s=0.001)
    ticking.start()
    try:
        wait_until(lambda: len(ticks) > 2)
    finally:
        ticking.stop()

    after = len(ticks)
    assert "it tries again" in caplog.text
    assert len(ticks) == after


def test_a_clock_that_never_started_can_be_stopped_after_a_start():
    ticking = clock.Scheduler(tick_s=60)
    ticking._stop.set()
    ticking.start()
    ticking.stop()


@pytest.fixture
def quiet_scheduler(world):  # noqa: ARG001  # its entries are followed first
    """A scheduler that has nothing left to do."""
    scheduler = clock.Scheduler()
    for _ in range(3):
        scheduler.run_jobs(is_deadline=True)
    return scheduler


@at_night
def test_between_deadlines_a_quiet_hub_asks_one_number(quiet_scheduler, django_assert_num_queries):
    with django_assert_num_queries(1):
        quiet_scheduler.run_jobs(is_deadline=False)


def test_an_entry_of_the_ledger_is_followed_at_the_next_tick(world, quiet_scheduler):
    before = Log.objects.get().size
    world.share()
    quiet_scheduler.run_jobs(is_deadline=False)
    assert Log.objects.get().size > before


@at_night
def test_what_one_batch_did_not_read_is_read_at_the_next_ticks(world, quiet_scheduler):
    with transaction.atomic():
        ledger.lock_ledger()
        for number in range(2 * FOLLOWER.batch + 1):
            ledger.append("witness.added", actor="x", subject=f"witness:{number}", now=world.at())
    for _ in range(2):
        quiet_scheduler.run_jobs(is_deadline=False)
        assert FOLLOWER.is_behind()
    quiet_scheduler.run_jobs(is_deadline=False)
    assert not FOLLOWER.is_behind()


@at_night
def test_jobs_that_failed_run_again_at_the_next_tick(world, quiet_scheduler):
    before = Log.objects.get().size
    world.share()
    with connection.execute_wrapper(_refuse), pytest.raises(OperationalError):
        quiet_scheduler.run_jobs(is_deadline=False)
    quiet_scheduler.run_jobs(is_deadline=False)
    assert Log.objects.get().size > before


def _refuse(execute, sql, *rest):
    if "webhooks_webhook" in sql:
        raise OperationalError("away")
    return execute(sql, *rest)


def refuse(table):
    """Refuse each statement about a table, as a database does that went away."""

    def refuse(execute, sql, params, many, context):
        if table in sql:
            raise OperationalError("away")
        return execute(sql, params, many, context)

    return connection.execute_wrapper(refuse)


def test_private_matching_that_fails_stops_no_other_job(world, caplog):
    world.share(value=hex_value(1))
    with refuse("private_matching_"):
        assert clock.follow_ledger(world.at(minutes=1)).leaves
    assert "for private matching" in caplog.text


@at_night
@pytest.mark.parametrize("table", ["transparency_", "private_matching_"])
def test_a_job_that_lacks_the_database_makes_the_log_wait(world, tmp_path, table):
    machine = KeptHead(tmp_path)
    with refuse(table):
        clock.follow_ledger(world.at(minutes=1), kept_head=machine)
    world.share(value=hex_value(1))
    assert clock.follow_ledger(world.at(minutes=2), kept_head=machine).leaves == 0


@at_night
@pytest.mark.parametrize("standbys", [0, 1])
def test_with_standbys_the_log_waits_at_a_start(world, settings, standbys):
    settings.STANDBYS = standbys
    scheduler = clock.Scheduler()
    assert scheduler._turn.is_ours()
    world.share(value=hex_value(1))
    scheduler.run_jobs(is_deadline=True)
    scheduler._turn.give_back()
    assert Log.objects.exists() is (standbys == 0)
