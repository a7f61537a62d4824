# SPDX-License-Identifier: Apache-2.0
"""Threads for requests: a pool that keeps its threads, and one thread for refreshes.

A thread keeps its database connection, which takes longer to open than most responses take. Open
pages refresh their blocks by themselves, all at the same moment: refreshes run one after the other
in a thread of their own, after the pages that somebody waits for.
"""

import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.db import connections

MAX_IDLE = 8
"""Idle threads that are kept."""

MAX_WAIT_S = 0.1
"""Most seconds that a refresh waits for pages: a page that never ends must not stop it."""

REFRESH = "/_blocks"
"""End of the paths that open pages request by themselves."""


class RequestThreads:
    """A pool with one thread for each request, reused later. For one event loop."""

    def __init__(self) -> None:
        self._idle: list[ThreadPoolExecutor] = []
        self.in_use = 0

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[None]:
        """Run Django code within this block in one thread that no other request uses meanwhile."""
        thread = self._idle.pop() if self._idle else one_thread("request")
        self.in_use += 1
        try:
            async with ThreadSensitiveContext(executor=thread):
                yield
        finally:
            self.in_use -= 1
            if len(self._idle) < MAX_IDLE:
                self._idle.append(thread)
            else:
                thread.submit(connections.close_all)
                thread.shutdown(wait=False)


class PagesFirst:
    """Lets refreshes wait for pages."""

    def __init__(self) -> None:
        self._at_work = 0
        self._changed = threading.Condition()

    @contextmanager
    def page(self) -> Iterator[None]:
        """Count the block as a page that refreshes wait for."""
        with self._changed:
            self._at_work += 1
        try:
            yield
        finally:
            with self._changed:
                self._at_work -= 1
                self._changed.notify_all()

    def wait_for_pages(self) -> None:
        """Wait until no page is being built, at most PATIENCE_S."""
        with self._changed:
            self._changed.wait_for(lambda: self._at_work == 0, timeout=MAX_WAIT_S)


def one_thread(name: str) -> ThreadPoolExecutor:
    """Return a pool of one thread, which runs tasks in the order of submission."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)


def is_refresh(path: str) -> bool:
    """Whether open pages request this path by themselves."""
    return path.endswith(REFRESH)


stream_thread = one_thread("streams")
"""The thread of the desk's streams, so that they share one database connection."""


async def pull(head: bytes, chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Yield chunks as they are read in the request's own thread, no faster than they are sent.

    Django would read a plain iterator to its end before sending the first byte. Between two chunks
    nothing but memory is held, so the client may disconnect at any time.
    """

    def following() -> bytes:
        return next(chunks, b"")

    if head:
        yield head
    while chunk := await sync_to_async(following)():
        yield chunk
