# SPDX-License-Identifier: Apache-2.0
"""Content that came before its signal, over HTTP: the upload journal, and scans of catalogues."""

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from typing_extensions import TypedDict

from stemtide.agent.config.settings import Config
from stemtide.agent.counters import Counters
from stemtide.agent.http.match_requests import (
    MAX_JSON_BYTES,
    WHOLE,
    BadRequestError,
    ItemIn,
    invalid,
    read_message,
)
from stemtide.agent.journal.entries import CATALOGUE_NAME
from stemtide.agent.journal.file import JournalFile
from stemtide.agent.store.database import Store
from stemtide.agent.sync.earlier_content import EarlierContent, act_on, lower_frequent
from stemtide.fingerprints.kinds import Fingerprints
from stemtide.protocol.enums import Action
from stemtide.protocol.problems import ProblemType
from stemtide.protocol.trust.runaway import Rate


class JournalOut(TypedDict):
    """The upload journal. enabled: whether there is one.

    oldest: the hour of its first upload; None if it is empty.
    """

    enabled: bool
    entries: int
    size_bytes: int
    oldest: str | None


class JournalRoutes:
    """Routes of the upload journal.

    journal: None if it is off. wake: called when an upload was erased.
    """

    def __init__(self, journal: JournalFile | None, *, wake: Callable[[], None]) -> None:
        self._journal = journal
        self._wake = wake

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/journal", self.read, methods=["GET"]),
            Route("/journal/{ref:path}", self.erase, methods=["DELETE"]),
        ]

    async def read(self, _request: Request) -> Response:
        """GET /journal: say how large the journal is."""
        if self._journal is None:
            return JSONResponse(JournalOut(enabled=False, entries=0, size_bytes=0, oldest=None))
        size = await asyncio.to_thread(self._journal.size)
        hour = size.oldest_hour
        oldest = None if hour is None else datetime.fromtimestamp(hour, UTC).isoformat()
        return JSONResponse(
            JournalOut(
                enabled=True, entries=size.entries, size_bytes=size.size_bytes, oldest=oldest
            )
        )

    async def erase(self, request: Request) -> Response:
        """DELETE /journal/{ref}: erase what the journal has of an upload."""
        ref: str = request.path_params["ref"]
        if self._journal is None or not await asyncio.to_thread(self._journal.erase, ref):
            raise BadRequestError(
                ProblemType.NOT_FOUND, f"the upload journal has no upload {ref[:100]!r}"
            )
        self._wake()
        return Response(status_code=204)


class SignalRateIn(BaseModel):
    """How often a signal matched a catalogue so far.

    matches: pieces of content. lookups: that have a fingerprint of its kind, matched or not.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    signal: Annotated[UUID, Field(strict=False)]
    matches: Annotated[int, WHOLE] = Field(ge=0)
    lookups: Annotated[int, WHOLE] = Field(ge=0)


class CatalogueMatchesIn(BaseModel):
    """Content of a catalogue that signals match. rates: of these signals."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    items: tuple[ItemIn, ...] = Field(min_length=1)
    rates: tuple[SignalRateIn, ...] = ()


class CatalogueDecision(TypedDict):
    """The decision about content of a catalogue. action: null if no signal matches it now."""

    ref: str
    action: Action | None
    signal: str | None
    rule: str | None
    why: str


class CatalogueDecisions(TypedDict):
    """Decisions, in the order of the request."""

    items: list[CatalogueDecision]


class CatalogueRoutes:
    """Route of scans.

    wake: called if something was recorded; on_lowered: if a signal was lowered.
    """

    def __init__(
        self,
        *,
        config: Config,
        store: Store,
        counters: Counters,
        check_ready: Callable[[], None],
        wake: Callable[[], None],
        on_lowered: Callable[[], None],
    ) -> None:
        self._config = config
        self._store = store
        self._tally = counters
        self._check_ready = check_ready
        self._wake = wake
        self._on_lowered = on_lowered

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [Route("/catalogues/{name}/matches", self.take, methods=["POST"])]

    async def take(self, request: Request) -> Response:
        """POST /catalogues/{name}/matches: decide about stored content, and act."""
        self._check_ready()
        name: str = request.path_params["name"]
        if not re.fullmatch(CATALOGUE_NAME, name):
            raise invalid("name", "is no name of a catalogue: use a-z, 0-9, - and _, 50 at most")
        sent = await read_message(request, CatalogueMatchesIn, limit=MAX_JSON_BYTES)
        decisions, is_news, is_lowered = await asyncio.to_thread(self._act, sent, name)
        if is_news:
            self._wake()
        if is_lowered:
            self._on_lowered()
        return JSONResponse(CatalogueDecisions(items=decisions))

    def _act(
        self, sent: CatalogueMatchesIn, name: str
    ) -> tuple[list[CatalogueDecision], bool, bool]:
        """Decide and record; return the decisions, if any is new, and if a signal was lowered."""
        rates = {str(rate.signal): Rate(rate.matches, rate.lookups) for rate in sent.rates}
        signals = self._store.find_ids(rates).values()
        is_lowered = lower_frequent(
            rates,
            signals,
            store=self._store,
            config=self._config,
            compared="pieces of stored content",
        )
        items = [item.item() for item in sent.items]
        contents = [
            EarlierContent(
                item.ref, item.fingerprints or Fingerprints(()), item.language, {"catalogue": name}
            )
            for item in items
        ]
        matches = self._store.library.match_many([content.prints for content in contents])
        decisions, news = act_on(contents, matches, store=self._store, config=self._config)
        self._tally.add("catalogue_matches", news)
        out = [
            CatalogueDecision(
                ref=content.ref,
                action=decision.action,
                signal=decision.signal,
                rule=decision.rule,
                why=decision.why,
            )
            for content, decision in zip(contents, decisions, strict=True)
        ]
        return out, news > 0, is_lowered
