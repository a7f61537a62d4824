# SPDX-License-Identifier: Apache-2.0
"""Send rows that are queued in the agent's store, until the receiver took or refused them.

1 A row is queued in the transaction of the decision that causes it, so a crash loses nothing.
2 A batch is sent, and its rows are deleted or marked after the receiver acknowledged them. What a
  crash leaves unacknowledged is sent again; each outbox says why that counts once.
3 If the receiver is away, the rows stay. The next attempt comes after the wait that the receiver
  asks for, or after a growing one, however often something is queued meanwhile.
4 What the receiver refuses for good is kept with the reason, and holds up nothing else.
"""

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

from stemtide.agent.store.database import Store
from stemtide.agent.waits import Backoff, wait_woken

logger = logging.getLogger(__name__)

LONGEST_WAIT_S = 300.0


class QueueCounts(NamedTuple):
    """Numbers of queued rows and of refused ones, and the latest error of a row ("" for none)."""

    waiting: int
    refused: int
    trouble: str = ""


class Engine(ABC):
    """Worker that sends batches for as long as run() runs.

    trouble:  why sending fails; "" if it works.
    failures: errors after which the rows wait; an error's wait_s is the wait that it asks for.
    gather_s: how long rows are collected before they are sent.
    """

    title: ClassVar[str]
    failures: ClassVar[tuple[type[Exception], ...]] = ()
    gather_s: ClassVar[float] = 0.0
    first_wait_s: ClassVar[float] = 0.25
    longest_wait_s: ClassVar[float] = 5.0

    def __init__(self, store: Store) -> None:
        self._store = store
        self._failure = ""
        self._wake = asyncio.Event()

    @property
    def trouble(self) -> str:
        """Return why sending fails; "" if it works."""
        return self._failure

    def wake(self) -> None:
        """Announce that something was queued. Call it on the event loop."""
        self._wake.set()

    async def run(self) -> None:
        """Send until cancelled."""
        backoff = Backoff(first_s=self.first_wait_s, cap_s=self.longest_wait_s)
        while True:
            await asyncio.sleep(self.gather_s)
            self._wake.clear()
            try:
                has_more = await self._send_batch()
            except self.failures as error:
                if str(error) != self._failure:
                    logger.warning("%s: %s", self.title, error)
                self._failure = str(error)
                await asyncio.sleep(getattr(error, "wait_s", 0.0) or backoff.next_s())
            else:
                self._failure = ""
                backoff.reset()
                if not has_more:
                    await wait_woken(self._wake, within_s=await self._rest_s())

    @abstractmethod
    async def _send_batch(self) -> bool:
        """Send a batch and record its results; return whether there may be more to send."""

    async def _rest_s(self) -> float:
        """Return how long to wait, unless woken, once everything is sent."""
        return LONGEST_WAIT_S


class Outbox(Engine):
    """Engine of rows that a person can count, and can queue again after a refusal.

    counts_sql: selects the values of QueueCounts.
    retry_sql:  queues refused rows again; the last statement changes each of them.
    oldest_sql: selects when the oldest row that waits was queued, as Unix time; NULL for no row.
    """

    counts_sql: ClassVar[str]
    retry_sql: ClassVar[tuple[str, ...]]
    oldest_sql: ClassVar[str] = "SELECT NULL"

    def counts(self) -> QueueCounts:
        """Count the queued and the refused rows."""
        (row,) = self._store.read(self.counts_sql)
        return QueueCounts(*row)

    def oldest_waiting_s(self) -> float:
        """Return how long the oldest row has waited; 0 if none waits."""
        ((queued_at,),) = self._store.read(self.oldest_sql)
        return 0.0 if queued_at is None else max(0.0, time.time() - float(queued_at))

    def retry_refused(self) -> int:
        """Queue the refused rows again; return how many there are."""
        with self._store.write() as tx:
            return [tx.execute(sql).rowcount for sql in self.retry_sql][-1]


class Outboxes(NamedTuple):
    """All outboxes of an agent, by their names in its answers."""

    deliveries: Outbox
    outcome_rows: Outbox
    statements: Outbox

    def wake(self) -> None:
        """Announce that something was queued. Call it on the event loop."""
        for outbox in self:
            outbox.wake()
