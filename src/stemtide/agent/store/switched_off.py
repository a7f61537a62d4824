# SPDX-License-Identifier: Apache-2.0
"""Signals of the hub that are switched off at this agent alone: by whom, when, and why."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from stemtide.protocol.sync.feed import FeedSignal

TABLES = {
    "switched_off": """CREATE TABLE switched_off (
      signal TEXT PRIMARY KEY, why TEXT NOT NULL, by TEXT NOT NULL, at REAL NOT NULL
    ) WITHOUT ROWID""",
}
WHY_OFF = "(SELECT why FROM switched_off WHERE switched_off.signal = signals.id)"
"""SQL: why the signal of a row is switched off; NULL if it is not."""

Read = Callable[[str, Sequence[object]], list[tuple[Any, ...]]]
"""Store.read(), or the same within a transaction."""


class SwitchedOffSignal(FeedSignal):
    """A signal that only logs at this agent. why_off: as a person wrote."""

    why_off: str


class SwitchRow(NamedTuple):
    """A signal that is switched off. by: "" for the API. at: Unix time."""

    signal: str
    why: str
    by: str
    at: float


def mark_off(signal: FeedSignal, why: str | None) -> FeedSignal:
    """Return a signal, marked if it is switched off. why: None if it is not."""
    if why is None:
        return signal
    return SwitchedOffSignal.model_construct(**dict(signal), why_off=why)


def read_reasons(tx: sqlite3.Connection) -> Mapping[str, str]:
    """Return why signals are switched off, by id."""
    return dict(tx.execute("SELECT signal, why FROM switched_off").fetchall())


def put_switch(tx: sqlite3.Connection, signal: str, *, why: str, by: str, now: datetime) -> None:
    """Switch a signal off, in place of an earlier reason."""
    row = (signal, why, by, now.timestamp())
    tx.execute("INSERT OR REPLACE INTO switched_off (signal, why, by, at) VALUES (?, ?, ?, ?)", row)


def remove_switch(tx: sqlite3.Connection, signal: str) -> bool:
    """Switch a signal on again; return whether it was off."""
    return tx.execute("DELETE FROM switched_off WHERE signal = ?", (signal,)).rowcount > 0


def read_switches(read: Read) -> list[SwitchRow]:
    """Return the signals that are switched off, the latest first."""
    rows = read("SELECT signal, why, by, at FROM switched_off ORDER BY at DESC, signal", ())
    return [SwitchRow(*row) for row in rows]


def read_switch(read: Read, signal: str) -> SwitchRow | None:
    """Return who switched a signal off; None if it is on."""
    rows = read("SELECT signal, why, by, at FROM switched_off WHERE signal = ?", (signal,))
    return SwitchRow(*rows[0]) if rows else None


def forget(tx: sqlite3.Connection, *, before: datetime) -> None:
    """Delete records from before a time about signals that are gone."""
    tx.execute(
        "DELETE FROM switched_off WHERE at < ? AND signal NOT IN (SELECT id FROM signals)",
        (before.timestamp(),),
    )
