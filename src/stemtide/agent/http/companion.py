# SPDX-License-Identifier: Apache-2.0
"""Routes for the HMA companion: its state, matches made by HMA, and rebuild requests.

HMA neither lists its matches nor calls anybody. So its caller passes HMA's response on unchanged:
the agent knows which signal a content id belongs to, and decides, acts and counts as if it had
seen the content itself.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stemtide.agent.config.settings import Config
from stemtide.agent.counters import Counters
from stemtide.agent.hma import queues, sync
from stemtide.agent.hma.rows import CANARY
from stemtide.agent.http import metrics
from stemtide.agent.http.match_requests import WHOLE, BadRequestError, read_message
from stemtide.agent.recognise.allowlists import mark_allowed
from stemtide.agent.recognise.answers import Answer, build_answer
from stemtide.agent.recognise.pipeline import record_decision
from stemtide.agent.recognise.policy import Decision, Hit, decide, is_active, within_bits
from stemtide.agent.store.database import Store, Transaction
from stemtide.fingerprints.kinds import SIZE_BYTES, Fingerprint, Fingerprints
from stemtide.protocol.problems import ProblemType
from stemtide.protocol.sync.agents import LANGUAGE

logger = logging.getLogger(__name__)


_MAX_JSON = 1024 * 1024
_MAX_ID = 2**63 - 1
_MAX_BITS = 256
_DIGITS = 4
_DISTANCE = {
    "anyOf": [
        {"type": "integer", "minimum": 0, "maximum": _MAX_BITS},
        {"type": "string", "pattern": "^(-|[0-9]{1,2})$"},
    ]
}


def _bits(value: object) -> object:
    """Parse a distance as HMA writes it: as text, and "-" for equal hashes."""
    if value == "-":
        return 0
    is_number = isinstance(value, str) and value.isascii() and value.isdigit()
    return int(str(value)) if is_number and len(str(value)) < _DIGITS else value


class FoundIn(BaseModel):
    """A match in HMA's format."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    bank_content_id: Annotated[int, WHOLE] = Field(ge=1, le=_MAX_ID)
    distance: Annotated[
        int, WHOLE, BeforeValidator(_bits), Field(ge=0, le=_MAX_BITS), WithJsonSchema(_DISTANCE)
    ] = 0


_Banks = dict[str, list[FoundIn]]


class ContentIn(BaseModel):
    """A piece of content, and HMA's unchanged response from /m/lookup about it.

    ref: the provider's own id of it, by which it is undone as well.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    ref: str = Field(min_length=1, max_length=200)
    lookup: _Banks | dict[str, _Banks]
    language: str = Field(default="", pattern=rf"^$|{LANGUAGE}", max_length=35)

    def distances_in(self, banks: Sequence[str]) -> dict[tuple[str, int], int]:
        """Return the distances of matches in these banks, by bank and content id."""
        distances: dict[tuple[str, int], int] = {}
        for name, inner in self.lookup.items():
            by_bank = inner if isinstance(inner, dict) else {name: inner}
            for bank, matches in by_bank.items():
                for match in matches if bank in banks else ():
                    key = (bank, match.bank_content_id)
                    distances[key] = min(match.distance, distances.get(key, _MAX_BITS))
        return distances


class MatchesIn(BaseModel):
    """JSON body of POST /companion/matches."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    items: tuple[ContentIn, ...] = Field(min_length=1)


class RebuildIn(BaseModel):
    """JSON body of POST /companion/rebuild. anew: empty the banks first, even ones not ours."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    anew: bool = False


@dataclass(frozen=True, slots=True)
class _SignalMatches:
    """HMA's matches for a piece of content, by signal id. lost: matches of no active signal."""

    bits: dict[str, int]
    lost: tuple[str, ...]


class CompanionRoutes:
    """Endpoints about a provider's own HMA."""

    def __init__(
        self,
        *,
        config: Config,
        store: Store,
        counters: Counters,
        wake: Callable[[], None],
        as_of: Callable[[], dict[str, Any]],
        check_ready: Callable[[], None],
        health: Callable[[], dict[str, Any]],
    ) -> None:
        self._config = config
        self._store = store
        self._tally = counters
        self._wake = wake
        self._as_of = as_of
        self._check_ready = check_ready
        self._health = health

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/companion", self.show, methods=["GET"]),
            Route("/companion/rebuild", self.rebuild, methods=["POST"]),
            Route("/companion/matches", self.matches, methods=["POST"]),
        ]

    async def show(self, _request: Request) -> Response:
        """GET /companion: HMA's state, as in /health."""
        self._check_settings()
        health = await asyncio.to_thread(self._health)
        trouble = health["troubles"].get("companion", "")
        return JSONResponse({**(health["companion"] or {}), "trouble": trouble})

    async def rebuild(self, request: Request) -> Response:
        """POST /companion/rebuild: compare HMA with our records of it, or refill its banks."""
        self._check_settings()
        message = await read_message(request, RebuildIn, limit=_MAX_JSON)
        await asyncio.to_thread(sync.request_rebuild, self._store, is_anew=message.anew)
        return JSONResponse({"anew": message.anew}, status_code=202)

    async def matches(self, request: Request) -> Response:
        """POST /companion/matches: decide about content by HMA's matches, and act."""
        self._check_settings()
        self._check_ready()
        remedy = "send fewer items at once"
        message = await read_message(request, MatchesIn, limit=_MAX_JSON, remedy=remedy)
        items = message.items
        if len(items) > self._config.max_items:
            raise BadRequestError(
                ProblemType.TOO_LARGE,
                f"items: {len(items)} are more than max_items ({self._config.max_items});"
                " send fewer at once",
            )
        answers, is_news = await asyncio.to_thread(self._record_decisions, items)
        if is_news:
            self._wake()
        metrics.count_answers(self._tally, answers)
        body = msgspec.json.encode({"items": answers, **self._as_of()})
        return Response(body, media_type="application/json")

    def _check_settings(self) -> None:
        if self._config.companion is None:
            raise BadRequestError(
                ProblemType.NOT_FOUND,
                "this agent has no HMA to fill: set url in the [companion] table of agent.toml",
            )

    def _record_decisions(self, items: Sequence[ContentIn]) -> tuple[list[Answer], bool]:
        """Decide and record; return the answers, and whether anything was queued."""
        matches = self._signal_matches(items)
        trouble, news = "", [False]
        try:
            with self._store.write() as tx:
                decisions = [self._decide(match, tx=tx) for match in matches]
                news = [
                    record_decision(
                        tx,
                        item.ref,
                        decision,
                        config=self._config,
                        language=item.language,
                        found_by="hma",
                    )
                    for item, (decision, _) in zip(items, decisions, strict=True)
                ]
        except sqlite3.Error as error:
            # The content must still be stopped: the answer says that it was not recorded.
            trouble = f"not recorded: {self._store.path} cannot be written ({error})"
            logger.exception("%s", trouble)
            decisions = [self._decide(match, tx=None) for match in matches]
            self._tally.add(
                "unrecorded", sum(decision.action is not None for decision, _ in decisions)
            )
        answers = [
            build_answer(
                item.ref,
                Fingerprints((), remarks=remarks),
                decision,
                trouble=trouble,
                policies=self._config.policies,
            )
            for item, (decision, remarks) in zip(items, decisions, strict=True)
        ]
        return answers, any(news)

    def _signal_matches(self, items: Sequence[ContentIn]) -> list[_SignalMatches]:
        """Replace HMA's content ids by the ids of our signals."""
        settings = self._config.companion
        distances = [item.distances_in(settings.banks if settings else ()) for item in items]
        signal_ids = queues.signals_of(
            self._store, {key for by_content in distances for key in by_content}
        )
        matches = []
        for by_content in distances:
            bits: dict[str, int] = {}
            for key, distance in by_content.items():
                if signal := signal_ids.get(key):
                    bits[signal] = min(distance, bits.get(signal, _MAX_BITS))
            lost = tuple(
                f"{bank} {content}: is of no signal that stands; it was withdrawn, or is not ours"
                for bank, content in by_content
                if (bank, content) not in signal_ids
            )
            matches.append(_SignalMatches(bits, lost))
        return matches

    def _decide(
        self, matches: _SignalMatches, *, tx: Transaction | None
    ) -> tuple[Decision, tuple[str, ...]]:
        """Decide about a piece of content, with remarks about matches that did not count."""
        signals = self._store.find_ids(matches.bits, tx=tx) if matches.bits else {}
        now = datetime.now(UTC)
        hits, remarks = [], list(matches.lost)
        for signal_id, bits in matches.bits.items():
            signal = signals.get(signal_id)
            if signal_id.startswith(CANARY):
                remarks.append(f"{signal_id}: is the canary, which never leads to an action")
            elif signal is None or not is_active(signal, now=now, exercise=self._config.exercise):
                remarks.append(f"{signal_id}: is no longer active")
            elif bits > within_bits(signal):
                remarks.append(f"{signal_id}: {bits} bits are more than it allows")
            else:
                hits.append(Hit(signal, signal.kind, bits, ""))
        parties = self._store.parties((hit.signal for hit in hits), tx=tx)
        # A match at distance 0 has the signal's own fingerprint; of others none is known here.
        exact = tuple(
            Fingerprint(hit.kind, bytes.fromhex(hit.signal.value))
            for hit in hits
            if hit.distance_bits == 0 and hit.kind in SIZE_BYTES
        )
        (hits,) = mark_allowed(
            self._store, [Fingerprints(exact)], [hits], parties=parties, now=now, tx=tx
        )
        return decide(hits, self._config.policies, parties), tuple(remarks)
