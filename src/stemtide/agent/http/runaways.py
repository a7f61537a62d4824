# SPDX-License-Identifier: Apache-2.0
"""Signals that match far more than is plausible, over HTTP: list, lift, and watch again."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from typing_extensions import TypedDict

from stemtide.agent.config.settings import Config
from stemtide.agent.http.match_requests import BadRequestError
from stemtide.agent.store.database import Store
from stemtide.agent.store.match_rates import Runaway, read_runaways
from stemtide.agent.sync import flood_guard
from stemtide.protocol.problems import ProblemType


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


class RunawayRoutes:
    """Routes of the flood guard's marks. wake: called if a mark was lifted."""

    def __init__(self, *, config: Config, store: Store, wake: Callable[[], None]) -> None:
        self._config = config
        self._store = store
        self._wake = wake

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
        signal: str = request.path_params["signal"]
        now = datetime.now(UTC)
        runaway = await asyncio.to_thread(self._lift, signal.lower(), now)
        if runaway is None:
            raise BadRequestError(
                ProblemType.NOT_FOUND,
                f"the agent has no signal {signal[:100]!r}: see GET /runaways",
            )
        self._wake()
        return JSONResponse(_out(runaway))

    async def watch(self, request: Request) -> Response:
        """DELETE /runaways/{signal}/lift: watch a signal again that was lifted."""
        signal: str = request.path_params["signal"]
        if not await asyncio.to_thread(flood_guard.watch, self._store, signal.lower()):
            raise BadRequestError(
                ProblemType.NOT_FOUND,
                f"the signal {signal[:100]!r} is not lifted: see GET /runaways",
            )
        return Response(status_code=204)

    def _lift(self, signal: str, now: datetime) -> Runaway | None:
        return flood_guard.lift(self._store, signal, config=self._config, now=now)


def _out(runaway: Runaway) -> LocalRunawayOut:
    return LocalRunawayOut(
        signal=runaway.signal,
        state=runaway.state,
        why=runaway.why,
        since=_time(runaway.since),
        counted_at=_time(runaway.at),
        matches=runaway.matches,
        lookups=runaway.lookups,
    )


def _time(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat()
