# SPDX-License-Identifier: Apache-2.0
"""The wake by itself: threads and connections of this process stand for others."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import DatabaseError, connection

from stemtide.hub import notifier as wake
from stemtide.hub.notifier import APPLICATION, ChangeNotifier, NotifierClosedError
from stemtide.hub.rooms.parties.writes import parties
from stemtide.hub.rooms.signals.reads import signals as reads
from stemtide.protocol.sync.agents import AgentStatusIn
from tests.hub.api.conftest import wait_until
from tests.rounds import at_night, on_sqlite
from tests.world import hex_value, suspend

AFTER_FIRST_SHARE = 2

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def wakes():
    watching = ChangeNotifier()
    yield watching
    watching.close()
    if watching._watcher:
        watching._watcher.join()


def run(story) -> None:
    asyncio.run(story)


async def apart(call, **facts):
    """Do something in another thread, which stands for another process."""

    return await asyncio.to_thread(in_thread, call, **facts)


def in_thread(call, **facts):
    """Do something, and close this thread's connection."""
    try:
        return call(**facts)
    finally:
        connection.close()


def test_a_change_reaches_those_who_may_see_it(wakes, committed_world):
    world = committed_world

    async def story() -> None:
        async with wakes.subscribe(world.big_provider) as mine:
            shared = await apart(world.share)
            assert await mine.get() == shared.position

    run(story())


def test_nobody_is_woken_for_a_change_that_observers_have_not_read(wakes, committed_world):
    world, heads = committed_world, []

    def head_then_share() -> None:
        """Read as the memory of the wire does; another process commits right afterwards."""
        heads.append(reads.feed(0, viewer=world.agency, limit=1).head)
        if len(heads) == AFTER_FIRST_SHARE:
            with ThreadPoolExecutor(1) as other:
                other.submit(in_thread, world.share, value=hex_value(2)).result()

    wakes.observe(head_then_share)

    async def story() -> None:
        async with wakes.subscribe(world.agency) as mine:
            await asyncio.to_thread(wait_until, lambda: heads)  # the watcher looked once
            first = await apart(world.share, value=hex_value(1))
            position = await mine.get()
            while position <= first.position:
                assert position <= heads[-1]
                position = await mine.get()
            assert position <= heads[-1]

    run(story())


@on_sqlite
def test_the_streams_of_a_suspended_party_close_and_those_of_others_wake(wakes, committed_world):
    world = committed_world

    async def story() -> None:
        async with (
            wakes.subscribe(world.big_provider) as agent,
            wakes.subscribe(world.big_provider, all_changes=True) as board,
            wakes.subscribe(world.small_provider) as other,
        ):
            await apart(suspend, party=world.big_provider, agency=world.agency)
            with pytest.raises(NotifierClosedError):
                await agent.get()
            await asyncio.to_thread(wait_until, lambda: board._is_closed)
            assert await other.get() == world.big_provider.position

    run(story())


def test_a_slow_reader_is_told_the_last_position_once(wakes, committed_world):
    world = committed_world

    async def story() -> None:
        async with wakes.subscribe(world.big_provider) as mine:
            for number in range(5):
                last = await apart(world.share, value=hex_value(number))
            await asyncio.to_thread(wait_until, lambda: mine._position == last.position)
            assert await mine.get() == last.position
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await mine.get()

    run(story())


@on_sqlite
def test_a_heartbeat_wakes_only_those_who_asked_for_all_changes(wakes, committed_world):
    world = committed_world
    status = AgentStatusIn(version="1", position=0, signals=0, started_at=world.noon)

    def beat() -> None:
        parties.report_status("a1", by=world.big_provider, status=status, now=world.noon)

    async def story() -> None:
        async with (
            wakes.subscribe(world.agency, all_changes=True) as board,
            wakes.subscribe(world.agency) as agent,
        ):
            await apart(beat)
            await board.get()
            assert not agent._ready.is_set()

    run(story())


@at_night
def test_all_changes_come_at_most_four_times_a_second(wakes, committed_world):
    world = committed_world

    async def story() -> int:
        count = 0
        async with wakes.subscribe(world.agency, all_changes=True) as board:
            began = time.monotonic()
            for number in range(30):
                await apart(world.share, value=hex_value(number))
            last = await apart(lambda: reads.feed(0, viewer=world.agency, limit=1).head)
            while await board.get() < last:
                count += 1
        assert count <= 4 * (time.monotonic() - began) + 1

    run(story())


def test_a_watcher_that_fails_starts_again_and_loses_nothing(
    wakes, committed_world, monkeypatch, caplog
):
    world = committed_world
    real, calls = reads.changes, []

    def fails_at_first(after: int):
        if len(calls) == 1:
            calls.append(after)
            raise DatabaseError("away")
        found = real(after)
        calls.append(after)  # the share that waits for this is none that was found just now
        return found

    monkeypatch.setattr(wake, "RETRY_S", 0.01)
    monkeypatch.setattr(reads, "changes", fails_at_first)

    async def story() -> None:
        async with wakes.subscribe(world.big_provider) as mine:
            await asyncio.to_thread(wait_until, lambda: calls)
            shared = await apart(world.share)
            assert await mine.get() == shared.position

    run(story())
    assert "starts again" in caplog.text


def test_what_was_delivered_is_known_also_if_the_database_failed_meanwhile(
    wakes, committed_world, monkeypatch
):
    world = committed_world
    real, calls = wake.ledger.history, []

    def fails_once(position: int) -> str:
        calls.append(position)
        if len(calls) == 2:
            raise DatabaseError("away")
        return real(position)

    monkeypatch.setattr(wake, "RETRY_S", 0.01)
    monkeypatch.setattr(wake.ledger, "history", fails_once)

    async def story() -> None:
        async with wakes.subscribe(world.big_provider) as mine:
            shared = await apart(world.share)
            assert await mine.get() == shared.position
            assert wakes._known[0] == shared.position

    run(story())
    assert wakes.outages == 1


def test_a_closed_wake_ends_its_subscriptions_and_takes_no_more(wakes, committed_world):
    world = committed_world

    async def story() -> None:
        async with wakes.subscribe(world.big_provider) as mine:
            wakes.close()
            with pytest.raises(NotifierClosedError):
                await mine.get()
        with pytest.raises(NotifierClosedError):
            async with wakes.subscribe(world.big_provider):
                pass

    run(story())
    assert len(wakes) == 0


@on_sqlite
def test_a_loop_that_is_gone_hinders_nobody(wakes, committed_world):
    world = committed_world

    async def leave_open() -> object:
        entered = wakes.subscribe(world.big_provider)
        await entered.__aenter__()
        return entered

    loop = asyncio.new_event_loop()
    abandoned = loop.run_until_complete(leave_open())
    loop.close()

    async def story() -> None:
        async with wakes.subscribe(world.small_provider) as mine:
            shared = await apart(world.share)
            assert await mine.get() == shared.position

    run(story())
    assert abandoned
    wakes._subscriptions.clear()


def test_a_lost_connection_of_the_watcher_is_made_anew(wakes, committed_world):
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no connection to lose")
    world = committed_world

    def cut() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = %s AND datname = current_database()",
                [APPLICATION],
            )

    async def story() -> None:
        async with wakes.subscribe(world.big_provider) as mine:
            await apart(cut)
            shared = await apart(world.share)
            assert await mine.get() == shared.position

    run(story())


@on_sqlite
def test_a_room_is_woken_by_its_own_crisis_and_not_by_anothers(wakes, committed_world):
    world = committed_world
    crisis, other = world.warn(), world.warn(name="Another")

    async def story() -> None:
        async with (
            wakes.subscribe(world.agency, all_changes=True, crisis=crisis.id) as room,
            wakes.subscribe(world.agency, all_changes=True) as board,
        ):
            await apart(world.share, crisis=other.id, value=hex_value(1))
            await board.get()
            assert not room._ready.is_set()
            await apart(world.share, crisis=crisis.id, value=hex_value(2))
            await room.get()
            await apart(world.warn, name="A third, which rooms may link with")
            await room.get()

    run(story())
