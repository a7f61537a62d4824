# SPDX-License-Identifier: Apache-2.0
"""Feed position of the agent's file: which hub's signals, up to where, and since when."""

import sqlite3
import time
from dataclasses import dataclass
from datetime import datetime


class BehindError(Exception):
    """A Library returned a signal whose row is gone: catch up, and look again."""


@dataclass(frozen=True, slots=True)
class SignalSummary:
    """The fields of a signal for an answer without a decision.

    disputed: it is disputed, or was lowered by the flood guard.
    ratio:    the share of content that it is tried on; see own_banks.is_tried.
    """

    id: str
    exercise: bool
    disputed: bool
    ratio: float = 1.0


@dataclass(frozen=True, slots=True)
class Origin:
    """The source of the signals: another hub, party or view needs another snapshot."""

    hub: str
    party: str
    exercise: bool


@dataclass(frozen=True, slots=True)
class StoreView:
    """The version of the signals that a process has, as rows and as a Library.

    origin:    None before the first snapshot. position: the feed position; 0 before it.
    synced_at: when the hub last confirmed that these are all the signals; None before the first
    time.
    saved:     changes whenever the Library's files are rewritten.
    history:   the hub's name for its feed up to that position; "" if it sent none.
    parties_after: position up to which the standing of parties is known; 0 to ask for all.
    trust:     changes with the standing of any party.
    allowlist: version of the hub's allow-list; "" for none.
    """

    generation: str
    saved: str
    origin: Origin | None
    position: int
    history: str
    synced_at: datetime | None
    parties_after: int
    trust: str
    allowlist: str

    def stale_s(self) -> float | None:
        """Return the seconds since synced_at; None if that is None."""
        if self.synced_at is None:
            return None
        return round(max(0.0, time.time() - self.synced_at.timestamp()), 3)


def read_view(tx: sqlite3.Connection) -> StoreView:
    """Read the view that a transaction sees."""
    state = {str(name): str(value) for name, value in tx.execute("SELECT * FROM state")}
    synced_at = state.get("synced_at")
    is_known = "hub" in state
    position, parties_after = int(state.get("position", "0")), int(state.get("parties_after", "0"))
    return StoreView(
        generation=state["generation"],
        saved=state.get("saved", ""),
        origin=Origin(state["hub"], state["party"], state["exercise"] == "1") if is_known else None,
        position=position,
        history=state.get("history", ""),
        synced_at=datetime.fromisoformat(synced_at) if synced_at else None,
        # An older agent may have taken another history meanwhile, without its parties.
        parties_after=parties_after if parties_after <= position else 0,
        trust=state.get("trust", ""),
        allowlist=state.get("allowlist", ""),
    )


def set_state(tx: sqlite3.Connection, **values: str) -> None:
    """Store some values of the view."""
    tx.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", list(values.items()))
