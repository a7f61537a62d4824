# SPDX-License-Identifier: Apache-2.0
"""The agent's file: entries of the feed that are not proved yet, and proofs that are wrong.

An entry stays here from the transaction that applies it until the hub's log proves it.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

from stemtide.agent.store.position import set_state
from stemtide.protocol.sync.feed import FeedSignal, Tombstone

TABLES = {
    "unproved": """CREATE TABLE unproved (
      signal TEXT PRIMARY KEY, position INTEGER NOT NULL, ended TEXT NOT NULL,
      applied_at REAL NOT NULL, asked_at REAL NOT NULL DEFAULT 0, wrong INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID""",
    "wrong_proofs": """CREATE TABLE wrong_proofs (
      signal TEXT PRIMARY KEY, entry INTEGER NOT NULL, applied TEXT NOT NULL, logged TEXT NOT NULL,
      head TEXT NOT NULL, noticed_at REAL NOT NULL
    ) WITHOUT ROWID""",
}
INDEXES = ("CREATE INDEX unproved_by_asked ON unproved (asked_at, position)",)

FACTS = (
    *("kind", "value", "labels", "exercise", "shared_at", "shared_by", "reach", "quality"),
    *("within_bits", "ideology", "entity", "language", "severity", "provenance", "confidence"),
    *("tlp", "pap"),
)
"""Fields of a signal in the feed that the log commits to: no act ever changes them."""

_ROW = "signal, position, ended, applied_at, asked_at, wrong"
_NEXT = (
    f"SELECT {_ROW} FROM unproved WHERE asked_at < ?"  # noqa: S608  # constants
    " ORDER BY asked_at, position LIMIT ?"
)
_COUNTS = (
    "SELECT count(*), count(CASE WHEN asked_at > 0 AND applied_at < ? THEN 1 END) FROM unproved"
)
_STATE = "SELECT name, value FROM state WHERE name LIKE 'proofs!_%' ESCAPE '!'"

Read = Callable[..., list[tuple[Any, ...]]]


class UnprovedEntry(NamedTuple):
    """An entry of the feed that is not proved. ended: the state of a tombstone; "" if it is none.

    applied_at, asked_at: Unix time; 0 for never. wrong: how often the log said something else.
    """

    signal: str
    position: int
    ended: str
    applied_at: float
    asked_at: float
    wrong: int


class WrongProof(NamedTuple):
    """The proof that the log says something else than the feed did.

    entry: number of the entry of the log. applied, logged: JSON, of the feed and of the log.
    head: the signed head that has the entry.
    """

    signal: str
    entry: int
    applied: str
    logged: str
    head: str
    noticed_at: float


@dataclass(frozen=True, slots=True)
class ProofsRecord:
    """The state of proofs at this agent.

    origin:   the log that they are of; "" before the first answer.
    note:     the signed head of the last proof. proved_at: when, as ISO 8601; "" for never.
    number, at, position: where that log began to prove signals, as the hub said it first.
    is_older: the hub has no such proofs.
    """

    origin: str = ""
    note: str = ""
    proved_at: str = ""
    number: int = 0
    at: str = ""
    position: int = 0
    is_older: bool = False


def read_proofs(read: Read) -> ProofsRecord:
    """Read the state of proofs at this agent."""
    state = {str(name).removeprefix("proofs_"): str(value) for name, value in read(_STATE)}
    return ProofsRecord(
        origin=state.get("origin", ""),
        note=state.get("note", ""),
        proved_at=state.get("proved_at", ""),
        number=int(state.get("number", "0")),
        at=state.get("at", ""),
        position=int(state.get("position", "0")),
        is_older=state.get("is_older") == "1",
    )


def write_start(
    tx: sqlite3.Connection, *, origin: str, number: int, at: str, position: int
) -> None:
    """Store where a log began to prove signals. Proofs of another log no longer count."""
    places = {"proofs_number": str(number), "proofs_position": str(position)}
    set_state(tx, proofs_origin=origin, proofs_at=at, proofs_note="", **places)


def write_proved(tx: sqlite3.Connection, *, note: str, at: str) -> None:
    """Store the head of the last proof."""
    set_state(tx, proofs_note=note, proofs_proved_at=at, proofs_is_older="0")


def write_older(tx: sqlite3.Connection, *, is_older: bool) -> None:
    """Store whether the hub has no proofs."""
    set_state(tx, proofs_is_older=str(int(is_older)))


def queue(
    tx: sqlite3.Connection,
    entries: Iterable[FeedSignal | Tombstone],
    former: Mapping[str, FeedSignal],
    *,
    now: datetime,
) -> None:
    """Add entries that are applied in this transaction. former: the signals before it, by id.

    A signal that is sent again with the same facts is not added again. The end of a signal that
    the agent did not have changes nothing.
    """
    rows = []
    for entry in entries:
        uid = str(entry.id)
        before = former.get(uid)
        if isinstance(entry, Tombstone):
            if before is not None:
                rows.append((uid, entry.position, entry.state.value, now.timestamp()))
        elif before is None or not _is_same(before, entry):
            rows.append((uid, entry.position, "", now.timestamp()))
    tx.executemany(
        "INSERT OR REPLACE INTO unproved (signal, position, ended, applied_at) VALUES (?, ?, ?, ?)",
        rows,
    )


def _is_same(before: FeedSignal, after: FeedSignal) -> bool:
    """Whether a signal has the facts that the log commits to as before.

    A stored signal of a kind whose values are long has a digest for its value.
    """
    digest = sha256(after.value.encode()).hexdigest()
    return before.value in (after.value, digest) and facts_of(before) == facts_of(after)


def facts_of(signal: FeedSignal) -> dict[str, object]:
    """Return the fields of a signal that the log commits to, without its value."""
    return {name: getattr(signal, name) for name in FACTS if name != "value"}


def next_entries(read: Read, *, before: datetime, limit: int) -> list[UnprovedEntry]:
    """Return entries that were not asked for since a time; those never asked for come first."""
    return [UnprovedEntry(*row) for row in read(_NEXT, (before.timestamp(), limit))]


def note_asked(tx: sqlite3.Connection, entries: Sequence[UnprovedEntry], *, now: datetime) -> None:
    """Store that the hub was asked for entries."""
    tx.executemany(
        "UPDATE unproved SET asked_at = ? WHERE signal = ?",
        [(now.timestamp(), entry.signal) for entry in entries],
    )


def remove(tx: sqlite3.Connection, entries: Iterable[UnprovedEntry]) -> None:
    """Delete entries that are proved, or that need no proof, unless they changed meanwhile."""
    tx.executemany(
        "DELETE FROM unproved WHERE signal = ? AND position = ? AND ended = ?",
        [(entry.signal, entry.position, entry.ended) for entry in entries],
    )


def count_wrong(tx: sqlite3.Connection, entry: UnprovedEntry) -> int:
    """Count that the log says something else than an entry; return how often it did so far."""
    tx.execute("UPDATE unproved SET wrong = wrong + 1 WHERE signal = ?", (entry.signal,))
    return entry.wrong + 1


def put_wrong(tx: sqlite3.Connection, proof: WrongProof) -> None:
    """Store a wrong proof as evidence."""
    tx.execute("INSERT OR REPLACE INTO wrong_proofs VALUES (?, ?, ?, ?, ?, ?)", proof)


def read_wrong(read: Read) -> list[WrongProof]:
    """Return the wrong proofs that no person has settled, the latest first."""
    rows = read(f"SELECT * FROM wrong_proofs ORDER BY noticed_at DESC, signal LIMIT {_MOST_SHOWN}")  # noqa: S608
    return [WrongProof(*row) for row in rows]


_MOST_SHOWN = 100


def count_unproved(read: Read, *, before: float) -> tuple[int, int]:
    """Return how many entries are unproved, and how many of them were applied before a time.

    The second number is only of entries that the hub was asked for.
    """
    ((waiting, late),) = read(_COUNTS, (before,))
    return int(waiting), int(late)


def keep_newest(tx: sqlite3.Connection, number: int) -> None:
    """Delete entries that wait for a proof, but for the newest ones."""
    newest = "SELECT signal FROM unproved ORDER BY position DESC LIMIT ?"
    tx.execute(f"DELETE FROM unproved WHERE signal NOT IN ({newest})", (number,))  # noqa: S608  # no input


def settle(tx: sqlite3.Connection, *, before: float) -> int:
    """Delete wrong proofs, and entries applied before a time; return how many."""
    wrong = tx.execute("DELETE FROM wrong_proofs").rowcount
    late = tx.execute("DELETE FROM unproved WHERE asked_at > 0 AND applied_at < ?", (before,))
    return wrong + late.rowcount


def dump(facts: Mapping[str, object]) -> str:
    """Return facts as JSON, for evidence."""
    return json.dumps(facts, sort_keys=True, default=str)
