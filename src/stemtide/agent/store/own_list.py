# SPDX-License-Identifier: Apache-2.0
"""The agent's own allow-list: who added or ended which entry and why, and recent matches of each.

1 The table `allowed` has the entries that cover content now; an ended one is only here, so that it
  can be put back.
2 A match of an entry is one row for each upload, as long as the record of its action is kept.
3 One value has one entry that is on the list; a newer one takes its place.
"""

import sqlite3
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import uuid4

from stemtide.agent.store.allowed import BY_ID, OWN, PUT_ENTRY, AllowRow, note_change
from stemtide.agent.store.match_rates import Read
from stemtide.fingerprints.url.canonical import digest
from stemtide.fingerprints.url.reach import UrlScope, rule_of
from stemtide.protocol.sync.allowlists import DEFAULT_WITHIN_BITS, AllowEntryIn, is_hex

TABLES = {
    # written: as it was given, so of an address the address. The API gives no name (added_by '').
    "own_entries": """CREATE TABLE own_entries (
      id TEXT PRIMARY KEY, kind TEXT NOT NULL, value TEXT NOT NULL, written TEXT NOT NULL,
      within_bits INTEGER NOT NULL, reach TEXT NOT NULL, source TEXT NOT NULL,
      source_url TEXT NOT NULL, reason TEXT NOT NULL, expires_at REAL, added_at REAL NOT NULL,
      added_by TEXT NOT NULL, ended_at REAL, ended_by TEXT NOT NULL DEFAULT '',
      ended_why TEXT NOT NULL DEFAULT ''
    ) WITHOUT ROWID""",
    "own_matches": """CREATE TABLE own_matches (
      entry TEXT NOT NULL, ref TEXT NOT NULL, signal TEXT NOT NULL, at REAL NOT NULL,
      PRIMARY KEY (entry, ref)
    ) WITHOUT ROWID""",
}
ADOPT = """INSERT OR IGNORE INTO own_entries
  (id, kind, value, written, within_bits, reach, source, source_url, reason, expires_at,
    added_at, added_by)
  SELECT id, kind, value, value, within_bits, '', source, '', reason, expires_at, added_at, ''
  FROM allowed WHERE list = 'own'"""
"""Adds the entries of an older agent, which kept of an address only the digest."""

_COLUMNS = (
    "id, kind, value, written, within_bits, reach, source, source_url, reason, expires_at,"
    " added_at, added_by, ended_at, ended_by, ended_why"
)
_COUNTED = (
    f"SELECT {_COLUMNS}, count(ref), max(at) FROM own_entries"  # noqa: S608 - our own names
    " LEFT JOIN own_matches ON entry = id"
)
_IS_ON = "ended_at IS NULL AND (expires_at IS NULL OR expires_at > ?1)"
_HAS_WORDS = (
    "(?2 = '' OR value IN (SELECT value FROM json_each(?3))"
    " OR instr(lower(reason || ' ' || source || ' ' || written || ' ' || id), lower(?2)))"
)


class OwnEntryState(StrEnum):
    """Whether an entry covers anything."""

    ON = "on"
    EXPIRED = "expired"
    ENDED = "ended"


class OwnEntryRow(NamedTuple):
    """An entry, with how many uploads it matched lately, and when the last. Times are Unix time.

    value: hex. written: as it was given, so of an address the address.
    """

    id: str
    kind: str
    value: str
    written: str
    within_bits: int
    reach: str
    source: str
    source_url: str
    reason: str
    expires_at: float | None
    added_at: float
    added_by: str
    ended_at: float | None
    ended_by: str
    ended_why: str
    matches: int
    matched_at: float | None

    def state(self, now: float) -> OwnEntryState:
        """Return whether the entry covers anything."""
        if self.ended_at is not None:
            return OwnEntryState.ENDED
        is_over = self.expires_at is not None and self.expires_at <= now
        return OwnEntryState.EXPIRED if is_over else OwnEntryState.ON


class EntryMatch(NamedTuple):
    """An upload that an entry kept from an action. at: Unix time."""

    ref: str
    signal: str
    at: float


def value_of(entry: AllowEntryIn) -> str:
    """Return the hex value of an entry; of an address the digest, which may also be given itself.

    raises: UrlError for an invalid address.
    """
    if entry.kind != "url" or is_hex(entry.value, digits=64):
        return entry.value.lower()
    reach = UrlScope[entry.reach.name] if entry.reach else UrlScope.ADDRESS
    return digest(rule_of(entry.value, reach=reach)).hex()


def add_entry(tx: sqlite3.Connection, entry: AllowEntryIn, *, by: str, now: datetime) -> AllowRow:
    """Add an entry, in place of one with the same value. raises: UrlError."""
    uid, value, at = str(uuid4()), value_of(entry), now.timestamp()
    bits = DEFAULT_WITHIN_BITS if entry.within_bits is None else entry.within_bits
    tx.execute(
        "UPDATE own_entries SET ended_at = ?, ended_by = ?, ended_why = 'replaced by a newer entry'"
        " WHERE kind = ? AND value = ? AND ended_at IS NULL",
        (at, by, entry.kind, value),
    )
    tx.execute(
        f"INSERT INTO own_entries ({_COLUMNS})"  # noqa: S608 - our own names
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, '', '')",
        (
            *(uid, entry.kind, value, entry.value if entry.kind == "url" else value),
            *(bits if entry.kind == "pdq" else 0, entry.reach or "", entry.source),
            *(entry.source_url, entry.reason),
            *(entry.expires_at.timestamp() if entry.expires_at else None, at, by),
        ),
    )
    return _put(tx, uid)


def end_entry(tx: sqlite3.Connection, uid: str, *, by: str, why: str, now: datetime) -> bool:
    """Take an entry off the list; return whether it was on it."""
    tx.execute("DELETE FROM allowed WHERE list = ? AND id = ?", (OWN, uid))
    note_change(tx)
    ended = tx.execute(
        "UPDATE own_entries SET ended_at = ?, ended_by = ?, ended_why = ?"
        " WHERE id = ? AND ended_at IS NULL",
        (now.timestamp(), by, why, uid),
    )
    return ended.rowcount > 0


def restore_entry(tx: sqlite3.Connection, uid: str) -> AllowRow | None:
    """Put an entry back; None if it was not ended, or the list has its value again."""
    restored = tx.execute(
        "UPDATE own_entries SET ended_at = NULL, ended_by = '', ended_why = '' WHERE id = ?"
        " AND ended_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM own_entries AS other WHERE"
        " other.kind = own_entries.kind AND other.value = own_entries.value"
        " AND other.ended_at IS NULL)",
        (uid,),
    )
    return _put(tx, uid) if restored.rowcount else None


def _put(tx: sqlite3.Connection, uid: str) -> AllowRow:
    """Let an entry cover content."""
    tx.execute(
        f"{PUT_ENTRY} SELECT id, 'own', kind, value, within_bits, reason, source, expires_at,"  # noqa: S608 - our own names
        " added_at FROM own_entries WHERE id = ?",
        (uid,),
    )
    note_change(tx)
    return AllowRow(*tx.execute(BY_ID, (OWN, uid)).fetchone())


def values_on_list(tx: sqlite3.Connection, *, now: datetime) -> set[tuple[str, str]]:
    """Return the kind and value of each entry that covers content."""
    sql = f"SELECT kind, value FROM own_entries WHERE {_IS_ON}"  # noqa: S608 - our own names
    return {(kind, value) for kind, value in tx.execute(sql, (now.timestamp(),))}


def list_size(tx: sqlite3.Connection) -> int:
    """Return how many entries were not ended, expired ones included."""
    (size,) = tx.execute("SELECT count(*) FROM own_entries WHERE ended_at IS NULL").fetchone()
    return int(size)


def note_matches(
    tx: sqlite3.Connection, entries: Iterable[str], *, ref: str, signal: str, now: datetime
) -> None:
    """Keep that an upload matched a signal, and that these entries cover it."""
    tx.executemany(
        "INSERT OR REPLACE INTO own_matches VALUES (?, ?, ?, ?)",
        [(entry, ref, signal, now.timestamp()) for entry in entries],
    )


def forget(tx: sqlite3.Connection, *, before: datetime) -> None:
    """Delete the matches and the ended entries older than a time."""
    tx.execute("DELETE FROM own_matches WHERE at < ?", (before.timestamp(),))
    tx.execute("DELETE FROM own_entries WHERE ended_at < ?", (before.timestamp(),))


# reads


def find_entries(
    read: Read,
    *,
    words: str,
    values: str,
    is_on: bool,
    now: float,
    limit: int,
    offset: int = 0,
) -> list[OwnEntryRow]:
    """Return entries, the newest first.

    words: part of a reason, source, value or address. values: JSON list of hex values that are
    searched for as well. is_on: those on the list; else those that ended or expired.
    """
    state = _IS_ON if is_on else f"NOT ({_IS_ON})"
    rows = read(
        f"{_COUNTED} WHERE {state} AND {_HAS_WORDS} GROUP BY id"
        " ORDER BY coalesce(ended_at, added_at) DESC, id LIMIT ?4 OFFSET ?5",
        (now, words, values, limit, offset),
    )
    return [OwnEntryRow(*row) for row in rows]


def read_entries(read: Read) -> list[OwnEntryRow]:
    """Return the entries that were not ended, oldest first."""
    rows = read(f"{_COUNTED} WHERE ended_at IS NULL GROUP BY id ORDER BY added_at, id", ())
    return [OwnEntryRow(*row) for row in rows]


def read_entry(read: Read, uid: str) -> OwnEntryRow | None:
    """Return an entry, ended or not; None if there is none."""
    rows = read(f"{_COUNTED} WHERE id = ? GROUP BY id", (uid,))
    return OwnEntryRow(*rows[0]) if rows else None


def count_entries(read: Read, *, now: float) -> tuple[int, int]:
    """Return how many entries are on the list, and how many ended or expired."""
    sql = f"SELECT coalesce(sum({_IS_ON}), 0), count(*) FROM own_entries"  # noqa: S608 - our own names
    ((on, every),) = read(sql, (now,))
    return int(on), int(every - on)


def matches_of(read: Read, uid: str, *, limit: int) -> list[EntryMatch]:
    """Return the uploads that an entry matched lately, the latest first."""
    sql = "SELECT ref, signal, at FROM own_matches WHERE entry = ? ORDER BY at DESC, ref LIMIT ?"
    return [EntryMatch(*row) for row in read(sql, (uid, limit))]
