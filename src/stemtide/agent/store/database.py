# SPDX-License-Identifier: Apache-2.0
"""Storage of the agent: one SQLite file, and the searchable Library built from its signals.

The rows are authoritative and the Library is an index over them: a match counts only if its row
still exists. So a crash at any point leaves nothing to repair. Several processes of one agent may
open the store; the primary alone changes signals, and the others follow its changes.
"""

import json
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO
from uuid import uuid4

from stemtide.agent.store import allowed, index, own_banks, own_list, schema, switched_off
from stemtide.agent.store.allowed import AllowedParts, AllowRow
from stemtide.agent.store.bank_index import OwnIndex
from stemtide.agent.store.disk import Disk
from stemtide.agent.store.incoming import Incoming
from stemtide.agent.store.local_features import rows as local_features
from stemtide.agent.store.local_features.index import SignalPlaces
from stemtide.agent.store.match_rates import IS_LOWERED, LOWERED_IDS
from stemtide.agent.store.own_banks import FIRST_KEY, OwnSignal
from stemtide.agent.store.parties import Parties, put_parties, read_parties, replace_parties
from stemtide.agent.store.position import BehindError, Origin, SignalSummary, read_view, set_state
from stemtide.agent.store.rows import SignalRow, change_rows, insert_numbered
from stemtide.agent.store.schema import StoreError, TornError
from stemtide.agent.store.switched_off import WHY_OFF
from stemtide.fingerprints.kinds import SIZE_BYTES, Fingerprints, Kind, parse_value
from stemtide.fingerprints.values.audio import Track
from stemtide.fingerprints.values.video import VideoPrint
from stemtide.matching.found import Occurrence
from stemtide.matching.library import Hits, Library, Match
from stemtide.protocol.sync.allowlists import AllowlistManifest
from stemtide.protocol.sync.feed import FeedParty, FeedSignal

logger = logging.getLogger(__name__)

Transaction = sqlite3.Connection
"""A connection inside a write transaction, as returned by Store.write()."""

_LOOP_CACHE_KB = 4_000
_IN_LIST = "IN (SELECT value FROM json_each(?))"


class Store(AbstractContextManager["Store"]):
    """The agent's storage. write() gives out one transaction at a time; reads never wait long.

    is_shared: whether several processes of one agent have it open.
    is_primary: whether this process is the primary, which alone changes signals.
    view:    the version of the signals in rows and Library.
    trouble: a problem with the file that a person should know about; "" for none.
    """

    def __init__(
        self, directory: Path, *, lock: BinaryIO | None = None, has_local: bool = False
    ) -> None:
        """Open the store, and its Library.

        lock:   the directory's lock, if several processes of one agent share the store; None:
                this process alone uses it.
        has_local: look for pictures by their local features as well.

        raises: StoreError.
        """
        self.path = directory / "agent.db"
        self.trouble, self.disk = "", Disk(directory)
        self._folder = directory / "segments"
        self.is_shared = lock is not None
        self._lock = lock or schema.lock_directory(directory)
        self._lead = (directory / "agent.lead").open("wb")
        self._pictures = allowed.AllowedPictures()
        self._own = OwnIndex(has_local=has_local)
        self._places = SignalPlaces() if has_local else None
        self._index_lock = threading.RLock()  # acquired before _writing if both are needed
        self._writing = threading.RLock()
        self._reading = threading.Lock()
        try:
            self.is_primary = schema.try_lock(self._lead)
            self._open()
        except BaseException:
            self._lead.close()
            self._lock.close()
            raise

    def _open(self) -> None:
        try:
            self._connect()
        except sqlite3.Error as error:
            raise StoreError(f"{self.path} cannot be used: {error}") from error
        except TornError as error:
            if not self.is_primary:
                raise StoreError(f"{self.path} is damaged: {error}") from error
            self._replace_damaged(error)
        self._open_others()
        if self.is_primary:
            schema.overwrite_free_space(self._writer)
            with self.write() as tx:
                own_list.follow_older_agent(tx, now=datetime.now(UTC))
        self.follow_own()

    def _replace_damaged(self, error: Exception) -> None:
        """Set a damaged file aside and start a new one."""
        self.trouble = schema.set_aside(self.path, error)
        logger.warning("%s", self.trouble)
        self._connect()

    def _open_others(self) -> None:
        self._for_loop = schema.open_file(self.path, cache_kb=_LOOP_CACHE_KB)
        self._poll = schema.open_file(self.path, cache_kb=100)
        self._version, self._inode = self._poll_version(), self.path.stat().st_ino
        if self.is_primary:
            index.sweep(self._folder, keep=self.view.generation)

    def _connect(self) -> None:
        """Open the connections and the Library. raises: TornError."""
        self._writer = schema.connect(self.path)
        self._reader = schema.open_file(self.path)
        try:
            with _snapshot(self._reader) as tx:
                self.view = read_view(tx)
                self._index = index.open_index(tx, self._folder, self.view.generation)
        except BaseException:
            self._reader.close()
            self._writer.close()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and release the locks."""
        with self._index_lock, self._writing, self._reading:
            for connection in (self._poll, self._for_loop, self._reader, self._writer):
                connection.close()
            self._lead.close()
            self._lock.close()

    @property
    def library(self) -> Library:
        """Return the searchable signals of the hub."""
        return self._index.library

    @property
    def own_counts(self) -> dict[Kind, int]:
        """Return how many fingerprints of own banks match, of each kind that is there."""
        return self._own.counts

    def match_many(self, contents: Sequence[Fingerprints]) -> list[list[Match]]:
        """Return the matches of each piece of content, those of own banks last."""
        matches = self.library.match_many(contents)
        if self._places is not None:
            matches = self._places.add_to(matches, contents)
        return self._own.add_to(matches, contents)

    def match_values(self, kind: Kind, values: bytes, *, within_bits: int | None = None) -> Hits:
        """Return the matches of many values of one kind, with those of own banks."""
        hits = self.library.match_values(kind, values, within_bits=within_bits)
        return self._own.add_hits(hits, kind, values, within_bits=within_bits)

    def find_videos(self, film: VideoPrint) -> list[Occurrence]:
        """Return the known films in a part of a stream, those of own banks last."""
        return [*self.library.videos.find_in(film), *self._own.find_videos(film)]

    def find_audio(self, tracks: Sequence[Track]) -> list[Occurrence]:
        """Return the known sounds in a part of a stream, those of own banks last."""
        return [*self.library.audio.find_in(tracks), *self._own.find_audio(tracks)]

    def follow_own(self) -> None:
        """Load the changes of own banks, and of local features of signals."""
        with self._reading, _snapshot(self._reader) as tx:
            self._own.follow(tx)
            if self._places is not None:
                self._places.follow(tx)

    @property
    def places(self) -> int:
        """Return how many signals are found by local features."""
        return len(self._places) if self._places is not None else 0

    def places_after(self) -> int:
        """Return the number after which the hub has news of local features."""
        with self._reading:
            return local_features.read_after(self._reader)

    def put_places(self, values: Sequence[tuple[int, str, bytes | None]], *, after: int) -> None:
        """Store a page of local features of signals: see local_features.rows.put_page."""
        with self.write() as tx:
            local_features.put_page(tx, values, after=after)
        self.follow_own()

    def forget_places(self) -> None:
        """Delete all local features of signals."""
        with self.write() as tx:
            local_features.forget(tx)
        self.follow_own()

    @property
    def origin(self) -> Origin | None:
        """Return the source of the signals; None before the first snapshot."""
        return self.view.origin

    @property
    def position(self) -> int:
        """Return the feed position of rows and Library; 0 before the first snapshot."""
        return self.view.position

    @property
    def synced_at(self) -> datetime | None:
        """Return when the hub last confirmed that these are all signals; None before that."""
        return self.view.synced_at

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Run one transaction: all of it is written to disk, or nothing."""
        with self._writing, self.disk.watched():
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # the first error is the one to report
                    self._writer.execute("ROLLBACK")
                raise

    def read(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a query, as last committed."""
        with self._reading:
            return self._reader.execute(sql, values).fetchall()

    def read_on_loop(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Do the same on the event loop, with a connection that no other thread blocks."""
        return self._for_loop.execute(sql, values).fetchall()

    def find(
        self, keys: Iterable[int], *, tx: Transaction | None = None, strict: bool = False
    ) -> dict[int, FeedSignal]:
        """Return the current signals by key, items of own banks included.

        tx: a transaction to read in, if one is given.
        raises: BehindError when strict, and one of them is gone.
        """
        distinct = set(keys)
        own_keys = {key for key in distinct if key >= FIRST_KEY}
        read = own_banks.reader(tx) if tx else self.read
        sql = f"SELECT seq, body, {IS_LOWERED}, {WHY_OFF} FROM signals WHERE seq {_IN_LIST}"  # noqa: S608 - our own names
        rows = read(sql, (json.dumps([*distinct - own_keys]),))
        own = own_banks.find_signals(read, own_keys) if own_keys else {}
        if strict and len(rows) + len(own) < len(distinct):
            raise BehindError
        return {seq: _signal(*marks) for seq, *marks in rows} | own

    def find_items(
        self, ids: Iterable[str], *, tx: Transaction | None = None
    ) -> dict[str, OwnSignal]:
        """Return the items of own banks that match now, by id."""
        return own_banks.find_items(own_banks.reader(tx) if tx else self.read, ids)

    def find_ids(
        self, ids: Iterable[str], *, tx: Transaction | None = None
    ) -> dict[str, FeedSignal]:
        """Return the current signals by id; as a transaction sees them if one is given."""
        sql = f"SELECT id, body, {IS_LOWERED}, {WHY_OFF} FROM signals WHERE id {_IN_LIST}"  # noqa: S608 - our own names
        values = (json.dumps([*ids]),)
        rows = tx.execute(sql, values).fetchall() if tx else self.read(sql, values)
        return {uid: _signal(*marks) for uid, *marks in rows}

    def mark_local(self, signals: Sequence[FeedSignal], *, tx: Transaction) -> list[FeedSignal]:
        """Return signals as the hub sent them, marked where this agent lowered or switched off."""
        lowered = {uid for (uid,) in tx.execute(LOWERED_IDS)}
        reasons = switched_off.read_reasons(tx)
        return [
            _marked(signal, is_lowered=str(signal.id) in lowered, off=reasons.get(str(signal.id)))
            for signal in signals
        ]

    def find_alike(
        self,
        signals: Iterable[FeedSignal],
        *,
        tx: Transaction | None = None,
        library: Library | None = None,
    ) -> list[FeedSignal]:
        """Return the stored signals of the same kind and value as one of these, with these.

        None of kinds whose values are as long as their content. library: None for the present one.
        """
        by_kind: dict[Kind, list[bytes]] = {}
        for signal in signals:
            if signal.kind in SIZE_BYTES:
                value = parse_value(signal.kind, signal.value)
                by_kind.setdefault(signal.kind, []).append(value)
        keys: set[int] = set()
        for kind, values in by_kind.items():
            hits = (library or self.library).match_values(kind, b"".join(values), within_bits=0)
            keys.update(hits.keys[hits.distances_bits == 0].tolist())
        return [*self.find(keys, tx=tx).values()] if keys else []

    def parties(self, signals: Iterable[FeedSignal], *, tx: Transaction | None = None) -> Parties:
        """Return the parties that share or confirm signals; as a transaction sees them if given."""
        names = {name for signal in signals for name in (signal.shared_by, *signal.confirmed_by)}
        own = self.origin.party if self.origin else ""
        if tx:
            return read_parties(tx, names, own=own)
        with self._reading:
            return read_parties(self._reader, names, own=own)

    def find_allowed(
        self, contents: Sequence[Fingerprints], *, now: datetime, tx: Transaction | None = None
    ) -> list[AllowedParts]:
        """Return the allow-list entries that cover each piece of content; as tx sees it."""
        if tx:
            return self._find_allowed(tx, contents, now=now)
        with self._reading:
            return self._find_allowed(self._reader, contents, now=now)

    def _find_allowed(
        self, tx: Transaction, contents: Sequence[Fingerprints], *, now: datetime
    ) -> list[AllowedParts]:
        if not allowed.lists_version(tx):
            return [AllowedParts() for _ in contents]
        by_content = [allowed.prints_of(content) for content in contents]
        prints = [content_print for content in by_content for content_print in content]
        rows = allowed.find_entries(tx, self._pictures, prints, now=now)
        covered, start = [], 0
        for content in by_content:
            places = range(start, start + len(content))
            covered.append(
                AllowedParts([(prints[place], rows[place]) for place in places if place in rows])
            )
            start += len(content)
        return covered

    def summaries(
        self,
        keys: Iterable[int],
        *,
        now: float,
        exercise: bool,
        on_loop: bool = False,
        strict: bool = False,
    ) -> dict[int, SignalSummary]:
        """Return short records of the signals that match now, by key; expired ones do not.

        now:     Unix time. exercise: whether signals of exercises count.
        on_loop: called on the event loop.
        raises:  BehindError when strict, and one of them is gone.
        """
        distinct = set(keys)
        own_keys = {key for key in distinct if key >= FIRST_KEY}
        read = self.read_on_loop if on_loop else self.read
        is_stopped = f"disputed OR {IS_LOWERED} OR {WHY_OFF} IS NOT NULL"
        sql = (
            f"SELECT seq, id, exercise, {is_stopped}, expires_at, 1.0 FROM signals"  # noqa: S608 - our own names
            f" WHERE seq {_IN_LIST}"
        )
        rows = read(sql, (json.dumps([*distinct - own_keys]),))
        if own_keys:
            rows = rows + own_banks.find_summaries(read, own_keys)
        if strict and len(rows) < len(distinct):
            raise BehindError
        return {
            seq: SignalSummary(uid, bool(is_exercise), bool(is_disputed), ratio)
            for seq, uid, is_exercise, is_disputed, ends, ratio in rows
            if (ends is None or ends > now) and (exercise or not is_exercise)
        }

    def apply(
        self,
        puts: Sequence[SignalRow],
        drops: Sequence[str],
        *,
        position: int,
        history: str = "",
        parties: Sequence[FeedParty] = (),
        parties_after: int = 0,
        synced_at: datetime | None,
        alongside: Callable[[Transaction], None],
    ) -> None:
        """Apply one page of the feed: rows, parties, position and consequences, all or nothing.

        parties_after: position up to which all parties are known now.
        synced_at: when the hub had no more than this; None while more pages wait.
        alongside: runs in the transaction, after the rows changed. The Library changes later.
        """
        with self._index_lock:
            with self.write() as tx:
                change = change_rows(tx, puts, drops)
                moves_places = local_features.follow_signals(tx, [row.id for row in puts], drops)
                put_parties(tx, parties)
                if parties:
                    set_state(tx, trust=str(position))
                alongside(tx)
                after = str(parties_after)
                set_state(tx, position=str(position), history=history, parties_after=after)
                if synced_at:
                    set_state(tx, synced_at=synced_at.isoformat())
                view = read_view(tx)
            self._index.take(change.puts, change.drops, gone=change.gone)
            self.view = view  # published only now that the Library has it
        if moves_places:
            self.follow_own()

    def count_allowed(self, *, limit: int) -> list[tuple[str, int]]:
        """Return how often entries of the hub's allow-list were met, most often first."""
        with self._reading:
            return allowed.read_matches(self._reader, limit=limit)

    def apply_allowlist(
        self,
        manifest: AllowlistManifest,
        *,
        now: datetime,
        alongside: Callable[[Transaction, Sequence[AllowRow]], int],
    ) -> int:
        """Replace the hub's allow-list; return what alongside returns.

        alongside: called in the transaction with the entries that are new.
        """
        with self._index_lock:
            with self.write() as tx:
                number = alongside(tx, allowed.replace_hub_list(tx, manifest, now=now))
                view = read_view(tx)
            self.view = view
        return number

    def begin_incoming(self) -> Incoming:
        """Create the table for a snapshot; an unfinished one is discarded."""
        generation = uuid4().hex
        with self.write() as tx:
            tx.execute("DROP TABLE IF EXISTS incoming")
            tx.execute(schema.SIGNALS.format(name="incoming"))
            last = tx.execute("SELECT seq FROM sqlite_sequence WHERE name = 'signals'").fetchone()
        library = index.open_library(self._folder, generation)
        return Incoming(generation, library, last[0] if last else 0)

    def add_incoming(
        self, incoming: Incoming, rows: Sequence[SignalRow], drops: Sequence[str] = ()
    ) -> None:
        """Store part of a snapshot, beside the signals that still match meanwhile.

        An entry replaces earlier ones of the same signal. drops: ids of signals that end.

        A power cut may lose it, until adopt_incoming makes everything durable.
        """
        numbered = incoming.add(rows, drops)
        with self._writing:
            schema.write_for_loading(self._writer)
            try:
                with self.write() as tx:
                    insert_numbered(tx, numbered)
            finally:
                schema.write_durably(self._writer)

    def adopt_incoming(
        self,
        incoming: Incoming,
        *,
        origin: Origin,
        position: int,
        history: str = "",
        parties: Sequence[FeedParty] | None = None,
        now: datetime,
        alongside: Callable[[Transaction, Library], None],
    ) -> None:
        """Replace all signals by a complete snapshot. Outboxes stay as they are.

        parties:   all of the hub's; None if the snapshot does not name them, then the feed will.
        alongside: runs in the transaction, while the table former holds the old signals, with the
                   Library of the new ones.
        """
        self._leave_latest(incoming)
        for statement in schema.SIGNALS_INDEXES:  # at the end: five times faster than row by row
            with self.write() as tx:
                tx.execute(statement.format(name=incoming.generation, table="incoming"))
        if self.is_shared:
            incoming.library.save()  # before the others notice, so that they only have to open it
        with self._index_lock:
            with self.write() as tx:
                tx.execute("ALTER TABLE signals RENAME TO former")
                tx.execute("ALTER TABLE incoming RENAME TO signals")
                if parties is not None:
                    replace_parties(tx, parties)
                elif self.origin is None or self.origin.hub != origin.hub:
                    replace_parties(tx, ())
                if self.origin is not None and self.origin.hub != origin.hub:
                    allowed.forget_hub_list(tx)
                set_state(tx, position=str(position))
                alongside(tx, incoming.library)
                tx.execute("DROP TABLE former")
                local_features.follow_snapshot(tx)
                set_state(
                    tx,
                    generation=incoming.generation,
                    hub=origin.hub,
                    party=origin.party,
                    exercise="1" if origin.exercise else "0",
                    history=history,
                    parties_after="0" if parties is None else str(position),
                    synced_at=now.isoformat(),
                )
                view = read_view(tx)
            unsaved = 0 if self.is_shared else incoming.unsaved
            self._index = index.Index(
                incoming.library, incoming.generation, incoming.seq, self._index.gone, unsaved
            )
            self.view = view
        self.follow_own()
        index.sweep(self._folder, keep=incoming.generation)

    def _leave_latest(self, incoming: Incoming) -> None:
        """Delete the signals that a later entry replaced, and index the others."""
        replaced = incoming.replaced()
        if len(replaced):
            with self.write() as tx:
                numbers = json.dumps(replaced.tolist())
                tx.execute(f"DELETE FROM incoming WHERE seq {_IN_LIST}", (numbers,))  # noqa: S608 - our own names
        incoming.fill_library(without=replaced)

    # several processes

    def try_primary(self) -> bool:
        """Become the primary process unless another process is; return whether this one is."""
        if not self.is_primary and schema.try_lock(self._lead):
            self.catch_up()  # before this process writes anything
            self.is_primary = True
        return self.is_primary

    def has_news(self) -> bool:
        """Whether anything was committed since the last call. Call it on one thread only."""
        before, self._version = self._version, self._poll_version()
        return before != self._version

    def _poll_version(self) -> int:
        (version,) = self._poll.execute("PRAGMA data_version").fetchone()
        return int(version)

    @property
    def is_replaced(self) -> bool:
        """Whether the opened file was replaced by another one because it was damaged."""
        return not self.path.exists() or self.path.stat().st_ino != self._inode

    def check(self) -> None:
        """Read every signal's row; if the file turns out to be damaged, start a new one.

        Not done at a start: it would take as long as everything else together.
        """
        connection = schema.open_file(self.path, cache_kb=100)
        try:
            connection.execute("SELECT sum(length(body)) FROM signals NOT INDEXED").fetchall()
        except sqlite3.DatabaseError as error:
            if not schema.is_damage(error):
                raise
            with self._index_lock, self._writing, self._reading:
                self._writer.close()
                self._reader.close()
                self._replace_damaged(error)
                self._open_others()
            self.follow_own()
        finally:
            connection.close()

    def catch_up(self) -> None:
        """Bring the Library and own banks in step with the rows. The primary waits until it is."""
        self.follow_own()
        with self._index_lock:
            if self.is_primary:
                return
            with self._reading, _snapshot(self._reader) as tx:
                view = read_view(tx)
                if view.generation == self._index.generation:
                    self._index.follow(tx)
                else:
                    self._index = index.open_index(tx, self._folder, view.generation)
            if view.saved != self.view.saved:
                self.library.refresh()
                self._index.unsaved = 0
            self.view = view

    @property
    def unsaved(self) -> int:
        """Return how many changes of signals are in no file of the Library yet."""
        return self._index.unsaved

    def save(self) -> None:
        """Rewrite the Library's files, and let the other processes switch to them."""
        self._index.save()
        with self.write() as tx:
            set_state(tx, saved=uuid4().hex)


def _signal(body: str, is_lowered: int, off: str | None) -> FeedSignal:
    """Return a stored signal, with the marks of this agent. off: why it is switched off."""
    signal = FeedSignal.model_validate_json(body)
    return _marked(signal, is_lowered=bool(is_lowered), off=off)


def _marked(signal: FeedSignal, *, is_lowered: bool, off: str | None) -> FeedSignal:
    if is_lowered:
        signal = signal.model_copy(update={"lowered": True})
    return switched_off.mark_off(signal, off)


@contextmanager
def _snapshot(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Read everything inside from one state of the file."""
    connection.execute("BEGIN")
    try:
        yield connection
    finally:
        with suppress(sqlite3.Error):  # of a damaged file; the first error is the one to tell
            connection.execute("COMMIT")
