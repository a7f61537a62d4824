# SPDX-License-Identifier: Apache-2.0
import threading

import pytest
from django.db import OperationalError, connection

from stemtide.hub import scheduler as clock
from stemtide.hub.rooms.signals.reads import signals as reads
from tests.hub.api.conftest import wait_until
from tests.world import hex_value


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

    def tick(now: object) -> clock.JobCounts:
        ticks.append(now)
        if len(ticks) == 1:
            raise OperationalError("away")
        return clock.JobCounts(expired=1, erased=0)

    monkeypatch.setattr(clock, "run_once", tick)
    ticking = clock.Scheduler(tick_s=0.001)
    ticking.start()
    wait_until(lambda: len(ticks) > 2)
    ticking.stop()

    after = len(ticks)
    assert "it tries again" in caplog.text
    assert len(ticks) == after


def test_a_clock_that_never_started_can_be_stopped_after_a_start():
    ticking = clock.Scheduler(tick_s=60)
    ticking._stop.set()
    ticking.start()
    ticking.stop()
