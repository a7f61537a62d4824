# SPDX-License-Identifier: Apache-2.0
"""Local features that sharers sent with signals of the hub, as rows of the agent's file.

They come apart from the feed, and may come before or after their signal. They go with it.
"""

import json
import sqlite3
from collections.abc import Iterable
from uuid import uuid4

from stemtide.agent.store.position import set_state
from stemtide.protocol.sync.local_features import MAX_LOCAL_FEATURES

_IN_LIST = "signal IN (SELECT value FROM json_each(?))"
_STATE = "SELECT value FROM state WHERE name = ?"
VERSION = "SELECT group_concat(value) FROM state WHERE name IN ('places', 'generation')"
"""SQL: changes with the rows, and with the numbers of all signals."""

_NEWEST = f"SELECT signal FROM signal_places ORDER BY number DESC LIMIT {MAX_LOCAL_FEATURES}"  # noqa: S608 - our own names
_OF_SIGNALS = "FROM signals JOIN signal_places ON signal = id WHERE kind = 'pdq'"
NUMBERS = f"SELECT group_concat(seq) {_OF_SIGNALS} AND id IN ({_NEWEST})"
"""SQL: the numbers of the signals that have local features; of the newest, if they are too many."""

BETWEEN = f"SELECT seq, signal_places.value {_OF_SIGNALS} AND seq BETWEEN ? AND ?"


def read_after(tx: sqlite3.Connection) -> int:
    """Return the number after which the hub has news; 0 before the first page."""
    row = tx.execute(_STATE, ("places_after",)).fetchone()
    return int(row[0]) if row else 0


def put_page(
    tx: sqlite3.Connection, values: Iterable[tuple[int, str, bytes | None]], *, after: int
) -> None:
    """Store a page. values: number, signal and value of each; None if a signal has none now."""
    for number, signal, value in values:
        tx.execute("DELETE FROM signal_places WHERE signal = ? OR number = ?", (signal, number))
        if value is not None:
            tx.execute("INSERT INTO signal_places VALUES (?, ?, ?)", (number, signal, value))
    set_state(tx, places_after=str(after), places=uuid4().hex)


def follow_signals(tx: sqlite3.Connection, changed: Iterable[str], ended: Iterable[str]) -> bool:
    """Delete the rows of signals that ended; return whether the index has to follow."""
    deleted = tx.execute(f"DELETE FROM signal_places WHERE {_IN_LIST}", (json.dumps([*ended]),))  # noqa: S608 - our own names
    has_some = tx.execute(
        f"SELECT 1 FROM signal_places WHERE {_IN_LIST} LIMIT 1",  # noqa: S608 - our own names
        (json.dumps([*changed]),),
    ).fetchone()
    has_changed = bool(has_some) or deleted.rowcount > 0
    if has_changed:
        set_state(tx, places=uuid4().hex)
    return has_changed


def follow_snapshot(tx: sqlite3.Connection) -> None:
    """Delete the rows of signals that a snapshot lacks, and ask the hub for all once more."""
    tx.execute("DELETE FROM signal_places WHERE signal NOT IN (SELECT id FROM signals)")
    set_state(tx, places_after="0", places=uuid4().hex)


def forget(tx: sqlite3.Connection) -> None:
    """Delete all rows: this agent no longer looks uploads up by them."""
    tx.execute("DELETE FROM signal_places")
    set_state(tx, places_after="0", places=uuid4().hex)
