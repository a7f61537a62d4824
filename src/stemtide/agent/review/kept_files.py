# SPDX-License-Identifier: Apache-2.0
"""Encrypted copies of held files, which the agent keeps until somebody decides, or for some hours.

1 A row is written before its file, and only if the content waits for a decision. So every file has
  a row, and a file without one is a leftover of a crash.
2 A copy goes when its content no longer waits, for whatever reason: the row first, then the file.
  When its hours are over, its row stays without a size for as long as the content waits: the same
  upload, sent again, is not kept anew.
3 At the start, leftovers go. If nothing is to be kept, so do all copies and their key.
4 No more than keep_files_mb are kept. Beyond that new files are not, and the others stay, so that
  nobody can push out a copy by uploads of their own.

source: NIST SP 800-38D (AES-256-GCM), by the key of the upload journal's kind.
"""

import asyncio
import logging
import os
import shutil
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from stemtide.agent.config.settings import Config
from stemtide.agent.counters import Counters
from stemtide.agent.journal.key import JournalKey, open_key
from stemtide.agent.store.database import Store
from stemtide.agent.store.review import IS_WAITING
from stemtide.agent.waits import wait_woken

logger = logging.getLogger(__name__)

MAX_FILE_BYTES = 64 * 1024 * 1024
"""Larger files are neither kept nor asked for."""

_MB = 1_000_000
_ALMOST_FULL = 0.9
_SWEEP_S = 2.0
_WRITE_WITHIN_S = 60.0
"""A row whose file is missing for so long is a leftover."""

_REFS = f"SELECT ref FROM acted WHERE {IS_WAITING}"  # noqa: S608 - our own names
_DECIDED = f"SELECT name FROM kept_files WHERE ref NOT IN ({_REFS})"  # noqa: S608 - our own names
_OVER = "SELECT name FROM kept_files WHERE at <= ? AND size_bytes > 0"
_THERE = "SELECT name, at FROM kept_files WHERE size_bytes > 0"
_ADD = (
    "INSERT INTO kept_files SELECT ?, ?, ?, ? WHERE ?"  # noqa: S608 - our own names
    f" IN ({_REFS}) AND (SELECT coalesce(sum(size_bytes), 0) FROM kept_files) + ? <= ?"
    " ON CONFLICT (name) DO UPDATE SET size_bytes = excluded.size_bytes WHERE at > ?"
)


@dataclass(frozen=True, slots=True)
class KeptCount:
    """Copies that are there, and their size."""

    files: int
    size_bytes: int


class KeptFiles:
    """Copies of held files in a folder that all processes of an agent share. Thread-safe."""

    def __init__(self, config: Config, *, store: Store, counters: Counters) -> None:
        """Open or create the key, if files are kept.

        raises: JournalKeyError if the key file holds no key; OSError.
        """
        self._settings = config.review
        self._store = store
        self._tally = counters
        self._folder = config.data_dir / "kept"
        self._key_path = config.data_dir / "kept.key"
        self._wake = asyncio.Event()
        self._key: JournalKey | None = None
        if self.is_on:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._key, _ = open_key(self._key_path)

    @property
    def is_on(self) -> bool:
        """Whether held files are kept."""
        return self._settings.enabled and self._settings.keep_files_hours > 0

    def keep(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Keep copies of files whose content waits for a decision. A failure is only reported.

        files: the id of each content, and its bytes.
        """
        if self._key is None:
            return
        for ref, blob in files:
            try:
                is_kept = self._keep(ref, blob, self._key)
            except (OSError, sqlite3.Error) as error:
                logger.warning("a held file is not kept in %s: %s", self._folder, error)
                is_kept = False
            if not is_kept:
                self._tally.add("unkept")

    def _keep(self, ref: str, blob: bytes, key: JournalKey) -> bool:
        """Write a row, then its file; return whether it is kept. raises: OSError, sqlite3.Error."""
        if not 0 < len(blob) <= MAX_FILE_BYTES:
            return False
        name = key.tag(ref.encode()).hex()
        path = self._folder / name
        now, size = time.time(), len(blob)
        values = (name, ref, now, size, ref, size, self._limit_bytes, now - self._term_s)
        with self._store.write() as tx:
            if tx.execute(_ADD, values).rowcount != 1:
                return False
        part = path.with_suffix(f".{uuid4().hex}")  # two requests may write the same file
        try:
            _write(part, key.encrypt(blob))
            part.rename(path)
        except OSError:
            part.unlink(missing_ok=True)
            self._forget([name])
            raise
        return True

    def read(self, ref: str) -> bytes | None:
        """Return the copy of a file; None if there is none.

        raises: JournalKeyError if it was changed, or another key encrypted it.
        """
        if self._key is None or self.kept_until(ref) is None:
            return None
        try:
            sealed = (self._folder / self._key.tag(ref.encode()).hex()).read_bytes()
        except FileNotFoundError:
            return None
        return self._key.decrypt(sealed)

    def kept_until(self, ref: str) -> float | None:
        """Return the Unix time at which a copy goes; None if there is none."""
        sql = "SELECT at FROM kept_files WHERE ref = ? AND size_bytes > 0"
        rows = self._store.read(sql, (ref,))
        return float(rows[0][0]) + self._term_s if rows and self.is_on else None

    def count(self) -> KeptCount:
        """Count the copies."""
        sql = "SELECT count(*), coalesce(sum(size_bytes), 0) FROM kept_files WHERE size_bytes > 0"
        ((files, size_bytes),) = self._store.read(sql)
        return KeptCount(files, size_bytes)

    @property
    def trouble(self) -> str:
        """Return that there is hardly room for more copies; "" while there is."""
        if not self.is_on or self.count().size_bytes < _ALMOST_FULL * self._limit_bytes:
            return ""
        return (
            f"{self._settings.keep_files_mb} MB of held files are kept, so more are not: raise"
            " keep_files_mb in [review], or decide about what is held"
        )

    @property
    def _term_s(self) -> float:
        return self._settings.keep_files_hours * 3600.0

    @property
    def _limit_bytes(self) -> int:
        return self._settings.keep_files_mb * _MB

    def wake(self) -> None:
        """Announce that somebody decided. Call it on the event loop."""
        self._wake.set()

    async def run(self) -> None:
        """Destroy copies that are over, until cancelled. Only the primary process does."""
        if not self.is_on:
            await asyncio.to_thread(self.destroy_all)
            await asyncio.Event().wait()
        while True:
            self._wake.clear()
            await asyncio.to_thread(self.sweep, now=time.time())
            await wait_woken(self._wake, within_s=_SWEEP_S)

    def sweep(self, *, now: float) -> None:
        """Destroy the copies that are over, and leftovers of crashes."""
        self._forget(name for (name,) in self._store.read(_DECIDED))
        self._empty([name for (name,) in self._store.read(_OVER, (now - self._term_s,))])
        files = {path.name for path in self._folder.iterdir()}  # before their rows: 1 above
        rows = dict(self._store.read(_THERE))
        self._forget(
            name for name, at in rows.items() if name not in files and at < now - _WRITE_WITHIN_S
        )
        for name in files:
            if Path(name).stem not in rows:
                (self._folder / name).unlink(missing_ok=True)

    def destroy_all(self) -> None:
        """Destroy all copies and their key."""
        if self._store.read("SELECT 1 FROM kept_files LIMIT 1"):
            with self._store.write() as tx:
                tx.execute("DELETE FROM kept_files")
        shutil.rmtree(self._folder, ignore_errors=True)
        self._key_path.unlink(missing_ok=True)

    def _empty(self, names: list[str]) -> None:
        """Delete the files of copies whose hours are over; their rows stay without a size."""
        if names:
            with self._store.write() as tx:
                sql = "UPDATE kept_files SET size_bytes = 0 WHERE name = ?"
                tx.executemany(sql, [(name,) for name in names])
        for name in names:
            (self._folder / name).unlink(missing_ok=True)

    def _forget(self, names: Iterable[str]) -> None:
        """Delete the rows of copies, then their files."""
        gone = list(names)
        if not gone:
            return
        with self._store.write() as tx:
            tx.executemany("DELETE FROM kept_files WHERE name = ?", [(name,) for name in gone])
        for name in gone:
            (self._folder / name).unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    """Write and sync a file that only this user can read. raises: OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
