# SPDX-License-Identifier: Apache-2.0
"""Client through which the agent calls its hub."""

import time
from collections.abc import AsyncGenerator, Collection, Iterator
from contextlib import aclosing, contextmanager
from types import TracebackType
from typing import Self
from uuid import UUID

from pydantic import BaseModel, ValidationError

from stemtide.agent.config.settings import Config
from stemtide.client import AnswerError, AsyncHub, Limits, NotFoundError, RefusedError
from stemtide.client.calls import agents, allowlist, feed, snapshots
from stemtide.protocol.sync.agents import AgentStatusIn, OutcomeReportIn, OutcomeReportOut
from stemtide.protocol.sync.allowlists import AllowlistManifest, AllowMatchesIn
from stemtide.protocol.sync.runaways import RunawayReportIn
from stemtide.protocol.sync.signatures import PublicKey, SignatureError, Signed, check
from stemtide.protocol.sync.snapshot_files import SnapshotDownload

_KEY_REMEDY = (
    "Check key (or key_file): it needs the scopes feed:read and feedback:write; "
    "`stemtide key new` makes one."
)
SILENT_S = 8.0
"""A hub that is silent for so long counts as unreachable: its stream pings every 3 s."""

_PATIENCE_S = 120.0  # two windows in which a hub counts requests
_URL_REMEDY = "Check hub_url: is it a hub?"


class Me(BaseModel):
    """The identity behind an API key, tolerant of a newer hub's values."""

    party: str
    scopes: list[str]


class Client:
    """The agent's connection to its hub, open inside `async with`. Every method raises HubError."""

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
                insecure=True,  # Config has checked it: plain http needs insecure_hub
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
        """Return the seconds since the last byte from the hub."""
        return time.monotonic() - self._heard_at

    async def whoami(self) -> Me:
        """Return the party that the key belongs to, and its scopes."""
        with _with_remedy():
            body = await self._hub.ask_bytes(agents.whoami())
        try:
            return Me.model_validate_json(body)
        except ValidationError as error:
            raise self._hub.connection.unreadable(error) from error

    async def feed(
        self, after: int, *, limit: int, history: str = "", parties_after: int = 0
    ) -> bytes:
        """Return a FeedPage as JSON.

        history: the feed's history at that position, or "". parties_after: 0 for all parties.
        """
        request = feed.read_feed(
            after=after, limit=limit, history=history or None, parties_after=parties_after
        )
        with _with_remedy():
            return await self._hub.ask_bytes(request)

    async def snapshot(self) -> AsyncGenerator[list[bytes], None]:
        """Stream a snapshot's lines in batches of about half a megabyte."""
        with _with_remedy():
            async with aclosing(self._hub.pieces(feed.read_snapshot())) as pieces:
                async for piece in pieces:
                    yield piece

    async def signed_snapshot(self, incoming: SnapshotDownload) -> None:
        """Download a signed snapshot; its head is verified. raises: SignatureError too."""
        with _with_remedy():
            async with self._hub.opened(
                snapshots.read_latest_snapshot(exercise=self._exercise)
            ) as response:
                async for part in self._hub.bytes_of(response):
                    incoming.add(part)

    async def events(self, after: int) -> AsyncGenerator[str, None]:
        """Yield "" once the event stream is open, then the JSON of each Wake, until it ends."""
        events = feed.follow_events(last_event_id=after, entries=True)
        with _with_remedy():
            async with self._hub.opened(events) as response:
                yield ""
                async with aclosing(self._hub.event_texts(events, response)) as texts:
                    async for text in texts:
                        yield text

    async def send_outcomes(self, report: OutcomeReportIn) -> OutcomeReportOut:
        """Report outcomes. The hub counts each report id once, so a retry is safe."""
        with _with_remedy():
            return await self._hub.report_outcomes(report)

    async def allowlist(self, *, trusted: Collection[PublicKey]) -> AllowlistManifest:
        """Return the hub's allow-list. trusted: keys that must have signed it; empty: any."""
        with _with_remedy():
            body = await self._hub.ask_bytes(allowlist.read_allowlist_file())
        try:
            signed = Signed.model_validate_json(body)
            if trusted:
                check(signed, trusted=trusted)
            return AllowlistManifest.model_validate_json(signed.manifest)
        except ValidationError as error:
            raise self._hub.connection.unreadable(error) from error
        except SignatureError as error:
            raise AnswerError(self.hub, f"its allow-list is refused: {error}") from error

    async def report_allowed(self, name: str, report: AllowMatchesIn) -> None:
        """Report how often this agent met content of the hub's allow-list."""
        with _with_remedy():
            await self._hub.ask_bytes(allowlist.report_allow_matches(report, agent=name))

    async def report_runaway(self, name: str, signal: UUID, report: RunawayReportIn) -> None:
        """Report that a signal matches too much at this agent."""
        with _with_remedy():
            await self._hub.ask_bytes(agents.report_runaway(report, name=name, uid=signal))

    async def put_status(self, name: str, status: AgentStatusIn) -> None:
        """Report this agent's status to the hub."""
        with _with_remedy():
            await self._hub.ask_bytes(agents.report_status(status, name=name))


@contextmanager
def _with_remedy() -> Iterator[None]:
    """Add to a hub error what to change in the agent's configuration."""
    try:
        yield
    except RefusedError as error:
        raise error.with_remedy(_KEY_REMEDY) from error
    except (AnswerError, NotFoundError) as error:
        if error.status is None:
            raise
        raise error.with_remedy(_URL_REMEDY) from error
