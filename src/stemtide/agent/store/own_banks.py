# SPDX-License-Identifier: Apache-2.0
"""The provider's own banks in the agent's file: content that this agent acts on, never shared.

1 A bank has a name, the action that its matches lead to, and a share of content that it is tried
  on. Its items are rows of own_entries, as those of the allow-list are (own_list.py).
2 An item has one fingerprint or several. Each is a row of own_prints with a number of its own,
  which is its key in the search index; numbers of own items and of the hub's signals never meet.
3 Ended items and banks keep their fingerprints, so that they can be put back.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from stemtide.agent.store.position import SignalSummary, set_state
from stemtide.fingerprints.kinds import SIZE_BYTES, Kind
from stemtide.protocol.enums import Action, Provenance, Reach, Severity
from stemtide.protocol.handling import Pap, Tlp
from stemtide.protocol.sync.feed import FeedSignal

FIRST_KEY = 10**12
"""Keys from here on are of own items; JavaScript can still count them exactly."""

TABLES = {
    # ratio: 0 switches the bank off; 1: it is tried on all content.
    "own_banks": """CREATE TABLE own_banks (
      name TEXT PRIMARY KEY, action TEXT NOT NULL, ratio REAL NOT NULL, about TEXT NOT NULL,
      added_at REAL NOT NULL, added_by TEXT NOT NULL, ended_at REAL,
      ended_by TEXT NOT NULL DEFAULT ''
    ) WITHOUT ROWID""",
    "own_prints": """CREATE TABLE own_prints (
      seq INTEGER PRIMARY KEY AUTOINCREMENT, entry TEXT NOT NULL, kind TEXT NOT NULL,
      value BLOB NOT NULL, within_bits INTEGER, is_on INTEGER NOT NULL
    )""",
}
PLACES_TABLE = """CREATE TABLE own_places (seq INTEGER PRIMARY KEY, value BLOB NOT NULL)"""
"""Local features of pictures, by the number of the picture's fingerprint in own_prints."""

INDEXES = (
    "CREATE INDEX own_prints_by_entry ON own_prints (entry)",
    "CREATE INDEX own_prints_by_value ON own_prints (value)",
    "CREATE INDEX own_prints_on ON own_prints (seq) WHERE is_on",
    f"INSERT INTO sqlite_sequence VALUES ('own_prints', {FIRST_KEY - 1})",  # noqa: S608 - our own
    "ALTER TABLE own_entries ADD COLUMN bank TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX own_entries_by_bank ON own_entries (bank, ended_at)",
    "CREATE INDEX own_entries_by_value ON own_entries (value)",
)
"""Statements that follow the tables."""

ACTIONS = (Action.BLOCK, Action.HOLD, Action.LOG)

SEARCHED = "own_searched"
"""Name in the table of states: the item up to which the upload journal was searched."""

Read = Callable[[str, Sequence[object]], list[tuple[Any, ...]]]
"""Store.read(), or the same within a transaction."""

_IN_LIST = "IN (SELECT value FROM json_each(?))"
_BANKS = (
    "SELECT name, action, ratio, about, added_at, added_by, ended_at, ended_by,"
    " (SELECT count(*) FROM own_entries WHERE bank = name AND ended_at IS NULL) FROM own_banks"
)
_SIGNALS = (
    "SELECT print.seq, print.entry, print.kind, print.value, print.within_bits, item.reach,"
    " item.expires_at, item.added_at, item.reason, bank.name, bank.action, bank.ratio"
    " FROM own_prints AS print JOIN own_entries AS item ON item.id = print.entry"
    " JOIN own_banks AS bank ON bank.name = item.bank WHERE print.is_on AND"
)
_SUMMARIES = (
    "SELECT seq, entry, 0, 0, iif(ratio > 0, item.expires_at, 0), ratio FROM own_prints"  # noqa: S608 - our own names
    " JOIN own_entries AS item ON item.id = entry"
    f" JOIN own_banks AS bank ON bank.name = item.bank WHERE is_on AND seq {_IN_LIST}"
)
"""Items of a bank that is switched off have expired."""
_SWITCH = (
    "UPDATE own_prints SET is_on = EXISTS (SELECT 1 FROM own_entries AS item"
    " JOIN own_banks AS bank ON bank.name = item.bank WHERE item.id = entry"
    " AND item.ended_at IS NULL AND bank.ended_at IS NULL) WHERE entry"
)

ACTED_ITEMS = (
    "SELECT DISTINCT signal FROM acted WHERE action != 'log'"
    " AND signal IN (SELECT id FROM own_entries WHERE bank = ?)"
)
"""SQL: the items of a bank that hold or block content now."""


class OwnSignal(FeedSignal):
    """An item of an own bank in the form of a signal, which is never sent anywhere.

    bank_action: the action that the bank's matches lead to. ratio: as in the table. about: what the
    content is.
    """

    bank: str
    bank_action: Action
    ratio: float
    about: str


def is_tried(signal: FeedSignal | SignalSummary, value: bytes) -> bool:
    """Whether a signal is tried on content with this fingerprint: the same each time.

    One of the hub is tried on all content, and an item of an own bank on the share of its bank.
    value: the first fingerprint of content; the hash itself where only a hash is looked up.
    """
    if not isinstance(signal, OwnSignal | SignalSummary):
        return True
    return int.from_bytes(sha256(value).digest()[:6]) / 2**48 < signal.ratio


class BankRow(NamedTuple):
    """A bank. Times are Unix time. items: how many it has that were not ended."""

    name: str
    action: Action
    ratio: float
    about: str
    added_at: float
    added_by: str
    ended_at: float | None
    ended_by: str
    items: int


class PrintRow(NamedTuple):
    """A fingerprint of an item. value: hex; "" for kinds as long as the content itself."""

    seq: int
    kind: Kind
    value: str
    within_bits: int | None


class OwnPrint(NamedTuple):
    """A fingerprint to store with an item.

    within_bits: PDQ only; None for the usual distance. local: PDQ only, local features of the
    picture; b"" for none.
    """

    kind: Kind
    value: bytes
    within_bits: int | None = None
    local: bytes = b""


# banks


def read_banks(read: Read, *, is_on: bool = True) -> list[BankRow]:
    """Return the banks by name. is_on: those in use; else those that were deleted."""
    state = "IS NULL" if is_on else "IS NOT NULL"
    return [_bank(row) for row in read(f"{_BANKS} WHERE ended_at {state} ORDER BY name", ())]


def read_bank(read: Read, name: str) -> BankRow | None:
    """Return a bank, deleted or not; None if there is none."""
    rows = read(f"{_BANKS} WHERE name = ?", (name,))
    return _bank(rows[0]) if rows else None


def _bank(row: tuple[Any, ...]) -> BankRow:
    return BankRow(row[0], Action(row[1]), *row[2:])


def put_bank(
    tx: sqlite3.Connection,
    name: str,
    *,
    action: Action,
    ratio: float,
    about: str,
    by: str,
    now: datetime,
) -> bool:
    """Create a bank; return False if there is one. One that was deleted begins anew, empty."""
    before = read_bank(reader(tx), name)
    if before and before.ended_at is None:
        return False
    tx.execute(
        "UPDATE own_entries SET ended_at = ?, ended_by = ?, ended_why = 'its bank was deleted'"
        " WHERE bank = ? AND ended_at IS NULL",
        (now.timestamp(), by, name),
    )
    tx.execute(
        "INSERT OR REPLACE INTO own_banks (name, action, ratio, about, added_at, added_by)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (name, action, ratio, about, now.timestamp(), by),
    )
    return True


def change_bank(
    tx: sqlite3.Connection, name: str, *, action: Action, ratio: float, about: str
) -> bool:
    """Change a bank; return whether it is there."""
    changed = tx.execute(
        "UPDATE own_banks SET action = ?, ratio = ?, about = ? WHERE name = ? AND ended_at IS NULL",
        (action, ratio, about, name),
    )
    return changed.rowcount > 0


def end_bank(tx: sqlite3.Connection, name: str, *, by: str, now: datetime) -> bool:
    """Delete a bank, so that its items match no more; return whether it was there."""
    ended = tx.execute(
        "UPDATE own_banks SET ended_at = ?, ended_by = ? WHERE name = ? AND ended_at IS NULL",
        (now.timestamp(), by, name),
    )
    switch_prints(tx, "IN (SELECT id FROM own_entries WHERE bank = ?)", name)
    return ended.rowcount > 0


def restore_bank(tx: sqlite3.Connection, name: str) -> bool:
    """Put a bank back with the items that it had; return whether it was deleted."""
    restored = tx.execute(
        "UPDATE own_banks SET ended_at = NULL, ended_by = '' WHERE name = ?"
        " AND ended_at IS NOT NULL",
        (name,),
    )
    switch_prints(tx, "IN (SELECT id FROM own_entries WHERE bank = ?)", name)
    return restored.rowcount > 0


def forget(tx: sqlite3.Connection, *, before: datetime) -> None:
    """Delete banks that were deleted before a time, and the rest of forgotten items."""
    at = (before.timestamp(),)
    tx.execute(
        "DELETE FROM own_entries WHERE bank IN (SELECT name FROM own_banks WHERE ended_at < ?)", at
    )
    tx.execute("DELETE FROM own_banks WHERE ended_at < ?", at)
    tx.execute("DELETE FROM own_prints WHERE entry NOT IN (SELECT id FROM own_entries)")
    tx.execute("DELETE FROM own_places WHERE seq NOT IN (SELECT seq FROM own_prints)")


# fingerprints of items


def add_prints(tx: sqlite3.Connection, prints: Iterable[tuple[str, OwnPrint]]) -> None:
    """Store the fingerprints of new items, each with the id of its item."""
    for entry, content in prints:
        added = tx.execute(
            "INSERT INTO own_prints (entry, kind, value, within_bits, is_on)"
            " VALUES (?, ?, ?, ?, 1)",
            (entry, content.kind, content.value, content.within_bits),
        )
        if content.local:
            tx.execute("INSERT INTO own_places VALUES (?, ?)", (added.lastrowid, content.local))
    note_change(tx)


def switch_prints(tx: sqlite3.Connection, which: str, value: str) -> None:
    """Let the fingerprints of items match, or not, as their items and banks say.

    Those that match now are searched for in the upload journal, with what was added after them.

    which: SQL after "WHERE entry", with one value.
    """
    tx.execute(f"{_SWITCH} {which}", (value,))
    first = f"SELECT min(seq) - 1 FROM own_prints WHERE is_on AND entry {which}"  # noqa: S608 - our own names
    tx.execute(
        f"UPDATE state SET value = min(CAST(value AS INTEGER), coalesce(({first}), value))"  # noqa: S608 - our own names
        f" WHERE name = '{SEARCHED}'",
        (value,),
    )
    note_change(tx)


def note_change(tx: sqlite3.Connection) -> None:
    """Give the fingerprints another version, so that every process loads them anew."""
    set_state(tx, own_prints=uuid4().hex)


def prints_of(read: Read, entry: str) -> list[PrintRow]:
    """Return the fingerprints of an item."""
    rows = read(
        "SELECT seq, kind, value, within_bits FROM own_prints WHERE entry = ? ORDER BY seq",
        (entry,),
    )
    return [
        PrintRow(seq, Kind(kind), value.hex() if kind in SIZE_BYTES else "", bits)
        for seq, kind, value, bits in rows
    ]


def whole_prints(read: Read, entry: str) -> list[tuple[str, str, int | None]]:
    """Return kind, value in hex however long, and distance of the fingerprints of an item."""
    sql = "SELECT kind, value, within_bits FROM own_prints WHERE entry = ? ORDER BY seq"
    return [(kind, value.hex(), bits) for kind, value, bits in read(sql, (entry,))]


# what the search finds


def find_signals(read: Read, keys: Iterable[int]) -> dict[int, OwnSignal]:
    """Return the items that match now, by the key of a fingerprint."""
    rows = read(f"{_SIGNALS} print.seq {_IN_LIST}", (json.dumps([*keys]),))
    return {row[0]: _signal(row) for row in rows}


def find_items(read: Read, ids: Iterable[str]) -> dict[str, OwnSignal]:
    """Return the items that match now, by id."""
    rows = read(f"{_SIGNALS} print.entry {_IN_LIST} ORDER BY print.seq DESC", (json.dumps([*ids]),))
    return {row[1]: _signal(row) for row in rows}


def find_summaries(read: Read, keys: Iterable[int]) -> list[tuple[Any, ...]]:
    """Return key, id, whether it is an exercise, whether it is disputed, end and ratio of items."""
    return read(_SUMMARIES, (json.dumps([*keys]),))


def numbers_of(read: Read, ids: Iterable[str]) -> dict[str, int]:
    """Return the number of each item: that of its first fingerprint."""
    rows = read(
        f"SELECT entry, min(seq) FROM own_prints WHERE entry {_IN_LIST} GROUP BY entry",  # noqa: S608 - our own names
        (json.dumps([*ids]),),
    )
    return dict(rows)


def entry_of(read: Read, number: int) -> str:
    """Return the id of the item with a number; "" if there is none."""
    rows = read("SELECT entry FROM own_prints WHERE seq = ?", (number,))
    return str(rows[0][0]) if rows else ""


def own_ids(tx: sqlite3.Connection, ids: Iterable[str]) -> set[str]:
    """Return which of some ids are those of own items, matching or not."""
    rows = tx.execute(f"SELECT id FROM own_entries WHERE id {_IN_LIST}", (json.dumps([*ids]),))  # noqa: S608 - our own names
    return {uid for (uid,) in rows}


def _signal(row: tuple[Any, ...]) -> OwnSignal:
    _, entry, kind, value, bits, reach, expires_at, added_at, about, bank, action, ratio = row
    return OwnSignal(
        position=0,
        id=UUID(entry),
        kind=Kind(kind),
        value=short_value(Kind(kind), value),
        quality=None,
        within_bits=bits,
        content=None,
        labels=[],
        severity=Severity.HIGH if action == Action.BLOCK else Severity.MEDIUM,
        provenance=Provenance.UNKNOWN,
        confidence=100,
        tlp=Tlp.RED,
        pap=Pap.CLEAR,
        disputed=False,
        crisis=None,
        exercise=False,
        shared_by=bank,
        shared_at=datetime.fromtimestamp(added_at, UTC),
        expires_at=None if expires_at is None else datetime.fromtimestamp(expires_at, UTC),
        reach=Reach(reach) if reach else None,
        bank=bank,
        bank_action=Action(action),
        ratio=ratio,
        about=about,
    )


def short_value(kind: Kind, value: bytes) -> str:
    """Return a value in hex; its SHA-256 if values of its kind are as long as their content."""
    return value.hex() if kind in SIZE_BYTES else sha256(value).hexdigest()


def reader(tx: sqlite3.Connection) -> Read:
    """Return a Read within a transaction."""
    return lambda sql, values: tx.execute(sql, values).fetchall()
