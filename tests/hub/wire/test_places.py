# SPDX-License-Identifier: Apache-2.0
"""So many requests are worked on at a time, so many wait, and further ones are refused at once."""

import asyncio
import json
import threading
from collections.abc import Iterator

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from stemtide.hub import asgi
from stemtide.hub.wire import places
from stemtide.hub.wire.memory import Memory
from stemtide.hub.wire.places import Lane, Places, busy

REQUEST = RequestFactory()
WITHDRAW = "/api/v1/signals/00000000-0000-0000-0000-000000000001/withdraw"


class Held(asgi._InOneThread):
    """A handler whose responses, but for those of /health, wait until they are let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.arrivals = threading.Semaphore(0)

    def get_response(self, request) -> HttpResponse:
        if request.path != "/health":
            self.arrivals.release()
            self.go.wait()
        return HttpResponse("done")

    def start(self, path: str, **more: str) -> asyncio.Task:
        return asyncio.create_task(self._in_a_thread(REQUEST.get(path, **more)))

    async def _in_a_thread(self, request) -> HttpResponse:
        async with asgi._threads.acquire():
            return await self.get_response_async(request)

    async def wait_for(self, arrivals: int) -> None:
        for _ in range(arrivals):
            await asyncio.to_thread(self.arrivals.acquire)


@pytest.fixture
def held(monkeypatch) -> Iterator[Held]:
    """Held responses of a hub with two places for machines, and two who wait for them."""
    few = Places()
    few.machines = Lane(at_work=2, most_waiting=2, most_of_party=2)
    monkeypatch.setattr(asgi, "_places", few)
    handler = Held()
    yield handler
    handler.go.set()


def test_above_the_bound_a_request_is_refused_at_once_and_health_is_answered(held):
    async def story() -> None:
        tasks = [held.start("/api/v1/feed") for _ in range(4)]
        await held.wait_for(2)

        refused = await held.start("/api/v1/feed")
        healthy = await held.start("/health")

        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
        assert healthy.status_code == 200
        held.go.set()
        assert {answer.status_code for answer in await asyncio.gather(*tasks)} == {200}

    asyncio.run(story())


def test_a_caller_who_leaves_the_line_frees_its_place(held):
    async def story() -> None:
        tasks = [held.start("/api/v1/feed") for _ in range(4)]
        await held.wait_for(2)
        tasks[3].cancel()
        await asyncio.sleep(0)
        waiting = held.start("/api/v1/feed")
        await asyncio.sleep(0)
        held.go.set()
        answers = await asyncio.gather(*tasks, waiting, return_exceptions=True)
        assert [getattr(answer, "status_code", None) for answer in answers] == [
            *(200, 200, 200, None, 200)
        ]

    asyncio.run(story())


def test_a_page_does_not_wait_for_machines(held):
    async def story() -> None:
        tasks = [held.start("/api/v1/feed") for _ in range(4)]
        await held.wait_for(2)
        tasks.append(held.start("/sign-in"))
        await held.wait_for(1)
        held.go.set()
        await asyncio.gather(*tasks)

    asyncio.run(story())


@pytest.mark.django_db
def test_each_request_has_its_lane(world, monkeypatch):
    memory = Memory()
    authority, provider = world.key(world.authority), world.key(world.big_provider)
    memory.refresh()
    monkeypatch.setattr(places, "memory", memory)
    hub = Places()

    def lane(method: str, path: str, *, key: str = "", size: int = 0) -> Lane:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        request = REQUEST.generic(method, path, b"x" * size, headers=headers)
        return hub.lane_of(request)

    assert lane("GET", "/health") is hub.health
    assert lane("GET", "/") is lane("POST", "/sign-in") is hub.people
    assert lane("POST", WITHDRAW, key=provider) is hub.urgent
    assert lane("POST", WITHDRAW, key="st_made_up") is hub.machines
    assert lane("POST", "/api/v1/signals", key=authority) is hub.urgent
    assert lane("POST", "/api/v1/signals", key=provider) is hub.machines
    assert lane("GET", "/api/v1/feed", key=authority) is hub.machines
    assert lane("POST", "/api/v1/signals/bulk", key=authority, size=300_000) is hub.bulks


def test_a_program_gets_a_problem_and_a_person_gets_a_sentence():
    problem, page = busy(REQUEST.get("/api/v1/feed")), busy(REQUEST.get("/board"))

    assert json.loads(problem.content)["type"] == "/problems/not-ready"
    assert page.content.startswith(b"This hub has as many requests as it can take")
    assert problem.headers["Retry-After"] == page.headers["Retry-After"] == "2"
