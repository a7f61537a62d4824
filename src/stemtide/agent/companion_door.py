# SPDX-License-Identifier: Apache-2.0
"""How a provider's HMA stands, what it matched, and what a person may ask of its companion.

HMA keeps no list of what it matched and calls nobody. So whoever asked it passes its answer on, as
it is: the agent knows which signal a content id stands for, and decides, acts and counts as if it
had met the content itself.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import msgspec
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
)
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stemtide.agent import companion, companion_outbox as outbox, metrics
from stemtide.agent.answers import Answer, answer_of
from stemtide.agent.companion_rows import CANARY
from stemtide.agent.config import Config
from stemtide.agent.decide import Decision, Hit, decide, stands
from stemtide.agent.intake import WHOLE, BadRequestError, invalid, read_body
from stemtide.agent.recognise import record_decision
from stemtide.agent.store import Store, Transaction
from stemtide.agent.tally import Tally
from stemtide.fingerprints.kinds import MATCH_WITHIN_BITS, Fingerprints, Kind
from stemtide.protocol.agents import LANGUAGE
from stemtide.protocol.feed import FeedSignal
from stemtide.protocol.problems import ProblemType

logger = logging.getLogger(__name__)

Message = TypeVar("Message", bound=BaseModel)

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
    """Read a distance as HMA writes it: as text, and "-" for what is equal."""
    if value == "-":
        return 0
    is_number = isinstance(value, str) and value.isascii() and value.isdigit()
    return int(str(value)) if is_number and len(str(value)) < _DIGITS else value


class FoundIn(BaseModel):
    """A match as HMA tells it."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    bank_content_id: Annotated[int, WHOLE] = Field(ge=1, le=_MAX_ID)
    distance: Annotated[
        int, WHOLE, BeforeValidator(_bits), Field(ge=0, le=_MAX_BITS), WithJsonSchema(_DISTANCE)
    ] = 0


_Banks = dict[str, list[FoundIn]]


class ContentIn(BaseModel):
    """One piece of content and what HMA's /m/lookup answered about it, as it answered it.

    ref: the provider's own id of it, by which it is undone as well.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    ref: str = Field(min_length=1, max_length=200)
    lookup: _Banks | dict[str, _Banks]
    language: str = Field(default="", pattern=rf"^$|{LANGUAGE}", max_length=35)

    def found(self, banks: Sequence[str]) -> dict[tuple[str, int], int]:
        """Distances of what was found in some banks, by bank and content id."""
        each: dict[tuple[str, int], int] = {}
        for name, inner in self.lookup.items():
            some = inner if isinstance(inner, dict) else {name: inner}
            for bank, matches in some.items():
                for one in matches if bank in banks else ():
                    key = (bank, one.bank_content_id)
                    each[key] = min(one.distance, each.get(key, _MAX_BITS))
        return each


class MatchesIn(BaseModel):
    """The JSON body of POST /companion/matches."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    items: tuple[ContentIn, ...] = Field(min_length=1)


class RebuildIn(BaseModel):
    """The JSON body of POST /companion/rebuild. anew: empty the banks first, whoever's they are."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    anew: bool = False


@dataclass(frozen=True, slots=True)
class _Named:
    """What HMA found about one piece of content, by our signals' ids. lost: of none that stands."""

    bits: dict[str, int]
    lost: tuple[str, ...]


class CompanionDoor:
    """Answers about a provider's HMA."""

    def __init__(
        self,
        *,
        config: Config,
        store: Store,
        tally: Tally,
        wake: Callable[[], None],
        as_of: Callable[[], dict[str, Any]],
        check_ready: Callable[[], None],
        told: Callable[[], dict[str, Any]],
    ) -> None:
        self._config = config
        self._store = store
        self._tally = tally
        self._wake = wake
        self._as_of = as_of
        self._check_ready = check_ready
        self._told = told

    def routes(self) -> list[Route]:
        """What is answered."""
        return [
            Route("/companion", self.tell, methods=["GET"]),
            Route("/companion/rebuild", self.rebuild, methods=["POST"]),
            Route("/companion/matches", self.matches, methods=["POST"]),
        ]

    async def tell(self, _request: Request) -> Response:
        """GET /companion: how HMA stands, as /health says it."""
        self._check_settings()
        health = await asyncio.to_thread(self._told)
        trouble = health["troubles"].get("companion", "")
        return JSONResponse({**(health["companion"] or {}), "trouble": trouble})

    async def rebuild(self, request: Request) -> Response:
        """POST /companion/rebuild: compare HMA with what is known of it, or fill it anew."""
        self._check_settings()
        asked = await _read(request, RebuildIn)
        await asyncio.to_thread(companion.ask_rebuild, self._store, is_anew=asked.anew)
        return JSONResponse({"anew": asked.anew}, status_code=202)

    async def matches(self, request: Request) -> Response:
        """POST /companion/matches: decide about content by what HMA found, and act."""
        self._check_settings()
        self._check_ready()
        items = (await _read(request, MatchesIn)).items
        if len(items) > self._config.max_items:
            raise BadRequestError(
                ProblemType.TOO_LARGE,
                f"items: {len(items)} are more than max_items ({self._config.max_items});"
                " send fewer at once",
            )
        answers, is_news = await asyncio.to_thread(self._conclude, items)
        if is_news:
            self._wake()
        metrics.count_answers(self._tally, answers)
        body = msgspec.json.encode({"items": answers, **self._as_of()})
        return Response(body, media_type="application/json")

    def _check_settings(self) -> None:
        if self._config.companion is None:
            raise BadRequestError(
                ProblemType.NOT_FOUND,
                "this agent keeps no HMA up: write [companion] and its url into agent.toml",
            )

    def _conclude(self, items: Sequence[ContentIn]) -> tuple[list[Answer], bool]:
        """Decide and record; return the answers, and whether anything was queued."""
        named = self._name(items)
        trouble, news = "", [False]
        try:
            with self._store.write() as tx:
                made = [self._decide(one, tx=tx) for one in named]
                news = [
                    record_decision(
                        tx,
                        item.ref,
                        decision,
                        config=self._config,
                        language=item.language,
                        found_by="hma",
                    )
                    for item, (decision, _) in zip(items, made, strict=True)
                ]
        except sqlite3.Error as error:
            # The content must still be stopped: the answer says what was not written down.
            trouble = f"not recorded: {self._store.path} cannot be written ({error})"
            logger.exception("%s", trouble)
            made = [self._decide(one, tx=None) for one in named]
            self._tally.add("unrecorded", sum(one.action is not None for one, _ in made))
        answers = [
            answer_of(
                item.ref,
                Fingerprints((), remarks=remarks),
                decision,
                trouble=trouble,
                unread=self._config.unread,
            )
            for item, (decision, remarks) in zip(items, made, strict=True)
        ]
        return answers, any(news)

    def _name(self, items: Sequence[ContentIn]) -> list[_Named]:
        """Find the signals that HMA's content ids stand for."""
        given = self._config.companion
        each = [item.found(given.banks if given else ()) for item in items]
        known = outbox.holders(self._store, {key for found in each for key in found})
        named = []
        for found in each:
            bits: dict[str, int] = {}
            for key, distance in found.items():
                if signal := known.get(key):
                    bits[signal] = min(distance, bits.get(signal, _MAX_BITS))
            lost = tuple(
                f"{bank} {content}: is of no signal that stands; it was withdrawn, or is not ours"
                for bank, content in found
                if (bank, content) not in known
            )
            named.append(_Named(bits, lost))
        return named

    def _decide(self, named: _Named, *, tx: Transaction | None) -> tuple[Decision, tuple[str, ...]]:
        """Decide about one piece of content, with remarks on what did not count."""
        signals = self._store.find_ids(named.bits, tx=tx) if named.bits else {}
        now = datetime.now(UTC)
        hits, remarks = [], list(named.lost)
        for one, bits in named.bits.items():
            signal = signals.get(one)
            if one.startswith(CANARY):
                remarks.append(f"{one}: is the canary, on which nobody acts")
            elif signal is None or not stands(signal, now=now, exercise=self._config.exercise):
                remarks.append(f"{one}: stands no more")
            elif bits > _reach_bits(signal):
                remarks.append(f"{one}: {bits} bits are further than it is to match")
            else:
                hits.append(Hit(signal, signal.kind, bits, ""))
        return decide(hits, self._config.rules), tuple(remarks)


def _reach_bits(signal: FeedSignal) -> int:
    """Within how many bits a signal matches."""
    if signal.kind is not Kind.PDQ:
        return 0
    return MATCH_WITHIN_BITS if signal.within_bits is None else signal.within_bits


async def _read(request: Request, kind: type[Message]) -> Message:
    """Read a body. raises: BadRequestError naming the field."""
    body = await read_body(request, _MAX_JSON, remedy="send fewer items at once")
    try:
        return kind.model_validate_json(body or b"{}")
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(one) for one in first["loc"]) or "body"
        raise invalid(where[:100], first["msg"][:300]) from error
