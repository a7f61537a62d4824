# SPDX-License-Identifier: Apache-2.0
"""How fresh a provider's HMA is: what it was handed, and what it matches.

HMA takes a hash at once and matches it when its index was built and loaded anew. Nothing says when,
so the hash that was handed over last is looked up until it is found: its index has then all that
was handed over before.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from stemtide.agent import companion_outbox as outbox
from stemtide.agent.companion_outbox import Row, Sizes
from stemtide.agent.hma_line import Line
from stemtide.agent.store import Store
from stemtide.fingerprints.kinds import Kind

logger = logging.getLogger(__name__)

SLOW_S = 300.0
"""HMA's own 60 s to index and 30 s to load, and as much again twice over, are no trouble yet."""

_ASK_S, _ASK_AGAIN_S = 1.0, 20.0
_COUNT_SHARE = 50


@dataclass(slots=True)
class Freshness:
    """Figures of one kind's index at HMA.

    matched_to: up to which hand-over everything is matched, in Unix time; None while not known.
    asked_for:  the content that is looked up, and when it was handed over.
    """

    matched_to: float | None = None
    asked_for: tuple[Row, float] | None = None
    unmatched: int = 0
    first_unmatched_at: float | None = None


class Watch:
    """Looks up what was handed over last, and keeps the figures."""

    def __init__(self, store: Store, *, agent: str, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._agent = agent
        self._clock = clock
        self._began_at = clock()
        self._each: dict[Kind, Freshness] = {}
        self._due_at = self._count_due_at = 0.0
        self._sizes = Sizes()
        self._matched_at: float | None = None
        self._delay_s: float | None = None

    def matched_to(self, kind: Kind) -> float:
        """Up to which hand-over HMA matches everything; 0 while that is not known."""
        one = self._each.get(kind)
        return (one.matched_to or 0.0) if one else 0.0

    async def look(self, line: Line, kinds: frozenset[Kind]) -> None:
        """Look up, if it is time. raises: HmaError."""
        now = self._clock()
        if now < self._due_at:
            return
        for kind in sorted(kinds):
            await self._look_for(line, kind)
        is_behind = any(one.asked_for for one in self._each.values())
        self._due_at = now + (_ASK_S if is_behind else _ASK_AGAIN_S)

    def hurry(self) -> None:
        """Say that something was handed over."""
        self._due_at = min(self._due_at, self._clock() + _ASK_S)

    async def _look_for(self, line: Line, kind: Kind) -> None:
        one = self._each.setdefault(kind, Freshness())
        held = await asyncio.to_thread(outbox.newest, self._store, kind)
        wanted = one.asked_for or held
        if wanted is None:
            return
        row, handed_at = wanted
        found = await line.look_up(row.bank, kind, row.value)
        if row.content in found:
            self._note_found(one, handed_at)
            is_newest = held is None or held[1] <= handed_at
            one.asked_for = None if is_newest else held
        elif await asyncio.to_thread(outbox.is_held, self._store, row.content or 0):
            one.asked_for = wanted
            await self._see_whether_gone(line, one, row)
        else:
            one.asked_for = held  # it was withdrawn before HMA had it in its index

    async def _see_whether_gone(self, line: Line, one: Freshness, row: Row) -> None:
        """Wait for a content no more that a person deleted at HMA: it is never matched."""
        found = await line.content(row.bank, row.content or 0)
        if not outbox.is_of(row, found, agent=self._agent):
            logger.warning(
                "HMA has content %s no more, of %s: a `rebuild` brings it back",
                row.content,
                row.signal,
            )
            await asyncio.to_thread(outbox.settle_gone, self._store, row)
            one.asked_for = None

    def _note_found(self, one: Freshness, handed_at: float) -> None:
        now = self._clock()
        is_news = one.matched_to is None or handed_at > one.matched_to
        if is_news and handed_at >= self._began_at:
            self._delay_s = round(now - handed_at, 1)
        one.matched_to = max(handed_at, one.matched_to or 0.0)
        self._matched_at = now

    def count(self) -> None:
        """Count the rows anew, unless that took long a moment ago. It reads the file."""
        began = self._clock()
        if began < self._count_due_at:
            return
        self._sizes = outbox.sizes(self._store)
        for kind, one in self._each.items():
            one.unmatched, one.first_unmatched_at = outbox.later(
                self._store, kind, than=one.matched_to or 0.0
            )
        ended = self._clock()
        self._count_due_at = ended + _COUNT_SHARE * (ended - began)

    @property
    def sizes(self) -> Sizes:
        """The rows as last counted."""
        return self._sizes

    def behind_s(self) -> float | None:
        """For how long something has been handed over and not matched; 0.0 for nothing.

        None until HMA matched anything.
        """
        if self._matched_at is None:
            return None
        firsts = [one.first_unmatched_at for one in self._each.values() if one.first_unmatched_at]
        return round(max(0.0, self._clock() - min(firsts)), 1) if firsts else 0.0

    def told(self) -> dict[str, Any]:
        """The figures as /health says them."""
        at = self._matched_at
        return {
            **asdict(self._sizes),
            "unmatched": sum(one.unmatched for one in self._each.values()),
            "behind_s": self.behind_s(),
            "last_delay_s": self._delay_s,
            "matched_at": datetime.fromtimestamp(at, UTC).isoformat() if at else None,
        }
