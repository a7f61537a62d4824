# SPDX-License-Identifier: Apache-2.0
"""What the agent remembers: one SQLite file, and the searchable Library made of its signals.

The rows are the truth and the Library is an index over them: it is made anew at every start, and a
match counts only if its row still stands. So a kill at any point leaves nothing to repair.
"""

import fcntl
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO
from uuid import uuid4

from stemtide.fingerprints.kinds import Kind, parse_value
from stemtide.matching.library import Entry, Library
from stemtide.protocol.feed import FeedSignal

logger = logging.getLogger(__name__)

Transaction = sqlite3.Connection
"""A connection inside a write transaction, as Store.write() hands it out."""

SignalRow = tuple[str, str, bytes, int | None, str]
"""id, kind, value, within_bits, and the whole signal as JSON."""

APPLICATION = 0x53544D41  # "STMA" in SQLite's application_id: this file is an agent's
VERSION = 1
_CHUNK = 5000
_MAX_WITHIN_BITS = 64

_SIGNALS = """
CREATE TABLE {name} (
  id TEXT NOT NULL, kind TEXT NOT NULL, value BLOB NOT NULL, within_bits INTEGER,
  body TEXT NOT NULL
)"""
_KEPT = {
    # What the hub cannot give back: saved from a torn file as far as it can be read.
    "outcomes": """CREATE TABLE outcomes (
      report TEXT NOT NULL, signal TEXT NOT NULL, outcome TEXT NOT NULL, count INTEGER NOT NULL,
      first_at TEXT NOT NULL, last_at TEXT NOT NULL, refused TEXT NOT NULL DEFAULT '',
      PRIMARY KEY (report, signal, outcome)
    ) WITHOUT ROWID""",
    "deliveries": """CREATE TABLE deliveries (
      seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, channel TEXT NOT NULL,
      ref TEXT NOT NULL, body TEXT NOT NULL, due_at REAL NOT NULL,
      attempts INTEGER NOT NULL DEFAULT 0, is_dead INTEGER NOT NULL DEFAULT 0,
      trouble TEXT NOT NULL DEFAULT '', UNIQUE (id, channel)
    )""",
    "acted": """CREATE TABLE acted (
      ref TEXT NOT NULL, signal TEXT NOT NULL, action TEXT NOT NULL, kind TEXT NOT NULL,
      distance_bits INTEGER NOT NULL, part TEXT NOT NULL, at REAL NOT NULL,
      PRIMARY KEY (ref, signal)
    ) WITHOUT ROWID""",
}
_SCHEMA = (
    "CREATE TABLE state (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    _SIGNALS.format(name="signals"),
    "CREATE UNIQUE INDEX signals_by_id ON signals (id)",
    *_KEPT.values(),
    "CREATE INDEX acted_by_signal ON acted (signal)",
    "CREATE INDEX deliveries_by_ref ON deliveries (ref)",
)


class StoreError(RuntimeError):
    """The store cannot be used. The message names the file and the remedy."""


class _TornError(Exception):
    """The file is damaged."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose signals the store holds: another hub, party or view asks for another snapshot."""

    hub: str
    party: str
    exercise: bool


class Store(AbstractContextManager["Store"]):
    """The agent's memory. write() hands out transactions one at a time; reads never wait long.

    library:  every signal, ready to be searched.
    position: the feed position that rows and library hold; 0 before the first snapshot.
    trouble: what a person should know about how the file was found; "" for nothing.
    """

    def __init__(self, directory: Path) -> None:
        """Open the store in a directory that this agent alone uses, and load its Library.

        raises: StoreError.
        """
        self.path = directory / "agent.db"
        self.trouble = ""
        self._lock = _lock_directory(directory)
        self._writing = threading.RLock()
        self._reading = threading.Lock()
        try:
            self._open()
        except BaseException:
            self._lock.close()
            raise

    def _open(self) -> None:
        try:
            self._writer = _connect(self.path)
            self.library = self._load_library()
        except _TornError as error:
            self.trouble = _set_aside(self.path, error)
            logger.warning("%s", self.trouble)
            self._writer = _connect(self.path)
            self.library = Library()
        self._reader = _open_file(self.path)
        self.position = int(self._state().get("position", "0"))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and let another agent have it."""
        with self._writing, self._reading:
            self._reader.close()
            self._writer.close()
            self._lock.close()

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """One transaction: all of it lands on disk, or nothing."""
        with self._writing:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # the first error is the one to tell
                    self._writer.execute("ROLLBACK")
                raise

    def read(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """All rows that a query answers, as last committed."""
        with self._reading:
            return self._reader.execute(sql, values).fetchall()

    @property
    def origin(self) -> Origin | None:
        """Whose signals these are; None before the first snapshot."""
        state = self._state()
        if "hub" not in state:
            return None
        return Origin(state["hub"], state["party"], state["exercise"] == "1")

    @property
    def synced_at(self) -> datetime | None:
        """When the hub last said that these are all the signals; None before the first time."""
        said = self._state().get("synced_at")
        return datetime.fromisoformat(said) if said else None

    def _state(self) -> dict[str, str]:
        return {str(name): str(value) for name, value in self.read("SELECT * FROM state")}

    def find(self, ids: Iterable[str], *, tx: Transaction | None = None) -> dict[str, FeedSignal]:
        """The signals that still stand, by id; as a transaction sees them when one is given."""
        wanted = list(dict.fromkeys(ids))
        found: dict[str, FeedSignal] = {}
        for start in range(0, len(wanted), 500):
            some = wanted[start : start + 500]
            marks = ",".join("?" * len(some))
            sql = f"SELECT id, body FROM signals WHERE id IN ({marks})"  # noqa: S608 - marks only
            rows = tx.execute(sql, some).fetchall() if tx else self.read(sql, some)
            found.update((row[0], FeedSignal.model_validate_json(row[1])) for row in rows)
        return found

    def apply(
        self,
        puts: Sequence[SignalRow],
        drops: Sequence[str],
        *,
        position: int,
        synced_at: datetime | None,
        alongside: Callable[[Transaction], None],
    ) -> None:
        """Take in one page of the feed: rows, position and what follows from it, or nothing.

        synced_at: when the hub had no more than this; None while more pages wait.
        alongside: runs in the transaction, before the rows change.
        """
        with self.write() as tx:
            alongside(tx)
            tx.executemany("INSERT OR REPLACE INTO signals VALUES (?, ?, ?, ?, ?)", puts)
            tx.executemany("DELETE FROM signals WHERE id = ?", [(one,) for one in drops])
            _set_state(tx, position=str(position))
            if synced_at:
                _set_state(tx, synced_at=synced_at.isoformat())
        library = self.library
        library.drop(drops)
        library.put(entries(puts))
        self.position = position  # said only now, when what it promises is found

    def clear_incoming(self) -> None:
        """Make room for a snapshot; what an earlier, torn one left is thrown away."""
        with self.write() as tx:
            tx.execute("DROP TABLE IF EXISTS incoming")
            tx.execute(_SIGNALS.format(name="incoming"))

    def add_incoming(self, rows: Iterable[SignalRow]) -> None:
        """Store a piece of a snapshot, beside the signals that still match meanwhile.

        A power cut may take it back, until adopt_incoming makes all of it lasting.
        """
        with self._writing:
            self._writer.execute("PRAGMA synchronous = NORMAL")
            try:
                with self.write() as tx:
                    tx.executemany("INSERT INTO incoming VALUES (?, ?, ?, ?, ?)", rows)
            finally:
                self._writer.execute("PRAGMA synchronous = FULL")

    def adopt_incoming(
        self, library: Library, *, origin: Origin, position: int, now: datetime
    ) -> None:
        """Put a complete snapshot in the place of all signals. Outboxes stay as they are."""
        with self.write() as tx:  # at once at the end: five times quicker than row by row
            tx.execute(f"CREATE UNIQUE INDEX by_id_{uuid4().hex} ON incoming (id)")
        with self.write() as tx:
            tx.execute("DROP TABLE signals")
            tx.execute("ALTER TABLE incoming RENAME TO signals")
            _set_state(
                tx,
                hub=origin.hub,
                party=origin.party,
                exercise="1" if origin.exercise else "0",
                position=str(position),
                synced_at=now.isoformat(),
            )
        self.library = library
        self.position = position

    def _load_library(self) -> Library:
        """Index every signal of the file."""
        library = Library()
        try:
            rows = self._writer.execute("SELECT id, kind, value, within_bits FROM signals")
            while chunk := list(islice(rows, _CHUNK)):
                library.put(entries(chunk))
        except (sqlite3.DatabaseError, ValueError) as error:
            self._writer.close()
            raise _TornError(str(error)) from error
        return library


def signal_row(signal: FeedSignal, body: str) -> SignalRow:
    """A signal as the file holds it.

    raises: ValueError for one that cannot be searched for: a value of the wrong length, say.
    """
    value = parse_value(signal.kind, signal.value)
    bits = signal.within_bits
    if bits is not None and (signal.kind is not Kind.PDQ or not 0 <= bits <= _MAX_WITHIN_BITS):
        raise ValueError(f"signal {signal.id}: within_bits {bits} does not suit {signal.kind}")
    return str(signal.id), signal.kind.value, value, bits, body


def entries(rows: Iterable[tuple[Any, ...]]) -> Iterator[Entry]:
    """Rows as the Library takes them."""
    for key, kind, value, within_bits, *_ in rows:
        yield Entry(key, Kind(kind), value, within_bits)


def _set_state(tx: Transaction, **values: str) -> None:
    tx.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", list(values.items()))


def _lock_directory(directory: Path) -> BinaryIO:
    """Keep a second agent out of the directory, for as long as the lock file stays open."""
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (directory / "agent.lock").open("wb")
    except OSError as error:
        raise StoreError(f"data_dir {directory} cannot be used: {error}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise StoreError(
            f"another agent uses data_dir {directory}; give each agent its own, or stop that one"
        ) from error
    return lock


def _open_file(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    # FULL: a count that was promised to the hub must survive a power cut, not only a crash.
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "cache_size = -16000"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _connect(path: Path) -> sqlite3.Connection:
    """Open the agent's file, or make it.

    raises: StoreError for a file of another program or of a newer agent, _TornError for damage.
    """
    is_new = not path.exists() or path.stat().st_size == 0
    connection = None
    try:
        connection = _open_file(path)
        if is_new:
            _make_schema(connection)
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        _check_file(path, application=application, version=version)
        for table in _KEPT:
            connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - our own names
    except (sqlite3.DatabaseError, StoreError) as error:
        if connection:
            connection.close()
        if isinstance(error, StoreError):
            raise
        raise _TornError(str(error)) from error
    return connection


def _make_schema(connection: sqlite3.Connection) -> None:
    """Make the tables, all in one transaction: a kill leaves an empty file, which is new again."""
    connection.execute("BEGIN IMMEDIATE")
    for statement in _SCHEMA:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def _check_file(path: Path, *, application: int, version: int) -> None:
    if application != APPLICATION:
        raise StoreError(
            f"{path} is a database of another program; move it away, or choose another data_dir"
        )
    if version > VERSION:
        raise StoreError(
            f"{path} was written by a newer agent (store version {version}, this one knows "
            f"{VERSION}); start that newer agent again, or choose another data_dir"
        )


def _set_aside(path: Path, error: Exception) -> str:
    """Keep a damaged file, start a new one, and carry over what the hub cannot give back.

    returns: what happened, in words for the operator.
    """
    torn = path.with_name(f"{path.name}.torn-{time.time_ns()}")
    for suffix in ("-wal", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(torn.with_name(torn.name + suffix))
    path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
    saved = _carry_over(torn, path)
    return (
        f"{path} was damaged ({error}) and is kept as {torn.name}; signals come anew from the hub; "
        f"carried over: {saved or 'nothing could be read'}"
    )


def _carry_over(torn: Path, path: Path) -> str:
    """Copy row by row whatever can still be read of the tables that only the agent has."""
    connection = _connect(path)
    saved = []
    try:
        old = sqlite3.connect(torn)
        for table in _KEPT:
            count = 0
            with suppress(sqlite3.DatabaseError):  # where the damage begins; the count says how far
                for row in old.execute(f"SELECT * FROM {table}"):  # noqa: S608 - our own names
                    marks = ",".join("?" * len(row))
                    connection.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", row)  # noqa: S608 - our own names
                    count += 1
                saved.append(f"{count} {table}")
                continue
            saved.append(f"{count} {table} (the rest is unreadable)")
        old.close()
    finally:
        connection.close()
    return ", ".join(saved)
