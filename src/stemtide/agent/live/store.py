# SPDX-License-Identifier: Apache-2.0
"""Storage for live streams: one file that all processes of the agent share.

So any process can take the next chunk of a stream. Nothing is synced to disk: the file survives
a crash of a process but not a power cut, after which a stream simply starts again.
"""

import sqlite3
import threading
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from stemtide.agent.live.state import StreamState

_TABLE = """
CREATE TABLE IF NOT EXISTS streams (
  name TEXT PRIMARY KEY, ref TEXT NOT NULL, begun_at REAL NOT NULL, seen_at REAL NOT NULL,
  version INTEGER NOT NULL DEFAULT 0, init BLOB NOT NULL DEFAULT x'',
  state BLOB NOT NULL DEFAULT x''
) WITHOUT ROWID"""
_COLUMNS = "name, ref, begun_at, version, init, state"


class FullError(Exception):
    """The maximum number of streams is open."""


@dataclass(frozen=True, slots=True)
class StreamRow:
    """An open stream.

    ref:     the provider's own id of it. begun_at: Unix time; with the name, it identifies the
    stream.
    version: grows with each change; a writer must have read the current version.
    init:    its initialisation segment; b"" if it needs none.
    """

    name: str
    ref: str
    begun_at: float
    version: int
    init: bytes
    state_bytes: bytes

    def state(self) -> StreamState:
        """Return the parsed state, or an empty one if it cannot be read."""
        with suppress(msgspec.MsgspecError, ValueError):
            return StreamState.from_bytes(self.state_bytes)
        return StreamState()


class LiveStore:
    """The open streams. Thread-safe.

    most:   how many may be open.
    idle_s: a stream ends after so many seconds without a chunk.
    """

    def __init__(self, path: Path, *, most: int, idle_s: float) -> None:
        self._most = most
        self._idle_s = idle_s
        self._lock = threading.Lock()
        try:
            self._connection = _connect(path)
        except sqlite3.DatabaseError:
            for suffix in ("", "-wal", "-shm"):  # damaged: streams start again, which costs little
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            self._connection = _connect(path)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def open(self, name: str, *, ref: str, now: float) -> StreamRow:
        """Return a stream, creating it if it is not open. raises: FullError."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                row = self._open(name, ref=ref, now=now)
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            return row

    def _open(self, name: str, *, ref: str, now: float) -> StreamRow:
        if row := self._find(name, now=now):
            # The chunk may wait long to be decoded; meanwhile the stream is not idle.
            self._connection.execute("UPDATE streams SET seen_at = ? WHERE name = ?", (now, name))
            return row
        self._connection.execute("DELETE FROM streams WHERE seen_at < ?", (now - self._idle_s,))
        ((count,),) = self._connection.execute("SELECT count(*) FROM streams").fetchall()
        if count >= self._most:
            raise FullError
        self._connection.execute(
            "INSERT INTO streams (name, ref, begun_at, seen_at) VALUES (?, ?, ?, ?)",
            (name, ref, now, now),
        )
        return StreamRow(name, ref, now, 0, b"", b"")

    def find(self, name: str, *, now: float) -> StreamRow | None:
        """Return a stream; None if it is not open."""
        with self._lock:
            return self._find(name, now=now)

    def _find(self, name: str, *, now: float) -> StreamRow | None:
        row = self._connection.execute(
            f"SELECT {_COLUMNS} FROM streams WHERE name = ? AND seen_at >= ?",  # noqa: S608 - our own names
            (name, now - self._idle_s),
        ).fetchone()
        return StreamRow(*row) if row else None

    def save(
        self,
        row: StreamRow,
        *,
        now: float,
        state: StreamState | None = None,
        init: bytes | None = None,
    ) -> bool:
        """Store the changes of a stream; False if it was changed or ended meanwhile."""
        with self._lock:
            updated = self._connection.execute(
                "UPDATE streams SET seen_at = ?, version = version + 1, init = ?, state = ?"
                " WHERE name = ? AND begun_at = ? AND version = ?",
                (
                    now,
                    row.init if init is None else init,
                    row.state_bytes if state is None else state.to_bytes(),
                    row.name,
                    row.begun_at,
                    row.version,
                ),
            )
            return updated.rowcount == 1

    def end(self, name: str, *, now: float) -> StreamRow | None:
        """Delete a stream; return its last state, None if it was not open."""
        with self._lock:
            row = self._find(name, now=now)
            self._connection.execute("DELETE FROM streams WHERE name = ?", (name,))
            return row

    def sweep(self, *, now: float) -> int:
        """Delete idle streams; return how many."""
        with self._lock:
            deleted = self._connection.execute(
                "DELETE FROM streams WHERE seen_at < ?", (now - self._idle_s,)
            )
            return deleted.rowcount

    def names(self, *, now: float) -> list[tuple[str, str]]:
        """Return the name and ref of every open stream."""
        with self._lock:
            return self._connection.execute(
                "SELECT name, ref FROM streams WHERE seen_at >= ? ORDER BY name",
                (now - self._idle_s,),
            ).fetchall()

    def count(self, *, now: float) -> int:
        """Return the number of open streams."""
        with self._lock:
            ((count,),) = self._connection.execute(
                "SELECT count(*) FROM streams WHERE seen_at >= ?", (now - self._idle_s,)
            ).fetchall()
            return int(count)


def _connect(path: Path) -> sqlite3.Connection:
    """Open or create the file. raises: sqlite3.DatabaseError if it is damaged."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    try:
        for pragma in ("journal_mode = WAL", "synchronous = OFF", "secure_delete = ON"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute(_TABLE)
        with closing(connection.execute("SELECT count(*) FROM streams")) as rows:
            rows.fetchall()
    except BaseException:
        connection.close()
        raise
    return connection
