# SPDX-License-Identifier: Apache-2.0
"""The records of a catalogue: what it lists, what was looked at, and up to which signal.

A scan may be stopped at any moment: what was recorded stays, and the next run goes on from there.
The fingerprints are in a file of the upload journal's form beside this one.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from stemtide.catalogue.items import StoredItem, UnlistedItem
from stemtide.fingerprints.kinds import Kind
from stemtide.private_files import close, of_sqlite

_TABLES = (
    """
CREATE TABLE IF NOT EXISTS items (
  ref TEXT PRIMARY KEY, location TEXT NOT NULL, stamp TEXT NOT NULL, size_bytes INTEGER NOT NULL,
  state TEXT NOT NULL, why TEXT NOT NULL DEFAULT '', matched INTEGER NOT NULL DEFAULT 0,
  acted INTEGER NOT NULL DEFAULT 0, run INTEGER NOT NULL
) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS items_waiting ON items (ref) WHERE state = 'waiting'",
    "CREATE INDEX IF NOT EXISTS items_unreadable ON items (ref) WHERE state = 'unreadable'",
    "CREATE INDEX IF NOT EXISTS items_matched ON items (ref) WHERE matched",
    "CREATE INDEX IF NOT EXISTS items_unacted ON items (ref) WHERE matched AND NOT acted",
    "CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
)
# An id that one listing has twice keeps its first place; the caller is told by the row count.
_LIST = """
INSERT INTO items (ref, location, stamp, size_bytes, state, run) VALUES (?, ?, ?, ?, 'waiting', ?)
ON CONFLICT (ref) DO UPDATE SET
  state = CASE WHEN state = 'unreadable' OR stamp != excluded.stamp
    OR location != excluded.location THEN 'waiting' ELSE state END,
  location = excluded.location, stamp = excluded.stamp, size_bytes = excluded.size_bytes,
  run = excluded.run
WHERE run != excluded.run OR location = excluded.location"""
_RECORD = (
    "UPDATE items SET state = ?, why = ?, matched = ?, acted = ?, size_bytes = ? WHERE ref = ?"
)


class ItemState(StrEnum):
    """State of an item. DONE: looked at in its present form."""

    WAITING = "waiting"
    DONE = "done"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class RecordedLook:
    """The record of an item that was compared.

    why:      "" if all of it was read.
    is_acted: whether the agent decided about the signals that it matches.
    """

    ref: str
    size_bytes: int
    why: str
    is_matched: bool
    is_acted: bool


@dataclass(frozen=True, slots=True)
class SignalSearch:
    """A search for new signals among stored fingerprints that has begun.

    target: number of the newest signal of the search.
    at:     number of the last entry that was compared.
    """

    target: int
    at: int


class CatalogueRecords:
    """The file of the records, open in one process."""

    def __init__(self, folder: Path) -> None:
        """Open or create the file. raises: OSError, sqlite3.Error."""
        self.path = folder / "catalogue.db"
        self._connection = sqlite3.connect(self.path, isolation_level=None, timeout=30)
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL"):
            self._connection.execute(f"PRAGMA {pragma}")
        close(of_sqlite(self.path))
        for statement in _TABLES:
            self._connection.execute(statement)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def begin_run(self) -> int:
        """Return the number of a new run."""
        run = self._number("run") + 1
        self._set(run=run)
        return run

    @property
    def searched(self) -> int:
        """Return the number of the signal up to which every stored entry was compared."""
        return self._number("searched")

    def search_in_progress(self) -> SignalSearch | None:
        """Return the search that an earlier run has begun; None if there is none."""
        rows = self._read("SELECT value FROM facts WHERE name = 'search'")
        return SignalSearch(*json.loads(rows[0][0])) if rows else None

    def record_search(self, search: SignalSearch, matched: Mapping[str, bool]) -> None:
        """Record how far a search came. matched: ids that it found, and if the agent decided."""
        with self._transaction():
            self._set(search=json.dumps([search.target, search.at]))
            self._connection.executemany(
                "UPDATE items SET matched = 1, acted = ? WHERE ref = ?",
                [(is_acted, ref) for ref, is_acted in matched.items()],
            )

    def end_search(self, target: int) -> None:
        """Record that every entry was compared with all signals up to a number."""
        with self._transaction():
            self._set(searched=target)
            self._connection.execute("DELETE FROM facts WHERE name = 'search'")

    def list_items(
        self, items: Sequence[StoredItem | UnlistedItem], *, run: int
    ) -> list[UnlistedItem]:
        """Record what a source lists. Content that is new or changed is to be looked at.

        returns: the entries that name no content, or an id that this run has listed already.
        """
        unlisted = []
        with self._transaction():
            for item in items:
                if isinstance(item, UnlistedItem):
                    unlisted.append(item)
                    continue
                row = (item.ref, item.location, item.stamp, item.size_bytes, run)
                if not self._connection.execute(_LIST, row).rowcount:
                    why = f"its id is also that of other content ({item.ref[:80]}): ids are unique"
                    unlisted.append(UnlistedItem(item.location, why))
        return unlisted

    def waiting(self, *, after: str, limit: int) -> list[StoredItem]:
        """Return content that is to be looked at, by id."""
        rows = self._read(
            "SELECT ref, location, stamp, size_bytes FROM items"
            " WHERE state = 'waiting' AND ref > ? ORDER BY ref LIMIT ?",
            (after, limit),
        )
        return [StoredItem(*row) for row in rows]

    def count(self, state: ItemState) -> int:
        """Return the number of items in a state."""
        ((number,),) = self._read("SELECT count(*) FROM items WHERE state = ?", (state,))
        return int(number)

    def unacted(self, *, limit: int) -> list[str]:
        """Return ids of content that matched, and about which the agent has not decided."""
        rows = self._read("SELECT ref FROM items WHERE matched AND NOT acted LIMIT ?", (limit,))
        return [ref for (ref,) in rows]

    def record_acted(self, refs: Iterable[str]) -> None:
        """Record that the agent decided about content."""
        with self._transaction():
            self._connection.executemany(
                "UPDATE items SET acted = 1 WHERE ref = ?", [(ref,) for ref in refs]
            )

    @property
    def lookups(self) -> dict[Kind, int]:
        """Return how many pieces of content with a fingerprint of each kind were looked at."""
        rows = self._read("SELECT name, value FROM facts WHERE name LIKE 'kind %'")
        return {Kind(name.removeprefix("kind ")): int(value) for name, value in rows}

    def record(self, looks: Sequence[RecordedLook], lookups: Mapping[Kind, int]) -> None:
        """Record that items were looked at. lookups: of them, with a fingerprint of each kind."""
        with self._transaction():
            self._connection.executemany(
                "INSERT INTO facts VALUES (?, ?) ON CONFLICT DO UPDATE SET value = value + ?",
                [(f"kind {kind}", number, number) for kind, number in lookups.items()],
            )
            self._record(looks)

    def _record(self, looks: Sequence[RecordedLook]) -> None:
        rows = [
            (
                ItemState.UNREADABLE if look.why else ItemState.DONE,
                look.why,
                look.is_matched,
                look.is_acted,
                look.size_bytes,
                look.ref,
            )
            for look in looks
        ]
        self._connection.executemany(_RECORD, rows)

    def _number(self, name: str) -> int:
        rows = self._read("SELECT value FROM facts WHERE name = ?", (name,))
        return int(rows[0][0]) if rows else 0

    def _set(self, **facts: object) -> None:
        self._connection.executemany(
            "INSERT INTO facts VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
            [(name, str(value)) for name, value in facts.items()],
        )

    def _read(self, query: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(query, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
