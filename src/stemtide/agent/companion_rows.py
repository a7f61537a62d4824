# SPDX-License-Identifier: Apache-2.0
"""What is to lie in a provider's HMA, what lies there, and what may: rows of the agent's file.

A row stands for one signal in one bank. Only wanted changes with the signals, in the transaction
that changes them; the rest is what came of it at HMA.

wanted:   1 while the signal belongs there; content: HMA's id of it; NULL while none is known.
asked_at: a content was sent, and how that ended is not written down yet.
doubt_at: since then HMA may hold one more content of this row, whose id nobody told us.
checked:  0 until HMA is asked whether it still holds what it is said to hold.
"""

import json
from collections.abc import Iterable
from hashlib import md5

from stemtide.agent.companion_policy import bank_of
from stemtide.agent.companion_settings import Companion
from stemtide.agent.config import Config
from stemtide.agent.rows import SignalRow
from stemtide.agent.store import Store, Transaction
from stemtide.fingerprints.kinds import Kind
from stemtide.protocol import canary
from stemtide.protocol.feed import FeedSignal

CANARY = "canary"
"""How the ids of what is no signal begin."""

STEP = 1000
"""Rows changed in one transaction, so that an upload waits for some milliseconds at most."""

_READ = 200
_WANT = """
INSERT INTO banked (signal, bank, kind, value, wanted, expires_at) VALUES (?, ?, ?, ?, 1, ?)
  ON CONFLICT (signal, bank, value) DO UPDATE SET wanted = 1, expires_at = excluded.expires_at
  WHERE wanted = 0 OR expires_at IS NOT excluded.expires_at"""
_LEAVE = "UPDATE banked SET wanted = 0 WHERE signal = ? AND wanted = 1"


# what the signals say


def mark(
    tx: Transaction,
    puts: Iterable[tuple[FeedSignal, SignalRow]],
    drops: Iterable[str],
    *,
    config: Config,
) -> None:
    """Say what signals that changed mean for the banks, in the transaction that changes them."""
    if config.companion is None:
        return
    for signal, row in puts:
        bank = bank_of(signal, config)
        tx.execute(f"{_LEAVE} AND (bank != ? OR value != ?)", (row.id, bank, row.value))
        if bank:
            tx.execute(_WANT, (row.id, bank, row.kind, row.value, row.expires_at))
    tx.executemany(_LEAVE, [(drop,) for drop in drops])


def compare_some(store: Store, *, after: int, config: Config) -> int | None:
    """Hold some more signals against the rows; return where to go on, None at the end."""
    given = config.companion
    kinds = json.dumps(sorted(given.kinds)) if given else "[]"
    sql = (
        "SELECT seq, kind, value, expires_at, body FROM signals WHERE seq > ?"
        " AND kind IN (SELECT value FROM json_each(?)) ORDER BY seq LIMIT ?"
    )
    with store.write() as tx:
        found = tx.execute(sql, (after, kinds, _READ)).fetchall()
        pairs = []
        for _, kind, value, ends, body in found:
            signal = FeedSignal.model_validate_json(body)
            row = SignalRow(
                str(signal.id), kind, value, None, ends, signal.exercise, signal.disputed, body
            )
            pairs.append((signal, row))
        mark(tx, pairs, (), config=config)
    return int(found[-1][0]) if found else None


def leave_strays(store: Store, *, after: int, config: Config) -> int | None:
    """Let some more rows go that no signal, bank or kind of today has; return as compare_some."""
    given = config.companion
    if given is None:
        return None
    ((last,),) = store.read(
        "SELECT max(seq) FROM (SELECT seq FROM banked WHERE seq > ? ORDER BY seq LIMIT ?)",
        (after, STEP),
    )
    if last is None:
        return None
    names, kinds = json.dumps(given.banks), json.dumps(sorted(given.kinds))
    with store.write() as tx:
        tx.execute(
            "UPDATE banked SET wanted = 0 WHERE seq > ? AND seq <= ? AND wanted = 1 AND ("
            " bank NOT IN (SELECT value FROM json_each(?))"
            " OR kind NOT IN (SELECT value FROM json_each(?)) OR (signal NOT LIKE ? AND NOT EXISTS"
            " (SELECT 1 FROM signals WHERE id = banked.signal)))",
            (after, last, names, kinds, f"{CANARY}-%"),
        )
    return int(last)


def leave_expired(store: Store, *, after: int, now: float) -> int | None:
    """Let go of some of what expired, and forget rows that nothing is left of.

    returns: a number to call it with again; None once there are no more.
    """
    each = (
        ("UPDATE banked SET wanted = 0", "wanted = 1 AND expires_at <= ?", (now,)),
        (
            "DELETE FROM banked",
            "wanted = 0 AND content IS NULL AND asked_at IS NULL AND doubt_at IS NULL",
            (),
        ),
    )
    return after + 1 if any(_some(store, *one) for one in each) else None


def _some(store: Store, what: str, condition: str, values: tuple[object, ...] = ()) -> bool:
    """Do something to a step's rows of a condition; return whether there may be more."""
    sql = f"{what} WHERE seq IN (SELECT seq FROM banked WHERE {condition} LIMIT {STEP})"  # noqa: S608 - our own words
    with store.write() as tx:
        return tx.execute(sql, values).rowcount >= STEP


# the beginning


def begin(store: Store, given: Companion, *, after: int) -> int | None:
    """Go on from what the file says: what was under way when the agent ended is in doubt.

    returns: as leave_expired.
    """
    if store.read("SELECT 1 FROM banks WHERE hma != ? LIMIT 1", (given.url,)):
        # Another HMA now: nothing is known of what that one holds. Its banks are forgotten last,
        # as by them a begun end is known.
        if not _some(store, "DELETE FROM banked", "1"):
            with store.write() as tx:
                tx.execute("DELETE FROM banks")
        return after + 1
    each = (
        ("UPDATE banked SET refused = ''", "refused != ''"),
        ("UPDATE banked SET doubt_at = asked_at, asked_at = NULL", "asked_at IS NOT NULL"),
    )
    return after + 1 if any(_some(store, *one) for one in each) else None


def want_canaries(store: Store, given: Companion, *, kinds: Iterable[Kind]) -> None:
    """Have the canaries of some kinds lie in their bank."""
    with store.write() as tx:
        for kind in kinds:
            for number, value in enumerate(canaries(kind)):
                name = f"{CANARY}-{kind}-{number}"
                tx.execute(_WANT, (name, given.canary_bank, kind, value, None))


def canaries(kind: Kind) -> tuple[bytes, ...]:
    """The hashes that always lie in HMA. Of PDQ two: it loses a lone one (decision 0063)."""
    if kind is Kind.PDQ:
        return tuple(bytes.fromhex(value) for value in canary.HASHES)
    return (md5(canary.SOURCE.encode(), usedforsecurity=False).digest(),)


def is_ours(store: Store, name: str) -> bool:
    """Whether the agent made a bank, or set out to."""
    return bool(store.read("SELECT 1 FROM banks WHERE name = ?", (name,)))


def claim(store: Store, name: str, *, hma: str) -> None:
    """Write down that a bank is ours, before it is made: else a kill makes it a stranger's."""
    with store.write() as tx:
        tx.execute("INSERT OR REPLACE INTO banks VALUES (?, ?)", (name, hma))


def forget_some(store: Store, name: str, *, after: int) -> int | None:
    """Forget what a bank that is gone held; return as compare_some."""
    return _change_some(
        store,
        "UPDATE banked SET content = NULL, handed_at = NULL, doubt_at = NULL, checked = 1,"
        " refused = '' WHERE seq > ? AND seq <= ? AND bank = ?",
        after=after,
        values=(name,),
    )


def doubt_some(store: Store, *, after: int) -> int | None:
    """Have HMA asked again for everything that it is said to hold; return as compare_some."""
    sql = "UPDATE banked SET checked = (content IS NULL), refused = '' WHERE seq > ? AND seq <= ?"
    return _change_some(store, sql, after=after, values=())


def _change_some(store: Store, sql: str, *, after: int, values: tuple[object, ...]) -> int | None:
    with store.write() as tx:
        (last,) = tx.execute(
            "SELECT max(seq) FROM (SELECT seq FROM banked WHERE seq > ? ORDER BY seq LIMIT ?)",
            (after, STEP),
        ).fetchone()
        if last is not None:
            tx.execute(sql, (after, last, *values))
    return None if last is None else int(last)
