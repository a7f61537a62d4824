# SPDX-License-Identifier: Apache-2.0
"""The wire's memory: keys, parties and the tail of the feed, as of the last commit.

1 The notifier calls refresh() after every commit of any process. It reads what is new.
2 Every ledger entry that is not about signals or agents has keys, parties and crises read again.
3 The memory answers only while it is known to be current: after a write through this process it
  waits for the next refresh, and without a look at the database for MAX_AGE_S it does not answer.
"""

import asyncio
import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

from django.db import Error, connection

from stemtide.hub.notifier import NotifierClosedError, notifier
from stemtide.hub.rooms.allowlists import reads as allowlists
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.ledger.reads import hub_settings, ledger
from stemtide.hub.rooms.parties.reads import parties, standing
from stemtide.hub.rooms.parties.reads.parties import Caller, Viewer
from stemtide.hub.rooms.signals.tail import shared_entries
from stemtide.hub.wire.compression import EventBytes
from stemtide.hub.wire.tail import MAX_BYTES, MAX_ENTRIES, NotInMemoryError, Reader, Tail

_Result = TypeVar("_Result")

MAX_AGE_S = 3.0
"""Seconds after the last look at the database for which the memory may answer."""

REREAD_S = 15.0
"""Seconds after which keys and parties are read again, with or without a ledger entry."""

EVENT_ENTRIES = 500
"""Most entries of one event."""

EVENT_BYTES = 192 * 1024
"""Most bytes of the entries of one event, more only for a single entry."""

_MAX_EVENTS_BYTES = 64_000_000  # of a bulk of 10,000 signals: ten times
_FIRST_ENTRIES = 10_000
_MAX_KINDS = 1000

_QUIET = frozenset(
    {
        *("signal", "signals", "opinion", "dispute", "disputes", "outcomes", "outlier"),
        *("runaway", "objects", "agent", "allow_matches"),
    }
)
"""Things whose ledger entries change neither keys, parties, crises nor the allow-list."""


class FeedQuery(NamedTuple):
    """The parameters of a request for a page of the feed."""

    after: int = 0
    limit: int = 1000
    exercise: bool = False
    history: str = ""
    parties_after: int | None = None


class Place(NamedTuple):
    """A position of the feed, and the mark of the act that assigned it."""

    position: int
    mark: str


class MemoryEvent(NamedTuple):
    """An event of a stream with the entries after a place, its end, and whether more waits."""

    content: EventBytes
    place: Place
    more: bool


_EventKey = tuple[int, bool, Place, int]
"""Party, whether with exercises, the place before, the head of the feed."""


class _Events:
    """Events by reader and place. Those that say the same are one, which most parties share."""

    def __init__(self) -> None:
        self._by_place: dict[_EventKey, MemoryEvent] = {}
        self._by_content: dict[bytes, EventBytes] = {}
        self._bytes = 0

    def get(self, key: _EventKey) -> MemoryEvent | None:
        """Return an event; None if it is not there."""
        return self._by_place.get(key)

    def add(self, key: _EventKey, content: bytes, *, place: Place, more: bool) -> MemoryEvent:
        """Keep an event, and return it. All are forgotten once they have too many bytes."""
        digest = hashlib.sha256(content).digest()
        if digest not in self._by_content:
            # Compressed beside plain, an event may take twice its size.
            if self._bytes + 2 * len(content) > _MAX_EVENTS_BYTES:
                self.clear()
            self._by_content[digest] = EventBytes(content)
            self._bytes += 2 * len(content)
        event = self._by_place[key] = MemoryEvent(self._by_content[digest], place, more)
        return event

    def clear(self) -> None:
        """Forget all."""
        self._by_place.clear()
        self._by_content.clear()
        self._bytes = 0


@dataclass(frozen=True, slots=True)
class _Context:
    """Rows that change rarely. keys: by the digest of the key. parties: position and JSON of each.

    events: the latest events by reader and place. Agents of a party mostly follow at one place.
    """

    keys: dict[str, tuple[Caller, datetime | None]]
    parties: list[tuple[int, bytes]]
    allowlist: str
    read_at: float
    readers: dict[tuple[int, bool], Reader] = field(default_factory=dict)
    events: _Events = field(default_factory=_Events)


class Memory:
    """The memory of this process. Its methods may be called in any thread."""

    def __init__(self) -> None:
        self._refreshing = threading.Lock()
        self._lock = threading.Lock()
        self._tail: Tail | None = None
        self._context: _Context | None = None
        self._heads: ledger.Heads | None = None
        self._looked_at = 0.0
        self._written_at = 0.0
        self._outages = 0

    def note_write(self) -> None:
        """Note that this process may have changed what the memory holds."""
        self._written_at = time.monotonic()

    @property
    def is_current(self) -> bool:
        """Whether the memory holds everything that was committed before a moment ago."""
        looked_at = max(self._looked_at, notifier.looked_at)
        return self.is_followed and looked_at >= self._written_at

    @property
    def is_followed(self) -> bool:
        """Whether the database was looked at lately, so that a revoked key would be known."""
        looked_at = max(self._looked_at, notifier.looked_at) if self._context else 0.0
        return time.monotonic() - looked_at < MAX_AGE_S

    @property
    def head(self) -> int:
        """Return the feed position up to which the memory knows all changes."""
        return self._tail.head if self._tail else 0

    def catch_up(self) -> None:
        """Start to follow the database, and read what is new unless another thread just did.

        raises: NotifierClosedError, django.db.Error.
        """
        needed = self._written_at
        notifier.start()
        if self._context is None or self._looked_at < needed:
            self._refresh(since=needed)

    def refresh(self) -> None:
        """Read new rows, after a commit. raises: django.db.Error."""
        self._refresh(since=time.monotonic())

    def caller(self, token: str, *, now: datetime | None = None) -> Caller | None:
        """Return the caller that a key identifies; None if the memory knows no such key."""
        return self.caller_of(digest_of(token), now=now)

    def caller_of(self, digest: str, *, now: datetime | None = None) -> Caller | None:
        """Return the caller that a key with a digest identifies, as caller() does."""
        context = self._context
        caller, expires_at = context.keys.get(digest, (None, None)) if context else (None, None)
        if expires_at is not None and expires_at <= (now or datetime.now(UTC)):
            return None
        return caller

    def page(self, party: Viewer, query: FeedQuery) -> bytes:
        """Return a page of the feed as JSON, as signals.reads.feed() makes it.

        raises: NotInMemoryError, UnknownCrisesError.
        """
        return self._page(party, query, most_bytes=MAX_BYTES)[0]

    def event(self, party: Viewer, *, after: Place, exercise: bool) -> MemoryEvent:
        """Return the event of a wake with the entries after a place.

        raises: NotInMemoryError, also if the feed's history at that place is another one;
                UnknownCrisesError.
        """
        context, key = self._context, (party.pk, exercise, after, self.head)
        event = context.events.get(key) if context else None
        if event is not None:
            return event
        query = FeedQuery(after.position, EVENT_ENTRIES, exercise, after.mark, after.position)
        page, following, more = self._page(party, query, most_bytes=EVENT_BYTES)
        content = b'event: wake\nid: %d\ndata: {"position":%d,"previous":%d,"page":%b}\n\n' % (
            *(following.position, following.position, after.position),
            page,
        )
        with self._lock:
            if context is None or context is not self._context or key[-1] != self.head:
                return MemoryEvent(EventBytes(content), following, more)
            return context.events.add(key, content, place=following, more=more)

    @property
    def place(self) -> Place | None:
        """Return the place up to which the memory knows all changes, if it knows any."""
        with self._lock:
            tail = self._tail
            return Place(tail.head, tail.mark(tail.head)) if tail else None

    def _page(
        self, party: Viewer, query: FeedQuery, *, most_bytes: int
    ) -> tuple[bytes, Place, bool]:
        """Return a page as JSON, its end, and whether more waits.

        raises: NotInMemoryError, UnknownCrisesError.
        """
        with self._lock:
            tail, context, heads = self._tail, self._context, self._heads
            if tail is None or context is None or heads is None:
                raise NotInMemoryError
            reader = self._reader(context, party, is_rehearsing=query.exercise)
            page = tail.page(reader, after=query.after, limit=query.limit, most_bytes=most_bytes)
            if query.history and query.history != tail.mark(query.after):
                raise NotInMemoryError  # the database says what is wrong
            mark, head = tail.mark(page.next), tail.head
        body = b"".join(
            (
                f'{{"hub":"{heads.hub}","entries":['.encode(),
                b",".join(page.bodies),
                f'],"next":{page.next},"head":{head},"more":{"true" if page.more else "false"}'
                f',"history":"{mark}","parties":['.encode(),
                b",".join(_parties(context, query.parties_after, until=page.next)),
                f'],"allowlist":"{context.allowlist}"}}'.encode(),
            )
        )
        return body, Place(page.next, mark), page.more

    def missed(self, party: Viewer, *, after: int, exercise: bool) -> int | None:
        """Return the head if a reader may have anything after a position, else None.

        raises: NotInMemoryError.
        """
        with self._lock:
            tail, context = self._tail, self._context
            if tail is None or context is None or not tail.start <= after <= tail.head:
                raise NotInMemoryError
            reader = self._reader(context, party, is_rehearsing=exercise)
            has_entry = tail.last_for(reader, after=after) > 0
            has_party = any(_parties(context, after, until=tail.head))
            return tail.head if has_entry or has_party else None

    def learn_crises(self, party: Viewer) -> None:
        """Read which crises a party may see. raises: django.db.Error."""
        context = self._context
        visible = crises.visible_ids(viewer=party)
        if context is not None:
            with self._lock:  # event() may be making room
                context.events.clear()
            for is_rehearsing in (False, True):
                self._reader(context, party, is_rehearsing=is_rehearsing).crises = visible

    def _reader(self, context: _Context, party: Viewer, *, is_rehearsing: bool) -> Reader:
        """Return the reader for a party."""
        key = party.pk, is_rehearsing
        reader = context.readers.get(key)
        return reader or context.readers.setdefault(key, Reader(party, is_rehearsing))

    def _refresh(self, *, since: float) -> None:
        """Read new rows, unless another thread began to after `since`."""
        with self._refreshing:
            if self._context is not None and self._looked_at > since:
                return
            began = time.monotonic()
            if self._outages != notifier.outages:  # the same numbers may be other acts
                self._outages, self._heads = notifier.outages, None
            heads = ledger.heads()
            if self._is_changed_outside(heads, now=began):
                context = _read_context(began)
                gone = self._gone_keys(context)
                self._context = context
                if gone:
                    notifier.end_streams({f"key:{prefix}" for prefix in gone})
            self._advance(heads)
            self._looked_at = began

    def _is_changed_outside(self, heads: ledger.Heads, *, now: float) -> bool:
        """Whether keys, parties, crises or the allow-list may have changed since they were read."""
        before, context = self._heads, self._context
        if before is None or context is None or now - context.read_at > REREAD_S:
            return True
        if before.hub != heads.hub or not 0 <= heads.entries - before.entries <= _MAX_KINDS:
            return True
        if before.entries == heads.entries:
            return False
        rows = ledger.kinds(after=before.entries, until=heads.entries)
        return any(row.kind.partition(".")[0] not in _QUIET for row in rows)

    def _gone_keys(self, context: _Context) -> set[str]:
        """Return the prefixes of keys that worked before, and are gone."""
        before = self._context.keys if self._context else {}
        return {before[digest][0].key for digest in before.keys() - context.keys.keys()}

    def _advance(self, heads: ledger.Heads) -> None:
        """Add the changes up to new heads to the tail; begin anew if its history is another one."""
        before, tail = self._heads, self._tail
        if tail is not None and heads == before:
            return
        marks = ledger.marks(tail.head) if tail else []
        is_same = (
            tail is not None
            and before is not None
            and before.hub == heads.hub
            and 0 <= heads.positions - tail.head <= MAX_ENTRIES
            and (tail.last_act in marks if tail.last_act else not tail.head)
        )
        if not is_same or tail is None:
            tail = Tail(max(0, heads.positions - _FIRST_ENTRIES))
            marks = ledger.marks(tail.start)
        elif tail.last_act:
            marks = marks[marks.index(tail.last_act) + 1 :]
        entries = shared_entries(tail.head, until=heads.positions)
        marks = [(first, mark) for first, mark in marks if first <= heads.positions]
        with self._lock:
            tail.add(entries, head=heads.positions, marks=marks)
            self._tail, self._heads = tail, heads
            if self._context is not None:
                self._context.events.clear()


def digest_of(token: str) -> str:
    """Return the digest by which keys are known."""
    return hashlib.sha256(token.encode()).hexdigest()


def _read_context(now: float) -> _Context:
    """Read keys, parties, the allow-list's version and settings. now: monotonic, in seconds."""
    hub_settings.renew()
    return _Context(
        keys=parties.usable_keys(),
        parties=[
            (party.position, party.model_dump_json().encode()) for party in standing.changed()
        ],
        allowlist=allowlists.version(),
        read_at=now,
    )


def _parties(context: _Context, after: int | None, *, until: int) -> list[bytes]:
    """Return the parties of a page, as JSON. after: None for none, 0 for all."""
    if after is None:
        return []
    return [
        body
        for position, body in context.parties
        if (position > after or not after) and position <= until
    ]


memory = Memory()
"""The memory of this process."""

notifier.observe(memory.refresh)


async def in_thread(work: Callable[[], _Result]) -> _Result:
    """Do work with the database in a thread, then close its connection."""

    def done() -> _Result:
        try:
            return work()
        finally:
            connection.close()

    return await asyncio.to_thread(done)


async def is_current() -> bool:
    """Bring the memory up to date; return whether it may be used."""
    if not memory.is_current:
        try:
            await in_thread(memory.catch_up)
        except (Error, NotifierClosedError):
            return False
    return memory.is_current
