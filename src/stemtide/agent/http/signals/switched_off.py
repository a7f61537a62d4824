# SPDX-License-Identifier: Apache-2.0
"""Signals switched off at this agent alone, over HTTP: list, switch off, switch on."""

import asyncio
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from typing_extensions import TypedDict

from stemtide.agent.http.match_requests import read_message
from stemtide.agent.http.signals.routes import SignalRoutes, not_found, signal_of, time_text
from stemtide.agent.store.switched_off import SwitchRow, read_switch, read_switches
from stemtide.agent.sync import switches

_MAX_JSON = 16 * 1024


class SwitchOffIn(BaseModel):
    """Why a signal is switched off. Your colleagues read it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: str = Field(min_length=3, max_length=300)


class SwitchedOff(TypedDict):
    """A signal that is switched off. by: the person's name; "" for the API."""

    signal: str
    reason: str
    by: str
    at: str


class SwitchedOffList(TypedDict):
    """The signals that are switched off, the latest first."""

    signals: list[SwitchedOff]


class SwitchRoutes(SignalRoutes):
    """Routes of signals that are switched off."""

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/switched-off", self.read_all, methods=["GET"]),
            Route("/switched-off/{signal}", self.switch_off, methods=["PUT"]),
            Route("/switched-off/{signal}", self.switch_on, methods=["DELETE"]),
        ]

    async def read_all(self, _request: Request) -> Response:
        """GET /switched-off: list the signals that are switched off at this agent."""
        rows = await asyncio.to_thread(read_switches, self._store.read)
        return JSONResponse(SwitchedOffList(signals=[_out(row) for row in rows]))

    async def switch_off(self, request: Request) -> Response:
        """PUT /switched-off/{signal}: switch a signal off, and weaken its actions."""
        signal = signal_of(request)
        sent = await read_message(request, SwitchOffIn, limit=_MAX_JSON, strict=True)
        reason = sent.reason
        changed = await asyncio.to_thread(self._switch_off, signal, reason)
        row = await asyncio.to_thread(read_switch, self._store.read, signal)
        if changed is None or row is None:
            raise not_found("the agent has no signal {} of the hub", signal)
        self._wake()
        return JSONResponse(_out(row))

    def _switch_off(self, signal: str, reason: str) -> int | None:
        return switches.switch_off(
            self._store,
            signal,
            why=reason,
            by="",
            config=self._config,
            now=datetime.now(UTC),
            may_release=True,
        )

    async def switch_on(self, request: Request) -> Response:
        """DELETE /switched-off/{signal}: switch a signal on again, for new uploads."""
        signal = signal_of(request)
        if not await asyncio.to_thread(
            switches.switch_on, self._store, signal, config=self._config
        ):
            raise not_found("the signal {} is not switched off: see GET /switched-off", signal)
        self._wake()
        return Response(status_code=204)


def _out(row: SwitchRow) -> SwitchedOff:
    return SwitchedOff(signal=row.signal, reason=row.why, by=row.by, at=time_text(row.at))
