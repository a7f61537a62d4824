# SPDX-License-Identifier: Apache-2.0
"""Shares that wait share a commit, authorities first; who leaves or is too many stores nothing."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator

import pytest
from django.db import OperationalError, connections

from stemtide.hub.rooms.ledger.models import Placement
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.parties.reads.parties import Caller
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.wire import group_queue, shares
from stemtide.hub.wire.group_queue import QueueFullError
from stemtide.hub.wire.shares import ShareQueue
from tests.rounds import on_sqlite
from tests.world import NOON, hex_value, signal_in

pytestmark = pytest.mark.django_db(transaction=True)

Share = Callable[[int, Caller], Awaitable[object]]


@pytest.fixture
def authority(world) -> Caller:
    return parties.caller(world.key(world.authority), now=NOON)


@pytest.fixture
def provider(world) -> Caller:
    return parties.caller(world.key(world.big_provider), now=NOON)


@pytest.fixture
def go(monkeypatch) -> Iterator[threading.Event]:
    """Groups wait for it; set it before the story ends."""
    event = threading.Event()
    share_group = shares.share_group

    def held_up(take, **more):
        event.wait()
        return share_group(take, **more)

    monkeypatch.setattr(shares, "share_group", held_up)
    yield event
    event.set()


def run(story: Callable[[Share], Awaitable[None]]) -> None:
    """Play a story with share(number, caller), and close the queue's connection."""

    async def play() -> None:
        queue = ShareQueue()

        async def share(number: int, caller: Caller) -> object:
            return await queue.share(signal_in(value=hex_value(number)), caller=caller)

        try:
            await story(share)
        finally:
            await asyncio.get_running_loop().run_in_executor(
                queue._thread,  # its connection would outlive the test's database
                connections.close_all,
            )

    asyncio.run(play())


def test_shares_that_wait_are_stored_with_one_commit(authority, provider):
    async def story(share: Share) -> None:
        callers = [authority, provider] * 4
        shared = await asyncio.gather(*(share(n, caller) for n, caller in enumerate(callers)))
        positions = sorted(result.position for result in shared)
        assert positions == list(range(positions[0], positions[0] + 8))

    run(story)
    assert Placement.objects.latest("first").count == 8


def test_a_caller_who_leaves_while_others_hold_the_lock_stores_nothing(authority, go):
    async def story(share: Share) -> None:
        leaving, staying = (asyncio.create_task(share(n, authority)) for n in range(2))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.sleep(0)
        go.set()
        await staying

    run(story)
    assert list(Signal.objects.values_list("value", flat=True)) == [hex_value(1)]


def test_authorities_go_first_and_have_places_of_their_own(authority, provider, go, monkeypatch):
    for name, most in (("GROUP", 2), ("MOST_WAITING", 3), ("MOST_OF_PARTY", 3)):
        monkeypatch.setattr(group_queue, name, most)

    async def story(share: Share) -> None:
        tasks = [asyncio.create_task(share(n, provider)) for n in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(QueueFullError):
            await share(3, provider)
        urgent = asyncio.create_task(share(4, authority))
        await asyncio.sleep(0)
        go.set()
        await asyncio.gather(urgent, *tasks)

    run(story)
    values = Signal.objects.order_by("position").values_list("value", flat=True)
    assert hex_value(4) in values[:2]
    assert len(values) == 4


@on_sqlite
def test_a_group_that_fails_is_left_to_django(authority, monkeypatch, caplog):
    def failing(_take, **_more):
        raise OperationalError("database is locked")

    async def story(share: Share) -> None:
        assert await asyncio.gather(share(1, authority), share(2, authority)) == [None, None]

    monkeypatch.setattr(shares, "share_group", failing)
    run(story)
    assert "2 shares fail together: database is locked" in caplog.text
