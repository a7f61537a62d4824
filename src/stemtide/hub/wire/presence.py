# SPDX-License-Identifier: Apache-2.0
"""The last reports of agents, in memory, written in batches.

1 The first report of an agent, one after a silence, and one of another version go to the database
  at once: Django answers them, and the ledger gets an entry.
2 Every further report is kept here, and written by a thread within WRITE_S if anything but its time
  has changed, and otherwise every SEEN_S. Agents count as connected for longer than that.
3 What is not written when the process ends in order is written then. After a crash the agents'
  next reports repeat it.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import Error, connection

from stemtide.hub.rooms.parties.reads.parties import Caller
from stemtide.hub.rooms.parties.rules.parties import SILENT_AFTER
from stemtide.hub.rooms.parties.writes.statuses import StatusRow, write_statuses
from stemtide.protocol.sync.agents import REPORT_DELAY_S, AgentStatusIn

log = logging.getLogger(__name__)

WRITE_S = 1.0
"""Seconds between batches."""

SEEN_S = 7.0
"""Seconds after which the time of an unchanged report is written."""

MAX_AGENTS = 20_000
"""Agents in memory; reports of further ones are written one by one."""

MAX_REPORTS_S = 500
"""Reports about changes that a process asks for a second."""

_SILENT_S = SILENT_AFTER.total_seconds()

_Name = tuple[int, str]
_Write = Callable[[list[StatusRow]], Sequence[StatusRow] | None]


@dataclass(slots=True)
class _Report:
    """The last report of an agent, and how much of it is written. Times are monotonic."""

    status: AgentStatusIn
    seen_at: datetime
    heard_at: float
    written_at: float
    is_changed: bool = False


class Presence:
    """The agents that reported to this process lately. Thread-safe."""

    def __init__(self, write: _Write = write_statuses) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._reports: dict[_Name, _Report] = {}
        self._stop = threading.Event()
        self._writer: threading.Thread | None = None

    def learn(self, caller: Caller, name: str, status: AgentStatusIn, *, now: datetime) -> None:
        """Keep a report that the database has."""
        at = time.monotonic()
        with self._lock:
            if len(self._reports) >= MAX_AGENTS:
                self._forget_silent(at)
            if len(self._reports) < MAX_AGENTS:
                self._reports[caller.party.pk, name] = _Report(status, now, at, at)

    def knows(self, caller: Caller, name: str, status: AgentStatusIn) -> bool:
        """Whether a report may be kept; if not, the database must have it at once."""
        with self._lock:
            report = self._reports.get((caller.party.pk, name))
            return (
                report is not None
                and not self._stop.is_set()
                and time.monotonic() - report.heard_at <= _SILENT_S
                and report.status.version == status.version
            )

    def rest_s(self) -> float:
        """Return how long each agent may rest after a report: 0.0 if there are few."""
        rest_s = len(self._reports) / MAX_REPORTS_S
        return round(rest_s, 1) if rest_s > REPORT_DELAY_S else 0.0

    def take(self, caller: Caller, name: str, status: AgentStatusIn, *, now: datetime) -> None:
        """Keep a further report, which the writer writes."""
        with self._lock:
            report = self._reports.get((caller.party.pk, name))
            if report is None:
                return
            report.is_changed = report.is_changed or report.status != status
            report.status, report.seen_at, report.heard_at = status, now, time.monotonic()
            if self._writer is None or not self._writer.is_alive():
                self._writer = threading.Thread(target=self._run, name="presence", daemon=True)
                self._writer.start()

    def write_due(self, *, is_last: bool = False) -> None:
        """Write what is due. is_last: all that is not written yet. raises: django.db.Error."""
        at = time.monotonic()
        with self._lock:
            due = {
                name: report
                for name, report in self._reports.items()
                if report.heard_at > report.written_at
                and (is_last or report.is_changed or at - report.written_at >= SEEN_S)
            }
            rows = [
                StatusRow(party, name, report.status, report.seen_at)
                for (party, name), report in due.items()
            ]
            before = [(report, report.is_changed) for report in due.values()]
            for report in due.values():
                report.written_at, report.is_changed = report.heard_at, False
            if len(self._reports) > len(due):
                self._forget_silent(at)
        if not rows:
            return
        try:
            unknown = self._write(rows)
        except Error:
            with self._lock:
                for report, was_changed in before:
                    report.written_at, report.is_changed = 0.0, was_changed or report.is_changed
            raise
        with self._lock:
            for row in unknown or ():  # the database was set back: the next report goes there
                self._reports.pop((row.party, row.name), None)

    def stop(self) -> None:
        """Write what is left, and take no more."""
        self._stop.set()
        if self._writer is not None:
            self._writer.join()
        self._write_safely(is_last=True)

    def _run(self) -> None:
        """Write batches until the process stops."""
        while not self._stop.wait(WRITE_S):
            self._write_safely()

    def _write_safely(self, *, is_last: bool = False) -> None:
        """Write what is due; without a database it stays due."""
        try:
            self.write_due(is_last=is_last)
        except Error as error:
            log.warning("the status of agents is not written yet: %s", error)
        finally:
            connection.close()

    def _forget_silent(self, at: float) -> None:
        """Forget agents whose next report goes to the database anyway."""
        silent = [
            name
            for name, report in self._reports.items()
            if at - report.heard_at > _SILENT_S and report.heard_at <= report.written_at
        ]
        for name in silent:
            del self._reports[name]


presence = Presence()
"""The agents of this process."""
