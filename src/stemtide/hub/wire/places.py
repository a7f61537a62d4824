# SPDX-License-Identifier: Apache-2.0
"""Admission control: how many requests Django works on at a time in a process, and how many wait.

1 Each request belongs to a lane. A full lane makes nobody in another wait.
2 A request takes a place once its body is there, and gives it back once its response is ready: slow
  callers take no place. One whose caller leaves gives it back, or leaves the line.
3 Above the bounds a request is refused at once. A set of credentials, or an address without them,
  has only so many places in the line.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from hashlib import sha256

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from stemtide.hub.api import metrics, problems
from stemtide.hub.api.error_formats import error_format_for
from stemtide.hub.api.middleware import is_machines
from stemtide.hub.api.rate_limits import LARGE_BYTES
from stemtide.hub.platform.networks import network_of
from stemtide.hub.wire.memory import memory
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.problems import ProblemType, problem


class LaneFullError(Exception):
    """As many wait as may wait."""


class Lane:
    """A bound on work that must reach the database, for one event loop.

    Without it a thousand agents that start together take a thousand threads, which then compete for
    the one write lock of SQLite until none of them gets it in time.

    at_work: how many work at a time. most_waiting: how many wait beside them, of everybody, and of
    one party at most `most_of_party`, so that no party takes all places.
    """

    def __init__(self, *, at_work: int, most_waiting: int, most_of_party: int) -> None:
        self.size = at_work
        self.in_use = 0
        self._places = asyncio.Semaphore(at_work)
        self._most_waiting, self._most_of_party = most_waiting, most_of_party
        self._waiting: Counter[Hashable] = Counter()

    @property
    def waiting(self) -> int:
        """Return how many wait."""
        return self._waiting.total()

    @asynccontextmanager
    async def enter(self, party: Hashable) -> AsyncIterator[None]:
        """Wait for a place, and keep it during the block. raises: LaneFullError."""
        is_full = self._waiting.total() >= self._most_waiting
        if is_full or self._waiting[party] >= self._most_of_party:
            raise LaneFullError
        self._waiting[party] += 1
        try:
            await self._places.acquire()
        finally:
            self._waiting[party] -= 1
            if not self._waiting[party]:
                del self._waiting[party]
        self.in_use += 1
        try:
            yield
        finally:
            self.in_use -= 1
            self._places.release()


_SIGNALS = "/api/v1/signals"
_WITHDRAW = "/withdraw"
_HEALTH = "/health"
_FULL = "this hub has as many requests as it can take: send this one again in a few seconds"
_AGAIN_AFTER_S = 2


class Places:
    """The lanes of one event loop. Together they have 32 places: each may need a connection."""

    def __init__(self) -> None:
        self.health = Lane(at_work=1, most_waiting=100, most_of_party=50)
        self.urgent = Lane(at_work=4, most_waiting=400, most_of_party=100)
        self.people = Lane(at_work=12, most_waiting=400, most_of_party=40)
        self.machines = Lane(at_work=12, most_waiting=400, most_of_party=100)
        self.bulks = Lane(at_work=3, most_waiting=40, most_of_party=8)

    def publish(self) -> None:
        """Publish in /metrics how many places are in use, and how many requests wait for one."""
        for name, lane in vars(self).items():
            metrics.publish_pool(name, lane)

    @asynccontextmanager
    async def take(self, request: HttpRequest) -> AsyncIterator[None]:
        """Wait for a place in the lane of a request, and keep it. raises: LaneFullError."""
        async with self.lane_of(request).enter(_who(request)):
            yield

    def lane_of(self, request: HttpRequest) -> Lane:
        """Return the lane of a request."""
        path = request.path
        if path == _HEALTH:
            return self.health
        if not is_machines(path):
            return self.people
        if _is_urgent(request):
            return self.urgent
        length = request.headers.get("Content-Length", "")
        is_large = length.isdecimal() and int(length) > LARGE_BYTES
        return self.bulks if is_large else self.machines


def busy(request: HttpRequest) -> HttpResponse:
    """Return the response to a request that found its lane full."""
    metrics.count_request(route="busy", method=request.method or "", status=503, seconds=0.0)
    error_format = error_format_for(request.path)
    if is_machines(request.path):
        return problems.answer(problem(ProblemType.NOT_READY, _FULL), error_format=error_format)
    text = f"{_FULL[0].upper()}{_FULL[1:]}."
    headers = {"Retry-After": str(_AGAIN_AFTER_S), "Cache-Control": "no-store"}
    return HttpResponse(text, status=503, content_type="text/plain; charset=utf-8", headers=headers)


def _is_urgent(request: HttpRequest) -> bool:
    """Whether a known key withdraws a signal, or shares one for an authority."""
    path = request.path
    if request.method != "POST" or not path.startswith(_SIGNALS):
        return False
    caller = memory.caller(request.headers.get("Authorization", "").removeprefix("Bearer "))
    if caller is None:
        return False
    is_authority = caller.party.kind == PartyKind.AUTHORITY
    return path.endswith(_WITHDRAW) or (path == _SIGNALS and is_authority)


def _who(request: HttpRequest) -> str:
    """Return the key that places in a line are counted by: the credentials, or else the network."""
    credentials = request.headers.get("Authorization") or request.COOKIES.get(
        settings.SESSION_COOKIE_NAME
    )
    if credentials:
        return sha256(credentials.encode()).hexdigest()
    address = str(request.META.get("REMOTE_ADDR", ""))
    return network_of(address) or address
