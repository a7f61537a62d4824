# SPDX-License-Identifier: Apache-2.0
"""The file of the upload journal: encrypted entries that all processes of an agent share.

1 An entry is committed before its upload is looked up. So a signal that comes later finds the
  entry, and one that came earlier matches the upload itself.
2 An upload that is asked about again keeps its entry, and so its first time, unless its
  fingerprints changed.
3 Nothing waits for the disk: a power cut may lose the last entries, a crash of a process none.
4 Erased and forgotten entries are overwritten (SQLite's secure_delete).
"""

import json
import logging
import sqlite3
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from stemtide.agent.journal.entries import JournalEntry, decode, encode
from stemtide.agent.journal.key import JournalKeyError, open_key
from stemtide.private_files import close, of_sqlite

logger = logging.getLogger(__name__)

_APPLICATION = 0x53544A4C  # "STJL"
_TABLES = (
    """
CREATE TABLE IF NOT EXISTS entries (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, tag BLOB NOT NULL UNIQUE, digest BLOB NOT NULL,
  hour INTEGER NOT NULL, has_long INTEGER NOT NULL, body BLOB NOT NULL
)""",
    "CREATE INDEX IF NOT EXISTS entries_hour ON entries (hour)",
    "CREATE INDEX IF NOT EXISTS entries_long ON entries (seq) WHERE has_long",
    "CREATE TABLE IF NOT EXISTS gone (number INTEGER PRIMARY KEY AUTOINCREMENT, seq INTEGER)",
    "CREATE TABLE IF NOT EXISTS proof (body BLOB NOT NULL)",
)
_PROOF = b"stemtide upload journal"
_HOUR_S = 3600
_PURGE_ROWS = 500
_SOME_OF = "seq IN (SELECT value FROM json_each(?))"


@dataclass(frozen=True, slots=True)
class JournalSize:
    """Size of the journal. oldest_hour: Unix time of the hour of the first entry; None if empty."""

    entries: int
    size_bytes: int
    oldest_hour: int | None


class JournalFile:
    """The file of the journal, open in one process. Thread-safe.

    trouble: what a person should know about the file; "" for nothing.
    """

    def __init__(self, folder: Path, *, key_path: Path | None = None) -> None:
        """Open or create the file and its key.

        key_path: file of the key; None: journal.key beside the journal.

        raises: JournalKeyError if the key file holds no key; OSError, sqlite3.Error.
        """
        self.path = folder / "journal.db"
        self.key_path = key_path or folder / "journal.key"
        self.trouble = ""
        self._lock = threading.Lock()
        self._key, _ = open_key(self.key_path)
        try:
            self._connection = self._open()
        except JournalKeyError as error:
            self._set_aside(f"its key is gone ({self.key_path} holds another one: it {error})")
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            self._set_aside(f"it is damaged ({error})")

    def _set_aside(self, why: str) -> None:
        """Keep a file that cannot be read, and begin a new one."""
        aside = self.path.with_name(f"{self.path.name}.unreadable-{time.time_ns()}")
        for suffix in ("-wal", "-shm", ""):
            part = self.path.with_name(self.path.name + suffix)
            if part.exists():
                part.rename(aside.with_name(aside.name + suffix))
        self.trouble = (
            f"{self.path} cannot be read: {why}. It is kept as {aside.name}, and a new journal"
            " begins: earlier uploads are not found. Put the old key back and rename the file while"
            " the agent is stopped, or delete the file"
        )
        logger.warning("%s", self.trouble)
        self._connection = self._open()

    def _open(self) -> sqlite3.Connection:
        """Open the file and check its key. raises: JournalKeyError, sqlite3.DatabaseError."""
        connection = sqlite3.connect(
            self.path, isolation_level=None, check_same_thread=False, timeout=30
        )
        try:
            for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "secure_delete = ON"):
                connection.execute(f"PRAGMA {pragma}")
            close(of_sqlite(self.path))
            connection.execute("BEGIN IMMEDIATE")
            for statement in _TABLES:
                connection.execute(statement)
            proof = connection.execute("SELECT body FROM proof").fetchone()
            if proof is None:
                sealed = self._key.encrypt(_PROOF)
                connection.execute("INSERT INTO proof VALUES (?)", (sealed,))
                connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            else:
                self._key.decrypt(proof[0])
            connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
        return connection

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def add(self, entries: Sequence[JournalEntry]) -> None:
        """Store entries; one of the same id and fingerprints stays. raises: sqlite3.Error."""
        rows = [self._row(entry) for entry in entries]
        with self._lock:
            self._begin()
            try:
                for row in rows:
                    self._put(row)
                self._connection.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise

    def _row(self, entry: JournalEntry) -> tuple[bytes, bytes, int, bool, bytes]:
        body = encode(entry)
        timeless = encode(JournalEntry(entry.ref, 0, entry.prints, entry.language))
        return (
            self._key.tag(entry.ref.encode()),
            self._key.tag(timeless),
            int(entry.at) // _HOUR_S,
            entry.has_long,
            self._key.encrypt(body),
        )

    def _put(self, row: tuple[bytes, bytes, int, bool, bytes]) -> None:
        """Store a row in place of one of the same id, unless that has the same fingerprints."""
        existing = self._connection.execute(
            "SELECT seq, digest FROM entries WHERE tag = ?", (row[0],)
        ).fetchone()
        if existing:
            if existing[1] == row[1]:
                return
            self._delete([existing[0]])
        self._connection.execute(
            "INSERT INTO entries (tag, digest, hour, has_long, body) VALUES (?, ?, ?, ?, ?)", row
        )

    def _delete(self, seqs: Sequence[int]) -> None:
        """Delete rows and note their numbers for the process that has them in memory."""
        numbers = json.dumps(list(seqs))
        self._connection.execute(f"DELETE FROM entries WHERE {_SOME_OF}", (numbers,))  # noqa: S608 - our own names
        self._connection.execute(
            "INSERT INTO gone (seq) SELECT value FROM json_each(?)", (numbers,)
        )

    def after(self, seq: int, *, limit: int) -> list[JournalEntry]:
        """Return the entries after a number, by number."""
        return self._read("seq > ? ORDER BY seq LIMIT ?", (seq, limit))

    def long_after(self, seq: int, *, limit: int) -> list[JournalEntry]:
        """Return the entries after a number that have fingerprints of the long kinds."""
        return self._read("has_long AND seq > ? ORDER BY seq LIMIT ?", (seq, limit))

    def find(self, seqs: Iterable[int]) -> list[JournalEntry]:
        """Return the entries with these numbers that are still there."""
        return self._read(f"{_SOME_OF} ORDER BY seq", (json.dumps(list(seqs)),))

    def of_refs(self, refs: Iterable[str]) -> list[JournalEntry]:
        """Return the entries of ids that are there."""
        return [
            entry for ref in refs for entry in self._read("tag = ?", (self._key.tag(ref.encode()),))
        ]

    def _read(self, where: str, values: tuple[object, ...]) -> list[JournalEntry]:
        with self._lock:
            rows = self._connection.execute(
                f"SELECT seq, body FROM entries WHERE {where}",  # noqa: S608 - our own names
                values,
            ).fetchall()
        return [entry for seq, body in rows if (entry := self._decode(seq, body))]

    def _decode(self, seq: int, body: bytes) -> JournalEntry | None:
        """Return an entry; None for one that was changed, which is erased."""
        try:
            return decode(self._key.decrypt(body), seq=seq)
        except (JournalKeyError, msgspec.MsgspecError, ValueError) as error:
            self.trouble = (
                f"{self.path} is damaged: an entry {error}. It was erased, so its upload is not"
                " found later"
            )
            logger.warning("%s", self.trouble)
            with self._lock:
                self._delete([seq])
            return None

    def gone_after(self, number: int) -> tuple[list[int], int]:
        """Return the entries that went since a number of the list of gone ones, and the last."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT number, seq FROM gone WHERE number > ? ORDER BY number", (number,)
            ).fetchall()
            if rows:  # the caller alone has entries in memory
                self._connection.execute("DELETE FROM gone WHERE number <= ?", (rows[-1][0],))
        return [seq for _, seq in rows], rows[-1][0] if rows else number

    def erase(self, ref: str) -> bool:
        """Erase the entry of an id; return whether there was one. raises: sqlite3.Error."""
        tag = self._key.tag(ref.encode())
        with self._lock:
            self._begin()
            try:
                rows = self._connection.execute(
                    "SELECT seq FROM entries WHERE tag = ?", (tag,)
                ).fetchall()
                self._delete([seq for (seq,) in rows])
                self._connection.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise
            if rows:
                self._checkpoint()
        return bool(rows)

    def forget(self, *, before: float, max_bytes: int) -> int:
        """Erase entries of hours before a time, and the earliest beyond a size.

        before: Unix time.
        returns: how many went.
        """
        hour = int(before) // _HOUR_S
        total = 0
        while True:
            with self._lock:
                self._begin()
                try:
                    is_large = self._used_bytes() > max_bytes
                    rows = self._connection.execute(
                        "SELECT seq FROM entries WHERE ? OR hour < ? ORDER BY hour, seq LIMIT ?",
                        (is_large, hour, _PURGE_ROWS),
                    ).fetchall()
                    self._delete([seq for (seq,) in rows])
                    self._connection.execute("COMMIT")
                except BaseException:
                    self._roll_back()
                    raise
                total += len(rows)
                if not rows:
                    if total:
                        self._checkpoint()
                    return total

    def size(self) -> JournalSize:
        """Return how large the journal is."""
        with self._lock:
            ((count, hour),) = self._connection.execute(
                "SELECT (SELECT count(*) FROM entries), (SELECT min(hour) FROM entries)"
            ).fetchall()
            used = self._used_bytes()
        return JournalSize(count, used, None if hour is None else hour * _HOUR_S)

    def _used_bytes(self) -> int:
        """Return the bytes of the file that hold something."""
        sizes = [
            self._connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        ]
        return int((sizes[0] - sizes[1]) * sizes[2])

    def _checkpoint(self) -> None:
        """Empty the write-ahead log, in which erased rows may still be read."""
        with suppress(sqlite3.OperationalError):  # a reader holds it: the next one empties it
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _begin(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):  # the first error is the one to report
            self._connection.execute("ROLLBACK")
