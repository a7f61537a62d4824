# SPDX-License-Identifier: Apache-2.0
"""Follow the hub: a snapshot first, then the feed by cursor. The stream only wakes.

1 Ask the hub whom it takes us for. Signals of another hub, party or view, or of a hub that was set
  back to a backup, are replaced by a snapshot.
2 A snapshot is stored beside the signals that match meanwhile, and takes their place whole. What
  was done because of signals that it lacks is undone.
3 A page of the feed lands in one transaction: rows, cursor, and what a withdrawal undoes.
4 When the hub is away, what is there keeps matching, and /health says how stale it is.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ValidationError

from stemtide import __version__
from stemtide.agent import act, companion_rows, feedback, signed
from stemtide.agent.act import Because
from stemtide.agent.backoff import Backoff
from stemtide.agent.client import SILENT_S, Client
from stemtide.agent.config import Config
from stemtide.agent.decide import Hit, judge
from stemtide.agent.snapshot import Position, Reader, take_snapshot
from stemtide.agent.standing import Lag, Standing
from stemtide.agent.store import Store, Transaction
from stemtide.agent.tally import Tally
from stemtide.agent.waiting import wait_woken
from stemtide.client import AnswerError, DeclinedError, HubError, UnreachableError
from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.agents import AgentStatusIn, AgentTrouble
from stemtide.protocol.feed import FeedSignal, History, Tombstone
from stemtide.protocol.words import Action, Scope, SignalState

logger = logging.getLogger(__name__)

_PAGE = 2000  # read in about 20 ms, so that nothing else waits longer
_POLL_STREAMING_S = 10.0
_POLL_S = 2.0
_SETTLE_S = 0.2  # a changed position is told this late, so that a burst is told once
_PRUNE_EVERY = timedelta(hours=1)


class _Page(BaseModel):
    """A FeedPage whose entries are not looked at yet, so that one odd entry spoils no page."""

    hub: UUID
    entries: list[Any]
    next: Position
    head: Position
    more: bool
    history: History = ""


class Sync:
    """Keeps the store up with the hub, for as long as run() runs.

    deliverer, reporter: woken when a withdrawal undid something.
    on_change: called on the event loop when a page was taken in.
    """

    def __init__(
        self,
        *,
        config: Config,
        store: Store,
        client: Client,
        deliverer: act.Deliverer,
        reporter: feedback.Reporter,
        tally: Tally,
        on_change: Callable[[], None],
    ) -> None:
        self.standing = Standing()
        self._on_change = on_change
        self._tally = tally
        self._reader = Reader(tally, exercise=config.exercise)
        self._config = config
        self._store = store
        self._client = client
        self._lag = Lag()
        self._started_at = datetime.now(UTC)
        self._party = ""
        self._wake = asyncio.Event()
        self._moved = asyncio.Event()
        self.deliverer = deliverer
        self.reporter = reporter

    def look(self) -> None:
        """Bring up to date what `standing` says of silence, a standstill and the disk."""
        standing, silent_s = self.standing, self._client.silent_s
        standing.silence = (
            f"the hub has said nothing for {silent_s:.0f} s" if silent_s > SILENT_S else ""
        )
        head = 0 if standing.is_loading else standing.head
        standing.stall = self._lag.note(self._store.position, head, now=time.monotonic())
        standing.disk = self._store.disk.trouble

    async def run(self) -> None:
        """Follow, listen and tell until cancelled."""
        await self._start_from_file()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            tasks.create_task(self._listen())
            tasks.create_task(self._beat())

    async def _start_from_file(self) -> None:
        """Match what the file to start from knows, whether or not the hub is there."""
        try:
            made = await signed.take_file(
                self._store, reader=self._reader, config=self._config, alongside=self._undo_lost
            )
        except signed.FileTroubleError as error:
            logger.warning("%s", error)
            self.standing.snapshot_trouble = str(error)
        else:
            if made:
                logger.info("%d signals of %s from a file", made.signals, made.made_at)
                self._moved.set()

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
            await wait_woken(self._wake, within_s=wait)

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
                    raise AnswerError(self._client.hub, "its feed contradicts its snapshot")
                has_replaced = True
                await self._take_snapshot()
                continue
            before, self.standing.head = self._store.position, page.head
            if await asyncio.to_thread(self._apply, page):
                self.deliverer.wake()
                self.reporter.wake()
            self._on_change()
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
            view = self._store.view
            content = await self._client.feed(view.position, limit=_PAGE, history=view.history)
        except DeclinedError as error:
            logger.warning("%s", error)
            return None
        try:
            return await asyncio.to_thread(_Page.model_validate_json, content)
        except ValidationError as error:
            raise AnswerError(self._client.hub, f"its feed is unreadable: {error}") from error

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
        found = [entry for raw in page.entries if (entry := self._reader.entry(raw))]
        signals = [entry for entry in found if isinstance(entry, FeedSignal)]
        gone = [entry for entry in found if isinstance(entry, Tombstone)]
        puts = [(signal, row) for signal in signals if (row := self._reader.row(signal))]
        drops = [str(entry.id) for entry in gone]
        now = datetime.now(UTC)
        undone = 0

        def undo(tx: Transaction) -> None:
            nonlocal undone
            undone = sum([self._undo(tx, entry, now) for entry in found])
            companion_rows.mark(tx, puts, drops, config=self._config)

        self._store.apply(
            [row for _, row in puts],
            drops,
            position=page.next,
            history=page.history,
            synced_at=None if page.more else now,
            alongside=undo,
        )
        return undone > 0

    def _undo_lost(self, tx: Transaction) -> None:
        """Undo what was done because of signals that a snapshot lacks, or has as disputed.

        The tombstones in between are not read: they were withdrawn meanwhile, or the hub was set
        back to a time before they were shared. Those that expired are left as they are.
        """
        now = datetime.now(UTC)
        lost = tx.execute(
            "SELECT DISTINCT acted.signal FROM acted JOIN signals ON signals.id = acted.signal"
            " WHERE acted.signal NOT IN (SELECT id FROM incoming)"
            " AND (signals.expires_at IS NULL OR signals.expires_at > ?)",
            (now.timestamp(),),
        ).fetchall()
        for (uid,) in lost:
            entry = Tombstone(position=0, id=uid, state=SignalState.WITHDRAWN)
            self._undo(tx, entry, now, why=f"the hub no longer has signal {uid}")
        disputed = tx.execute(
            "SELECT body FROM incoming WHERE disputed AND id IN (SELECT signal FROM acted)"
        ).fetchall()
        for (body,) in disputed:
            self._undo(tx, FeedSignal.model_validate_json(body), now)

    def _undo(
        self, tx: Transaction, entry: FeedSignal | Tombstone, now: datetime, *, why: str = ""
    ) -> int:
        """Undo what was done because of a signal that is withdrawn, or weaken it if disputed.

        One that expired was right in its time: it stops matching, and nothing is undone.
        """
        why = why or _reason(entry)
        if not why:
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
            logger.info("%s: %d pieces of content are treated or counted otherwise", why, number)
        return number

    async def _take_snapshot(self) -> None:
        """Replace all signals by the hub's."""
        self.standing.is_loading = True
        try:
            await self._load_snapshot()
        finally:
            self.standing.is_loading = False
        self.deliverer.wake()
        self.reporter.wake()
        self._moved.set()

    async def _load_snapshot(self) -> None:
        if self._config.hub_public_key:
            made = await signed.take_signed(
                self._client,
                self._store,
                reader=self._reader,
                party=self._party,
                config=self._config,
                alongside=self._undo_lost,
            )
            logger.info("%d signals, signed, position %d", made.signals, made.version)
        else:
            await take_snapshot(
                self._client,
                self._store,
                reader=self._reader,
                party=self._party,
                exercise=self._config.exercise,
                alongside=self._undo_lost,
            )

    async def _listen(self) -> None:
        """Be woken by the stream; without it the feed is asked every few seconds."""
        backoff = Backoff(first_s=0.25, cap_s=5.0)
        while True:
            try:
                async with aclosing(self._client.wakes(self._store.position)) as positions:
                    async for position in positions:
                        backoff.reset()
                        self.standing.is_streaming = True
                        self.standing.head = max(self.standing.head, position)
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
            await wait_woken(self._moved, within_s=self._config.heartbeat_s)
            if self._moved.is_set():
                await asyncio.sleep(_SETTLE_S)

    async def _tell_status(self) -> None:
        try:
            await self._client.put_status(self._config.name, self._status())
        except UnreachableError as error:
            logger.debug("%s", error)  # _follow tells the operator about the same hub
        except HubError as error:
            if str(error) != self.standing.status_trouble:
                logger.warning("the hub does not see this agent: %s", error)
            self.standing.status_trouble = str(error)
        else:
            self.standing.status_trouble = ""

    def _status(self) -> AgentStatusIn:
        self.look()
        found = {AgentTrouble.DISK: self.standing.disk, AgentTrouble.STALLED: self.standing.stall}
        troubles = [trouble for trouble, text in found.items() if text]
        status = AgentStatusIn(
            version=__version__,
            position=self._tally.slowest(self._store.position),
            signals=len(self._store.library),
            exercise=self._config.exercise,
            started_at=self._started_at,
        )
        # What is not set is not sent: an older hub knows no troubles, and would take no status.
        return status.model_copy(update={"troubles": troubles}) if troubles else status

    def _prune(self) -> None:
        with self._store.write() as tx:
            before = datetime.now(UTC) - timedelta(days=self._config.keep_days)
            posts = self._config.transparency
            act.forget(tx, before=before, keep_owed=posts is not None and posts.is_posting)


def _reason(entry: FeedSignal | Tombstone) -> str:
    """Return why what was done because of a signal is undone; "" where nothing is."""
    if isinstance(entry, FeedSignal):
        return f"signal {entry.id} is disputed" if entry.disputed else ""
    is_withdrawn = entry.state is SignalState.WITHDRAWN
    return f"signal {entry.id} was withdrawn" if is_withdrawn else ""
