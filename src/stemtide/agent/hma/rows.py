# SPDX-License-Identifier: Apache-2.0
"""Rows of the agent's file about the contents of a provider's HMA: wanted, present, doubtful.

A row is one signal in one bank. The signals change only `wanted`, in their own transaction;
the other columns record results from HMA.

wanted:   1 while the signal belongs there; content: HMA's id of it; NULL while unknown.
asked_at: a content was sent, and the result is not recorded yet.
doubt_at: since then HMA may hold an extra content of this row, whose id we never received.
checked:  0 until HMA has confirmed that it still holds the content.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import md5
from uuid import UUID

from stemtide.agent.config.companion import HmaSettings
from stemtide.agent.config.settings import Config
from stemtide.agent.hma.policy import bank_of
from stemtide.agent.recognise.policy import is_active
from stemtide.agent.store.database import Store, Transaction
from stemtide.fingerprints.kinds import Kind, parse_value
from stemtide.interop.stopncii import canary
from stemtide.protocol.sync.feed import FeedSignal

CANARY = "canary"
"""Prefix of the ids of canaries, which are no signals."""

STEP = 1000
"""Rows changed in one transaction, so that an upload waits for some milliseconds at most."""

_READ = 200
_WANT = """
INSERT INTO banked (signal, bank, kind, value, wanted, expires_at) VALUES (?, ?, ?, ?, 1, ?)
  ON CONFLICT (signal, bank, value) DO UPDATE SET wanted = 1, expires_at = excluded.expires_at
  WHERE wanted = 0 OR expires_at IS NOT excluded.expires_at"""
_LEAVE = "UPDATE banked SET wanted = 0 WHERE signal = ? AND wanted = 1"


# changes from signals


def update_wanted(
    tx: Transaction,
    puts: Iterable[FeedSignal],
    drops: Mapping[str, FeedSignal | None],
    *,
    store: Store,
    config: Config,
) -> None:
    """Update the rows of changed signals and of those of the same value.

    Call it in the transaction that changed the signals. drops: those that are gone, as they were.
    """
    if config.companion is None:
        return
    kinds = config.companion.kinds
    changed = {signal.id: signal for signal in puts if signal.kind in kinds}
    gone = [signal for signal in drops.values() if signal and signal.kind in kinds]
    stored = store.find_alike([*changed.values(), *gone], tx=tx)
    _want(tx, {signal.id: signal for signal in stored} | changed, store=store, config=config)
    tx.executemany(_LEAVE, [(drop,) for drop in drops])


def _want(
    tx: Transaction, signals: Mapping[UUID, FeedSignal], *, store: Store, config: Config
) -> None:
    """Update the rows of signals, which hold all that have their values."""
    parties = store.parties(signals.values(), tx=tx)
    now = datetime.now(UTC)
    alike: dict[tuple[Kind, str], list[FeedSignal]] = {}
    for signal in signals.values():
        if is_active(signal, now=now, exercise=config.exercise):
            alike.setdefault((signal.kind, signal.value.lower()), []).append(signal)
    for signal in signals.values():
        same = alike.get((signal.kind, signal.value.lower()), ())
        bank = bank_of(signal, config, alike=same, parties=parties)
        uid, value = str(signal.id), parse_value(signal.kind, signal.value)
        tx.execute(f"{_LEAVE} AND (bank != ? OR value != ?)", (uid, bank, value))
        if bank:
            ends = signal.expires_at.timestamp() if signal.expires_at else None
            tx.execute(_WANT, (uid, bank, signal.kind, value, ends))


def compare_batch(store: Store, *, after: int, config: Config) -> int | None:
    """Compare a batch of signals with the rows; return where to go on, None at the end."""
    settings = config.companion
    kinds = json.dumps(sorted(settings.kinds)) if settings else "[]"
    sql = (
        "SELECT seq, body FROM signals WHERE seq > ?"
        " AND kind IN (SELECT value FROM json_each(?)) ORDER BY seq LIMIT ?"
    )
    with store.write() as tx:
        records = tx.execute(sql, (after, kinds, _READ)).fetchall()
        signals = [FeedSignal.model_validate_json(body) for _, body in records]
        signals = store.mark_local(signals, tx=tx)
        update_wanted(tx, signals, {}, store=store, config=config)
    return int(records[-1][0]) if records else None


def unmark_strays(store: Store, *, after: int, config: Config) -> int | None:
    """Unmark a batch of rows whose signal, bank or kind is gone; return as compare_batch."""
    settings = config.companion
    if settings is None:
        return None
    ((last,),) = store.read(
        "SELECT max(seq) FROM (SELECT seq FROM banked WHERE seq > ? ORDER BY seq LIMIT ?)",
        (after, STEP),
    )
    if last is None:
        return None
    names, kinds = json.dumps(settings.banks), json.dumps(sorted(settings.kinds))
    with store.write() as tx:
        tx.execute(
            "UPDATE banked SET wanted = 0 WHERE seq > ? AND seq <= ? AND wanted = 1 AND ("
            " bank NOT IN (SELECT value FROM json_each(?))"
            " OR kind NOT IN (SELECT value FROM json_each(?)) OR (signal NOT LIKE ? AND NOT EXISTS"
            " (SELECT 1 FROM signals WHERE id = banked.signal)))",
            (after, last, names, kinds, f"{CANARY}-%"),
        )
    return int(last)


def unmark_expired(store: Store, *, after: int, now: float) -> int | None:
    """Unmark a batch of expired rows, and delete rows that hold nothing any more.

    returns: a number to call it with again; None once there are no more.
    """
    steps = (
        ("UPDATE banked SET wanted = 0", "wanted = 1 AND expires_at <= ?", (now,)),
        (
            "DELETE FROM banked",
            "wanted = 0 AND content IS NULL AND asked_at IS NULL AND doubt_at IS NULL",
            (),
        ),
    )
    return after + 1 if any(_run_batch(store, *step) for step in steps) else None


def _run_batch(
    store: Store, statement: str, condition: str, values: tuple[object, ...] = ()
) -> bool:
    """Run a statement on one batch of rows; return whether there may be more."""
    sql = f"{statement} WHERE seq IN (SELECT seq FROM banked WHERE {condition} LIMIT {STEP})"  # noqa: S608 - our own words
    with store.write() as tx:
        return tx.execute(sql, values).rowcount >= STEP


# at the start


def resume(store: Store, settings: HmaSettings, *, after: int) -> int | None:
    """Resume after a start: contents that were being sent when the agent ended are in doubt.

    returns: as unmark_expired.
    """
    if store.read("SELECT 1 FROM banks WHERE hma != ? LIMIT 1", (settings.url,)):
        # Another HMA: its contents are unknown. Rows of banks are deleted last, because they show
        # that this step is not finished.
        if not _run_batch(store, "DELETE FROM banked", "1"):
            with store.write() as tx:
                tx.execute("DELETE FROM banks")
        return after + 1
    steps = (
        ("UPDATE banked SET refused = ''", "refused != ''"),
        ("UPDATE banked SET doubt_at = asked_at, asked_at = NULL", "asked_at IS NOT NULL"),
    )
    return after + 1 if any(_run_batch(store, *step) for step in steps) else None


def add_canaries(store: Store, settings: HmaSettings, *, kinds: Iterable[Kind]) -> None:
    """Add the canaries of these kinds to their bank."""
    with store.write() as tx:
        for kind in kinds:
            for number, value in enumerate(canaries(kind)):
                name = f"{CANARY}-{kind}-{number}"
                tx.execute(_WANT, (name, settings.canary_bank, kind, value, None))


def canaries(kind: Kind) -> tuple[bytes, ...]:
    """Return the hashes that HMA always has. Two for PDQ: it loses a lone hash (decision 0063)."""
    if kind is Kind.PDQ:
        return tuple(bytes.fromhex(value) for value in canary.HASHES)
    return (md5(canary.SOURCE.encode(), usedforsecurity=False).digest(),)


def is_ours(store: Store, name: str) -> bool:
    """Whether the agent created a bank, or was about to."""
    return bool(store.read("SELECT 1 FROM banks WHERE name = ?", (name,)))


def claim(store: Store, name: str, *, hma: str) -> None:
    """Record that a bank is ours before creating it, else a crash would make it a stranger's."""
    with store.write() as tx:
        tx.execute("INSERT OR REPLACE INTO banks VALUES (?, ?)", (name, hma))


def forget_batch(store: Store, name: str, *, after: int) -> int | None:
    """Forget the contents of a bank that is gone; return as compare_batch."""
    return _update_batch(
        store,
        "UPDATE banked SET content = NULL, handed_at = NULL, doubt_at = NULL, checked = 1,"
        " refused = '' WHERE seq > ? AND seq <= ? AND bank = ?",
        after=after,
        values=(name,),
    )


def recheck_batch(store: Store, *, after: int) -> int | None:
    """Have every content at HMA checked again; return as compare_batch."""
    sql = "UPDATE banked SET checked = (content IS NULL), refused = '' WHERE seq > ? AND seq <= ?"
    return _update_batch(store, sql, after=after, values=())


def _update_batch(store: Store, sql: str, *, after: int, values: tuple[object, ...]) -> int | None:
    with store.write() as tx:
        (last,) = tx.execute(
            "SELECT max(seq) FROM (SELECT seq FROM banked WHERE seq > ? ORDER BY seq LIMIT ?)",
            (after, STEP),
        ).fetchone()
        if last is not None:
            tx.execute(sql, (after, last, *values))
    return None if last is None else int(last)
