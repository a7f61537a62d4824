# SPDX-License-Identifier: Apache-2.0
"""Background tasks of an agent process.

1 Every process notices within a few milliseconds what another one wrote, and loads it.
2 The primary process talks to the hub and to HMA, delivers, reports and writes the Library's
  files.
3 The others keep trying to become primary: when that process ends, one of them does.
"""

import asyncio
import logging
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterable

from stemtide.agent.counters import Counters
from stemtide.agent.hma.sync import HmaSync
from stemtide.agent.http.health import HealthCollector
from stemtide.agent.hub.client import Client
from stemtide.agent.live.streams import Live
from stemtide.agent.outbox.engine import Outboxes
from stemtide.agent.store.database import Store
from stemtide.agent.store.disk import LOOK_EVERY_S
from stemtide.agent.store.index import SAVE_AFTER
from stemtide.agent.sync.feed import Sync
from stemtide.agent.waits import keep_running

logger = logging.getLogger(__name__)

_POLL_S = 0.005
_LEAD_POLL_S = 0.1
_ALONE_POLL_S = 1.0
_SAVE_POLL_S = 1.0
_SAVE_WITHIN_S = 3600.0
_CHECK_AFTER_S = 2.0
_LOOKUPS_EVERY_S = 60.0
_HAS_QUEUED = (
    "SELECT EXISTS (SELECT 1 FROM deliveries) OR EXISTS (SELECT 1 FROM outcomes WHERE refused = '')"
)


class BackgroundTasks:
    """Runner of all background tasks, for as long as run() runs."""

    def __init__(
        self,
        *,
        client: Client,
        store: Store,
        counters: Counters,
        sync: Sync,
        health: HealthCollector,
        live: Live,
        outboxes: Outboxes,
        companion: HmaSync,
        write_lookups: Callable[[], None],
        flood_guard: Iterable[Callable[[], Awaitable[None]]],
        retro: Callable[[], Awaitable[None]],
        review: Iterable[Callable[[], Awaitable[None]]],
        log: Iterable[Callable[[], Awaitable[None]]],
        on_settled: Callable[[], None],
    ) -> None:
        self._client = client
        self._store = store
        self._tally = counters
        self._sync = sync
        self._health = health
        self._live = live
        self._outboxes = outboxes
        self._companion = companion
        self._write_lookups = write_lookups
        self._flood_guard = flood_guard
        self._retro = retro
        self._review = review
        self._log = log
        self._on_settled = on_settled

    async def run(self) -> None:
        """Run the background tasks until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(keep_running(self._count_lookups))
            if self._store.is_shared:
                tasks.create_task(keep_running(self._follow_others))
            while not await asyncio.to_thread(self._store.try_primary):  # noqa: ASYNC110 - a file lock sends no event
                await asyncio.sleep(_LEAD_POLL_S)
            async with self._client:
                await self._run_primary()

    async def _run_primary(self) -> None:
        """Run the tasks that only the primary process has."""
        self._tally.set("lead", 1)
        async with asyncio.TaskGroup() as tasks:
            for duty in (
                self._sync.run,
                *(outbox.run for outbox in self._outboxes),
                self._live.run,
                self._companion.run,
                *self._flood_guard,
                self._retro,
                *self._review,
                *self._log,
                self._save,
                self._publish_state,
                self._check_file,
                self._check_disk,
            ):
                tasks.create_task(keep_running(duty))

    async def _count_lookups(self) -> None:
        """Write every minute how many look-ups this process answered."""
        while True:
            await asyncio.sleep(_LOOKUPS_EVERY_S)
            await asyncio.to_thread(self._write_lookups)

    async def _follow_others(self) -> None:
        """Load what other processes write."""
        while True:
            await self._load_changes()
            while not self._store.has_news():
                self._tally.set("position", self._store.position)
                await asyncio.sleep(_POLL_S)

    async def _load_changes(self) -> None:
        if self._store.is_replaced:
            logger.warning("the database file was replaced: this process restarts")
            os.kill(os.getpid(), signal.SIGTERM)
        if not self._store.is_primary:
            await asyncio.to_thread(self._store.catch_up)
            return
        await asyncio.to_thread(self._store.follow_own)
        ((has_queued,),) = await asyncio.to_thread(self._store.read, _HAS_QUEUED)
        if has_queued:
            self._outboxes.wake()

    async def _save(self) -> None:
        """Write the Library's files once many signals are unsaved, or some for long."""
        saved_at = time.monotonic()
        while True:
            unsaved, now = self._store.unsaved, time.monotonic()
            if unsaved >= SAVE_AFTER or (unsaved and now - saved_at > _SAVE_WITHIN_S):
                await asyncio.to_thread(self._store.save)
                saved_at = now
            self._on_settled()
            await asyncio.sleep(_SAVE_POLL_S)

    async def _publish_state(self) -> None:
        """Publish the state of the hub connection to the other processes, if there are any."""
        every_s = _LEAD_POLL_S if self._store.is_shared else _ALONE_POLL_S
        while True:
            self._health.publish_notice()
            await asyncio.sleep(every_s)

    async def _check_disk(self) -> None:
        """Check every few seconds that the disk accepts writes."""
        while True:
            await asyncio.to_thread(self._store.disk.look)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _check_file(self) -> None:
        """Check the integrity of the whole file once, which would slow a start down."""
        await asyncio.sleep(_CHECK_AFTER_S)
        await asyncio.to_thread(self._store.check)
        await asyncio.Event().wait()
