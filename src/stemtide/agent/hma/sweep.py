# SPDX-License-Identifier: Apache-2.0
"""Find and delete contents at a provider's HMA whose ids we never received.

HMA cannot list a bank, so a lost content is searched by a look-up of its hash, which also returns
near ones. Contents of our rows are skipped. Of the rest the highest ids come first, because the
lost content is newer than its neighbours. A row stays in doubt until all were checked against an
index that includes everything sent.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial

from stemtide.agent.config.companion import HmaSettings
from stemtide.agent.hma import queues
from stemtide.agent.hma.client import HmaClient
from stemtide.agent.hma.freshness import FreshnessWatch
from stemtide.agent.hma.policy import note_of
from stemtide.agent.hma.queues import BankedRow
from stemtide.agent.store.database import Store
from stemtide.fingerprints.kinds import Kind

logger = logging.getLogger(__name__)

_EVERY_S = 5.0
_ROWS, _AT_ONCE, _CONTENTS = 32, 8, 104


class LostContentSearch:
    """Search for lost contents, resumed where it stopped at each run(). Deletions go first."""

    def __init__(
        self,
        store: Store,
        watch: FreshnessWatch,
        *,
        agent: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._watch = watch
        self._agent = agent
        self._clock = clock
        self._swept_at = float("-inf")
        self._checked_down_to: dict[tuple[int, float], int] = {}

    async def run(self, client: HmaClient, kinds: frozenset[Kind], settings: HmaSettings) -> None:
        """Search for a few, if it is time. raises: HmaError."""
        if self._clock() - self._swept_at < min(_EVERY_S, settings.timeout_s):
            return
        self._swept_at = self._clock()
        left = _CONTENTS
        for row in await asyncio.to_thread(queues.doubtful, self._store, kinds, limit=_ROWS):
            left -= await self._search_row(client, row, settings, most=left)
            going = await asyncio.to_thread(queues.leaving, self._store, 1)
            if left <= 0 or going:
                return

    async def _search_row(
        self, client: HmaClient, row: BankedRow, settings: HmaSettings, *, most: int
    ) -> int:
        """Search for the contents of one row; return how many were checked."""
        kind, doubt_at = Kind(row.kind), row.doubt_at or 0.0
        # After a lost connection, HMA may take so long to store what was sent.
        surely_at = doubt_at + 3 * settings.timeout_s
        is_indexed = self._watch.matched_to(kind) > surely_at
        content_ids = await client.look_up_all(row.bank, kind, row.value)
        strange = await asyncio.to_thread(queues.unknown, self._store, content_ids)
        below = self._checked_down_to.get((row.seq, doubt_at))
        candidates = sorted(
            (content_id for content_id in strange if below is None or content_id < below),
            reverse=True,
        )
        chosen = candidates[:most]
        for start in range(0, len(chosen), _AT_ONCE):
            batch = chosen[start : start + _AT_ONCE]
            await asyncio.gather(*(self._remove_if_ours(client, row, content) for content in batch))
            await asyncio.sleep(len(batch) / settings.per_second)
        if not is_indexed:
            await self._resend_canary(client, kind, settings, surely_at=surely_at)
        elif len(chosen) < len(candidates):
            self._checked_down_to[row.seq, doubt_at] = chosen[-1]
        else:
            self._checked_down_to.pop((row.seq, doubt_at), None)
            await asyncio.to_thread(queues.settle_doubt, self._store, row)
        return len(chosen)

    async def _remove_if_ours(self, client: HmaClient, row: BankedRow, content: int) -> None:
        existing = await client.content(row.bank, content)
        if queues.belongs_to(row, existing, agent=self._agent):
            logger.info("deleted content %d, a duplicate of %s", content, row.signal)
            await client.remove(row.bank, content)

    async def _resend_canary(
        self, client: HmaClient, kind: Kind, settings: HmaSettings, *, surely_at: float
    ) -> None:
        """Hand a canary over again: once HMA matches it, its index has everything older."""
        newest = await asyncio.to_thread(queues.newest, self._store, kind)
        if newest is None or newest[1] > surely_at or surely_at >= self._clock():
            return
        canary = await asyncio.to_thread(queues.canary_of, self._store, kind, settings.canary_bank)
        if canary is None or canary.content is None:
            return
        note = note_of(canary.signal, self._agent)
        content = await client.put(canary.bank, kind, canary.value, note=note)
        await asyncio.to_thread(
            partial(queues.replace, self._store, canary, content, now=self._clock())
        )
        await self._remove_if_ours(client, canary, canary.content)
        self._watch.check_soon()
