# SPDX-License-Identifier: Apache-2.0
"""A part that waits ends when it is told to, whatever happens in the same moment."""

import asyncio

import pytest

from stemtide.agent.waits import wait_woken

TURNS = 6
"""More turns of the event loop than any way of waiting needs to notice that it was woken."""


@pytest.mark.parametrize("turns", range(TURNS))
def test_who_is_stopped_while_being_woken_stops(turns):
    async def story():
        event, rounds = asyncio.Event(), 0

        async def part():
            nonlocal rounds
            while rounds < 2:
                event.clear()
                await wait_woken(event, within_s=3600)
                rounds += 1

        task = asyncio.create_task(part())
        await asyncio.sleep(0)
        event.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        for _ in range(TURNS):
            await asyncio.sleep(0)
        ended = task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return ended

    assert asyncio.run(story())


def test_who_is_woken_goes_on():
    async def story():
        event = asyncio.Event()
        asyncio.get_running_loop().call_soon(event.set)
        await wait_woken(event, within_s=3600)
        return event.is_set()

    assert asyncio.run(story())


def test_who_is_not_woken_goes_on_all_the_same():
    async def story():
        event = asyncio.Event()
        await wait_woken(event, within_s=0.01)
        return event.is_set()

    assert not asyncio.run(story())
