# SPDX-License-Identifier: Apache-2.0
"""Signals that match far more than is plausible, over HTTP: list, lift, and watch again."""

import asyncio
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from typing_extensions import TypedDict

from stemtide.agent.http.signals.routes import SignalRoutes, not_found, signal_of, time_text
from stemtide.agent.store.match_rates import Runaway, read_runaways
from stemtide.agent.sync import flood_guard


class LocalRunawayOut(TypedDict):
    """A signal that ran away. state: lowered, alarmed or lifted.

    since: its first match of the flood. matches, lookups: since then, as of counted_at.
    """

    signal: str
    state: str
    why: str
    since: str
    counted_at: str
    matches: int
    lookups: int


class RunawayList(TypedDict):
    """The signals that ran away, latest first."""

    runaways: list[LocalRunawayOut]


class RunawayRoutes(SignalRoutes):
    """Routes of the flood guard's marks."""

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/runaways", self.read_all, methods=["GET"]),
            Route("/runaways/{signal}/lift", self.lift, methods=["POST"]),
            Route("/runaways/{signal}/lift", self.watch, methods=["DELETE"]),
        ]

    async def read_all(self, _request: Request) -> Response:
        """GET /runaways: list the signals that match far more than is plausible."""
        runaways = await asyncio.to_thread(read_runaways, self._store.read)
        return JSONResponse(RunawayList(runaways=[_out(runaway) for runaway in runaways]))

    async def lift(self, request: Request) -> Response:
        """POST /runaways/{signal}/lift: follow the policy for a signal again, from now on."""
        signal = signal_of(request)
        runaway = await asyncio.to_thread(self._lift, signal, datetime.now(UTC))
        if runaway is None:
            raise not_found("the agent has no signal {}: see GET /runaways", signal)
        self._wake()
        return JSONResponse(_out(runaway))

    async def watch(self, request: Request) -> Response:
        """DELETE /runaways/{signal}/lift: watch a signal again that was lifted."""
        signal = signal_of(request)
        if not await asyncio.to_thread(flood_guard.watch, self._store, signal):
            raise not_found("the signal {} is not lifted: see GET /runaways", signal)
        return Response(status_code=204)

    def _lift(self, signal: str, now: datetime) -> Runaway | None:
        return flood_guard.lift(self._store, signal, config=self._config, now=now)


def _out(runaway: Runaway) -> LocalRunawayOut:
    return LocalRunawayOut(
        signal=runaway.signal,
        state=runaway.state,
        why=runaway.why,
        since=time_text(runaway.since),
        counted_at=time_text(runaway.at),
        matches=runaway.matches,
        lookups=runaway.lookups,
    )
