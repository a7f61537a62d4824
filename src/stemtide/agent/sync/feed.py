# SPDX-License-Identifier: Apache-2.0
"""Follow the hub: a snapshot first, then the feed by cursor. Stream events only trigger a read.

1 Ask the hub which party the key belongs to. If the signals are of another hub, party or view, or
  the hub was restored from a backup, a snapshot replaces them.
2 A snapshot is stored beside the signals that match meanwhile, and replaces them all at once.
  Actions because of signals that it lacks are undone.
3 A page of the feed is applied in one transaction: rows, cursor, and the undoing of withdrawals.
  What a suspension undoes follows in steps (weakening.py).
4 While the hub is unreachable, the stored signals keep matching, and /health shows their age.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from uuid import UUID

from pydantic import BaseModel, ValidationError

from stemtide import __version__
from stemtide.agent.config.settings import Config
from stemtide.agent.counters import Counters
from stemtide.agent.hma import rows
from stemtide.agent.hub.client import SILENT_S, Client
from stemtide.agent.hub.connection import HubConnection, StallDetector
from stemtide.agent.memory import give_back
from stemtide.agent.outbox import actions
from stemtide.agent.recognise.recent import RecentUploads
from stemtide.agent.store.database import Store, Transaction
from stemtide.agent.store.log import proofs
from stemtide.agent.store.parties import ALL, read_parties
from stemtide.agent.sync import new_signals, signed_snapshot, undo, weakening
from stemtide.agent.sync.local_features import take_local_features
from stemtide.agent.sync.segments import take_segments
from stemtide.agent.sync.snapshot import FeedReader, Page, Position, next_page, take_feed
from stemtide.agent.waits import Backoff, keep_running, wait_woken
from stemtide.client import AnswerError, DeclinedError, HubError, NotFoundError, UnreachableError
from stemtide.fingerprints.kinds import Kind
from stemtide.matching.library import Library
from stemtide.protocol.enums import Scope
from stemtide.protocol.sync.agents import (
    REPORT_DELAY_S,
    AgentStatusIn,
    AgentTrouble,
    rest_after_report_s,
)
from stemtide.protocol.sync.allowlists import (
    MAX_COUNTS,
    AllowlistManifest,
    AllowMatchCount,
    AllowMatchesIn,
)
from stemtide.protocol.sync.feed import FeedSignal, Tombstone
from stemtide.protocol.sync.segments import SegmentError
from stemtide.traces import spans
from stemtide.traces.records import EndedSpan

logger = logging.getLogger(__name__)

_POLL_STREAMING_S = 20.0  # the stream carries all changes: this finds what it lost
_POLL_S = 2.0
_PRUNE_EVERY = timedelta(hours=1)


class _News(BaseModel):
    """A Wake, with an unparsed page."""

    position: Position
    previous: Position | None = None
    page: Page | None = None


class Sync:
    """Worker that keeps the store in step with the hub for as long as run() runs.

    recent:    uploads that new signals are compared with (new_signals.py).
    on_undo:   called on the event loop when a withdrawal undid something.
    on_change: called on the event loop when a page was applied.
    reason_to_wait: returns why new entries must not be applied; "" if they may be.
    """

    def __init__(
        self,
        *,
        config: Config,
        store: Store,
        client: Client,
        counters: Counters,
        recent: RecentUploads,
        on_undo: Callable[[], None],
        on_change: Callable[[], None],
        reason_to_wait: Callable[[], str],
    ) -> None:
        self.connection = HubConnection()
        self._reason_to_wait = reason_to_wait
        self._on_undo = on_undo
        self._on_change = on_change
        self._tally = counters
        self._reader = FeedReader(counters, exercise=config.exercise)
        self._config = config
        self._store = store
        self._client = client
        self._recent = recent
        self._lag = StallDetector()
        self._started_at = datetime.now(UTC)
        self._party = ""
        self._wake = asyncio.Event()
        self._applying = asyncio.Lock()
        self._opened, self._caught_up = 0, -1
        self._carried_at = float("-inf")
        self._position_changed = asyncio.Event()
        self._allowed_counts: list[tuple[str, int]] = []
        self._needs_local = config.local_features

    def look(self) -> None:
        """Update `connection` with silence, stall and disk problems."""
        connection, silent_s = self.connection, self._client.silent_s
        connection.silence = (
            f"the hub has said nothing for {silent_s:.0f} s" if silent_s > SILENT_S else ""
        )
        head = 0 if connection.is_loading else connection.head
        connection.stall = self._lag.check(self._store.position, head, now=time.monotonic())
        connection.disk = self._store.disk.trouble
        connection.clock_offset_s = self._client.clock_offset_s

    async def run(self) -> None:
        """Follow the feed, listen to the stream and report status until cancelled.

        Each part starts again on its own: if nothing can be stored, the hub still hears from us.
        """
        if not self._config.local_features:
            await asyncio.to_thread(self._store.forget_places)
        await self._start_from_file()
        async with asyncio.TaskGroup() as tasks:
            for part in (self._follow, self._listen, self._heartbeat, self._prune_regularly):
                tasks.create_task(keep_running(part))

    async def _start_from_file(self) -> None:
        """Load the configured snapshot file, whether or not the hub is reachable."""
        try:
            manifest = await signed_snapshot.take_file(
                self._store, reader=self._reader, config=self._config, alongside=self._undo_lost
            )
        except signed_snapshot.FileTroubleError as error:
            logger.warning("%s", error)
            self.connection.snapshot_trouble = str(error)
        else:
            if manifest:
                logger.info("%d signals of %s from a file", manifest.signals, manifest.made_at)
                self._position_changed.set()

    async def _follow(self) -> None:
        """Catch up when woken, and when nothing came for some seconds."""
        backoff = Backoff(first_s=0.25, cap_s=5.0)
        while True:
            self._wake.clear()
            opened = self._opened
            try:
                async with self._applying:
                    await self._weaken_owed()  # by whatever failed half-way, or an earlier process
                    await self._catch_up()
            except HubError as error:
                self._record_failure(error)
                wait = backoff.next_s()
            else:
                self._caught_up = opened
                backoff.reset()
                self.connection.is_reachable, self.connection.trouble = True, ""
                wait = _POLL_STREAMING_S if self.connection.is_streaming else _POLL_S
            await self._wait_for_poll(wait)

    async def _wait_for_poll(self, within_s: float) -> None:
        """Wait until woken, or until the stream has carried nothing for so long.

        A stream that carries entries proves that none is missing: to read them again in the middle
        of a bulk would cost as much as the bulk.
        """
        ends = time.monotonic() + within_s
        while not self._wake.is_set() and (left_s := ends - time.monotonic()) > 0:
            await wait_woken(self._wake, within_s=left_s)
            ends = max(ends, self._carried_at + within_s)

    def _record_failure(self, error: HubError) -> None:
        trouble = str(error)
        if trouble != self.connection.trouble:
            logger.warning("the stored signals keep matching; %s", trouble)
        self.connection.is_reachable, self.connection.trouble = False, trouble
        self._party = ""  # the next response may come from another hub
        self._caught_up = -1

    async def _catch_up(self) -> None:
        """Apply all pages that the hub has."""
        if reason := await asyncio.to_thread(self._reason_to_wait):
            raise AnswerError(self._client.hub, f"is not believed: {reason}")
        if not self._party:
            await self._identify()
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
            await self._take_page(page)
            if not page.more:
                await self._take_local()
                return

    async def _take_page(self, page: Page) -> None:
        """Apply a page that continues from the store's position."""
        before, self.connection.head = self._store.position, page.head
        if await asyncio.to_thread(self._apply, page):
            self._on_undo()
        await self._weaken_owed()
        await asyncio.to_thread(self._look_for_parties)
        if page.allowlist is not None and page.allowlist != self._store.view.allowlist:
            await self._take_allowlist()
        self._on_change()
        self._needs_local |= self._config.local_features and any(map(_may_have_local, page.entries))
        if page.next != before:
            self._position_changed.set()

    async def _take_local(self) -> None:
        """Take local features of signals, if pictures came since the last time."""
        if not self._needs_local:
            return
        trouble = await take_local_features(self._client, self._store)
        if trouble and trouble != self.connection.local_trouble:
            logger.warning("%s", trouble)
        self.connection.local_trouble, self._needs_local = trouble, False

    def _look_for_parties(self) -> None:
        """Note whether the hub says how far its parties may be believed."""
        trouble = ""
        if not self._store.parties(()).are_sent:
            trouble = (
                f"the hub {self._config.hub_url} does not send the standing of parties, so signals"
                " of others lead to hold at most: upgrade the hub"
            )
        if trouble and trouble != self.connection.parties_trouble:
            logger.warning("%s", trouble)
        self.connection.parties_trouble = trouble

    async def _identify(self) -> None:
        """Ask which party the key belongs to, and note scopes that it lacks."""
        me = await self._client.whoami()
        missing = {Scope.FEED_READ, Scope.FEEDBACK_WRITE} - set(me.scopes)
        self.connection.key_trouble = (
            f"key lacks the scope {' and '.join(sorted(missing))}; make one that has it with "
            "`stemtide key new`"
            if missing
            else ""
        )
        if missing:
            logger.warning("%s", self.connection.key_trouble)
        self._party = me.party

    async def _next_page(self) -> Page | None:
        """Return the page after our position; None if the hub does not know the position."""
        view = self._store.view
        try:
            return await next_page(
                self._client,
                view.position,
                history=view.history,
                parties_after=view.parties_after,
            )
        except DeclinedError as error:
            logger.warning("%s", error)
            return None

    def _continues(self, page: Page) -> bool:
        """Whether a page continues from the store's position."""
        origin, position = self._store.origin, self._store.position
        if not origin or origin.hub != str(page.hub):
            logger.warning("this is another hub than before: all signals are replaced")
            return False
        if page.head < position or page.next < position or (page.more and page.next == position):
            logger.warning("the hub has forgotten position %d: signals are replaced", position)
            return False
        return True

    def _apply(self, page: Page) -> bool:
        """Apply a page and undo what it withdraws; return whether anything was undone."""
        entries = [entry for raw in page.entries if (entry := self._reader.entry(raw))]
        signals = [entry for entry in entries if isinstance(entry, FeedSignal)]
        puts = [(signal, row) for signal in signals if (row := self._reader.row(signal))]
        parties = self._reader.parties(page.parties or ())
        former = self._store.find_ids(str(entry.id) for entry in entries)
        drops = {uid: former.get(uid) for uid in _withdrawn(entries)}
        applied = [*(signal for signal, _ in puts), *(e for e in entries if _is_end(e))]
        weakened = undo.weakened_parties(self._store.read(ALL), parties)
        now = datetime.now(UTC)
        new = [signal for signal, _ in puts if str(signal.id) not in former]
        rates = new_signals.frequent(new, self._recent, now=now)
        undone = 0

        def undo_all(tx: Transaction) -> None:
            nonlocal undone
            new_signals.mark_frequent(
                tx, new, rates, store=self._store, config=self._config, now=now
            )
            fresh = self._store.mark_local([signal for signal, _ in puts], tx=tx)
            if self._config.witness:
                proofs.queue(tx, applied, former, now=now)
            changes = undo.changes_of_entries(entries, former)
            weakening.owe(tx, weakened)
            undone = self._undo(tx, changes, library=self._store.library, now=now, fresh=fresh)
            rows.update_wanted(tx, fresh, drops, store=self._store, config=self._config)

        self._store.apply(
            [row for _, row in puts],
            list(drops),
            position=page.next,
            history=page.history,
            parties=parties,
            parties_after=_parties_after(page, before=self._store.view.parties_after),
            synced_at=None if page.more else now,
            alongside=undo_all,
        )
        _add_spans(new, took_s=(datetime.now(UTC) - now).total_seconds())
        return undone > 0

    async def _weaken_owed(self) -> None:
        """Judge actions again that are owed, step by step: uploads are decided between them."""
        while await asyncio.to_thread(weakening.is_owed, self._store):
            if await asyncio.to_thread(self._weaken_step):
                self._on_undo()

    def _weaken_step(self) -> int:
        """Judge the next actions that are owed again; return how many were weakened."""
        with self._store.write() as tx:
            changes = weakening.next_step(tx)
            return self._undo(tx, changes, library=self._store.library, now=datetime.now(UTC))

    def _undo_lost(self, tx: Transaction, library: Library) -> None:
        """Undo actions because of signals that a snapshot lacks, or that lead to less in it.

        What it brings is queued for proofs.
        """
        now = datetime.now(UTC)
        if self._config.witness:
            proofs.queue_snapshot(tx, now=now)
        changes = undo.changes_of_snapshot(tx, now=now)
        self._undo(tx, changes, library=library, now=now)

    def _undo(
        self,
        tx: Transaction,
        changes: Sequence[undo.SignalChange],
        *,
        library: Library,
        now: datetime,
        fresh: Sequence[FeedSignal] = (),
    ) -> int:
        """Weaken the actions that leaned on changed signals; return how many."""
        if not changes:
            return 0
        own = self._party or (self._store.origin.party if self._store.origin else "")
        return undo.Undoing(
            tx,
            self._store,
            self._config,
            now=now,
            parties=read_parties(tx, None, own=own),
            changes=changes,
            library=library,
            fresh=fresh,
        ).run()

    async def _take_allowlist(self) -> None:
        """Replace the hub's allow-list, and weaken earlier actions on what is new on it."""
        manifest = await self._client.allowlist(trusted=self._config.hub_public_key)
        if await asyncio.to_thread(self._apply_allowlist, manifest):
            self._on_undo()

    def _apply_allowlist(self, manifest: AllowlistManifest) -> int:
        """Replace the hub's allow-list; return how many actions were weakened."""
        now = datetime.now(UTC)
        return self._store.apply_allowlist(
            manifest,
            now=now,
            alongside=lambda tx, entries: actions.weaken_allowed(
                tx, entries, config=self._config, now=now
            ),
        )

    async def _take_snapshot(self) -> None:
        """Replace all signals by the hub's."""
        self.connection.is_loading = True
        try:
            await self._load_snapshot()
        finally:
            self.connection.is_loading = False
            await asyncio.to_thread(give_back)
        self._on_undo()
        self._needs_local = self._config.local_features
        self._position_changed.set()

    async def _load_snapshot(self) -> None:
        """Load the hub's segments; the feed from its beginning if there are none that are right."""
        try:
            manifest = await take_segments(
                self._client,
                self._store,
                reader=self._reader,
                party=self._party,
                config=self._config,
                alongside=self._undo_lost,
            )
        except (SegmentError, NotFoundError) as error:
            if self._config.hub_public_key:
                raise AnswerError(
                    self._client.hub, f"its snapshot is refused, and no feed is signed: {error}"
                ) from error
            logger.warning("the feed is read from its beginning: %s", error)
            await take_feed(
                self._client,
                self._store,
                reader=self._reader,
                party=self._party,
                exercise=self._config.exercise,
                alongside=self._undo_lost,
            )
        else:
            counts = (len(self._store.library), len(manifest.segments), manifest.version)
            logger.info("%d signals from %d segments, position %d", *counts)

    async def _listen(self) -> None:
        """Take the entries of stream events, or read the feed; without a stream it is polled."""
        backoff = Backoff(first_s=0.25, cap_s=5.0)
        while True:
            try:
                async with aclosing(self._client.events(self._store.position)) as events:
                    async for event in events:
                        backoff.reset()
                        self.connection.is_streaming = True
                        if not event:  # the stream is open: what came before it is in the feed
                            self._opened += 1
                        if not event or not await self._take_event(event):
                            self._wake.set()
            except HubError as error:
                logger.debug("%s", error)  # _follow reports the same failure
            self.connection.is_streaming = False
            self._wake.set()  # check whether the hub is gone too
            await asyncio.sleep(backoff.next_s())

    async def _take_event(self, event: str) -> bool:
        """Apply what an event carries; return whether the position is now at least the event's.

        The page is applied only if the feed has been read since the stream opened, which compares
        the hub's history with ours, and if nothing is missing before it.

        raises: HubError.
        """
        try:
            news = _News.model_validate_json(event)
        except ValidationError as error:
            raise AnswerError(self._client.hub, f"its stream is unreadable: {error}") from error
        self.connection.head = max(self.connection.head, news.position)
        view = self._store.view
        if news.position <= view.position or self._reason_to_wait():
            return True
        is_current = self._caught_up == self._opened and not self._applying.locked()
        if news.page is None or news.previous is None or not is_current:
            return False
        if news.previous > min(view.position, view.parties_after):
            return False
        async with self._applying:
            if not self._continues(news.page):
                return False
            await self._take_page(news.page.after(self._store.position))
            await self._take_local()
            self._carried_at = time.monotonic()
        return True

    async def _heartbeat(self) -> None:
        """Report our status to the hub.

        Nothing here waits for a write: an agent that can store nothing would fall silent.
        """
        most_s, rest_s = self._config.heartbeat_s, 0.0
        while True:
            self._position_changed.clear()
            began = time.monotonic()
            asked_s = await self._report_status()
            ended = time.monotonic()
            rest_s = rest_after_report_s(
                ended - began, asked_s=asked_s, before_s=rest_s, most_s=most_s
            )
            await self._report_allowed()
            await wait_woken(self._position_changed, within_s=most_s)
            if self._position_changed.is_set():
                await asyncio.sleep(max(REPORT_DELAY_S, ended + rest_s - time.monotonic()))

    async def _report_status(self) -> float:
        """Report the status; return the seconds of rest that the hub asks for."""
        asked_s = 0.0
        try:
            asked_s = await self._client.put_status(self._config.name, self._status())
        except UnreachableError as error:
            logger.debug("%s", error)  # _follow reports the same failure
        except HubError as error:
            if str(error) != self.connection.status_trouble:
                logger.warning("the hub does not see this agent: %s", error)
            self.connection.status_trouble = str(error)
        else:
            self.connection.status_trouble = ""
        return asked_s

    async def _report_allowed(self) -> None:
        """Report how often content of the hub's allow-list was met, if that has changed."""
        if not self._store.view.allowlist:
            return
        counts = await asyncio.to_thread(self._store.count_allowed, limit=MAX_COUNTS)
        if counts == self._allowed_counts:
            return
        rows = tuple(AllowMatchCount(entry=UUID(uid), count=count) for uid, count in counts)
        try:
            await self._client.report_allowed(self._config.name, AllowMatchesIn(counts=rows))
        except HubError as error:
            logger.debug("%s", error)  # sent again with the next report
        else:
            self._allowed_counts = counts

    def _status(self) -> AgentStatusIn:
        self.look()
        texts = {
            AgentTrouble.DISK: self.connection.disk,
            AgentTrouble.STALLED: self.connection.stall,
        }
        troubles = [trouble for trouble, text in texts.items() if text]
        status = AgentStatusIn(
            version=__version__,
            position=self._tally.slowest(self._store.position),
            signals=len(self._store.library),
            exercise=self._config.exercise,
            started_at=self._started_at,
        )
        # Empty fields are not sent: an older hub would reject a status with `troubles`.
        return status.model_copy(update={"troubles": troubles}) if troubles else status

    async def _prune_regularly(self) -> None:
        """Delete records that are past their time, now and every hour.

        A failure must not end the sync with it: health reports the disk.
        """
        while True:
            try:
                await asyncio.to_thread(self._prune)
            except sqlite3.Error:
                logger.exception("old records could not be deleted; tried again in an hour")
            await asyncio.sleep(_PRUNE_EVERY.total_seconds())

    def _prune(self) -> None:
        with self._store.write() as tx:
            before = datetime.now(UTC) - timedelta(days=self._config.keep_days)
            posts = self._config.transparency
            actions.forget(tx, before=before, keep_owed=posts is not None and posts.is_posting)


def _parties_after(page: Page, *, before: int) -> int:
    """Return the position up to which parties are known after a page.

    The first page of a hub that knows parties has some, at least the agent's own.
    """
    is_answered = bool(page.parties) or (before > 0 and page.parties is not None)
    return page.next if is_answered else before


def _withdrawn(entries: Sequence[FeedSignal | Tombstone]) -> list[str]:
    """Return the ids of the signals that a page withdraws."""
    return [str(entry.id) for entry in entries if isinstance(entry, Tombstone)]


def _add_spans(new: Sequence[FeedSignal], *, took_s: float) -> None:
    """Add the span in which new signals were applied, but for a large bulk."""
    for signal in new if len(new) <= spans.MAX_SIGNALS else ():
        spans.add(EndedSpan(signal.id, "apply", took_s, {"stemtide.position": signal.position}))


def _is_end(entry: FeedSignal | Tombstone) -> bool:
    """Whether an entry says that a signal ended."""
    return isinstance(entry, Tombstone)


def _may_have_local(entry: object) -> bool:
    """Whether an unparsed entry is of a picture: local features come with these only."""
    return isinstance(entry, dict) and entry.get("kind") == Kind.PDQ
