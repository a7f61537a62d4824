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
from functools import cache, lru_cache
from typing import NamedTuple

from stemtide import __version__
from stemtide.exercises.stress.connection import OK, HubAccess, HubResponse, KeptConnection, follow
from stemtide.protocol.sync.agents import REPORT_DELAY_S, rest_after_report_s

STREAM = "/api/v1/events/stream"
FEED = "/api/v1/feed"

_PAGE = 2000
_POLL_S, _POLL_ALONE_S = 20.0, 2.0  # as agents do, with and without a stream
_BEAT_S = 8.0
_AGAIN_S = 1.0
_WAKE = re.compile(rb'data: \{"position":(\d+)(?:,"previous":(\d+))?')
_EVENT_END = b"\n\n"
_END = re.compile(rb'"next":(\d+),"head":\d+,"more":(true|false)')


@cache
def _pattern(run: str) -> re.Pattern[bytes]:
    """Return the pattern of the signals of one run: their position, and the rest of their value."""
    begin = rb'"position":(\d+),"id":"[0-9a-f-]{36}","kind":"pdq","value":"'
    return re.compile(begin + run.encode() + rb'([0-9a-f]+)"')


class _Page(NamedTuple):
    """A page of entries. signals: position and rest of the value of each signal of the run."""

    entries: int
    signals: tuple[tuple[int, bytes], ...]


class _Event(NamedTuple):
    """An event of a stream. previous: None if it carries no entries."""

    position: int
    previous: int | None
    page: _Page


def _read_page(content: bytes, run: str) -> _Page:
    # To look for the run first is cheaper: a bulk of others is megabytes.
    matches = _pattern(run).finditer(content) if run.encode() in content else ()
    signals = tuple((int(match[1]), match[2]) for match in matches)
    return _Page(content.count(b'"op":"'), signals)


@lru_cache(maxsize=64)
def _is_event(content: bytes) -> bool:
    """Return whether bytes are one whole event; a page is searched once for all its readers."""
    return content.find(_EVENT_END) == len(content) - len(_EVENT_END)


@lru_cache(maxsize=64)
def _read_event(content: bytes, run: str) -> _Event | None:
    """Return an event; None for a ping. All agents that get the same bytes have them read once."""
    wake = _WAKE.search(content)
    if wake is None:
        return None
    previous = None if wake[2] is None else int(wake[2])
    return _Event(int(wake[1]), previous, _read_page(content, run))


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
        self._run = run
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
                    Accept_Encoding="gzip",  # as agents do
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
        if not self._rest and _is_event(part):  # as mostly
            self._take_event(part)
            return
        begin = max(0, len(self._rest) - 1)  # an end may have come in two parts
        self._rest += part
        while (end := self._rest.find(_EVENT_END, begin)) >= 0:
            end += len(_EVENT_END)
            content, self._rest, begin = bytes(self._rest[:end]), self._rest[end:], 0
            self._take_event(content)

    def _take_event(self, content: bytes) -> None:
        """Check an event against the chain; apply its entries, or read the feed."""
        event = _read_event(content, self._run)
        if event is None:
            return
        position, previous = event.position, event.previous
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
            self._apply(event.page, position)

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
        self._apply(_read_page(answer.body, self._run), int(end[1]))
        return end[2] == b"true"

    def _apply(self, page: _Page, position: int) -> None:
        """Note which signals a page brings, and move to its end."""
        now = time.perf_counter()
        for at, value in page.signals:
            if at > self.position:
                self._counts.repeats += value in self.arrived
                self.arrived.setdefault(value, now)
        self.entries += page.entries
        self._counts.entries += page.entries
        if position > self.position:
            self.position = position
            self._moved.set()

    # status

    async def _report(self) -> None:
        """Report the status every few seconds, and shortly after each change."""
        started_at, rest_s = datetime.now(UTC).isoformat(), 0.0
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
            began = time.perf_counter()
            answer = await self._ask(self._status, "PUT", path, body)
            ended = time.perf_counter()
            rest_s = rest_after_report_s(
                ended - began, asked_s=_asked_rest_s(answer), before_s=rest_s, most_s=_BEAT_S
            )
            self.is_known = self.is_known or (answer is not None and answer.status == OK)
            try:
                async with asyncio.timeout(_BEAT_S):
                    await self._moved.wait()
                await asyncio.sleep(max(REPORT_DELAY_S, ended + rest_s - time.perf_counter()))
            except TimeoutError:
                continue


def _asked_rest_s(answer: HubResponse | None) -> float:
    """Return the seconds of rest that the answer to a report asks for."""
    if answer is None or answer.status != OK:
        return 0.0
    return float(json.loads(answer.body).get("rest_s", 0.0))  # hubs of before have none


def reason_of(answer: HubResponse) -> str:
    """Return why the hub refused something, in its words."""
    try:
        return f"{answer.status}: {json.loads(answer.body)['detail']}"
    except (ValueError, KeyError, TypeError):
        return str(answer.status)
