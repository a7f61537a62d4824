# SPDX-License-Identifier: Apache-2.0
"""Measure how fresh a provider's HMA is: from handing a hash over until HMA matches it.

HMA accepts a hash at once, but matches it only after its index was rebuilt and reloaded, and
reports neither. So the hash handed over last is looked up until HMA finds it: then its index has
everything that was handed over before.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from stemtide.agent.hma import queues
from stemtide.agent.hma.client import HmaClient
from stemtide.agent.hma.queues import BankedRow, RowCounts
from stemtide.agent.store.database import Store
from stemtide.fingerprints.kinds import Kind

logger = logging.getLogger(__name__)

SLOW_S = 300.0
"""Three times HMA's own 60 s to index and 30 s to load, with some margin; later is a problem."""

_INTERVAL_S, _IDLE_INTERVAL_S = 1.0, 20.0
_COUNT_SHARE = 50


@dataclass(slots=True)
class Freshness:
    """State of HMA's index for one kind.

    matched_to: everything handed over until then is matched, in Unix time; None while unknown.
    asked_for:  the content being looked up, and when it was handed over.
    """

    matched_to: float | None = None
    asked_for: tuple[BankedRow, float] | None = None
    unmatched: int = 0
    first_unmatched_at: float | None = None


class FreshnessWatch:
    """Looks up the contents handed over last, and keeps the figures."""

    def __init__(self, store: Store, *, agent: str, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._agent = agent
        self._clock = clock
        self._began_at = clock()
        self._by_kind: dict[Kind, Freshness] = {}
        self._due_at = self._count_due_at = 0.0
        self._sizes = RowCounts()
        self._matched_at: float | None = None
        self._delay_s: float | None = None

    def matched_to(self, kind: Kind) -> float:
        """Return the hand-over time up to which HMA matches everything; 0 while unknown."""
        freshness = self._by_kind.get(kind)
        return (freshness.matched_to or 0.0) if freshness else 0.0

    async def check(self, client: HmaClient, kinds: frozenset[Kind]) -> None:
        """Look up the latest content of each kind, if it is time. raises: HmaError."""
        now = self._clock()
        if now < self._due_at:
            return
        for kind in sorted(kinds):
            await self._check_kind(client, kind)
        is_behind = any(freshness.asked_for for freshness in self._by_kind.values())
        self._due_at = now + (_INTERVAL_S if is_behind else _IDLE_INTERVAL_S)

    def check_soon(self) -> None:
        """Look up sooner, because something was handed over."""
        self._due_at = min(self._due_at, self._clock() + _INTERVAL_S)

    async def _check_kind(self, client: HmaClient, kind: Kind) -> None:
        freshness = self._by_kind.setdefault(kind, Freshness())
        newest = await asyncio.to_thread(queues.newest, self._store, kind)
        target = freshness.asked_for or newest
        if target is None:
            return
        row, handed_at = target
        content_ids = await client.look_up(row.bank, kind, row.value)
        if row.content in content_ids:
            self._record_match(freshness, handed_at)
            is_newest = newest is None or newest[1] <= handed_at
            freshness.asked_for = None if is_newest else newest
        elif await asyncio.to_thread(queues.is_held, self._store, row.content or 0):
            freshness.asked_for = target
            await self._check_deleted(client, freshness, row)
        else:
            freshness.asked_for = newest  # it was withdrawn before HMA had indexed it

    async def _check_deleted(self, client: HmaClient, freshness: Freshness, row: BankedRow) -> None:
        """Stop waiting for a content that a person deleted at HMA: it is never matched."""
        content = await client.content(row.bank, row.content or 0)
        if not queues.belongs_to(row, content, agent=self._agent):
            logger.warning(
                "HMA no longer has content %s of %s: `rebuild` restores it",
                row.content,
                row.signal,
            )
            await asyncio.to_thread(queues.settle_gone, self._store, row)
            freshness.asked_for = None

    def _record_match(self, freshness: Freshness, handed_at: float) -> None:
        now = self._clock()
        is_news = freshness.matched_to is None or handed_at > freshness.matched_to
        if is_news and handed_at >= self._began_at:
            self._delay_s = round(now - handed_at, 1)
        freshness.matched_to = max(handed_at, freshness.matched_to or 0.0)
        self._matched_at = now

    def count(self) -> None:
        """Count the rows again, unless counting was slow a moment ago. It reads the file."""
        began = self._clock()
        if began < self._count_due_at:
            return
        self._sizes = queues.sizes(self._store)
        for kind, freshness in self._by_kind.items():
            freshness.unmatched, freshness.first_unmatched_at = queues.count_after(
                self._store, kind, than=freshness.matched_to or 0.0
            )
        ended = self._clock()
        self._count_due_at = ended + _COUNT_SHARE * (ended - began)

    @property
    def sizes(self) -> RowCounts:
        """Return the rows as last counted."""
        return self._sizes

    def behind_s(self) -> float | None:
        """Return how long a content has been handed over and not matched; 0.0 if there is none.

        None until HMA has matched anything.
        """
        if self._matched_at is None:
            return None
        firsts = [
            freshness.first_unmatched_at
            for freshness in self._by_kind.values()
            if freshness.first_unmatched_at
        ]
        return round(max(0.0, self._clock() - min(firsts)), 1) if firsts else 0.0

    def figures(self) -> dict[str, Any]:
        """Return the figures for /health."""
        at = self._matched_at
        return {
            **asdict(self._sizes),
            "unmatched": sum(freshness.unmatched for freshness in self._by_kind.values()),
            "behind_s": self.behind_s(),
            "last_delay_s": self._delay_s,
            "matched_at": datetime.fromtimestamp(at, UTC).isoformat() if at else None,
        }
