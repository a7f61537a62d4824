# SPDX-License-Identifier: Apache-2.0
"""Finds contents at a provider's HMA whose ids nobody told us, and deletes them.

HMA lists no bank: a lost content is found by a look-up, among whatever else is near. What our rows
know is none. Of the rest the highest ids come first, as what was lost is newer than its neighbours;
a row is in doubt until all of them were looked at, in an index that has whatever was sent.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial

from stemtide.agent import companion_outbox as outbox
from stemtide.agent.companion_freshness import Watch
from stemtide.agent.companion_outbox import Row
from stemtide.agent.companion_policy import note_of
from stemtide.agent.companion_settings import Companion as Settings
from stemtide.agent.hma_line import Line
from stemtide.agent.store import Store
from stemtide.fingerprints.kinds import Kind

logger = logging.getLogger(__name__)

_EVERY_S = 5.0
_ROWS, _AT_ONCE, _CONTENTS = 32, 8, 104


class Sweep:
    """Goes on where it ended, each time run() is called; what is to go goes before."""

    def __init__(
        self, store: Store, watch: Watch, *, agent: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._watch = watch
        self._agent = agent
        self._clock = clock
        self._swept_at = float("-inf")
        self._below: dict[tuple[int, float], int] = {}

    async def run(self, line: Line, kinds: frozenset[Kind], given: Settings) -> None:
        """Look for some, if it is time. raises: HmaError."""
        if self._clock() - self._swept_at < min(_EVERY_S, given.timeout_s):
            return
        self._swept_at = self._clock()
        left = _CONTENTS
        for row in await asyncio.to_thread(outbox.doubtful, self._store, kinds, limit=_ROWS):
            left -= await self._sweep(line, row, given, most=left)
            going = await asyncio.to_thread(outbox.leaving, self._store, 1)
            if left <= 0 or going:
                return

    async def _sweep(self, line: Line, row: Row, given: Settings, *, most: int) -> int:
        """Look for the contents of one row; return how many were asked for."""
        kind, doubt_at = Kind(row.kind), row.doubt_at or 0.0
        # What was sent may take so long to be written down, at the other end of a lost line.
        surely_at = doubt_at + 3 * given.timeout_s
        is_indexed = self._watch.matched_to(kind) > surely_at
        found = await line.look_up_all(row.bank, kind, row.value)
        strange = await asyncio.to_thread(outbox.unknown, self._store, found)
        below = self._below.get((row.seq, doubt_at))
        each = sorted((one for one in strange if below is None or one < below), reverse=True)
        some = each[:most]
        for place in range(0, len(some), _AT_ONCE):
            batch = some[place : place + _AT_ONCE]
            await asyncio.gather(*(self._look_at(line, row, content) for content in batch))
            await asyncio.sleep(len(batch) / given.per_second)
        if not is_indexed:
            await self._hurry_index(line, kind, given, surely_at=surely_at)
        elif len(some) < len(each):
            self._below[row.seq, doubt_at] = some[-1]
        else:
            self._below.pop((row.seq, doubt_at), None)
            await asyncio.to_thread(outbox.settle_doubt, self._store, row)
        return len(some)

    async def _look_at(self, line: Line, row: Row, content: int) -> None:
        found = await line.content(row.bank, content)
        if outbox.is_of(row, found, agent=self._agent):
            logger.info("content %d is one more of %s, and deleted", content, row.signal)
            await line.remove(row.bank, content)

    async def _hurry_index(
        self, line: Line, kind: Kind, given: Settings, *, surely_at: float
    ) -> None:
        """Hand a canary over anew: once HMA matches it, its index has all that came before."""
        held = await asyncio.to_thread(outbox.newest, self._store, kind)
        if held is None or held[1] > surely_at or surely_at >= self._clock():
            return
        found = await asyncio.to_thread(outbox.canary_of, self._store, kind, given.canary_bank)
        if found is None or found.content is None:
            return
        note = note_of(found.signal, self._agent)
        content = await line.put(found.bank, kind, found.value, note=note)
        await asyncio.to_thread(
            partial(outbox.replace, self._store, found, content, now=self._clock())
        )
        await self._look_at(line, found, found.content)
        self._watch.hurry()
