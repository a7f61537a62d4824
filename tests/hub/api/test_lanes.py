# SPDX-License-Identifier: Apache-2.0
"""Threads are used again; what pages fetch by themselves waits for pages, and not for ever."""

import asyncio
import threading
import time

import pytest
from asgiref.sync import sync_to_async

from stemtide.hub.platform import request_threads as lanes
from stemtide.hub.platform.request_threads import PagesFirst, RequestThreads, is_refresh

pytestmark = pytest.mark.both_databases

here = sync_to_async(threading.current_thread)


async def one_after_the_other(threads: RequestThreads, *, requests: int) -> list[threading.Thread]:
    found = []
    for _ in range(requests):
        async with threads.acquire():
            found.append(await here())
    return found


async def at_a_time(threads: RequestThreads, *, requests: int) -> list[threading.Thread]:
    everyone = asyncio.Barrier(requests)

    async def ask() -> threading.Thread:
        async with threads.acquire():
            await everyone.wait()
            return await here()

    return await asyncio.gather(*(ask() for _ in range(requests)))


def test_a_later_request_uses_the_thread_of_an_earlier_one():
    first, second = asyncio.run(one_after_the_other(RequestThreads(), requests=2))

    assert first is second is not threading.current_thread()


def test_two_requests_at_a_time_have_a_thread_each():
    first, second = asyncio.run(at_a_time(RequestThreads(), requests=2))

    assert first is not second


def test_a_rush_of_requests_leaves_only_so_many_threads_behind():
    threads = RequestThreads()
    found = asyncio.run(at_a_time(threads, requests=lanes.MAX_IDLE + 4))
    while sum(one.is_alive() for one in found) > lanes.MAX_IDLE:
        time.sleep(0.01)

    assert set(asyncio.run(at_a_time(threads, requests=lanes.MAX_IDLE))) <= set(found)


async def failing(threads: RequestThreads) -> threading.Thread:
    async with threads.acquire():
        await here()
        raise ZeroDivisionError


def test_a_thread_comes_back_from_a_request_that_failed():
    threads = RequestThreads()
    (first,) = asyncio.run(one_after_the_other(threads, requests=1))
    with pytest.raises(ZeroDivisionError):
        asyncio.run(failing(threads))

    assert asyncio.run(one_after_the_other(threads, requests=1)) == [first]


def refreshing(precedence: PagesFirst) -> tuple[threading.Thread, threading.Event]:
    """A refresh on its way, and what says that it was answered."""
    answered = threading.Event()

    def refresh() -> None:
        precedence.wait_for_pages()
        answered.set()

    thread = threading.Thread(target=refresh)
    thread.start()
    return thread, answered


def test_a_refresh_waits_for_all_pages_that_are_under_way(monkeypatch):
    monkeypatch.setattr(lanes, "MAX_WAIT_S", 600)
    precedence = PagesFirst()
    with precedence.page():
        with precedence.page():
            thread, answered = refreshing(precedence)
        assert not answered.is_set()
    thread.join()

    assert answered.is_set()


def test_a_refresh_does_not_wait_where_no_page_is_under_way(monkeypatch):
    monkeypatch.setattr(lanes, "MAX_WAIT_S", 1e6)

    PagesFirst().wait_for_pages()


def test_a_page_that_fails_is_waited_for_no_longer(monkeypatch):
    monkeypatch.setattr(lanes, "MAX_WAIT_S", 1e6)
    precedence = PagesFirst()
    with pytest.raises(ZeroDivisionError), precedence.page():
        raise ZeroDivisionError

    precedence.wait_for_pages()


def test_a_page_that_never_ends_does_not_stop_refreshes():
    precedence = PagesFirst()
    with precedence.page():
        precedence.wait_for_pages()


@pytest.mark.parametrize(
    ("path", "is_so"),
    [
        ("/board/_blocks", True),
        ("/crises/2b1f/_blocks", True),
        ("/crises/2b1f", False),
        ("/crises/2b1f/stream", False),
        ("/api/v1/feed", False),
    ],
)
def test_what_open_pages_fetch_by_themselves_is_known_by_its_address(path, is_so):
    assert is_refresh(path) is is_so
