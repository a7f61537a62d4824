# SPDX-License-Identifier: Apache-2.0
"""Convert signals to rows of the agent's file, and apply a page of the feed to them."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

from msgspec import to_builtins

from stemtide.agent.store.index import KEEP_GONE, Fingerprinted
from stemtide.fingerprints.blanks import why_blank
from stemtide.fingerprints.kinds import SIZE_BYTES, Kind, parse_value
from stemtide.fingerprints.values.checks import check_value
from stemtide.protocol.sync.feed import FeedSignal

_COLUMNS = "id, kind, value, within_bits, expires_at, exercise, disputed, body"
_INSERT = f"INSERT INTO signals ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - our own names
_ROWS_AT_ONCE = 500
"""Rows of one statement. SQLite notes the highest number of a table after each statement."""

_UPDATE = "UPDATE signals SET expires_at = ?, exercise = ?, disputed = ?, body = ? WHERE seq = ?"
_KNOWN = (
    "SELECT id, seq, kind, value, within_bits FROM signals"
    " WHERE id IN (SELECT value FROM json_each(?))"
)


class SignalRow(NamedTuple):
    """A signal without its number. expires_at: Unix time; body: the signal as JSON."""

    id: str
    kind: str
    value: bytes
    within_bits: int | None
    expires_at: float | None
    exercise: bool
    disputed: bool
    body: str

    @property
    def print(self) -> tuple[str, bytes, int | None]:
        """Return the columns that a Library needs."""
        return self.kind, self.value, self.within_bits


NumberedRow = tuple[int, SignalRow]
"""A signal's number, and its row."""


class LibraryChange(NamedTuple):
    """A page's changes to a Library. gone: the highest number in the table of that name."""

    puts: list[Fingerprinted]
    drops: list[int]
    gone: int


def signal_row(signal: FeedSignal, body: str) -> SignalRow:
    """Convert a signal to a row.

    raises: ValueError for a signal that cannot be searched for: for example a value of the wrong
            length, or a value that much innocent content has, which no hub may make us block.
    """
    value = check_value(signal.kind, parse_value(signal.kind, signal.value))
    if why := why_blank(signal.kind, value, quality=signal.quality):
        raise ValueError(f"signal {signal.id}: its {signal.kind} value {why}")
    bits = signal.within_bits
    if bits is not None and (signal.kind is not Kind.PDQ or bits < 0):
        raise ValueError(f"signal {signal.id}: within_bits {bits} does not suit {signal.kind}")
    return SignalRow(
        id=to_builtins(signal.id),  # as str(), in a fifth of the time
        kind=signal.kind.value,
        value=value,
        within_bits=bits,
        expires_at=signal.expires_at.timestamp() if signal.expires_at else None,
        exercise=signal.exercise,
        disputed=signal.disputed,
        body=body if signal.kind in SIZE_BYTES else _without_value(signal),
    )


def _without_value(signal: FeedSignal) -> str:
    """Serialise a signal with a digest for its value, which is as long as its content.

    Otherwise an upload that matches a few such signals would load all their values at once. The
    digest shows which of them are equal.
    """
    digest = sha256(signal.value.encode()).hexdigest()
    return signal.model_copy(update={"value": digest}).model_dump_json()


def insert_numbered(tx: sqlite3.Connection, rows: Sequence[NumberedRow]) -> None:
    """Insert rows of a snapshot being loaded, with their numbers."""
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        part = rows[start : start + _ROWS_AT_ONCE]
        places = ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?, ?)"] * len(part))
        values = [value for seq, row in part for value in (seq, *row)]
        tx.execute(f"INSERT INTO incoming (seq, {_COLUMNS}) VALUES {places}", values)  # noqa: S608 - our own names


def change_rows(
    tx: sqlite3.Connection, puts: Sequence[SignalRow], drops: Iterable[str]
) -> LibraryChange:
    """Insert or replace signals, and delete others.

    A signal keeps its number while its fingerprint is the same; with another one it gets a new
    number, so that no number ever belongs to two fingerprints.
    """
    drops = list(drops)
    ids = json.dumps([row.id for row in puts] + drops)
    existing = {row[0]: (row[1], row[2:]) for row in tx.execute(_KNOWN, (ids,))}
    new: dict[int, SignalRow] = {}
    gone: list[int] = []
    for row in puts:
        seq, before = existing.get(row.id, (0, ()))
        if before == row.print:
            tx.execute(_UPDATE, (*row[4:], seq))
            continue
        if before:
            gone.append(seq)
            tx.execute("DELETE FROM signals WHERE seq = ?", (seq,))
        seq = tx.execute(_INSERT, row).lastrowid or 0
        existing[row.id], new[seq] = (seq, row.print), row
    removed = [existing.pop(drop)[0] for drop in drops if drop in existing]
    tx.executemany("DELETE FROM signals WHERE seq = ?", [(seq,) for seq in removed])
    gone += removed
    last = _remember_gone(tx, gone)
    going = set(gone)
    remaining = [(seq, *row.print) for seq, row in new.items() if seq not in going]
    return LibraryChange(remaining, gone, last)


def _remember_gone(tx: sqlite3.Connection, numbers: Sequence[int]) -> int:
    """Record the numbers of deleted signals, for workers that follow."""
    tx.executemany("INSERT INTO gone (seq) VALUES (?)", [(seq,) for seq in numbers])
    (last,) = tx.execute("SELECT coalesce(max(number), 0) FROM gone").fetchone()
    if numbers:
        tx.execute("DELETE FROM gone WHERE number <= ?", (last - KEEP_GONE,))
    return int(last)
