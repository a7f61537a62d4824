# SPDX-License-Identifier: Apache-2.0
"""Work in a lane is bounded, and so is what waits for it."""

import asyncio
from contextlib import suppress

import pytest

from stemtide.hub.wire.places import Lane, LaneFullError


class Work:
    """Requests that enter a lane and stay until they are told to go."""

    def __init__(self, lane: Lane) -> None:
        self.lane, self.at_work, self.go = lane, [], asyncio.Event()

    async def enter(self, party: str) -> None:
        async with self.lane.enter(party):
            self.at_work.append(party)
            await self.go.wait()

    async def start(self, *parties: str) -> list[asyncio.Task]:
        tasks = [asyncio.create_task(self.enter(party)) for party in parties]
        await asyncio.sleep(0)
        return tasks


def run(story) -> None:
    async def told() -> None:
        await story(Work(Lane(at_work=1, most_waiting=3, most_of_party=2)))

    asyncio.run(told())


def test_so_many_work_at_a_time_and_the_others_in_turn():
    async def story(work: Work) -> None:
        tasks = await work.start("a", "b", "c")
        assert work.at_work == ["a"]
        work.go.set()
        await asyncio.gather(*tasks)
        assert work.at_work == ["a", "b", "c"]

    run(story)


def test_above_the_bound_a_request_is_refused_at_once():
    async def story(work: Work) -> None:
        await work.start("a", "b", "c", "d")
        with pytest.raises(LaneFullError):
            await work.enter("e")

    run(story)


def test_one_party_takes_only_its_share_of_the_places():
    async def story(work: Work) -> None:
        await work.start("a", "a", "a")
        with pytest.raises(LaneFullError):
            await work.enter("a")
        tasks = await work.start("b")
        work.go.set()
        await asyncio.gather(*tasks)
        assert work.at_work[-1] == "b"

    run(story)


def test_who_leaves_while_waiting_frees_the_place():
    async def story(work: Work) -> None:
        _, *waiting = await work.start("a", "a", "a")
        for task in waiting:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        (later,) = await work.start("a")
        work.go.set()
        await later
        assert work.at_work == ["a", "a"]

    run(story)
