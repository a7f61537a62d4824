# SPDX-License-Identifier: Apache-2.0
"""Which request waits for which: threads that are kept, and one lane for what pages fetch.

A thread keeps its connection to the database, which takes longer to open than most answers. Pages
that stay open fetch their blocks by themselves, all of them at the same moment: that is done one
after the other in a thread of its own, and after the pages that somebody waits for.
"""

import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager

from asgiref.sync import ThreadSensitiveContext
from django.db import connections

KEPT = 8
"""So many threads are kept while nobody needs them."""

PATIENCE_S = 0.1
"""So long at most a refresh lets pages go first: one that never ends must not stop it."""

REFRESH = "/_blocks"
"""How the addresses end that open pages fetch by themselves."""


class Threads:
    """A thread for each request, used again for later ones. For one loop."""

    def __init__(self) -> None:
        self._idle: list[ThreadPoolExecutor] = []

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Run what Django does within this in one thread that nobody else uses meanwhile."""
        thread = self._idle.pop() if self._idle else one_thread("request")
        try:
            async with ThreadSensitiveContext(executor=thread):
                yield
        finally:
            if len(self._idle) < KEPT:
                self._idle.append(thread)
            else:
                thread.submit(connections.close_all)
                thread.shutdown(wait=False)


class Precedence:
    """Who goes first, and who waits for them."""

    def __init__(self) -> None:
        self._at_work = 0
        self._changed = threading.Condition()

    @contextmanager
    def first(self) -> Iterator[None]:
        """Let this go first."""
        with self._changed:
            self._at_work += 1
        try:
            yield
        finally:
            with self._changed:
                self._at_work -= 1
                self._changed.notify_all()

    def give_way(self) -> None:
        """Wait until nothing is under way that goes first, or patience ends."""
        with self._changed:
            self._changed.wait_for(lambda: self._at_work == 0, timeout=PATIENCE_S)


def one_thread(name: str) -> ThreadPoolExecutor:
    """A thread that does one thing after the other, in the order in which they came."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)


def is_refresh(path: str) -> bool:
    """Whether open pages fetch this by themselves."""
    return path.endswith(REFRESH)


for_streams = one_thread("streams")
"""What the desk's streams look up: one connection for all of them."""
