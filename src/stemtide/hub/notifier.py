# SPDX-License-Identifier: Apache-2.0
"""Change notifier: tells subscribers within milliseconds that the hub has something new for them.

1 One thread per process watches the database; commits of any process are noticed. A wake carries a
  position only: its content is read from the feed, by the rules of the feed.
2 After an outage the database may be a standby that was promoted, and lack the last acts. Then all
  streams end: their readers come back, and learn from the feed that its history is another one.
"""

import asyncio
import logging
import math
import resource
import threading
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from typing import Protocol, TypeAlias
from uuid import UUID

from django.conf import settings
from django.db import connection

from stemtide.hub.platform.errors import RateLimitError
from stemtide.hub.process_metrics import wake_seconds
from stemtide.hub.rooms.ledger.crisis_versions import crisis_versions
from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.ledger.reads.ledger import Heads
from stemtide.hub.rooms.ledger.writes.ledger import CHANNEL
from stemtide.hub.rooms.parties.reads import suspensions
from stemtide.hub.rooms.signals.reads import signals
from stemtide.hub.rooms.signals.views import SharedChange
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.handling import may_receive
from stemtide.traces import spans
from stemtide.traces.records import EndedSpan

log = logging.getLogger(__name__)

POLL_S = 0.01
"""Seconds between checks whether anybody committed to SQLite (about 20 µs each)."""

RETRY_S = 1.0
"""Seconds that the watcher waits after a database error, and between checks on PostgreSQL."""

APPLICATION = "stemtide-wake"
"""application_name of the watcher's session in PostgreSQL."""

ALL_CHANGES_S = 0.25
"""Shortest seconds between wakes of a subscriber to all changes."""


FULL_S = 30
"""Retry-After, in seconds, if all allowed streams are open."""


OTHER_FILES = 256
"""Open files of the process that are reserved for everything but streams."""


class Subscriber(Protocol):
    """A subscriber's party: the attributes that its access depends on."""

    @property
    def name(self) -> str:
        """Return its short name."""

    @property
    def kind(self) -> str:
        """Return its kind of party."""


class NoStreamLeftError(Exception):
    """All streams that the process may have are open."""


class NotifierClosedError(Exception):
    """The process is stopping: there will be no more wakes."""


class Subscription:
    """One subscriber's pending wake; later positions replace earlier ones, so none is lost."""

    def __init__(
        self,
        party: Subscriber,
        *,
        after: int,
        exercise: bool,
        all_changes: bool,
        crisis: UUID | None = None,
        holder: str = "",
    ) -> None:
        self.holder = holder
        self.loop = asyncio.get_running_loop()
        self.all_changes = all_changes
        self._crisis = crisis
        self._mark = crisis_versions.of_page(crisis) if crisis else 0
        self.party = party.name
        self._kind = PartyKind(party.kind)
        self._exercise = exercise
        self._after = after
        self._position = after
        self._ready = asyncio.Event()
        self._is_woken = False
        self._is_closed = False
        self._next_at = 0.0

    def is_for_it(self) -> bool:
        """Whether there is a change that a subscriber to all changes, or to one room, waits for."""
        if self._crisis is None:
            return True
        before, self._mark = self._mark, crisis_versions.of_page(self._crisis)
        return self._mark != before

    def concerns(self, change: SharedChange) -> bool:
        """Whether a change is new to the subscriber, who may see it and asked for its kind."""
        is_new = change.position > self._after and (self._exercise or not change.exercise)
        return is_new and may_receive(
            self.party,
            self._kind,
            tlp=change.tlp,
            audience=change.audience,
            shared_by=change.shared_by,
        )

    async def get(self, *, until: float | None = None) -> int | None:
        """Wait for the next wake. Return its position, or None if there is none until then.

        A thousand streams wait for a few seconds each, all the time. A timer of their own costs
        half as much as asyncio.timeout.

        until:  time of the event loop; None for ever.
        raises: NotifierClosedError once the process is stopping, or the party is suspended.
        """
        if self.all_changes and (wait_s := self._next_at - time.monotonic()) > 0:
            await asyncio.sleep(wait_s)
        timer = None if until is None else self.loop.call_at(until, self._ready.set)
        try:
            await self._ready.wait()
        finally:
            if timer:
                timer.cancel()
        if self._is_closed:
            raise NotifierClosedError
        self._ready.clear()
        is_woken, self._is_woken = self._is_woken, False
        if is_woken:
            self._next_at = time.monotonic() + ALL_CHANGES_S
        return self._position if is_woken else None

    def put(self, position: int) -> None:
        """Store a wake; called in the subscriber's own loop."""
        self._position = max(position, self._position)
        self._is_woken = True
        self._ready.set()

    def interrupt(self) -> None:
        """Have get() return without a wake; called in the subscriber's own loop."""
        self._ready.set()

    def close(self) -> None:
        """End the subscription; called in the subscriber's own loop."""
        self._is_closed = True
        self._ready.set()


_Hits: TypeAlias = dict[asyncio.AbstractEventLoop, list[tuple[Subscription, int | None]]]


class ChangeNotifier:
    """Notifies subscribers of every change that they may see. The first subscriber starts it."""

    def __init__(self) -> None:
        # Re-entrant: close() runs in a signal handler, which may interrupt any of the others.
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._subscriptions: set[Subscription] = set()
        self._watcher: threading.Thread | None = None
        self._observers: list[Callable[[], None]] = []
        self._after = 0
        self._known = 0, ""  # a position of the feed, and the mark of its act
        self._published: Heads | None = None
        self._is_unsure = False
        self.outages = 0
        self.looked_at = 0.0

    def observe(self, observer: Callable[[], None]) -> None:
        """Call an observer in the watcher's thread after every commit, before wakes are sent."""
        self._observers.append(observer)

    def start(self) -> None:
        """Start the watcher if none runs yet.

        `looked_at` is then the time, in monotonic seconds, before which every commit was noticed.

        raises: NotifierClosedError while the process stops; django.db.Error.
        """
        if self._watcher is None or self._stop.is_set():
            self._start()

    def end_streams(self, holders: Collection[str]) -> None:
        """End the subscriptions of keys that work no longer."""
        with self._lock:
            gone = [entry for entry in self._subscriptions if entry.holder in holders]
        for subscription in gone:
            _deliver(subscription.loop, [(subscription, None)])

    @asynccontextmanager
    async def subscribe(
        self,
        party: Subscriber,
        *,
        exercise: bool = False,
        all_changes: bool = False,
        crisis: UUID | None = None,
        holder: str = "",
        after: int | None = None,
    ) -> AsyncIterator[Subscription]:
        """Subscribe to every change that commits from now on and that a party may see.

        exercise:    exercise signals as well as real ones.
        all_changes: any commit at all (heartbeats, outcomes), at most four times a second.
        crisis:      of all changes only those that the room of this crisis may show; the caller has
                     checked that the party may see it.
        holder:      the key or person of the stream, for the limit per holder; "" for none.
        after:       the last position that the caller has read from the database, if it has.

        raises: RateLimitError, NoStreamLeftError; NotifierClosedError while the process stops;
                django.db.Error if there is no database.
        """
        if after is None or self._watcher is None:
            after = await asyncio.to_thread(self._start)
        elif self._stop.is_set():
            raise NotifierClosedError
        subscription = Subscription(
            party,
            after=after,
            exercise=exercise,
            all_changes=all_changes,
            crisis=crisis,
            holder=holder,
        )
        with self._lock:
            self.check_limits(holder, party=party.name)
            self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            with self._lock:
                self._subscriptions.discard(subscription)

    def check_limits(self, holder: str, *, party: str = "") -> None:
        """Refuse another stream if its key or person, its party, or the process has enough of them.

        raises: RateLimitError, NoStreamLeftError.
        """
        with self._lock:
            subscriptions = list(self._subscriptions)
        of_holder = sum(1 for entry in subscriptions if holder and entry.holder == holder)
        if of_holder >= settings.STREAMS.get("key", math.inf):
            raise RateLimitError(
                "{most} streams are open already, and one key or person has no more: close one",
                retry_after_s=FULL_S,
                most=settings.STREAMS["key"],
            )
        of_party = sum(1 for entry in subscriptions if party and entry.party == party)
        if of_party >= settings.STREAMS.get("party", math.inf):
            raise RateLimitError(
                "{most} streams are open already, and one party has no more: close one",
                retry_after_s=FULL_S,
                most=settings.STREAMS["party"],
            )
        most = min(settings.STREAMS.get("total", math.inf), _max_open_files() - OTHER_FILES)
        if len(subscriptions) >= most:
            raise NoStreamLeftError("all streams are open that the hub may have (STEMTIDE_STREAMS)")

    def close(self) -> None:
        """End the watcher and all subscriptions. Safe in a signal handler, and more than once."""
        self._stop.set()
        with self._lock:
            subscriptions = list(self._subscriptions)
        for subscription in subscriptions:
            _deliver(subscription.loop, [(subscription, None)])

    def __len__(self) -> int:
        """Return the number of open subscriptions."""
        return len(self._subscriptions)

    def _start(self) -> int:
        """Start the watcher if none runs yet. Return the current position."""
        try:
            position = crisis_versions.refresh().positions
            mark = ledger.history(position) if self._watcher is None else ""
        finally:
            connection.close()
        with self._lock:
            if self._stop.is_set():
                raise NotifierClosedError
            if self._watcher is None:
                self._after, self._known = position, (position, mark)
                self._watcher = threading.Thread(target=self._watch, name="wake", daemon=True)
                self._watcher.start()
        return position

    def _watch(self) -> None:
        """Publish after every commit until the process stops."""
        while not self._stop.is_set():
            try:
                for began, is_changed in _commits(self._stop):
                    if is_changed:
                        self._publish()
                    self.looked_at = began
            except Exception:  # if the watcher ends, no stream gets a wake
                # Nothing is lost: the next query starts at the last published position.
                log.exception("the wake's watcher failed; it starts again in %s s", RETRY_S)
                self._is_unsure = True
                self.outages += 1
                crisis_versions.forget()
                self._stop.wait(RETRY_S)
            finally:
                connection.close()

    def _publish(self) -> None:
        """Deliver the changes since the last time to the subscriptions that they concern.

        The subscriptions of a party that was suspended end.
        """
        began = time.monotonic()
        heads = crisis_versions.refresh()
        if self._is_unsure:
            self._compare(heads)
        changes = signals.changes(self._after) if heads != self._published else []
        # After the read: a change that is committed in between would wake readers of a memory that
        # lacks it. Before anything is noted: if an observer fails, the changes are read again.
        for observer in self._observers:
            observer()
        after = max((change.position for change in changes), default=self._after)
        # Before the wakes: if it fails, the changes are read again, and an outage is noticed later.
        newest = (after, ledger.history(after)) if changes else self._known
        hits = self._hits(changes, after=after)
        self._published, before = heads, self._after
        self._after, self._known = after, newest
        for loop, batch in hits.items():
            _deliver(loop, batch)
        if changes:
            took_s = time.monotonic() - began
            wake_seconds.observe(took_s)
            _add_spans(before, took_s=took_s, streams=sum(map(len, hits.values())))

    def _hits(self, changes: Sequence[SharedChange], *, after: int) -> _Hits:
        """Return the subscriptions that changes concern, with the position; None: it ends.

        after: the highest position of the feed.
        """
        with self._lock:  # after the read, so that subscribers from before the commit are included
            subscriptions = list(self._subscriptions)
        hits: _Hits = {}
        is_of_party = any(change.is_of_party for change in changes)
        suspended = suspensions.suspended_names() if is_of_party else frozenset()
        for subscription in subscriptions:
            if subscription.party in suspended:
                hits.setdefault(subscription.loop, []).append((subscription, None))
            elif subscription.all_changes:
                if subscription.is_for_it():
                    hits.setdefault(subscription.loop, []).append((subscription, after))
            elif positions := [
                change.position for change in changes if subscription.concerns(change)
            ]:
                hits.setdefault(subscription.loop, []).append((subscription, max(positions)))
        return hits

    def _compare(self, heads: Heads) -> None:
        """End all streams if the database lacks acts that were published before an outage."""
        position, mark = self._known
        if heads.positions < self._after or ledger.history(position) != mark:
            log.error(
                "the database lacks acts from before the outage: its feed ended at %d, and has"
                " another history now. What was acknowledged may be lost; all streams end",
                self._after,
            )
            self._known = heads.positions, ledger.history(heads.positions)
            self._after = heads.positions
            self._published = None
            with self._lock:
                subscriptions = list(self._subscriptions)
            for subscription in subscriptions:
                _deliver(subscription.loop, [(subscription, None)])
        self._is_unsure = False


def _add_spans(after: int, *, took_s: float, streams: int) -> None:
    """Add the span of a wake to the traces of the signals that changed after a position.

    If it fails, the wakes are sent all the same, and the watcher goes on.
    """
    if not spans.is_on():
        return
    try:
        for uid, position in signals.first_changed(after, limit=spans.MAX_SIGNALS):
            facts = {"stemtide.position": position, "stemtide.streams": streams}
            spans.add(EndedSpan(uid, "wake", took_s, facts))
    except Exception:
        log.exception("the spans of a wake could not be read; they are missing in the traces")


def _max_open_files() -> float:
    """Return how many files the process may have open: each stream is one."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return math.inf if soft == resource.RLIM_INFINITY else soft


def _deliver(loop: asyncio.AbstractEventLoop, batch: list[tuple[Subscription, int | None]]) -> None:
    """Deliver positions (None: the end) to subscriptions of one loop, in one step of that loop."""

    def hand_over() -> None:
        for subscription, position in batch:
            if position is None:
                subscription.close()
            else:
                subscription.put(position)

    try:
        loop.call_soon_threadsafe(hand_over)
    except RuntimeError:  # the loop is closed, and its subscribers with it
        log.debug("a loop with %d subscriptions is gone", len(batch))


def _commits(stop: threading.Event) -> Iterator[tuple[float, bool]]:
    """Yield when the database was looked at, and whether anybody may have committed since the last.

    The first look says so. It goes on until stopped; times are monotonic, in seconds.
    """
    return _sqlite_commits(stop) if connection.vendor == "sqlite" else _postgres_commits(stop)


def _sqlite_commits(stop: threading.Event) -> Iterator[tuple[float, bool]]:
    """Poll the counter that SQLite changes when another connection has committed.

    source: https://www.sqlite.org/pragma.html#pragma_data_version
    """
    last_version = None
    with connection.cursor() as cursor:
        while not stop.is_set():
            began = time.monotonic()
            cursor.execute("PRAGMA data_version")
            # To the end: an open statement would hold its snapshot while the change is read.
            version = cursor.fetchall()
            yield began, version != last_version
            last_version = version
            stop.wait(POLL_S)


def _postgres_commits(stop: threading.Event) -> Iterator[tuple[float, bool]]:
    """Yield on the ledger's NOTIFY, and once a second without it.

    Heartbeats and outcomes have no ledger entry and no NOTIFY; they are noticed within that second.
    The
    listening connection is separate, so that notifications wait while others are handled.
    """
    with closing(connection.get_new_connection(connection.get_connection_params())) as listening:
        listening.autocommit = True
        listening.execute(f"SET application_name = '{APPLICATION}'")
        listening.execute(f"LISTEN {CHANNEL}")
        while not stop.is_set():
            yield time.monotonic(), True
            with connection.wrap_database_errors:
                for _ in listening.notifies(timeout=RETRY_S, stop_after=1):
                    pass


notifier = ChangeNotifier()
"""The notifier of this process."""
