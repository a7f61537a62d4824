# SPDX-License-Identifier: Apache-2.0
"""Whether those who watch a page live may go on: asked for all of them in one step.

Every act wakes fifty streams at once. Each must know whether its reader is still signed in and may
still see the crisis; asked one by one, that takes longer than what they are woken for.
"""

import asyncio
from collections.abc import Collection, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from django.conf import settings

from stemtide.hub.crises import reads as crises
from stemtide.hub.desk.room_blocks import made
from stemtide.hub.lanes import for_streams
from stemtide.hub.ledger.marks import marks
from stemtide.hub.parties import reads_people
from stemtide.hub.parties.moment import moment
from stemtide.hub.parties.reads import Viewer
from stemtide.hub.parties.reads_people import Seat
from stemtide.hub.parties.rules import NotFoundError

GATHER_S = 0.05
"""So long questions are gathered before they are answered. Streams wait longer between wakes."""


@dataclass(frozen=True, slots=True)
class Watcher:
    """Who watches what. crisis: None for the board, which everybody who signed in may see."""

    seat: Seat
    party: Viewer
    crisis: UUID | None = None


class Together:
    """Answers together what streams ask at about the same time."""

    def __init__(self, thread: Executor) -> None:
        self._thread = thread
        self._asked: dict[asyncio.AbstractEventLoop, dict[asyncio.Future[bool], Watcher]] = {}
        self._answering: set[asyncio.Task[None]] = set()

    async def may_go_on(self, watcher: Watcher) -> bool:
        """Whether somebody is still signed in, and may still see what they watch.

        raises: django.db.Error where the database cannot be asked.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bool] = loop.create_future()
        asked = self._asked.setdefault(loop, {})
        asked[answer] = watcher
        if len(asked) == 1:  # a task of its own: whoever asked first may leave
            task = loop.create_task(self._answer(loop))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
        return await answer

    async def _answer(self, loop: asyncio.AbstractEventLoop) -> None:
        """Answer everyone who asked by then."""
        await asyncio.sleep(GATHER_S)
        asked = self._asked.pop(loop)
        try:
            found = await loop.run_in_executor(self._thread, those_who_may, set(asked.values()))
        except Exception as error:  # noqa: BLE001  # each of them must hear of it, or waits for ever
            for answer in asked:
                if not answer.done():
                    answer.set_exception(error)
            return
        for answer, watcher in asked.items():
            if not answer.done():
                answer.set_result(watcher in found)


def those_who_may(asked: Collection[Watcher]) -> set[Watcher]:
    """Those of some watchers who may go on."""
    now, idle = datetime.now(UTC), settings.SITTING_IDLE
    seats = reads_people.kept_seats({one.seat for one in asked}, by="streams", idle=idle, now=now)
    return _that_see(one for one in asked if one.seat in seats)


def may_see(uid: UUID, *, party: Viewer) -> bool:
    """Whether a party sees a crisis."""
    try:
        crises.find(uid, viewer=party)
    except NotFoundError:
        return False
    return True


def _that_see(asked: Iterable[Watcher]) -> set[Watcher]:
    """Those who see their crisis: looked up again once the ledger says that it may have changed."""
    hub = marks.look().hub
    found = set()
    with moment():
        for one in asked:
            if one.crisis is None:
                found.add(one)
                continue
            key = ("sees", one.crisis, one.party.pk, hub, marks.of_room(one.crisis, ()))
            if made.get(key, partial(may_see, one.crisis, party=one.party)):
                found.add(one)
    return found


together = Together(for_streams)
"""The process' one."""
