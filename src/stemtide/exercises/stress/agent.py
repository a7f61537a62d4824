# SPDX-License-Identifier: Apache-2.0
"""A simulated agent: it keeps a stream open, checks its chain, and reads the feed on a gap."""

import asyncio
import json
import random
import re
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache

from stemtide import __version__
from stemtide.exercises.stress.connection import OK, HubAccess, HubResponse, KeptConnection, follow

STREAM = "/api/v1/events/stream"
FEED = "/api/v1/feed"

_PAGE = 2000
_POLL_S, _POLL_ALONE_S = 20.0, 2.0  # as agents do, with and without a stream
_BEAT_S, _DEBOUNCE_S = 8.0, 0.2
_AGAIN_S = 1.0
_WAKE = re.compile(rb'data: \{"position":(\d+)(?:,"previous":(\d+))?')
_EVENT_END = b"\n\n"
_END = re.compile(rb'"next":(\d+),"head":\d+,"more":(true|false)')


@cache
def _pattern(run: str) -> re.Pattern[bytes]:
    """Return the pattern of the signals of one run: their position, and the rest of their value."""
    begin = rb'"position":(\d+),"id":"[0-9a-f-]{36}","kind":"pdq","value":"'
    return re.compile(begin + run.encode() + rb'([0-9a-f]+)"')


@dataclass(slots=True)
class Counts:
    """Counts of all agents together.

    gaps:    events whose `previous` the stream had skipped. repeats: signals that came twice.
    broken:  streams that ended. refused: why streams did not open, and how often.
    asked:   requests by method, address and status.
    entries: of the feed, of all signals, those of this run or not.
    """

    gaps: int = 0
    repeats: int = 0
    broken: int = 0
    carried: int = 0
    wakes: int = 0
    entries: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)


class SimulatedAgent:
    """An agent that keeps nothing but its place in the feed, and when each signal came.

    run:      begins the values of the signals that count.
    arrived:  when each of them came, by the rest of its value.
    is_known: whether the hub has taken a report of its status.
    carried:  whether the stream carries entries. reports: whether the agent reports its status.
    """

    def __init__(
        self,
        name: str,
        access: HubAccess,
        *,
        run: str,
        counts: Counts,
        carried: bool = True,
        reports: bool = False,
    ) -> None:
        self.name = name
        self.position = 0
        self.entries = 0
        self.arrived: dict[bytes, float] = {}
        self.is_open = asyncio.Event()
        self.is_known = False
        self._access = access
        # Each of its own, as a first report may wait for its turn at the hub.
        self._feed, self._status = KeptConnection(access), KeptConnection(access)
        self._run, self._pattern = run.encode(), _pattern(run)
        self._counts = counts
        self._carried = carried
        self._reports = reports
        self._wake, self._moved = asyncio.Event(), asyncio.Event()
        self._is_reading = False
        self._chain: int | None = None
        self._carried_at = float("-inf")
        self._rest = bytearray()

    async def run(self) -> None:
        """Follow the hub until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen())
                tasks.create_task(self._follow())
                if self._reports:
                    tasks.create_task(self._report())
        finally:
            self._feed.close()
            self._status.close()

    async def _ask(
        self, connection: KeptConnection, method: str, path: str, body: bytes = b""
    ) -> HubResponse | None:
        """Send a request; None if no response came."""
        try:
            answer = await connection.ask(method, path, body)
        except OSError:
            return None
        route = path.partition("?")[0].split("/")[3]
        self._counts.asked[f"{method} {route} {answer.status}"] += 1
        return answer

    # stream

    async def _listen(self) -> None:
        """Keep a stream open."""
        query = "?exercise=true&entries=true" if self._carried else "?exercise=true"
        while True:
            self._chain, self._rest = None, bytearray()
            try:
                ended = await follow(
                    self._access,
                    f"{STREAM}{query}",
                    on_open=self._open,
                    on_part=self._take_part,
                    Last_Event_ID=self.position,
                )
            except OSError:
                ended = None
            if self.is_open.is_set():
                self._counts.broken += 1
            elif ended is not None:
                self._counts.refused[reason_of(ended)] += 1
            self.is_open.clear()
            await asyncio.sleep(_AGAIN_S * random.uniform(0.5, 1.5))  # noqa: S311  # jitter

    def _open(self) -> None:
        self.is_open.set()
        self._wake.set()

    def _take_part(self, part: bytes) -> None:
        """Take bytes of the stream, and each event that they complete."""
        begin = max(0, len(self._rest) - 1)  # an end may have come in two parts
        self._rest += part
        while (end := self._rest.find(_EVENT_END, begin)) >= 0:
            event, self._rest, begin = self._rest, self._rest[end + len(_EVENT_END) :], 0
            del event[end:]
            if wake := _WAKE.search(event):
                self._take_event(event, int(wake[1]), None if wake[2] is None else int(wake[2]))

    def _take_event(self, event: bytearray, position: int, previous: int | None) -> None:
        """Check an event against the chain; apply its entries, or read the feed."""
        if previous is None:
            self._chain = None
            self._counts.wakes += 1
            if position > self.position:
                self._wake.set()
            return
        if self._chain is not None and previous != self._chain:
            self._counts.gaps += previous > self._chain
            self._counts.repeats += previous < self._chain
        self._chain = position
        if self._is_reading or previous > self.position:
            self._wake.set()
        elif position > self.position:
            self._counts.carried += 1
            self._carried_at = time.perf_counter()
            self._apply(event, position)

    # feed

    async def _follow(self) -> None:
        """Read the feed when woken, and when the stream carried nothing for some seconds."""
        while True:
            self._wake.clear()
            self._is_reading = True
            is_behind = await self._read_page()
            self._is_reading = False
            if is_behind:
                continue
            poll_s = _POLL_S if self.is_open.is_set() else _POLL_ALONE_S
            ends = time.perf_counter() + poll_s
            while not self._wake.is_set() and (left_s := ends - time.perf_counter()) > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(left_s):
                        await self._wake.wait()
                ends = max(ends, self._carried_at + poll_s)

    async def _read_page(self) -> bool:
        """Read a page of the feed; return whether another one waits."""
        path = f"{FEED}?after={self.position}&limit={_PAGE}&exercise=true"
        answer = await self._ask(self._feed, "GET", path)
        if answer is None or answer.status != OK:
            await asyncio.sleep(_AGAIN_S)
            return True
        *_, end = _END.finditer(answer.body)
        self._apply(answer.body, int(end[1]))
        return end[2] == b"true"

    def _apply(self, page: bytes | bytearray, position: int) -> None:
        """Note which signals a page brings, and move to its end."""
        now = time.perf_counter()
        # To look for the run first is cheaper: a bulk of others is megabytes for each agent.
        for match in self._pattern.finditer(page) if self._run in page else ():
            if int(match[1]) > self.position:
                self._counts.repeats += match[2] in self.arrived
                self.arrived.setdefault(match[2], now)
        entries = page.count(b'"op":"')
        self.entries += entries
        self._counts.entries += entries
        if position > self.position:
            self.position = position
            self._moved.set()

    # status

    async def _report(self) -> None:
        """Report the status every few seconds, and shortly after each change."""
        started_at = datetime.now(UTC).isoformat()
        while True:
            self._moved.clear()
            status = {
                "version": __version__,
                "position": self.position,
                "signals": 0,
                "exercise": True,
                "started_at": started_at,
            }
            path, body = f"/api/v1/agents/{self.name}", json.dumps(status).encode()
            answer = await self._ask(self._status, "PUT", path, body)
            self.is_known = self.is_known or (answer is not None and answer.status == OK)
            try:
                async with asyncio.timeout(_BEAT_S):
                    await self._moved.wait()
                await asyncio.sleep(_DEBOUNCE_S)
            except TimeoutError:
                continue


def reason_of(answer: HubResponse) -> str:
    """Return why the hub refused something, in its words."""
    try:
        return f"{answer.status}: {json.loads(answer.body)['detail']}"
    except (ValueError, KeyError, TypeError):
        return str(answer.status)
