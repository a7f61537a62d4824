# SPDX-License-Identifier: Apache-2.0
"""The only talker to the hub."""

import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from types import TracebackType
from typing import Self

from pydantic import BaseModel, ValidationError

from stemtide.agent.config import Config
from stemtide.client import AnswerError, AsyncHub, Limits, NotFoundError, RefusedError
from stemtide.client.calls import agents, feed, snapshots
from stemtide.protocol.agents import AgentStatusIn, OutcomeReportIn, OutcomeReportOut
from stemtide.protocol.snapshot_files import Incoming

_KEY_REMEDY = (
    "Check key (or key_file): it needs the scopes feed:read and feedback:write; "
    "`stemtide key new` makes one."
)
SILENT_S = 8.0
"""After so long without a byte a hub counts as away: its stream says something every 3 s."""

_PATIENCE_S = 120.0  # two windows in which a hub counts requests
_URL_REMEDY = "Check hub_url: is it a hub?"


class Me(BaseModel):
    """Whom the hub takes this agent for, in whatever words a newer hub has for it."""

    party: str
    scopes: list[str]


class Client:
    """One agent's line to its hub, open inside `async with`. Every method raises HubError."""

    def __init__(self, config: Config) -> None:
        self.hub = config.hub_url
        self._exercise = config.exercise or None
        self._note_heard()
        with _with_remedy():
            self._hub = AsyncHub(
                config.hub_url,
                key=config.key,
                exercise=config.exercise,
                limits=Limits(patience_s=_PATIENCE_S, silence_s=SILENT_S),
                heard=self._note_heard,
                insecure=True,  # the configuration has refused it, or was told that it is meant
            )

    async def __aenter__(self) -> Self:
        await self._hub.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._hub.__aexit__(kind, error, trace)

    def _note_heard(self) -> None:
        self._heard_at = time.monotonic()

    @property
    def silent_s(self) -> float:
        """Seconds since the hub said anything at all."""
        return time.monotonic() - self._heard_at

    async def whoami(self) -> Me:
        """Whom the key stands for, and what it may do."""
        with _with_remedy():
            answer = await self._hub.ask_bytes(agents.whoami())
        try:
            return Me.model_validate_json(answer)
        except ValidationError as error:
            raise self._hub.line.unreadable(error) from error

    async def feed(self, after: int, *, limit: int, history: str = "") -> bytes:
        """One page of the feed, as JSON of a FeedPage. history: of that position; "": not known."""
        question = feed.read_feed(after=after, limit=limit, history=history or None)
        with _with_remedy():
            return await self._hub.ask_bytes(question)

    async def snapshot(self) -> AsyncGenerator[list[bytes], None]:
        """The lines of a snapshot in pieces of about half a megabyte, while they arrive."""
        with _with_remedy():
            async with aclosing(self._hub.pieces(feed.read_snapshot())) as pieces:
                async for piece in pieces:
                    yield piece

    async def signed_snapshot(self, incoming: Incoming) -> None:
        """A signed snapshot as a file, verified as far as its head. raises: SignatureError, too."""
        with _with_remedy():
            async with self._hub.opened(
                snapshots.read_latest_snapshot(exercise=self._exercise)
            ) as answer:
                async for part in self._hub.bytes_of(answer):
                    incoming.add(part)

    async def wakes(self, after: int) -> AsyncGenerator[int, None]:
        """The stream's positions; first 0 once it stands. Ends or raises when the stream does."""
        events = feed.follow_events(last_event_id=after)
        with _with_remedy():
            async with self._hub.opened(events) as answer:
                yield 0
                async with aclosing(self._hub.events_of(events, answer)) as wakes:
                    async for wake in wakes:
                        yield wake.position

    async def send_outcomes(self, report: OutcomeReportIn) -> OutcomeReportOut:
        """Report outcomes. The hub counts a report id once, so sending again is safe."""
        with _with_remedy():
            return await self._hub.report_outcomes(report)

    async def put_status(self, name: str, status: AgentStatusIn) -> None:
        """Tell the hub how this agent stands."""
        with _with_remedy():
            await self._hub.ask_bytes(agents.report_status(status, name=name))


@contextmanager
def _with_remedy() -> Iterator[None]:
    """Say of trouble what to do about it in an agent's configuration."""
    try:
        yield
    except RefusedError as error:
        raise error.with_remedy(_KEY_REMEDY) from error
    except (AnswerError, NotFoundError) as error:
        if error.status is None:
            raise
        raise error.with_remedy(_URL_REMEDY) from error
