# SPDX-License-Identifier: Apache-2.0
"""Check whether streams may go on, for all streams together.

Every change wakes fifty streams at once. For each, the reader must still be signed in and may still
see the crisis; checked one by one, this takes longer than the refresh itself.
"""

import asyncio
from collections.abc import Collection, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from django.conf import settings

from stemtide.hub.desk.crises.blocks import block_cache
from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.request_threads import stream_thread
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.ledger.crisis_versions import crisis_versions
from stemtide.hub.rooms.parties.reads import people
from stemtide.hub.rooms.parties.reads.parties import Viewer
from stemtide.hub.rooms.parties.reads.people import SessionRef
from stemtide.hub.rooms.parties.request_cache import request_cache

GATHER_S = 0.05
"""Seconds for which questions are collected before the answer; wakes are further apart."""


@dataclass(frozen=True, slots=True)
class Watcher:
    """A stream's reader. crisis: None for the board, which everybody who is signed in may see."""

    seat: SessionRef
    party: Viewer
    crisis: UUID | None = None


class BatchedChecks:
    """Checks in one batch the streams that ask at about the same time."""

    def __init__(self, thread: Executor) -> None:
        self._thread = thread
        self._asked: dict[asyncio.AbstractEventLoop, dict[asyncio.Future[bool], Watcher]] = {}
        self._answering: set[asyncio.Task[None]] = set()

    async def may_go_on(self, watcher: Watcher) -> bool:
        """Whether the person is still signed in, and may still see the page.

        raises: django.db.Error if the database fails.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bool] = loop.create_future()
        watcher_of = self._asked.setdefault(loop, {})
        watcher_of[answer] = watcher
        if len(watcher_of) == 1:  # a separate task, because the first caller may be cancelled
            task = loop.create_task(self._answer(loop))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
        return await answer

    async def _answer(self, loop: asyncio.AbstractEventLoop) -> None:
        """Answer all streams that have asked by now."""
        await asyncio.sleep(GATHER_S)
        watcher_of = self._asked.pop(loop)
        try:
            allowed = await loop.run_in_executor(
                self._thread, allowed_watchers, set(watcher_of.values())
            )
        except Exception as error:  # noqa: BLE001  # without an answer each caller would wait for ever
            for answer in watcher_of:
                if not answer.done():
                    answer.set_exception(error)
            return
        for answer, watcher in watcher_of.items():
            if not answer.done():
                answer.set_result(watcher in allowed)


def allowed_watchers(watchers: Collection[Watcher]) -> set[Watcher]:
    """Return the watchers that may go on."""
    now, idle = datetime.now(UTC), settings.SESSION_IDLE_TIMEOUT
    seats = people.live_session_refs({watcher.seat for watcher in watchers}, idle=idle, now=now)
    return _that_may_see(watcher for watcher in watchers if watcher.seat in seats)


def may_see(uid: UUID, *, party: Viewer) -> bool:
    """Whether a party may see a crisis."""
    try:
        crises.find(uid, viewer=party)
    except NotFoundError:
        return False
    return True


def _that_may_see(watchers: Iterable[Watcher]) -> set[Watcher]:
    """Return the watchers that may see their crisis; cached until the ledger may change that."""
    hub = crisis_versions.refresh().hub
    allowed = set()
    with request_cache():
        for watcher in watchers:
            if watcher.crisis is None:
                allowed.add(watcher)
                continue
            key = (
                "sees",
                watcher.crisis,
                watcher.party.pk,
                hub,
                crisis_versions.of_room(watcher.crisis, ()),
            )
            if block_cache.get(key, partial(may_see, watcher.crisis, party=watcher.party)):
                allowed.add(watcher)
    return allowed


stream_checks = BatchedChecks(stream_thread)
"""The instance of this process."""
