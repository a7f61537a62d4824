# SPDX-License-Identifier: Apache-2.0
"""Follow the hub: a snapshot first, then the feed by cursor. The stream only wakes.

1 Ask the hub whom it takes us for. Signals of another hub, party or view, or of a hub that has
  forgotten what we know, are replaced by a snapshot.
2 A snapshot is stored beside the signals that match meanwhile, and takes their place whole.
3 A page of the feed lands in one transaction: rows, cursor, and what a withdrawal undoes.
4 When the hub is away, what is there keeps matching, and /health says how stale it is.
"""

import asyncio
import json
import logging
from collections.abc import Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar
from uuid import UUID

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from stemtide import __version__
from stemtide.agent import act, feedback
from stemtide.agent.act import Because
from stemtide.agent.client import (
    Backoff,
    Client,
    HubAnswerError,
    HubDeclinedError,
    HubError,
    HubUnreachableError,
)
from stemtide.agent.config import Config
from stemtide.agent.decide import Hit, judge
from stemtide.agent.store import Origin, SignalRow, Store, Transaction, entries, signal_row
from stemtide.fingerprints.kinds import Kind
from stemtide.matching.library import Library
from stemtide.protocol.agents import AgentStatusIn
from stemtide.protocol.feed import FeedEntry, FeedSignal, SnapshotHead, SnapshotTail, Tombstone
from stemtide.protocol.words import Action, Outcome, Scope, SignalState

logger = logging.getLogger(__name__)

_PAGE = 2000  # read in about 20 ms, so that nothing else waits longer
_POLL_STREAMING_S = 10.0
_POLL_S = 2.0
_SETTLE_S = 0.2  # a changed position is told this late, so that a burst is told once
_PRUNE_EVERY = timedelta(hours=1)
_Position = Annotated[int, Field(ge=0, le=2**63 - 1)]
_SIGNALS = TypeAdapter(list[FeedSignal])
_ENTRY: TypeAdapter[FeedSignal | Tombstone] = TypeAdapter(FeedEntry)


class Head(SnapshotHead):
    """A SnapshotHead whose position can be one."""

    position: _Position


Line = TypeVar("Line", Head, SnapshotTail)


class _Page(BaseModel):
    """A FeedPage whose entries are not looked at yet, so that one odd entry spoils no page."""

    hub: UUID
    entries: list[Any]
    next: _Position
    head: _Position
    more: bool


@dataclass(slots=True)
class Standing:
    """How the line to the hub is, for /health. Each trouble is "" for none.

    key_trouble, status_trouble: what the hub does not let this agent do.
    skipped: entries since the start that this version of the agent cannot read.
    """

    is_reachable: bool = False
    is_streaming: bool = False
    head: int = 0
    trouble: str = ""
    key_trouble: str = ""
    status_trouble: str = ""
    skipped: int = 0


class Sync:
    """Keeps the store up with the hub, for as long as run() runs."""

    def __init__(
        self,
        *,
        config: Config,
        store: Store,
        client: Client,
        deliverer: act.Deliverer,
        reporter: feedback.Reporter,
    ) -> None:
        self.standing = Standing()
        self._config = config
        self._store = store
        self._client = client
        self._started_at = datetime.now(UTC)
        self._party = ""
        self._wake = asyncio.Event()
        self._moved = asyncio.Event()
        self._deliverer = deliverer
        self._reporter = reporter

    async def run(self) -> None:
        """Follow, listen and tell until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            tasks.create_task(self._listen())
            tasks.create_task(self._beat())

    async def _follow(self) -> None:
        """Catch up whenever woken, and every few seconds in case nobody wakes us."""
        backoff = Backoff(first_s=0.25, cap_s=5.0)
        while True:
            self._wake.clear()
            try:
                await self._catch_up()
            except HubError as error:
                self._note_trouble(error)
                wait = backoff.next_s()
            else:
                backoff.reset()
                self.standing.is_reachable, self.standing.trouble = True, ""
                wait = _POLL_STREAMING_S if self.standing.is_streaming else _POLL_S
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), wait)

    def _note_trouble(self, error: HubError) -> None:
        trouble = str(error)
        if trouble != self.standing.trouble:
            logger.warning("the signals at hand keep matching; %s", trouble)
        self.standing.is_reachable, self.standing.trouble = False, trouble
        self._party = ""  # whoever answers next may be another hub

    async def _catch_up(self) -> None:
        """Take in everything that the hub has."""
        if not self._party:
            await self._meet()
        origin = self._store.origin
        if not origin or (origin.party, origin.exercise) != (self._party, self._config.exercise):
            await self._take_snapshot()
        has_replaced = False
        while True:
            page = await self._next_page()
            if page is None or not self._continues(page):
                if has_replaced:
                    raise HubAnswerError(self._client.hub, "its feed contradicts its snapshot")
                has_replaced = True
                await self._take_snapshot()
                continue
            before = self._store.position
            if await asyncio.to_thread(self._apply, page):
                self._deliverer.wake()
                self._reporter.wake()
            self.standing.head = page.head
            if page.next != before:
                self._moved.set()
            if not page.more:
                return

    async def _meet(self) -> None:
        """Learn whom the hub takes us for, and say so if the key is good for less than we need."""
        me = await self._client.whoami()
        missing = {Scope.FEED_READ, Scope.FEEDBACK_WRITE} - set(me.scopes)
        self.standing.key_trouble = (
            f"key lacks the scope {' and '.join(sorted(missing))}; make one that has it with "
            "`stemtide key new`"
            if missing
            else ""
        )
        if missing:
            logger.warning("%s", self.standing.key_trouble)
        self._party = me.party

    async def _next_page(self) -> _Page | None:
        """The page after our position; None when the hub does not know that position."""
        try:
            content = await self._client.feed(self._store.position, limit=_PAGE)
        except HubDeclinedError as error:
            logger.warning("%s", error)
            return None
        try:
            return await asyncio.to_thread(_Page.model_validate_json, content)
        except ValidationError as error:
            raise HubAnswerError(self._client.hub, f"its feed is unreadable: {error}") from error

    def _continues(self, page: _Page) -> bool:
        """Whether a page goes on from what the store holds."""
        origin, position = self._store.origin, self._store.position
        if not origin or origin.hub != str(page.hub):
            logger.warning("the hub is another one: all signals are replaced")
            return False
        if page.head < position or page.next < position or (page.more and page.next == position):
            logger.warning("the hub has forgotten position %d: signals are replaced", position)
            return False
        return True

    def _apply(self, page: _Page) -> bool:
        """Take in one page, and undo what it says was wrong; return whether anything was undone."""
        found = [entry for raw in page.entries if (entry := self._entry(raw))]
        signals = [entry for entry in found if isinstance(entry, FeedSignal)]
        gone = [entry for entry in found if isinstance(entry, Tombstone)]
        now = datetime.now(UTC)
        undone = 0

        def undo(tx: Transaction) -> None:
            nonlocal undone
            undone = sum(self._undo(tx, entry, now) for entry in found)

        self._store.apply(
            [row for row in map(self._row, signals) if row],
            [str(entry.id) for entry in gone],
            position=page.next,
            synced_at=None if page.more else now,
            alongside=undo,
        )
        return undone > 0

    def _entry(self, raw: object) -> FeedSignal | Tombstone | None:
        """One entry; None, counted, for one that this version cannot read."""
        try:
            return _ENTRY.validate_python(raw)
        except ValidationError as error:
            self._skip(error)
            return None

    def _row(self, signal: FeedSignal, body: str = "") -> SignalRow | None:
        """A signal as the store takes it; None, counted, for one that cannot be searched for."""
        if signal.exercise and not self._config.exercise:
            return None  # the hub sends none; if one comes nevertheless, nothing is real about it
        try:
            return signal_row(signal, body or signal.model_dump_json())
        except ValueError as error:
            self._skip(error)
            return None

    def _skip(self, error: ValueError) -> None:
        self.standing.skipped += 1
        logger.warning("an entry of the feed is skipped: %s", error)

    def _undo(self, tx: Transaction, entry: FeedSignal | Tombstone, now: datetime) -> int:
        """Undo what was done because of a signal that is withdrawn, or weaken it if disputed.

        One that expired was right in its time: it stops matching, and nothing is undone.
        """
        if isinstance(entry, Tombstone) and entry.state is SignalState.WITHDRAWN:
            why = f"signal {entry.id} was withdrawn"
        elif isinstance(entry, FeedSignal) and entry.disputed:
            why = f"signal {entry.id} is disputed"
        else:
            return 0

        def leads_to(because: Because) -> Action | None:
            if isinstance(entry, Tombstone):
                return None
            hit = Hit(entry, Kind(because.kind), because.distance_bits, because.part)
            return judge(hit, self._config.rules).action

        signal = str(entry.id)
        number = act.revise(
            tx, signal=signal, leads_to=leads_to, why=why, config=self._config, now=now
        )
        if number:
            feedback.count(tx, signal=signal, outcome=Outcome.REVERSED, now=now, number=number)
            logger.info("%s: undone for %d pieces of content", why, number)
        return number

    async def _take_snapshot(self) -> None:
        """Replace all signals by the hub's; a snapshot that breaks off changes nothing."""
        await asyncio.to_thread(self._store.clear_incoming)
        library, head, last, taken, kept = Library(), None, b"", 0, 0
        async with aclosing(self._client.snapshot()) as pieces:
            async for piece in pieces:
                lines = [line for line in [last, *piece] if line.strip()]
                if lines and head is None:
                    head = self._read(Head, lines.pop(0))
                last = lines.pop() if lines else b""  # only the very last line is the tail
                kept += await asyncio.to_thread(self._take_piece, lines, library)
                taken += len(lines)
        tail = self._read(SnapshotTail, last)
        if head is None or tail.signals != taken:
            raise HubAnswerError(
                self._client.hub, f"its snapshot holds {taken} signals, not {tail.signals}"
            )
        if len(library) != kept:
            raise HubAnswerError(self._client.hub, "its snapshot holds a signal twice")
        origin = Origin(str(head.hub), self._party, self._config.exercise)
        await asyncio.to_thread(
            self._store.adopt_incoming,
            library,
            origin=origin,
            position=head.position,
            now=datetime.now(UTC),
        )
        self._moved.set()
        logger.info("%d signals from a snapshot, position %d", taken, head.position)

    def _read(self, kind: type[Line], line: bytes) -> Line:
        """Read the snapshot's first or last line. raises: HubAnswerError if it is another one."""
        try:
            return kind.model_validate_json(line)
        except ValidationError as error:
            raise HubAnswerError(
                self._client.hub, f"its snapshot is torn: {kind.__name__} is missing"
            ) from error

    def _take_piece(self, lines: Sequence[bytes], library: Library) -> int:
        """Store and index one piece of a snapshot; return how many signals of it were kept."""
        rows = self._rows(lines)
        self._store.add_incoming(rows)
        library.put(entries(rows))
        return len(rows)

    def _rows(self, lines: Sequence[bytes]) -> list[SignalRow]:
        """Read a piece at once; one by one if something in it is odd."""
        try:
            signals = _SIGNALS.validate_json(b"[" + b",".join(lines) + b"]")
            pairs = list(zip(signals, lines, strict=True))
        except ValueError:
            return self._rows_one_by_one(lines)
        return [row for signal, line in pairs if (row := self._row(signal, line.decode()))]

    def _rows_one_by_one(self, lines: Sequence[bytes]) -> list[SignalRow]:
        """Read what this version can read. raises: HubAnswerError if a line is torn."""
        rows = []
        for line in lines:
            try:
                entry = self._entry(json.loads(line))
            except (ValueError, RecursionError) as error:
                trouble = "its snapshot is torn: a line is not JSON"
                raise HubAnswerError(self._client.hub, trouble) from error
            if isinstance(entry, FeedSignal) and (row := self._row(entry)):
                rows.append(row)
        return rows

    async def _listen(self) -> None:
        """Be woken by the stream; without it the feed is asked every few seconds."""
        backoff = Backoff(first_s=0.25, cap_s=5.0)
        while True:
            try:
                async with aclosing(self._client.wakes(self._store.position)) as positions:
                    async for position in positions:
                        backoff.reset()
                        self.standing.is_streaming = True
                        if position == 0 or position > self._store.position:
                            self._wake.set()
            except HubError as error:
                logger.debug("%s", error)  # _follow tells the operator about the same hub
            self.standing.is_streaming = False
            self._wake.set()  # is only the stream gone, or the hub?
            await asyncio.sleep(backoff.next_s())

    async def _beat(self) -> None:
        """Tell the hub how we stand, and forget what need not be remembered any more."""
        prune_due = datetime.now(UTC)
        while True:
            self._moved.clear()
            await self._tell_status()
            if datetime.now(UTC) >= prune_due:
                prune_due += _PRUNE_EVERY
                await asyncio.to_thread(self._prune)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._moved.wait(), self._config.heartbeat_s)
                await asyncio.sleep(_SETTLE_S)

    async def _tell_status(self) -> None:
        try:
            await self._client.put_status(self._config.name, self._status())
        except HubUnreachableError as error:
            logger.debug("%s", error)  # _follow tells the operator about the same hub
        except HubError as error:
            if str(error) != self.standing.status_trouble:
                logger.warning("the hub does not see this agent: %s", error)
            self.standing.status_trouble = str(error)
        else:
            self.standing.status_trouble = ""

    def _status(self) -> AgentStatusIn:
        return AgentStatusIn(
            version=__version__,
            position=self._store.position,
            signals=len(self._store.library),
            exercise=self._config.exercise,
            started_at=self._started_at,
        )

    def _prune(self) -> None:
        with self._store.write() as tx:
            before = datetime.now(UTC) - timedelta(days=self._config.keep_days)
            act.forget(tx, before=before)
