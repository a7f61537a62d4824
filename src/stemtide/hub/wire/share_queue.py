# SPDX-License-Identifier: Apache-2.0
"""Single shares that arrive while another is being committed share the next transaction.

1 A share waits in a queue of this process. One thread waits for the ledger's lock, then takes all
  that wait, up to GROUP, and stores them with one commit (signals.writes.share_groups).
2 It answers only shares that are stored. Every other goes to Django, which refuses it, or takes it
  alone: also all of a group whose transaction fails. Shares have natural keys, so that none is
  stored twice.
3 A caller who leaves before the thread takes the share frees its place, and nothing is stored.
4 Shares of authorities go first, and have places of their own.
"""

import asyncio
import logging
import threading
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import Error, close_old_connections

from stemtide.hub.api import metrics
from stemtide.hub.platform.request_threads import one_thread
from stemtide.hub.rooms.parties.reads.parties import Caller
from stemtide.hub.rooms.signals.writes.share_groups import SingleShare, share_group
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.messages.signals import SharedSignal, SignalIn

GROUP = 100
"""Most shares of one transaction: others of all processes wait for its end."""

MOST_WAITING = 1000
"""Most shares that wait, of authorities and of all others each."""

MOST_OF_PARTY = 200
"""Most shares of one party that wait, so that no party takes all places."""

log = logging.getLogger(__name__)


class QueueFullError(Exception):
    """As many shares wait as may wait."""


@dataclass(slots=True, eq=False)
class _Waiting:
    """A share that waits. party: its primary key; is_first: whether it is an authority's."""

    share: SingleShare
    party: int
    is_first: bool
    result: asyncio.Future[SharedSignal | None]


class ShareQueue:
    """The shares that wait in this process. For one event loop."""

    def __init__(self) -> None:
        self._thread = one_thread("shares")
        self._lock = threading.Lock()
        self._waiting: list[_Waiting] = []
        self._task: asyncio.Task[None] | None = None

    async def share(self, body: SignalIn, *, caller: Caller) -> SharedSignal | None:
        """Share a signal with others; return None if Django must share it.

        Cancel it if the caller leaves: a share that is not taken yet is dropped.

        raises: QueueFullError.
        """
        result: asyncio.Future[SharedSignal | None] = asyncio.get_running_loop().create_future()
        is_first = caller.party.kind == PartyKind.AUTHORITY
        waiting = _Waiting(SingleShare(body, caller.key), caller.party.pk, is_first, result)
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

    def _check_room(self, share: _Waiting) -> None:
        """Refuse a share if too many wait. raises: QueueFullError."""
        if len(self._waiting) < min(MOST_OF_PARTY, MOST_WAITING):
            return
        alike = sum(waiting.is_first is share.is_first for waiting in self._waiting)
        of_party = sum(waiting.party == share.party for waiting in self._waiting)
        if alike >= MOST_WAITING or of_party >= MOST_OF_PARTY:
            raise QueueFullError

    async def _work(self) -> None:
        """Store what waits, group after group, until nothing waits."""
        while self._waiting:
            loop = asyncio.get_running_loop()
            for waiting, shared in await loop.run_in_executor(self._thread, self._share_some):
                if not waiting.result.done():
                    waiting.result.set_result(shared)

    def _share_some(self) -> list[tuple[_Waiting, SharedSignal | None]]:
        """Share a group; None for each that Django must share: all of them, if it fails."""
        group: list[_Waiting] = []

        def take() -> list[SingleShare]:
            group.extend(self._take())
            return [waiting.share for waiting in group]

        close_old_connections()
        try:
            shared = share_group(take, clock=lambda: datetime.now(UTC))
        except Exception as error:
            group = group or self._take()
            is_known = isinstance(error, Error)
            log.warning("%d shares fail together: %s", len(group), error, exc_info=not is_known)
            return [(waiting, None) for waiting in group]
        finally:
            close_old_connections()
        metrics.shares_in_a_commit.observe(sum(result is not None for result in shared))
        return list(zip(group, shared, strict=True))

    def _take(self) -> list[_Waiting]:
        """Return the next group, authorities first; they no longer wait."""
        with self._lock:
            ordered = sorted(self._waiting, key=lambda waiting: not waiting.is_first)
            self._waiting = ordered[GROUP:]
            return ordered[:GROUP]
