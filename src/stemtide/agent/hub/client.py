# SPDX-License-Identifier: Apache-2.0
"""Client through which the agent calls its hub."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, NamedTuple, Self
from uuid import UUID

from httpx import AsyncClient, Headers, HTTPError, Response
from pydantic import BaseModel, TypeAdapter, ValidationError

from stemtide.agent.config.settings import Config
from stemtide.client import (
    AnswerError,
    AsyncHub,
    Limits,
    NotFoundError,
    RefusedError,
    UnreachableError,
)
from stemtide.client.call import Call, File
from stemtide.client.calls import agents, allowlist, feed, log, signals, snapshots
from stemtide.protocol.messages.signals import OpinionIn, QuestionIn, SignalQuestionOut
from stemtide.protocol.privacy.free_text import INSIST, INSIST_HEADER
from stemtide.protocol.sync.agents import AgentStatusIn, OutcomeReportIn, OutcomeReportOut
from stemtide.protocol.sync.allowlists import AllowlistManifest, AllowMatchesIn
from stemtide.protocol.sync.local_features import LocalPage
from stemtide.protocol.sync.proofs import ProofsIn, ProofsOut
from stemtide.protocol.sync.runaways import RunawayReportIn
from stemtide.protocol.sync.segments import SegmentError, SegmentManifest
from stemtide.protocol.sync.signatures import PublicKey, SignatureError, Signed, check
from stemtide.protocol.sync.witnesses import CosignatureIn

_KEY_REMEDY = (
    "Check key (or key_file): it needs the scopes feed:read and feedback:write; "
    "`stemtide key new` makes one."
)
SILENT_S = 8.0
"""A hub that is silent for so long counts as unreachable: its stream pings every 3 s."""

_PATIENCE_S = 120.0  # two windows in which a hub counts requests
_HALF_A_SECOND = 0.5  # what a Date header, which has whole seconds, leaves out on average
_URL_REMEDY = "Check hub_url: is it a hub?"


_QUESTIONS = TypeAdapter(list[SignalQuestionOut])
_REST = 206
_MIRROR_S = 30.0


class SegmentContent(NamedTuple):
    """The content of a file as it arrives. is_rest: it begins where it was asked to begin."""

    is_rest: bool
    content: AsyncIterator[bytes]


class Me(BaseModel):
    """The identity behind an API key, tolerant of a newer hub's values."""

    party: str
    scopes: list[str]


class Client:
    """The agent's connection to its hub, open inside `async with`. Every method raises HubError."""

    def __init__(self, config: Config) -> None:
        self.hub = config.hub_url
        self._exercise = config.exercise or None
        self._trusted = config.hub_public_key
        self._mirror = config.segments_url
        self._note_heard()
        self.clock_offset_s: float | None = None
        with _with_remedy():
            self._hub = AsyncHub(
                config.hub_url,
                key=config.key,
                exercise=config.exercise,
                limits=Limits(patience_s=_PATIENCE_S, silence_s=SILENT_S),
                heard=self._note_heard,
                answered=self._note_date,
                key_file=config.key_path,
                certificate=config.client_certificate,
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

    def _note_date(self, headers: Headers) -> None:
        """Compare this machine's clock with the hub's, to about a second."""
        try:
            theirs = parsedate_to_datetime(headers.get("Date", ""))
            offset = datetime.now(UTC) - theirs
        except (ValueError, TypeError):  # TypeError: a date without a time zone
            return
        self.clock_offset_s = offset.total_seconds() - _HALF_A_SECOND

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

    async def local_features(self, after: int) -> LocalPage:
        """Return local features of signals after a number, the earliest first."""
        with _with_remedy():
            return await self._hub.list_local_features(after=after, exercise=self._exercise)

    async def segments(self) -> SegmentManifest:
        """Return the list of the segments of our snapshot, signed by a pinned key if there are any.

        raises: SegmentError for a list that makes no sense.
        """
        with _with_remedy():
            body = await self._hub.ask_bytes(snapshots.list_segments(exercise=self._exercise))
        try:
            signed = Signed.model_validate_json(body)
            if self._trusted:
                check(signed, trusted=self._trusted)
        except ValidationError as error:
            raise self._hub.connection.unreadable(error) from error
        except SignatureError as error:
            raise AnswerError(self.hub, f"its snapshot is refused: {error}") from error
        try:
            return SegmentManifest.model_validate_json(signed.manifest)
        except ValidationError as error:
            raise SegmentError(f"the list of segments is unreadable: {error}") from error

    @property
    def has_mirror(self) -> bool:
        """Whether segments are also on another server."""
        return bool(self._mirror)

    @asynccontextmanager
    async def segment(
        self, name: str, *, begin: int, is_mirrored: bool
    ) -> AsyncIterator[SegmentContent]:
        """Open the file of a segment, or the rest of it. begin: bytes that are there already."""
        headers = {"Accept-Encoding": "identity"}
        if begin:
            headers["Range"] = f"bytes={begin}-"
        if is_mirrored:
            async with self._mirrored(name, headers) as response:
                yield SegmentContent(response.status_code == _REST, response.aiter_raw())
            return
        request = replace(snapshots.read_segment(name=name), headers=headers)
        with _with_remedy():
            async with self._hub.opened(request) as response:
                is_rest = response.status_code == _REST
                yield SegmentContent(is_rest, self._hub.bytes_of(response))

    @asynccontextmanager
    async def _mirrored(self, name: str, headers: Mapping[str, str]) -> AsyncIterator[Response]:
        """Open a file of the mirror, which gets no key. raises: UnreachableError."""
        url = f"{self._mirror}/{name}"
        try:
            async with (
                AsyncClient(timeout=_MIRROR_S) as client,
                client.stream("GET", url, headers=headers) as response,
            ):
                response.raise_for_status()
                yield response
        except HTTPError as error:
            raise UnreachableError(self._mirror, f"has no segment {name} ({error!r})") from error

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

    async def give_opinion(self, signal: UUID, opinion: OpinionIn) -> None:
        """Give our party's opinion of a signal. It replaces an earlier one."""
        with _with_remedy():
            await self._hub.ask_bytes(_insisting(signals.give_opinion(opinion, uid=signal)))

    async def send_question(self, signal: UUID, question: QuestionIn) -> None:
        """Send the sharer of a signal a question of our party."""
        path = f"/api/v1/signals/{signal}/question"
        with _with_remedy():
            await self._hub.ask_bytes(
                _insisting(Call((SignalQuestionOut,), "PUT", path, body=question))
            )

    async def questions(self, signal: UUID) -> list[SignalQuestionOut]:
        """Return the questions about a signal that our party may read."""
        path = f"/api/v1/signals/{signal}/questions"
        with _with_remedy():
            body = await self._hub.ask_bytes(Call((SignalQuestionOut,), "GET", path))
        try:
            return _QUESTIONS.validate_json(body)
        except ValidationError as error:
            raise self._hub.connection.unreadable(error) from error

    async def report_runaway(self, name: str, signal: UUID, report: RunawayReportIn) -> None:
        """Report that a signal matches too much at this agent."""
        with _with_remedy():
            await self._hub.ask_bytes(agents.report_runaway(report, name=name, uid=signal))

    async def log_file(self, path: str) -> bytes:
        """Return a file of the hub's transparency log, such as "tile/0/000"."""
        with _with_remedy():
            return await self._hub.ask_bytes(Call((File,), "GET", f"/log/{path}"))

    async def log_text(self, path: str) -> str:
        """Return a file of the hub's transparency log as text."""
        return (await self.log_file(path)).decode(errors="replace")

    async def cosign(self, body: CosignatureIn) -> None:
        """Send the cosignature of a head of the log."""
        with _with_remedy():
            await self._hub.ask_bytes(log.cosign_head(body))

    async def prove(self, body: ProofsIn) -> ProofsOut:
        """Return proofs that signals are in the hub's transparency log."""
        with _with_remedy():
            content = await self._hub.ask_bytes(
                Call((ProofsOut,), "POST", "/api/v1/log/proofs", body=body)
            )
        try:
            return await asyncio.to_thread(ProofsOut.model_validate_json, content)
        except ValidationError as error:
            raise self._hub.connection.unreadable(error) from error

    async def put_status(self, name: str, status: AgentStatusIn) -> float:
        """Report this agent's status to the hub; return the seconds of rest that it asks for."""
        with _with_remedy():
            return (await self._hub.ask(agents.report_status(status, name=name))).rest_s


def _insisting(call: Call[Any]) -> Call[Any]:
    """Return a call whose text the hub takes even if it looks like personal data.

    A reviewer wrote it, on a page that says "No personal data", and is gone when it is sent.
    """
    return replace(call, headers={**call.headers, INSIST_HEADER: INSIST})


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
