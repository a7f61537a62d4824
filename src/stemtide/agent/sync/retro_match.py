# SPDX-License-Identifier: Apache-2.0
"""Find earlier uploads that a new signal matches, and decide about them as about new ones.

1 Signals have ascending numbers in the store. The number up to which the journal was searched is
  stored after the results, so a crash skips no signal, and searches for some again. A snapshot
  gives all signals new numbers; an action that was recorded before is not recorded again.
2 What an index finds is compared again by the ordinary matcher, so an earlier upload matches
  exactly what it would match today, in the orientations that the journal keeps or estimates.
3 An upload that another process decided in the milliseconds before it knew a new signal is
  compared with the signals of the last seconds when its entry is loaded.
4 A signal that would have matched an implausible share of the journal is lowered first, by the
  rules of the flood guard.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from stemtide.agent.config.settings import Config
from stemtide.agent.counters import Counters
from stemtide.agent.hma import rows
from stemtide.agent.journal.entries import LONG_KINDS, JournalEntry, with_estimates
from stemtide.agent.journal.file import JournalFile
from stemtide.agent.journal.index import JournalIndex
from stemtide.agent.recognise.pipeline import decide_matches, record_decision
from stemtide.agent.recognise.policy import Decision, is_active
from stemtide.agent.review.decisions import has_person_decided
from stemtide.agent.store import allowed
from stemtide.agent.store.database import Store, Transaction
from stemtide.agent.store.position import set_state
from stemtide.agent.sync import flood_guard, new_signals
from stemtide.agent.waits import wait_woken
from stemtide.fingerprints.kinds import Kind
from stemtide.matching.library import IndexedSignal, Library
from stemtide.protocol.enums import Action
from stemtide.protocol.trust.runaway import Rate, runaway_limits

logger = logging.getLogger(__name__)

EVERY_S = 1.0
_SIGNALS = 2000
"""Signals that are searched for at a time: progress is stored after each so many."""

_LOADED = 5000
"""Entries that are loaded at a time, so that new signals wait no longer for a long journal."""

_COMPARED = 200
"""Entries that are compared and recorded in one transaction."""

_LAGGING_S = 5.0
"""For so long a process of the agent may not know a signal that another one has applied."""

_FORGET_EVERY_S = 3600.0
_NEXT_SIGNALS = (
    "SELECT seq, kind, value, within_bits FROM signals WHERE seq > ? ORDER BY seq LIMIT ?"
)


@dataclass(slots=True)
class RetroProgress:
    """State of the search. waiting: signals that are still to be searched for.

    searched, found: signals searched for, and actions on earlier uploads, since the start.
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
        while True:
            self._woken.clear()
            while await self._step(self._journal):
                pass
            await wait_woken(self._woken, within_s=EVERY_S)

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
        self.progress.is_loaded = True
        at = self._searched_to()
        signals, last = self._next_signals(at)
        is_lowered = self._search(journal, signals) if signals else False
        if last > at:
            with self._store.write() as tx:
                set_state(tx, journal_searched=str(last))
        self._forget_searched()
        if signals and self._store.is_shared:
            self._searched.append((time.monotonic(), signals))
        self.progress.searched += len(signals)
        return bool(signals), is_lowered

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

    def _searched_to(self) -> int:
        """Return the number of the last signal that was searched for."""
        rows_of = self._store.read("SELECT value FROM state WHERE name = 'journal_searched'")
        return int(rows_of[0][0]) if rows_of else 0

    def _next_signals(self, at: int) -> tuple[list[IndexedSignal], int]:
        """Return the next signals to search for, and the number of the last one."""
        if not self._last:  # no upload came before these signals
            ((last,),) = self._store.read("SELECT coalesce(max(seq), 0) FROM signals")
            return [], max(at, last)
        signal_rows = self._store.read(_NEXT_SIGNALS, (at, _SIGNALS))
        last = signal_rows[-1][0] if signal_rows else at
        ((self.progress.waiting,),) = self._store.read(
            "SELECT count(*) FROM signals WHERE seq > ?", (last,)
        )
        return [
            IndexedSignal(seq, Kind(kind), value, bits) for seq, kind, value, bits in signal_rows
        ], last

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
        often = {key: number for key, number in matches.items() if number >= least}
        if not often:
            return False
        now = datetime.now(UTC)
        uploads = self._index.uploads
        with self._store.write() as tx:
            signals = self._store.find(often, tx=tx)
            able = {
                key: signal
                for key, signal in signals.items()
                if is_active(signal, now=now, exercise=False) and not signal.cleared
            }
            rates = {
                str(signal.id): Rate(often[key], uploads[signal.kind])
                for key, signal in able.items()
            }
            marked = new_signals.mark_frequent(
                tx, list(able.values()), rates, store=self._store, config=self._config, now=now
            )
            present = self._store.find_ids([row.signal for row in marked], tx=tx)
            flood_guard.hold_blocked(
                tx, marked, present, store=self._store, config=self._config, now=now
            )
            rows.update_wanted(tx, present.values(), {}, store=self._store, config=self._config)
        return bool(marked)

    def _compare(self, entries: Sequence[JournalEntry], library: Library) -> None:
        """Compare entries with signals, and record what is to be done about those that match."""
        prints = [with_estimates(entry.prints) for entry in entries]
        matches = library.match_many(prints)
        if not any(matches):
            return
        with self._store.write() as tx:
            decisions = decide_matches(
                prints, matches, store=self._store, config=self._config, tx=tx, strict=False
            )
            news = [
                not _is_reviewed(tx, entry.ref, decision)
                and record_decision(
                    tx,
                    entry.ref,
                    decision,
                    config=self._config,
                    language=entry.language,
                    remarks=entry.prints.remarks,
                    prints=allowed.prints_of(content),
                    uploaded_at=datetime.fromtimestamp(entry.at, UTC).isoformat(),
                )
                for entry, content, decision in zip(entries, prints, decisions, strict=True)
            ]
        self.progress.found += sum(news)
        self._tally.add("retro_matches", sum(news))


def _is_reviewed(tx: Transaction, ref: str, decision: Decision) -> bool:
    """Whether a person has let an earlier upload pass that matched all of these signals."""
    signals = {
        str(verdict.hit.signal.id)
        for verdict in decision.verdicts
        if verdict.action is not Action.LOG
    }
    return bool(signals) and has_person_decided(tx, ref, signals)


def _library(signals: Iterable[IndexedSignal]) -> Library:
    library = Library()
    library.put(signals)
    return library
