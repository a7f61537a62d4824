# SPDX-License-Identifier: Apache-2.0
"""Look at what a provider has stored, once for each piece of content and each signal.

1 If the agent is to act: it decides about what matched in earlier runs and was only reported.
  Fingerprints of earlier runs are compared with the signals that came since.
2 The sources are listed. Content that is new or changed waits to be looked at.
3 Workers fingerprint it. This process compares the fingerprints with all signals up to the last one
  of step 1, has the agent act, reports, and records each batch: first its fingerprints, then that
  it was looked at. An agent that is asked again acts no second time.
4 Signals that came during the scan are compared as in step 1.

So every stored entry is compared with every signal once. A run that is stopped goes on from its
last recorded batch; at most the batches in progress are looked at, and reported, again.
"""

import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import islice
from typing import Protocol

from stemtide.agent.journal.entries import JournalEntry, views_to_keep, with_estimates
from stemtide.agent.journal.file import JournalFile
from stemtide.catalogue.action import AgentActor
from stemtide.catalogue.budget import Pace, ScanBudget
from stemtide.catalogue.findings import ScanFindings, kinds_of
from stemtide.catalogue.items import ItemLook, StoredItem, UnlistedItem
from stemtide.catalogue.records import CatalogueRecords, ItemState, RecordedLook, SignalSearch
from stemtide.catalogue.report import ScanReporter, ScanSummary, UnreadableItem
from stemtide.catalogue.signals import AgentSignals
from stemtide.fingerprints.kinds import Fingerprints
from stemtide.matching.library import Library

_LISTED = 2000
"""Entries of a source that are recorded in one transaction."""

_WAITING = 1000
"""Items that are read at a time to be looked at."""

_BATCH_BYTES = 64 << 20
"""Size of what a worker takes at a time, unless one file is larger."""

_COMPARED = 500
"""Stored entries that are compared with new signals at a time."""


class Workers(Protocol):
    """The workers that read and fingerprint content: processes of this machine, or a cluster."""

    def look_all(self, batches: Iterator[Sequence[StoredItem]]) -> Generator[list[ItemLook]]:
        """Yield the results of batches as they come; take a batch only when it is needed.

        A generator that is closed ends what is in progress.
        """


class Scan:
    """One run of the scan of a catalogue.

    orientations: PDQ hashes kept of each picture, as in the agent's journal.
    actor:        the agent that acts on what matches; None to report only.
    """

    def __init__(
        self,
        *,
        records: CatalogueRecords,
        journal: JournalFile,
        signals: AgentSignals,
        workers: Workers,
        reporter: ScanReporter,
        orientations: int,
        budget: ScanBudget,
        actor: AgentActor | None = None,
    ) -> None:
        self.summary = ScanSummary()
        self._records = records
        self._journal = journal
        self._signals = signals
        self._workers = workers
        self._reporter = reporter
        self._orientations = orientations
        self._budget = budget
        self._findings = ScanFindings(
            signals=signals, reporter=reporter, summary=self.summary, actor=actor
        )

    def run(self, entries: Iterable[StoredItem | UnlistedItem]) -> ScanSummary:
        """Scan the content that sources list.

        raises: SourceError, StoreError, SandboxError, ActionError; OSError and sqlite3.Error, for
                example of a full disk. What was recorded before stays.
        """
        started = time.monotonic()
        self._act_on_reported()
        self._search_new_signals()
        self._list(entries)
        self._look_at_waiting()
        self._search_new_signals()
        self.summary.waiting = self._records.count(ItemState.WAITING)
        self.summary.seconds = round(time.monotonic() - started, 1)
        return self.summary

    # -- new signals -----------------------------------------------------------------------------

    def _search_new_signals(self) -> None:
        """Compare stored entries with the signals that they were not compared with."""
        while True:
            begun = self._records.search_in_progress()
            search = begun or SignalSearch(self._signals.newest(), at=0)
            if search.target <= self._records.searched:
                return
            library = self._signals.library(after=self._records.searched, upto=search.target)
            if len(library) and self._compare_stored(search, library):
                self.summary.signals += len(library)
            self._records.end_search(search.target)

    def _compare_stored(self, search: SignalSearch, library: Library) -> bool:
        """Compare the entries with signals; return whether there was any entry."""
        at = search.at
        self._findings.begin()
        while entries := self._journal.after(at, limit=_COMPARED):
            matched = self._compare(entries, library)
            at = entries[-1].seq
            self._records.record_search(SignalSearch(search.target, at), matched)
        return at > 0

    def _act_on_reported(self) -> None:
        """Have the agent decide about what matched when it was not asked."""
        if not self._findings.is_acting or not self._records.unacted(limit=1):
            return
        library = self._signals.library(after=0, upto=self._records.searched)
        self._findings.begin(self._records.lookups)
        while refs := self._records.unacted(limit=_COMPARED):
            self._compare(self._journal.of_refs(refs), library)
            self._records.record_acted(refs)

    def _compare(self, entries: Sequence[JournalEntry], library: Library) -> dict[str, bool]:
        """Compare stored entries with signals; return what matched, as ScanFindings.take() does."""
        prints = [with_estimates(entry.prints) for entry in entries]
        items = [StoredItem(entry.ref, "") for entry in entries]
        return self._findings.take(items, prints, library.match_many(prints))

    # -- content ---------------------------------------------------------------------------------

    def _list(self, entries: Iterable[StoredItem | UnlistedItem]) -> None:
        """Record what the sources list."""
        run = self._records.begin_run()
        for piece in _pieces(entries, _LISTED):
            unlisted = self._records.list_items(piece, run=run)
            for entry in unlisted:
                self._findings.report_unreadable(UnreadableItem(entry.place, "", entry.why))
            self.summary.listed += len(piece) - len(unlisted)
            self._reporter.listed(self.summary.listed)

    def _look_at_waiting(self) -> None:
        """Have content looked at, as far as the budget goes, and record it."""
        total = self._records.count(ItemState.WAITING)
        total = total if self._budget.files is None else min(total, self._budget.files)
        library = self._signals.library(after=0, upto=self._records.searched)
        self._findings.begin()
        self._reporter.progress(0, total)
        with closing(self._workers.look_all(self._batches())) as results:
            for looks in results:
                self._record(looks, library)
                self._reporter.progress(self.summary.looked, total)

    def _batches(self) -> Iterator[list[StoredItem]]:
        """Yield what waits, in batches, as fast as content may be requested."""
        pace = Pace(self._budget.requests_per_s)
        batch: list[StoredItem] = []
        size_bytes = 0
        for item in self._within_budget():
            is_large = size_bytes + item.size_bytes > _BATCH_BYTES
            if batch and (is_large or len(batch) == self._budget.batch_files):
                pace.wait(sum("://" in item.location for item in batch))
                yield batch
                batch, size_bytes = [], 0
            batch.append(item)
            size_bytes += item.size_bytes
        if batch:
            pace.wait(sum("://" in item.location for item in batch))
            yield batch

    def _within_budget(self) -> Iterator[StoredItem]:
        """Yield what waits until the budget is used up. Sizes that no source tells count later."""
        files = size_bytes = 0
        after = ""
        while items := self._records.waiting(after=after, limit=_WAITING):
            for item in items:
                done = max(size_bytes, self.summary.bytes)
                if self._budget.is_used_up(files=files, size_bytes=done):
                    return
                yield item
                files, size_bytes = files + 1, size_bytes + item.size_bytes
            after = items[-1].ref

    def _record(self, looks: Sequence[ItemLook], library: Library) -> None:
        """Compare, report and record a batch."""
        prints = [look.prints or Fingerprints(()) for look in looks]
        items = [look.item for look in looks]
        matched = self._findings.take(items, prints, library.match_many(prints))
        for look in looks:
            if look.trouble:
                item = look.item
                unreadable = UnreadableItem(item.ref, item.location, look.trouble)
                self._findings.report_unreadable(unreadable)
        self._journal.add([self._entry(look, matched) for look in looks if _has_any(look)])
        recorded = [
            RecordedLook(
                ref=look.item.ref,
                size_bytes=content.size_bytes,
                why=look.trouble,
                is_matched=look.item.ref in matched,
                is_acted=matched.get(look.item.ref, False),
            )
            for look, content in zip(looks, prints, strict=True)
        ]
        self._records.record(recorded, kinds_of(prints))
        self.summary.looked += len(looks)
        self.summary.bytes += sum(content.size_bytes for content in prints)

    def _entry(self, look: ItemLook, matched: Mapping[str, bool]) -> JournalEntry:
        """Return the entry of content; of a match all views, by which it may have matched."""
        prints = look.prints or Fingerprints(())
        if look.item.ref not in matched:
            views = views_to_keep(prints, orientations=self._orientations)
            prints = replace(prints, views=views)
        return JournalEntry(look.item.ref, time.time(), prints)


def _has_any(look: ItemLook) -> bool:
    """Whether content has any fingerprint."""
    return look.prints is not None and bool(look.prints.each)


def _pieces(
    entries: Iterable[StoredItem | UnlistedItem], size: int
) -> Iterator[list[StoredItem | UnlistedItem]]:
    """Yield the entries, so many at a time."""
    iterator = iter(entries)
    while piece := list(islice(iterator, size)):
        yield piece
