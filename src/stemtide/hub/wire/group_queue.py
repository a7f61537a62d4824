# SPDX-License-Identifier: Apache-2.0
"""Writes that arrive while another is being committed share the next transaction.

1 A write waits in a queue of this process. One thread waits for the ledger's lock, then takes all
  that wait, up to GROUP, and stores them with one commit.
2 It answers only writes that are stored. Every other goes to Django, which refuses it, or takes it
  alone: also all of a group whose transaction fails. Each may be stored twice without harm.
3 A caller who leaves before the thread takes the write frees its place, and nothing is stored.
4 Urgent writes go first, and have places of their own.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db import Error, close_old_connections

from stemtide.hub.platform.request_threads import one_thread

GROUP = 100
"""Most writes of one transaction: others of all processes wait for its end."""

MOST_WAITING = 1000
"""Most writes that wait, of urgent ones and of all others each."""

MOST_OF_PARTY = 200
"""Most writes of one party that wait, so that no party takes all places."""

log = logging.getLogger(__name__)

_Write = TypeVar("_Write")
_Result = TypeVar("_Result")

Store = Callable[[Callable[[], Sequence[_Write]]], Sequence[_Result | None]]
"""Stores the writes that its argument returns; None for each that Django must take."""


class QueueFullError(Exception):
    """As many writes wait as may wait."""


@dataclass(slots=True, eq=False)
class _Waiting(Generic[_Write, _Result]):
    """A write that waits. party: the primary key of its sender."""

    write: _Write
    party: int
    is_urgent: bool
    result: asyncio.Future[_Result | None]


class GroupQueue(Generic[_Write, _Result]):
    """The writes of one kind that wait in this process. For one event loop.

    name: of the kind, in the plural. store: called in a thread of the queue.
    """

    def __init__(self, name: str, store: Store[_Write, _Result]) -> None:
        self._name, self._store = name, store
        self._thread = one_thread(name)
        self._lock = threading.Lock()
        self._waiting: list[_Waiting[_Write, _Result]] = []
        self._task: asyncio.Task[None] | None = None

    async def put(self, write: _Write, *, party: int, is_urgent: bool = False) -> _Result | None:
        """Store a write with others; return None if Django must take it.

        Cancel it if the caller leaves: a write that is not taken yet is dropped.

        raises: QueueFullError.
        """
        result: asyncio.Future[_Result | None] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(write, party, is_urgent, result)
        with self._lock:
            self._check_room(waiting)
            self._waiting.append(waiting)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        try:
            return await result
        finally:
            with self._lock:
                if waiting in self._waiting:
                    self._waiting.remove(waiting)

    def _check_room(self, write: _Waiting[_Write, _Result]) -> None:
        """Refuse a write if too many wait. raises: QueueFullError."""
        if len(self._waiting) < min(MOST_OF_PARTY, MOST_WAITING):
            return
        alike = sum(waiting.is_urgent is write.is_urgent for waiting in self._waiting)
        of_party = sum(waiting.party == write.party for waiting in self._waiting)
        if alike >= MOST_WAITING or of_party >= MOST_OF_PARTY:
            raise QueueFullError

    async def _work(self) -> None:
        """Store waiting shares, group after group, until none waits."""
        while self._waiting:
            loop = asyncio.get_running_loop()
            for waiting, result in await loop.run_in_executor(self._thread, self._store_some):
                if not waiting.result.done():
                    waiting.result.set_result(result)

    def _store_some(self) -> list[tuple[_Waiting[_Write, _Result], _Result | None]]:
        """Store a group; None for each that Django must take: all of them, if it fails."""
        group: list[_Waiting[_Write, _Result]] = []

        def take() -> list[_Write]:
            group.extend(self._take())
            return [waiting.write for waiting in group]

        close_old_connections()
        try:
            results = self._store(take)
        except Exception as error:
            group = group or self._take()
            is_known = isinstance(error, Error)
            log.warning(
                "%d %s fail together: %s", len(group), self._name, error, exc_info=not is_known
            )
            return [(waiting, None) for waiting in group]
        finally:
            close_old_connections()
        return list(zip(group, results, strict=True))

    def _take(self) -> list[_Waiting[_Write, _Result]]:
        """Return the next group, urgent ones first; they no longer wait."""
        with self._lock:
            ordered = sorted(self._waiting, key=lambda waiting: not waiting.is_urgent)
            self._waiting = ordered[GROUP:]
            return ordered[:GROUP]
