# SPDX-License-Identifier: Apache-2.0
"""Find earlier uploads that a new signal or own item matches, and decide as about new ones.

1 Signals have ascending numbers in the store. The number up to which the journal was searched is
  stored after the results, so a crash skips no signal, and searches for some again. A snapshot
  gives all signals new numbers; an action that was recorded before is not recorded again.
2 What an index finds is compared again by the ordinary matcher, so an earlier upload matches
  exactly what it would match today, in the orientations that the journal keeps or estimates.
3 An upload that another process decided in the milliseconds before it knew a new signal is
  compared with the signals of the last seconds when its entry is loaded.
4 A signal that would have matched an implausible share of the journal is lowered first, by the
  rules of the flood guard. An item of an own bank is not: nobody but the provider is bound by it.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from stemtide.agent.config.settings import Config
from stemtide.agent.counters import Counters
from stemtide.agent.journal.entries import LONG_KINDS, JournalEntry, with_estimates
from stemtide.agent.journal.file import JournalFile
from stemtide.agent.journal.index import JournalIndex
from stemtide.agent.memory import give_back
from stemtide.agent.store import own_banks
from stemtide.agent.store.database import Store
from stemtide.agent.store.position import set_state
from stemtide.agent.sync import earlier_content
from stemtide.agent.sync.earlier_content import EarlierContent
from stemtide.agent.waits import wait_woken
from stemtide.fingerprints.kinds import Kind
from stemtide.matching.library import IndexedSignal, Library
from stemtide.protocol.trust.runaway import Rate, runaway_limits

logger = logging.getLogger(__name__)

EVERY_S = 1.0
"""Seconds between looks for entries that other processes of the agent wrote."""

ALONE_S = 5.0
"""Seconds between looks if there is no other process. A new signal does not wait for it."""

_SIGNALS = 2000
"""Signals that are searched for at a time: progress is stored after each so many."""

_LOADED = 5000
"""Entries that are loaded at a time, so that new signals wait no longer for a long journal."""

_COMPARED = 200
"""Entries that are compared and recorded in one transaction."""

_LAGGING_S = 5.0
"""For so long a process of the agent may not know a signal that another one has applied."""

_FORGET_EVERY_S = 3600.0


class _Queue(NamedTuple):
    """Signals to search for, in the order of their numbers.

    rows:  SQL of it. state: name under which the last number that was searched for is stored.
    """

    rows: str
    state: str


_QUEUES = (
    _Queue("signals WHERE seq > ?", "journal_searched"),
    _Queue("own_prints WHERE is_on AND seq > ?", own_banks.SEARCHED),
)


@dataclass(slots=True)
class RetroProgress:
    """State of the search. waiting: signals and own items that are still to be searched for.

    searched, found: those searched for, and actions on earlier uploads, since the start.
    """

    entries: int = 0
    is_loaded: bool = False
    waiting: int = 0
    searched: int = 0
    found: int = 0


class RetroMatcher:
    """Worker that searches the journal for new signals for as long as run() runs.

    journal:    None if the journal is off.
    on_actions: called on the event loop when actions were recorded.
    on_lowered: called on the event loop when signals were lowered.
    """

    def __init__(
        self,
        *,
        config: Config,
        store: Store,
        journal: JournalFile | None,
        counters: Counters,
        on_actions: Callable[[], None],
        on_lowered: Callable[[], None],
    ) -> None:
        self.progress = RetroProgress()
        self._config = config
        self._store = store
        self._journal = journal
        self._tally = counters
        self._on_actions = on_actions
        self._on_lowered = on_lowered
        self._woken = asyncio.Event()
        self._index = JournalIndex()
        self._last = self._gone = 0
        self._searched: deque[tuple[float, list[IndexedSignal]]] = deque()
        self._forgot_at = float("-inf")

    def wake(self) -> None:
        """Search for new signals now. Call it on the event loop."""
        self._woken.set()

    def health(self) -> dict[str, Any] | None:
        """Return the state for /health; None if the journal is off."""
        return asdict(self.progress) if self._journal else None

    async def run(self) -> None:
        """Search until cancelled."""
        if self._journal is None:
            await asyncio.Event().wait()
            return
        self._index, self._last, self._gone = JournalIndex(), 0, 0
        self.progress = RetroProgress()
        every_s = EVERY_S if self._store.is_shared else ALONE_S
        while True:
            self._woken.clear()
            has_worked = False
            while await self._step(self._journal):
                has_worked = True
            if has_worked:
                await asyncio.to_thread(give_back)
            await wait_woken(self._woken, within_s=every_s)

    async def _step(self, journal: JournalFile) -> bool:
        """Load entries or search for signals; return whether there may be more to do."""
        found_before = self.progress.found
        is_more, is_lowered = await asyncio.to_thread(self._work, journal)
        if self.progress.found > found_before:
            self._on_actions()
        if is_lowered:
            self._on_lowered()
        return is_more

    def _work(self, journal: JournalFile) -> tuple[bool, bool]:
        """Do the next part of the work; return whether there is more, and if a mark was set."""
        if time.monotonic() - self._forgot_at > _FORGET_EVERY_S:
            self._forget(journal)
        has_more = self._load(journal)
        if has_more:
            return True, False
        if not self.progress.is_loaded:
            self._index.settle()
            self.progress.is_loaded = True
        results = [self._work_on(queue, journal) for queue in _QUEUES]
        self.progress.waiting = sum(self._count_after(queue) for queue in _QUEUES)
        self._forget_searched()
        return any(number for number, _ in results), any(is_lowered for _, is_lowered in results)

    def _work_on(self, queue: _Queue, journal: JournalFile) -> tuple[int, bool]:
        """Search for what comes next; return how many there were, and if a signal was lowered."""
        at = self._searched_to(queue)
        signals, last = self._next_signals(queue, at)
        is_lowered = self._search(journal, signals) if signals else False
        if last > at:
            self._store_searched(queue, at, last)
        if signals and self._store.is_shared:
            self._searched.append((time.monotonic(), signals))
        self.progress.searched += len(signals)
        return len(signals), is_lowered

    def _forget(self, journal: JournalFile) -> None:
        """Erase entries that are too old, or too many."""
        settings = self._config.journal
        before = datetime.now(UTC) - timedelta(days=settings.days)
        number = journal.forget(before=before.timestamp(), max_bytes=settings.max_mb * 1_000_000)
        if number:
            logger.info("%d entries of the upload journal were erased, as set", number)
        self._forgot_at = time.monotonic()

    # -- entries ---------------------------------------------------------------------------------

    def _load(self, journal: JournalFile) -> bool:
        """Load entries that are new, and drop those that are gone; return if there are more."""
        before = self._last
        gone, self._gone = journal.gone_after(self._gone)
        if gone:
            self._index.drop(gone)
        entries = journal.after(self._last, limit=_LOADED)
        if entries:
            self._index.put(entries)
            self._last = entries[-1].seq
            if self._store.is_shared and self.progress.is_loaded:
                self._search_again(entries)
        loaded_before = sum(seq <= before for seq in gone)
        self.progress.entries += len(entries) - loaded_before
        return len(entries) == _LOADED

    def _forget_searched(self) -> None:
        """Forget the signals that every process knows by now."""
        while self._searched and time.monotonic() - self._searched[0][0] > _LAGGING_S:
            self._searched.popleft()

    def _search_again(self, entries: Sequence[JournalEntry]) -> None:
        """Compare new entries with the signals that their process may not have known yet."""
        self._forget_searched()
        signals = [signal for _, of_one in self._searched for signal in of_one]
        if signals:
            library = _library(signals)
            for first in range(0, len(entries), _COMPARED):
                self._compare(entries[first : first + _COMPARED], library)

    # -- signals ---------------------------------------------------------------------------------

    def _searched_to(self, queue: _Queue) -> int:
        """Return the number of the last one that was searched for."""
        rows = self._store.read("SELECT value FROM state WHERE name = ?", (queue.state,))
        return int(rows[0][0]) if rows else 0

    def _store_searched(self, queue: _Queue, at: int, last: int) -> None:
        """Store the last number, unless items were put back meanwhile: they are searched for."""
        with self._store.write() as tx:
            row = tx.execute("SELECT value FROM state WHERE name = ?", (queue.state,)).fetchone()
            if row is None or int(row[0]) == at:
                set_state(tx, **{queue.state: str(last)})

    def _count_after(self, queue: _Queue) -> int:
        """Return how many are still to be searched for."""
        sql = f"SELECT count(*) FROM {queue.rows}"  # noqa: S608 - our own names
        ((number,),) = self._store.read(sql, (self._searched_to(queue),))
        return int(number)

    def _next_signals(self, queue: _Queue, at: int) -> tuple[list[IndexedSignal], int]:
        """Return the next ones to search for, and the number of the last one."""
        if not self._last:  # no upload came before them
            sql = f"SELECT coalesce(max(seq), 0) FROM {queue.rows}"  # noqa: S608 - our own names
            ((last,),) = self._store.read(sql, (at,))
            return [], max(at, last)
        sql = f"SELECT seq, kind, value, within_bits FROM {queue.rows} ORDER BY seq LIMIT ?"  # noqa: S608 - our own names
        rows = self._store.read(sql, (at, _SIGNALS))
        signals = [IndexedSignal(seq, Kind(kind), value, bits) for seq, kind, value, bits in rows]
        return signals, signals[-1].key if signals else at

    def _search(self, journal: JournalFile, signals: Sequence[IndexedSignal]) -> bool:
        """Find and record what signals match; return whether one of them was lowered."""
        near = self._index.find(signals)
        is_lowered = self._lower({key: len(seqs) for key, seqs in near.items()})
        library = _library(signals)
        seqs = sorted(set().union(*near.values()))
        for first in range(0, len(seqs), _COMPARED):
            self._compare(journal.find(seqs[first : first + _COMPARED]), library)
        if any(signal.kind in LONG_KINDS for signal in signals):
            self._search_long(journal, library, without=set(seqs))
        return is_lowered

    def _search_long(self, journal: JournalFile, library: Library, *, without: set[int]) -> None:
        """Compare every entry that has fingerprints as long as their content."""
        after = 0
        while entries := journal.long_after(after, limit=_COMPARED):
            after = entries[-1].seq
            self._compare([entry for entry in entries if entry.seq not in without], library)

    def _lower(self, matches: dict[int, int]) -> bool:
        """Lower the signals that match an implausible share of the journal; say if any is."""
        least = runaway_limits().growth.matches
        often = {
            key: number
            for key, number in matches.items()
            if number >= least and key < own_banks.FIRST_KEY
        }
        signals = self._store.find(often) if often else {}
        uploads = self._index.uploads
        rates = {
            str(signal.id): Rate(often[key], uploads[signal.kind])
            for key, signal in signals.items()
        }
        return earlier_content.lower_frequent(
            rates, signals.values(), store=self._store, config=self._config
        )

    def _compare(self, entries: Sequence[JournalEntry], library: Library) -> None:
        """Compare entries with signals, and record what is to be done about those that match."""
        contents = [
            EarlierContent(
                entry.ref,
                with_estimates(entry.prints),
                entry.language,
                {"uploaded_at": datetime.fromtimestamp(entry.at, UTC).isoformat()},
            )
            for entry in entries
        ]
        matches = library.match_many([content.prints for content in contents])
        if not any(matches):
            return
        _, news = earlier_content.act_on(contents, matches, store=self._store, config=self._config)
        self.progress.found += news
        self._tally.add("retro_matches", news)


def _library(signals: Iterable[IndexedSignal]) -> Library:
    library = Library()
    library.put(signals)
    return library
