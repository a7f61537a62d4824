# SPDX-License-Identifier: Apache-2.0
"""Write the progress of a scan into its catalogue's folder, where the review page reads it."""

import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from stemtide.agent.journal.scans import (
    REPORT_EVERY_S,
    ScanPhase,
    ScanProgress,
    write_progress,
)
from stemtide.catalogue.items import shown_address
from stemtide.catalogue.report import MatchedItem, ScanReporter, ScanSummary, UnreadableItem

_LATELY = 30
"""Reports from which the rate is computed: those of the last minute."""

_MOST_SOURCES = 20
_MOST_CHARACTERS = 300


class ProgressReporter:
    """Reporter that passes on what a scan finds, and reports progress while it is entered.

    folder: of the catalogue. acts: whether the agent decides about matches.
    """

    def __init__(
        self, folder: Path, *, sources: Sequence[str], acts: bool, reporter: ScanReporter
    ) -> None:
        now = time.time()
        shown = [_shown(source)[:_MOST_CHARACTERS] for source in sources[:_MOST_SOURCES]]
        self._progress = ScanProgress(sources=shown, started_at=now, reported_at=now, acts=acts)
        self._folder = folder
        self._reporter = reporter
        self._ended = threading.Event()
        self._lately: deque[tuple[float, int]] = deque(maxlen=_LATELY)
        self._thread = threading.Thread(target=self._report, name="progress", daemon=True)

    def __enter__(self) -> Self:
        """Begin to report."""
        self._write()
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Report how the scan ended."""
        self._ended.set()
        self._thread.join()
        if isinstance(error, Exception):
            self._progress.phase = ScanPhase.FAILED
            self._progress.trouble = str(error)[:_MOST_CHARACTERS]
        else:
            self._progress.phase = ScanPhase.STOPPED if error else ScanPhase.FINISHED
        self._write()

    def finish(self, summary: ScanSummary) -> None:
        """Take the numbers of a scan that went through its sources."""
        self._progress.waiting = summary.waiting

    # -- of ScanReporter -------------------------------------------------------------------------

    def matched(self, item: MatchedItem) -> None:
        """Count content that signals match."""
        self._progress.matched += 1
        self._progress.acted += bool(item.decision and item.decision.action)
        self._reporter.matched(item)

    def unreadable(self, item: UnreadableItem) -> None:
        """Count content that could not be read."""
        self._progress.unreadable += 1
        self._reporter.unreadable(item)

    def listed(self, number: int) -> None:
        """Take the number of pieces of content that the sources list so far."""
        self._progress.phase = ScanPhase.LISTING
        self._progress.listed = number
        self._reporter.listed(number)

    def progress(self, done: int, total: int) -> None:
        """Take the progress of looking at content."""
        self._progress.phase = ScanPhase.LOOKING if done < total else ScanPhase.COMPARING
        self._progress.looked, self._progress.total = done, total
        self._reporter.progress(done, total)

    # -- reports ---------------------------------------------------------------------------------

    def _report(self) -> None:
        while not self._ended.wait(REPORT_EVERY_S):
            self._write()

    def _write(self) -> None:
        progress, now = self._progress, time.monotonic()
        self._lately.append((now, progress.looked))
        since, before = self._lately[0]
        progress.rate = (progress.looked - before) / (now - since) if now > since else 0.0
        progress.reported_at = time.time()
        with suppress(OSError):  # the scan itself stops if the disk is full
            write_progress(self._folder, progress)


def _shown(source: str) -> str:
    """Return a source for people: an address without a password, or a whole path."""
    return shown_address(source) if "://" in source else str(Path(source).resolve())
