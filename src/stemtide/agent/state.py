# SPDX-License-Identifier: Apache-2.0
"""What the rows of the agent's file stand for: whose signals, up to where, and since when."""

import sqlite3
import time
from dataclasses import dataclass
from datetime import datetime


class BehindError(Exception):
    """A Library named a signal whose row is gone: catch up, and look again."""


@dataclass(frozen=True, slots=True)
class Brief:
    """The little of a signal that an answer without a decision says."""

    id: str
    exercise: bool
    disputed: bool


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose signals the store holds: another hub, party or view asks for another snapshot."""

    hub: str
    party: str
    exercise: bool


@dataclass(frozen=True, slots=True)
class View:
    """What rows and Library of a process stand for.

    origin:    None before the first snapshot. position: the feed position; 0 before it.
    synced_at: when the hub last said that these are all the signals; None before the first time.
    saved:     changes whenever the Library's files were written anew.
    history:   what the hub called its feed up to that position; "" where it did not say.
    """

    generation: str
    saved: str
    origin: Origin | None
    position: int
    history: str
    synced_at: datetime | None

    def stale_s(self) -> float | None:
        """Seconds since synced_at; None where it is."""
        if self.synced_at is None:
            return None
        return round(max(0.0, time.time() - self.synced_at.timestamp()), 3)


def view_of(tx: sqlite3.Connection) -> View:
    """Read it as a transaction sees it."""
    state = {str(name): str(value) for name, value in tx.execute("SELECT * FROM state")}
    said = state.get("synced_at")
    is_known = "hub" in state
    return View(
        generation=state["generation"],
        saved=state.get("saved", ""),
        origin=Origin(state["hub"], state["party"], state["exercise"] == "1") if is_known else None,
        position=int(state.get("position", "0")),
        history=state.get("history", ""),
        synced_at=datetime.fromisoformat(said) if said else None,
    )


def set_state(tx: sqlite3.Connection, **values: str) -> None:
    """Write down some of it."""
    tx.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", list(values.items()))
