# SPDX-License-Identifier: Apache-2.0
"""The agent's file: entries of the feed that are not proved yet, and proofs that are wrong.

An entry stays here from the transaction that applies it until the hub's log proves it.
"""

import json
import secrets
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
      applied_at REAL NOT NULL, first_asked_at REAL NOT NULL DEFAULT 0,
      asked_at REAL NOT NULL DEFAULT 0, wrong INTEGER NOT NULL DEFAULT 0
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

MOST_OF_SNAPSHOT = 20_000
"""The newest signals of a snapshot that are proved: forty requests. A hub of a million has no time
for all."""

SAMPLES_OF_SNAPSHOT, SIGNALS_OF_SAMPLE = 4, 500
"""Older signals of a snapshot that are proved besides: so many times some that came one after the
other, so that one request is about few entries of the log. Each agent chooses them at random: a
signal that a hub of a million makes up for a thousand agents is in the samples of two of them."""

_MOST_POSITION = 2**63 - 1
"""The highest number that SQLite stores. No honest hub has it."""

_ROW = "signal, position, ended, applied_at, first_asked_at, asked_at, wrong"
_NEXT = f"SELECT {_ROW} FROM unproved WHERE asked_at < ? ORDER BY {{}} position LIMIT ?"  # noqa: S608  # constants
_LATE = "first_asked_at > 0 AND first_asked_at < ?"
_COUNTS = f"SELECT count(*), count(CASE WHEN {_LATE} THEN 1 END) FROM unproved"  # noqa: S608  # constants
# A signal that comes again, also after its end, keeps the time of the first request: else a hub
# that sends each version anew, or takes back each end, would never be late.
_QUEUE = """INSERT INTO unproved (signal, position, ended, applied_at) VALUES (?, ?, ?, ?)
  ON CONFLICT (signal) DO UPDATE SET position = excluded.position, ended = excluded.ended,
    applied_at = excluded.applied_at, asked_at = 0, wrong = 0,
    first_asked_at = CASE WHEN excluded.ended = '' OR ended = excluded.ended
      THEN first_asked_at ELSE 0 END"""
_OF_FACTS = ", ".join(f"'$.{name}'" for name in FACTS)
# json_extract parses each body: only of rows that changed.
_IN_SNAPSHOT = f""" FROM signals LEFT JOIN former ON former.id = signals.id
  WHERE (former.id IS NULL OR (former.body != signals.body
    AND json_extract(former.body, {_OF_FACTS}) != json_extract(signals.body, {_OF_FACTS})))"""
_OF_SNAPSHOT = f"""SELECT signals.id, json_extract(signals.body, '$.position'), signals.seq
  {_IN_SNAPSHOT}"""  # constants
# The last ones of a snapshot are the newest.
_NEWEST_OF_SNAPSHOT = f"{_OF_SNAPSHOT} ORDER BY signals.seq DESC LIMIT ?"
_SAMPLE_OF_SNAPSHOT = f"{_OF_SNAPSHOT} AND signals.seq >= ? AND signals.seq < ?"
_COUNT_IN_SNAPSHOT = f"SELECT count(*){_IN_SNAPSHOT}"  # constants
_PLACES = "SELECT name, value FROM state WHERE name IN ('position', 'proofs_snapshot')"
_STATE = "SELECT name, value FROM state WHERE name LIKE 'proofs!_%' ESCAPE '!'"


def add_column(tx: sqlite3.Connection) -> None:
    """Add the column that a file of the first agents with proofs lacks."""
    if "first_asked_at" not in {name for _, name, *_ in tx.execute("PRAGMA table_info(unproved)")}:
        tx.execute("ALTER TABLE unproved ADD COLUMN first_asked_at REAL NOT NULL DEFAULT 0")


Read = Callable[..., list[tuple[Any, ...]]]


class UnprovedEntry(NamedTuple):
    """An entry of the feed that is not proved. ended: the state of a tombstone; "" if it is none.

    applied_at, first_asked_at, asked_at: Unix time; 0 for never.
    wrong: how often the log said something else.
    """

    signal: str
    position: int
    ended: str
    applied_at: float
    first_asked_at: float
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
    known_at: when it said so, as Unix time.
    snapshot: the highest position of signals that a snapshot brought.
    beyond: signals of the last snapshot that are too many.
    unprovable: signals that the hub says, and the agent accepts, to be older than its proofs.
    is_older: the hub has no such proofs.
    """

    origin: str = ""
    note: str = ""
    proved_at: str = ""
    number: int = 0
    at: str = ""
    position: int = 0
    known_at: float = 0.0
    snapshot: int = 0
    beyond: int = 0
    unprovable: int = 0
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
        known_at=float(state.get("known_at", "0")),
        snapshot=int(state.get("snapshot", "0")),
        beyond=int(state.get("beyond", "0")),
        unprovable=int(state.get("unprovable", "0")),
        is_older=state.get("is_older") == "1",
    )


def write_start(tx: sqlite3.Connection, start: ProofsRecord) -> None:
    """Store where a log began to prove signals. Proofs of another log no longer count."""
    places = {"proofs_number": str(start.number), "proofs_position": str(start.position)}
    times = {"proofs_at": start.at, "proofs_known_at": str(start.known_at)}
    set_state(tx, proofs_origin=start.origin, proofs_note="", **places, **times)


def write_unprovable(tx: sqlite3.Connection, count: int) -> None:
    """Store how many signals are older than the proofs of the log."""
    set_state(tx, proofs_unprovable=str(count))


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
        uid, position = str(entry.id), min(entry.position, _MOST_POSITION)
        before = former.get(uid)
        if isinstance(entry, Tombstone):
            if before is not None:
                rows.append((uid, position, entry.state.value, now.timestamp()))
        elif before is None or not _is_same(before, entry):
            rows.append((uid, position, "", now.timestamp()))
    tx.executemany(_QUEUE, rows)


def queue_snapshot(tx: sqlite3.Connection, *, now: datetime) -> None:
    """Add the signals that a snapshot brings; the table former holds those before it.

    Signals that ended before it wait no longer: the snapshot says that they are not there. If
    there are too many signals, only a sample of the older ones is proved, and /health says how many
    are not.

    No signal counts as later than the snapshot itself, whose position is stored already: else a
    hub could let later ones pass for signals of this snapshot.
    """
    state = dict(tx.execute(_PLACES))
    most = min(int(state.get("position", "0")), _MOST_POSITION)
    tx.execute("DELETE FROM unproved WHERE ended != ''")
    rows = tx.execute(_NEWEST_OF_SNAPSHOT, (MOST_OF_SNAPSHOT,)).fetchall()
    beyond = 0
    if len(rows) == MOST_OF_SNAPSHOT:
        ((count,),) = tx.execute(_COUNT_IN_SNAPSHOT)
        rows += _samples(tx, below=rows[-1][2])
        beyond = count - len(rows)
    entries = [(uid, min(int(place), most), "", now.timestamp()) for uid, place, _ in rows]
    tx.executemany(_QUEUE, entries)
    before = min(int(state.get("proofs_snapshot", "0")), most)
    highest = max([before, *(place for _, place, _, _ in entries)])
    set_state(tx, proofs_snapshot=str(highest), proofs_beyond=str(beyond))


def _samples(tx: sqlite3.Connection, *, below: int) -> set[tuple[str, int, int]]:
    """Return random samples of the signals that a snapshot brings. below: a number of a signal.

    Each signal has the same chance, the first ones as well.
    """
    ((first,),) = tx.execute("SELECT min(seq) FROM signals")
    places = below - first + SIGNALS_OF_SAMPLE - 1
    samples: set[tuple[str, int, int]] = set()
    for _ in range(SAMPLES_OF_SNAPSHOT if places > 0 else 0):
        end = first + 1 + secrets.randbelow(places)
        samples |= {*tx.execute(_SAMPLE_OF_SNAPSHOT, (end - SIGNALS_OF_SAMPLE, min(end, below)))}
    return samples


def _is_same(before: FeedSignal, after: FeedSignal) -> bool:
    """Whether a signal has the facts that the log commits to as before.

    A stored signal of a kind whose values are long has a digest for its value.
    """
    digest = sha256(after.value.encode()).hexdigest()
    return before.value in (after.value, digest) and facts_of(before) == facts_of(after)


def facts_of(signal: FeedSignal) -> dict[str, object]:
    """Return the fields of a signal that the log commits to, without its value."""
    return {name: getattr(signal, name) for name in FACTS if name != "value"}


def next_entries(
    read: Read, *, before: datetime, limit: int, is_new_first: bool
) -> list[UnprovedEntry]:
    """Return entries that were not asked for since a time.

    is_new_first: begin with those that were never asked for, and else with the others. Who asks in
                  turns lets neither kind wait for ever.
    """
    order = "asked_at," if is_new_first else "asked_at = 0, asked_at,"
    return [UnprovedEntry(*row) for row in read(_NEXT.format(order), (before.timestamp(), limit))]


def note_asked(tx: sqlite3.Connection, entries: Sequence[UnprovedEntry], *, now: datetime) -> None:
    """Store that the hub was asked for entries."""
    at = now.timestamp()
    tx.executemany(
        "UPDATE unproved SET asked_at = ?, first_asked_at = CASE WHEN first_asked_at = 0 THEN ?"
        " ELSE first_asked_at END WHERE signal = ? AND position = ?",
        [(at, at, entry.signal, entry.position) for entry in entries],
    )


def remove(tx: sqlite3.Connection, entries: Iterable[UnprovedEntry]) -> None:
    """Delete entries that are proved, or that need no proof, unless they changed meanwhile."""
    tx.executemany(
        "DELETE FROM unproved WHERE signal = ? AND position = ? AND ended = ?",
        [(entry.signal, entry.position, entry.ended) for entry in entries],
    )


def count_wrong(tx: sqlite3.Connection, entry: UnprovedEntry) -> int:
    """Count that the log says something else than an entry; return how often it did so far.

    returns: 0 if the feed has brought another version meanwhile, of which the log may say the same.
    """
    row = tx.execute(
        "UPDATE unproved SET wrong = wrong + 1 WHERE signal = ? AND position = ? AND ended = ?"
        " RETURNING wrong",
        (entry.signal, entry.position, entry.ended),
    ).fetchone()
    return int(row[0]) if row else 0


def put_wrong(tx: sqlite3.Connection, proof: WrongProof) -> None:
    """Store a wrong proof as evidence."""
    tx.execute("INSERT OR REPLACE INTO wrong_proofs VALUES (?, ?, ?, ?, ?, ?)", proof)


def read_wrong(read: Read) -> list[WrongProof]:
    """Return the wrong proofs that no person has settled, the latest first."""
    rows = read(f"SELECT * FROM wrong_proofs ORDER BY noticed_at DESC, signal LIMIT {_MOST_SHOWN}")  # noqa: S608
    return [WrongProof(*row) for row in rows]


_MOST_SHOWN = 100


def count_unproved(read: Read, *, before: float) -> tuple[int, int]:
    """Return how many entries are unproved, and for how many the hub was asked before a time.

    A long queue of this agent is no fault of the hub.
    """
    ((waiting, late),) = read(_COUNTS, (before,))
    return int(waiting), int(late)


def keep_newest(tx: sqlite3.Connection, number: int) -> None:
    """Delete entries that wait for a proof, but for the newest ones."""
    newest = "SELECT signal FROM unproved ORDER BY position DESC LIMIT ?"
    tx.execute(f"DELETE FROM unproved WHERE signal NOT IN ({newest})", (number,))  # noqa: S608  # no input


def settle(tx: sqlite3.Connection, *, before: float) -> int:
    """Delete wrong proofs, and entries first asked for before a time; return how many."""
    wrong = tx.execute("DELETE FROM wrong_proofs").rowcount
    late = tx.execute(f"DELETE FROM unproved WHERE {_LATE}", (before,))  # noqa: S608  # a constant
    return wrong + late.rowcount


def dump(facts: Mapping[str, object]) -> str:
    """Return facts as JSON, for evidence."""
    return json.dumps(facts, sort_keys=True, default=str)
