# SPDX-License-Identifier: Apache-2.0
"""Feed positions that agents reached, in memory, stored in batches of a second.

1 A page of the feed or an event of a stream that was sent is delivered, to the key that asked.
2 A position that an agent reports is applied.
3 Lower positions than before are left out. What is not stored when the process crashes is lost: it
  is then not known when an agent had it.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from django.db import Error, connection

from stemtide.hub.rooms.parties.reads.parties import Caller
from stemtide.hub.rooms.propagation.reads import ReachedPosition
from stemtide.hub.rooms.propagation.writes import store_positions
from stemtide.protocol.enums.propagation import PropagationStage

log = logging.getLogger(__name__)

STORE_S = 1.0
"""Seconds between batches."""

MAX_NAMES = 40_000
"""Agents and keys in memory; the positions of further ones are not stored."""

MAX_WAITING = 100_000
"""Positions that wait for a database; further ones are lost."""

_Key = tuple[PropagationStage, int, str]
_Store = Callable[..., None]


class Positions:
    """The positions that agents reached at this process. Thread-safe."""

    def __init__(self, store: _Store = store_positions) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._last: dict[_Key, int] = {}
        self._waiting: list[tuple[PropagationStage, ReachedPosition]] = []
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def note_delivered(self, caller: Caller, position: int) -> None:
        """Note that a key was sent all changes up to a position."""
        self._note((PropagationStage.DELIVERED, caller.party.pk, caller.key), position)

    def note_applied(self, caller: Caller, agent: str, position: int) -> None:
        """Note that an agent has applied all changes up to a position."""
        self._note((PropagationStage.APPLIED, caller.party.pk, agent), position)

    def store_waiting(self) -> None:
        """Store waiting positions. raises: django.db.Error; they wait then."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        now = datetime.now(UTC)
        while waiting:
            stage = waiting[0][0]
            rows: Sequence[ReachedPosition] = [row for of, row in waiting if of is stage]
            try:
                self._store(stage, rows, now=now)
            except Error:
                with self._lock:
                    self._waiting = (waiting + self._waiting)[-MAX_WAITING:]
                raise
            waiting = [(of, row) for of, row in waiting if of is not stage]

    def stop(self) -> None:
        """Store the positions that are left."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._store_safely()

    def _note(self, key: _Key, position: int) -> None:
        """Keep a position, unless it is no higher than the last one."""
        before = self._last.get(key, 0)
        if position == before:
            return
        with self._lock:
            if before or len(self._last) < MAX_NAMES:
                self._last[key] = position
            if position < before or len(self._waiting) >= MAX_WAITING:
                return
            stage, party, name = key
            row = ReachedPosition(party, name, position, datetime.now(UTC))
            self._waiting.append((stage, row))
            if (self._thread is None or not self._thread.is_alive()) and not self._stop.is_set():
                self._thread = threading.Thread(target=self._run, name="positions", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        """Store batches until the process stops."""
        while not self._stop.wait(STORE_S):
            if self._waiting:
                self._store_safely()

    def _store_safely(self) -> None:
        """Store waiting positions; without a database they go on waiting."""
        try:
            self.store_waiting()
        except Error as error:
            log.warning("the positions of agents are not stored yet: %s", error)
        finally:
            connection.close()


positions = Positions()
"""The positions that agents reached at this process."""
