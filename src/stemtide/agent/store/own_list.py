# SPDX-License-Identifier: Apache-2.0
"""Entries of the provider's own lists: who added or ended which and why, and recent matches.

1 A list is the allow-list, whose name is "", or a bank (own_banks.py), whose entries are its items.
2 The table `allowed` has the entries of the allow-list that cover content now, and own_prints the
  fingerprints of items; an ended entry is only here, so that it can be put back.
3 A match of an entry is one row for each upload, as long as the record of its action is kept.
4 One value has one entry that is on a list; a newer one takes its place.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import uuid4

from stemtide.agent.store import own_banks
from stemtide.agent.store.allowed import BY_ID, OWN, PUT_ENTRY, AllowRow, note_change
from stemtide.agent.store.match_rates import Read
from stemtide.fingerprints.kinds import Kind
from stemtide.fingerprints.url.canonical import UrlError, digest
from stemtide.fingerprints.url.reach import UrlScope, fingerprints_of_url, rule_of
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
_ADOPT = """INSERT OR IGNORE INTO own_entries
  (id, kind, value, written, within_bits, reach, source, source_url, reason, expires_at,
    added_at, added_by)
  SELECT id, kind, value, value, within_bits, '', source, '', reason, expires_at, added_at, ''
  FROM allowed WHERE list = 'own'"""
"""Adds the entries of an older agent, which kept of an address only the digest."""
_REMOVED = "removed by an older version of the agent"
_END_REMOVED = f"""UPDATE own_entries SET ended_at = ?, ended_why = '{_REMOVED}'
  WHERE bank = '' AND ended_at IS NULL
  AND id NOT IN (SELECT id FROM allowed WHERE list = 'own')"""  # noqa: S608 - our own names
_RESTORE_ITEMS = (
    f"""UPDATE own_entries SET ended_at = NULL, ended_why = ''
      WHERE bank != '' AND ended_why = '{_REMOVED}'""",  # noqa: S608 - our own names
    """DELETE FROM allowed
      WHERE list = 'own' AND id IN (SELECT id FROM own_entries WHERE bank != '')""",
)
"""An older agent takes items of banks for entries that were removed, and may allow one again."""

_COLUMNS = (
    "id, kind, value, written, within_bits, reach, source, source_url, reason, expires_at,"
    " added_at, added_by, ended_at, ended_by, ended_why, bank"
)
_COUNTED = (
    f"SELECT {_COLUMNS}, (SELECT count(*) FROM own_matches WHERE entry = id),"  # noqa: S608 - our own names
    " (SELECT max(at) FROM own_matches WHERE entry = id)"
)
_IS_ON = "ended_at IS NULL AND (expires_at IS NULL OR expires_at > ?1)"
_HAS_WORDS = (
    "(?2 = '' OR value IN (SELECT value FROM json_each(?3))"
    " OR id IN (SELECT entry FROM own_prints WHERE value = ?7)"
    " OR instr(lower(reason || ' ' || source || ' ' || written || ' ' || id), lower(?2)))"
)


class OwnEntryState(StrEnum):
    """Whether an entry covers anything."""

    ON = "on"
    EXPIRED = "expired"
    ENDED = "ended"


class OwnEntryRow(NamedTuple):
    """An entry, with how many uploads it matched lately, and when the last. Times are Unix time.

    value: hex. written: as it was given, so of an address the address. bank: "" for the allow-list.
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
    bank: str
    matches: int
    matched_at: float | None

    def state(self, now: float) -> OwnEntryState:
        """Return whether the entry covers anything."""
        if self.ended_at is not None:
            return OwnEntryState.ENDED
        is_over = self.expires_at is not None and self.expires_at <= now
        return OwnEntryState.EXPIRED if is_over else OwnEntryState.ON


class NewEntry(NamedTuple):
    """An entry to store. value: hex, as it is compared; written: as it was given."""

    kind: str
    value: str
    written: str
    reason: str
    source: str = ""
    source_url: str = ""
    within_bits: int = 0
    reach: str = ""
    expires_at: datetime | None = None


class EntryMatch(NamedTuple):
    """An upload that an entry kept from an action. at: Unix time."""

    ref: str
    signal: str
    at: float


def follow_older_agent(tx: sqlite3.Connection, *, now: datetime) -> None:
    """List entries that an older agent added to `allowed` alone, and end those that it removed."""
    for statement in _RESTORE_ITEMS:
        tx.execute(statement)
    tx.execute(_END_REMOVED, (now.timestamp(),))
    tx.execute(_ADOPT)


def value_of(entry: AllowEntryIn) -> str:
    """Return the hex value of an entry; of an address the digest, which may also be given itself.

    raises: UrlError for an invalid address.
    """
    if entry.kind != "url" or is_hex(entry.value, digits=64):
        return entry.value.lower()
    reach = UrlScope[entry.reach.name] if entry.reach else UrlScope.ADDRESS
    return digest(rule_of(entry.value, reach=reach)).hex()


def add_entry(tx: sqlite3.Connection, entry: AllowEntryIn, *, by: str, now: datetime) -> AllowRow:
    """Add an entry of the allow-list, in place of one with the same value. raises: UrlError."""
    value = value_of(entry)
    bits = DEFAULT_WITHIN_BITS if entry.within_bits is None else entry.within_bits
    row = NewEntry(
        kind=entry.kind,
        value=value,
        written=entry.value if entry.kind == "url" else value,
        reason=entry.reason,
        source=entry.source,
        source_url=entry.source_url,
        within_bits=bits if entry.kind == "pdq" else 0,
        reach=entry.reach or "",
        expires_at=entry.expires_at,
    )
    end_same(tx, row, by=by, now=now)
    (uid,) = add_rows(tx, [row], by=by, now=now)
    return put_allowed(tx, uid)


def end_same(
    tx: sqlite3.Connection, entry: NewEntry, *, by: str, now: datetime, bank: str = ""
) -> None:
    """End the entry of a list that has the value of a new one."""
    replaced = tx.execute(
        "SELECT id FROM own_entries WHERE bank = ? AND kind = ? AND value = ? AND ended_at IS NULL",
        (bank, entry.kind, entry.value),
    ).fetchall()
    for (old,) in replaced:
        end_entry(tx, old, by=by, why="replaced by a newer entry", now=now, bank=bank)


def add_rows(
    tx: sqlite3.Connection, entries: Sequence[NewEntry], *, by: str, now: datetime, bank: str = ""
) -> list[str]:
    """Store entries whose values are not on the list; return their ids."""
    ids, at = [str(uuid4()) for _ in entries], now.timestamp()
    tx.executemany(
        f"INSERT INTO own_entries ({_COLUMNS})"  # noqa: S608 - our own names
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, '', '', ?)",
        [
            (
                *(uid, entry.kind, entry.value, entry.written, entry.within_bits, entry.reach),
                *(entry.source, entry.source_url, entry.reason),
                *(entry.expires_at.timestamp() if entry.expires_at else None, at, by, bank),
            )
            for uid, entry in zip(ids, entries, strict=True)
        ],
    )
    return ids


def change_row(
    tx: sqlite3.Connection, uid: str, *, reason: str, source: str, expires_at: datetime | None
) -> None:
    """Change the description of an entry, and when it ends by itself."""
    tx.execute(
        "UPDATE own_entries SET reason = ?, source = ?, expires_at = ? WHERE id = ?",
        (reason, source, expires_at.timestamp() if expires_at else None, uid),
    )


def end_entry(
    tx: sqlite3.Connection, uid: str, *, by: str, why: str, now: datetime, bank: str = ""
) -> bool:
    """Take an entry off its list; return whether it was on it."""
    ended = tx.execute(
        "UPDATE own_entries SET ended_at = ?, ended_by = ?, ended_why = ?"
        " WHERE id = ? AND bank = ? AND ended_at IS NULL",
        (now.timestamp(), by, why, uid, bank),
    )
    if ended.rowcount and bank:
        own_banks.switch_prints(tx, "= ?", uid)
    elif ended.rowcount:
        tx.execute("DELETE FROM allowed WHERE list = ? AND id = ?", (OWN, uid))
        note_change(tx)
    return ended.rowcount > 0


def restore_entry(tx: sqlite3.Connection, uid: str) -> bool:
    """Mark an entry as not ended; False if it was not, or its list has its value again."""
    restored = tx.execute(
        "UPDATE own_entries SET ended_at = NULL, ended_by = '', ended_why = '' WHERE id = ?"
        " AND ended_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM own_entries AS other WHERE"
        " other.kind = own_entries.kind AND other.value = own_entries.value"
        " AND other.bank = own_entries.bank AND other.ended_at IS NULL)",
        (uid,),
    )
    return restored.rowcount > 0


def put_allowed(tx: sqlite3.Connection, uid: str) -> AllowRow:
    """Let an entry of the allow-list cover content."""
    tx.execute(
        f"{PUT_ENTRY} SELECT id, 'own', kind, value, within_bits, reason, source, expires_at,"  # noqa: S608 - our own names
        " added_at FROM own_entries WHERE id = ?",
        (uid,),
    )
    note_change(tx)
    return AllowRow(*tx.execute(BY_ID, (OWN, uid)).fetchone())


def values_on_list(
    tx: sqlite3.Connection, *, now: datetime, bank: str = ""
) -> set[tuple[str, str]]:
    """Return the kind and value of each entry of a list that counts now."""
    sql = f"SELECT kind, value FROM own_entries WHERE bank = ?2 AND {_IS_ON}"  # noqa: S608 - our own names
    return {(kind, value) for kind, value in tx.execute(sql, (now.timestamp(), bank))}


def list_size(tx: sqlite3.Connection, *, bank: str = "") -> int:
    """Return how many entries of a list were not ended, expired ones included."""
    sql = "SELECT count(*) FROM own_entries WHERE bank = ? AND ended_at IS NULL"
    (size,) = tx.execute(sql, (bank,)).fetchone()
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
    own_banks.forget(tx, before=before)


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
    bank: str = "",
) -> list[OwnEntryRow]:
    """Return entries of a list, the newest first.

    words: part of a reason, source, value or address. values: JSON list of hex values that are
    searched for as well. is_on: those on the list; else those that ended or expired.
    """
    state = _IS_ON if is_on else f"NOT ({_IS_ON})"
    rows = read(
        f"{_COUNTED} FROM (SELECT * FROM own_entries"  # noqa: S608 - our own names
        f" WHERE bank = ?6 AND {state} AND {_HAS_WORDS}"
        " ORDER BY coalesce(ended_at, added_at) DESC, id LIMIT ?4 OFFSET ?5)",
        (now, words, values, limit, offset, bank, _bytes(words)),
    )
    return [OwnEntryRow(*row) for row in rows]


def values_of_words(words: str) -> str:
    """Return hex values that a search may mean, as JSON: itself, and what covers an address."""
    values = [words.lower()]
    if "." in words or "/" in words:
        with suppress(UrlError):
            address = fingerprints_of_url(words)
            values += [content.hex for content in address.each if content.kind is Kind.URL]
            values += [view.value.hex() for view in address.views if view.kind is Kind.URL]
    return json.dumps(values)


def _bytes(words: str) -> bytes:
    """Return the fingerprint that words write in hex; b"" if they write none."""
    try:
        return bytes.fromhex(words)
    except ValueError:
        return b""


def read_entries(read: Read, *, bank: str = "") -> list[OwnEntryRow]:
    """Return the entries of a list that were not ended, oldest first."""
    which = "FROM own_entries WHERE bank = ? AND ended_at IS NULL ORDER BY added_at, id"
    rows = read(f"{_COUNTED} {which}", (bank,))
    return [OwnEntryRow(*row) for row in rows]


def read_entry(read: Read, uid: str) -> OwnEntryRow | None:
    """Return an entry, ended or not; None if there is none."""
    rows = read(f"{_COUNTED} FROM own_entries WHERE id = ?", (uid,))
    return OwnEntryRow(*rows[0]) if rows else None


def count_entries(read: Read, *, now: float, bank: str = "") -> tuple[int, int]:
    """Return how many entries are on a list, and how many ended or expired."""
    sql = f"SELECT coalesce(sum({_IS_ON}), 0), count(*) FROM own_entries WHERE bank = ?2"  # noqa: S608 - our own names
    ((on, every),) = read(sql, (now, bank))
    return int(on), int(every - on)


def matches_of(read: Read, uid: str, *, limit: int) -> list[EntryMatch]:
    """Return the uploads that an entry matched lately, the latest first."""
    sql = "SELECT ref, signal, at FROM own_matches WHERE entry = ? ORDER BY at DESC, ref LIMIT ?"
    return [EntryMatch(*row) for row in read(sql, (uid, limit))]
