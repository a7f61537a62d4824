# SPDX-License-Identifier: Apache-2.0
"""A bound on work that must reach the database: some at a time, the others in turn, or not at all.

Without it a thousand agents that start together take a thousand threads, which then compete for the
one write lock of SQLite until none of them gets it in time.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager


class LaneFullError(Exception):
    """As many wait as may wait."""


class Lane:
    """A lane for one event loop.

    at_work: how many work at a time. most_waiting: how many wait beside them, of everybody, and of
    one party at most `most_of_party`, so that no party takes all places.
    """

    def __init__(self, *, at_work: int, most_waiting: int, most_of_party: int) -> None:
        self.size = at_work
        self.in_use = 0
        self._places = asyncio.Semaphore(at_work)
        self._most_waiting, self._most_of_party = most_waiting, most_of_party
        self._waiting: Counter[Hashable] = Counter()

    @property
    def waiting(self) -> int:
        """Return how many wait."""
        return self._waiting.total()

    @asynccontextmanager
    async def enter(self, party: Hashable) -> AsyncIterator[None]:
        """Wait for a place, and keep it during the block. raises: LaneFullError."""
        is_full = self._waiting.total() >= self._most_waiting
        if is_full or self._waiting[party] >= self._most_of_party:
            raise LaneFullError
        self._waiting[party] += 1
        try:
            await self._places.acquire()
        finally:
            self._waiting[party] -= 1
            if not self._waiting[party]:
                del self._waiting[party]
        self.in_use += 1
        try:
            yield
        finally:
            self.in_use -= 1
            self._places.release()
