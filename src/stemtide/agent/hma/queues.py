# SPDX-License-Identifier: Apache-2.0
"""Queues of work at a provider's HMA, and functions that record the results.

rows.py explains the columns.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from stemtide.agent.hma.client import HmaContent
from stemtide.agent.hma.policy import note_of
from stemtide.agent.hma.rows import CANARY
from stemtide.agent.store.database import Store, Transaction
from stemtide.fingerprints.kinds import Kind

_COLUMNS = "seq, signal, bank, kind, value, content, doubt_at"


class BankedRow(NamedTuple):
    """One signal in one bank of HMA."""

    seq: int
    signal: str
    bank: str
    kind: str
    value: bytes
    content: int | None
    doubt_at: float | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """The result of adding or deleting one content at HMA.

    content: its id at HMA from now on; None for none.
    doubt:   whether HMA may hold an extra copy. refused: why HMA never takes it; "" if it may.
    trouble: why to try again; "" if it worked.
    """

    row: BankedRow
    content: int | None = None
    doubt: bool = False
    refused: str = ""
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class RowCounts:
    """Row counts: contents at HMA, and rows that wait for something."""

    handed: int = 0
    waiting: int = 0
    leaving: int = 0
    refused: int = 0
    doubtful: int = 0
    unchecked: int = 0


def leaving(store: Store, limit: int) -> list[BankedRow]:
    """Return contents to delete, those that failed before last."""
    return _rows(store, "wanted = 0 AND content IS NOT NULL ORDER BY tries, seq LIMIT ?", (limit,))


def joining(store: Store, kinds: Iterable[Kind], *, limit: int, now: float) -> list[BankedRow]:
    """Return contents to hand over, after recording that they are about to be sent."""
    condition = (
        "wanted = 1 AND content IS NULL AND refused = ''"
        " AND kind IN (SELECT value FROM json_each(?)) ORDER BY tries, seq LIMIT ?"
    )
    rows = _rows(store, condition, (json.dumps(sorted(kinds)), limit))
    if rows:
        with store.write() as tx:
            tx.executemany(
                "UPDATE banked SET asked_at = ? WHERE seq = ?", [(now, row.seq) for row in rows]
            )
    return rows


def unchecked(store: Store, limit: int) -> list[BankedRow]:
    """Return contents that HMA has not confirmed to have yet."""
    return _rows(store, "checked = 0 AND content IS NOT NULL ORDER BY seq LIMIT ?", (limit,))


def doubtful(store: Store, kinds: Iterable[Kind], *, limit: int) -> list[BankedRow]:
    """Return rows of these kinds for which HMA may hold an extra content."""
    # A wanted row without a content is handed over first, as the search might find its only one.
    condition = (
        "doubt_at IS NOT NULL AND (wanted = 0 OR content IS NOT NULL)"
        " AND kind IN (SELECT value FROM json_each(?)) ORDER BY doubt_at LIMIT ?"
    )
    return _rows(store, condition, (json.dumps(sorted(kinds)), limit))


def unknown(store: Store, contents: Iterable[int]) -> set[int]:
    """Return those content ids that no row has."""
    candidates = set(contents)
    rows = store.read(
        "SELECT content FROM banked WHERE content IN (SELECT value FROM json_each(?))",
        (json.dumps(sorted(candidates)),),
    )
    return candidates - {content for (content,) in rows}


def belongs_to(row: BankedRow, content: HmaContent | None, *, agent: str) -> bool:
    """Whether a content belongs to an agent and to a row."""
    return (
        content is not None
        and content.bank.name == row.bank
        and content.note == note_of(row.signal, agent)
    )


def is_held(store: Store, content: int) -> bool:
    """Whether a content should be at HMA and, by our records, is."""
    sql = "SELECT 1 FROM banked WHERE content = ? AND wanted = 1"
    return bool(store.read(sql, (content,)))


def latest(store: Store, kind: Kind, *, limit: int) -> list[tuple[BankedRow, float]]:
    """Return the contents handed over last and when, except those that are gone since."""
    rows = store.read(
        f"SELECT {_COLUMNS}, handed_at FROM banked WHERE kind = ? AND content IS NOT NULL"  # noqa: S608 - our own names
        " AND wanted = 1 AND handed_at IS NOT NULL ORDER BY handed_at DESC LIMIT ?",
        (kind, limit),
    )
    return [(BankedRow(*row[:-1]), float(row[-1])) for row in rows]


def newest(store: Store, kind: Kind) -> tuple[BankedRow, float] | None:
    """Return the content handed over last, and when."""
    return next(iter(latest(store, kind, limit=1)), None)


def settle_gone(store: Store, row: BankedRow) -> None:
    """Record that HMA has lost a content, so that nothing waits for its match."""
    with store.write() as tx:
        tx.execute(
            "UPDATE banked SET handed_at = NULL WHERE seq = ? AND content = ?",
            (row.seq, row.content),
        )


def count_after(store: Store, kind: Kind, *, than: float) -> tuple[int, float | None]:
    """Count the contents handed over after a time; also return the first of those times."""
    ((number, first),) = store.read(
        "SELECT count(*), min(handed_at) FROM banked WHERE kind = ? AND content IS NOT NULL"
        " AND handed_at > ?",
        (kind, than),
    )
    return int(number), first


def settle_handed(store: Store, attempts: Sequence[Attempt], *, now: float) -> str:
    """Record the results of handing contents over.

    returns: a problem: an id that another row has, which is not believed; "" for none.
    """
    problem = ""
    with store.write() as tx:
        for attempt in attempts:
            content = attempt.content
            if content is not None and (other := _holder(tx, content, attempt.row.seq)):
                problem = f"gave content {content} twice: of {other} and of {attempt.row.signal}"
                tx.execute("UPDATE banked SET checked = 0 WHERE content = ?", (content,))
                content = None
            is_in_doubt = attempt.doubt or content != attempt.content
            tx.execute(
                "UPDATE banked SET content = ?, asked_at = NULL, refused = ?, checked = 1,"
                " handed_at = ?, doubt_at = coalesce(?, doubt_at), tries = ? * (tries + 1)"
                " WHERE seq = ?",
                (
                    content,
                    attempt.refused[:500],
                    now if content is not None else None,
                    now if is_in_doubt else None,
                    content is None,
                    attempt.row.seq,
                ),
            )
    return problem


def _holder(tx: Transaction, content: int, seq: int) -> str:
    row = tx.execute(
        "SELECT signal FROM banked WHERE content = ? AND seq != ?", (content, seq)
    ).fetchone()
    return str(row[0]) if row else ""


def settle_left(store: Store, attempts: Sequence[Attempt]) -> None:
    """Record the results of deleting contents."""
    with store.write() as tx:
        for attempt in attempts:
            if attempt.trouble:
                tx.execute("UPDATE banked SET tries = tries + 1 WHERE seq = ?", (attempt.row.seq,))
                continue
            tx.execute(
                "UPDATE banked SET content = NULL, handed_at = NULL, checked = 1, tries = 0"
                " WHERE seq = ? AND content = ?",
                (attempt.row.seq, attempt.row.content),
            )


def settle_checked(store: Store, present: Sequence[BankedRow], lost: Sequence[BankedRow]) -> None:
    """Record which contents HMA has, and which it has lost."""
    with store.write() as tx:
        for row in present:
            tx.execute("UPDATE banked SET checked = 1 WHERE seq = ?", (row.seq,))
        for row in lost:
            tx.execute(
                "UPDATE banked SET checked = 1, content = NULL, handed_at = NULL"
                " WHERE seq = ? AND content = ?",
                (row.seq, row.content),
            )


def replace(store: Store, row: BankedRow, content: int, *, now: float) -> None:
    """Record that a content was handed over again, under a new id."""
    with store.write() as tx:
        tx.execute(
            "UPDATE banked SET content = ?, handed_at = ? WHERE seq = ?", (content, now, row.seq)
        )


def settle_doubt(store: Store, row: BankedRow) -> None:
    """Record that HMA holds no extra content of a row."""
    with store.write() as tx:
        tx.execute(
            "UPDATE banked SET doubt_at = NULL WHERE seq = ? AND doubt_at = ?",
            (row.seq, row.doubt_at),
        )


def sizes(store: Store) -> RowCounts:
    """Count the rows by state."""
    ((handed, waiting, going, refused, doubts, unseen),) = store.read(
        "SELECT (SELECT count(*) FROM banked WHERE content IS NOT NULL),"
        " (SELECT count(*) FROM banked WHERE wanted = 1 AND content IS NULL AND refused = ''),"
        " (SELECT count(*) FROM banked WHERE wanted = 0 AND content IS NOT NULL),"
        " (SELECT count(*) FROM banked WHERE refused != ''),"
        " (SELECT count(*) FROM banked WHERE doubt_at IS NOT NULL),"
        " (SELECT count(*) FROM banked WHERE checked = 0)"
    )
    return RowCounts(handed, waiting, going, refused, doubts, unseen)


def signals_of(store: Store, contents: Iterable[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """Return the signals behind contents that we put into banks, by bank and content id."""
    keys = {(bank, content) for bank, content in contents}
    numbers = json.dumps([content for _, content in keys])
    rows = store.read(
        "SELECT bank, content, signal FROM banked"
        " WHERE content IN (SELECT value FROM json_each(?)) AND wanted = 1",
        (numbers,),
    )
    return {(bank, content): signal for bank, content, signal in rows if (bank, content) in keys}


def _rows(store: Store, condition: str, values: tuple[object, ...]) -> list[BankedRow]:
    rows = store.read(f"SELECT {_COLUMNS} FROM banked WHERE {condition}", values)  # noqa: S608 - our own names
    return [BankedRow(*row) for row in rows]


def canary_of(store: Store, kind: Kind, bank: str) -> BankedRow | None:
    """Return the first canary of a kind, or None before there is one."""
    rows = _rows(store, "signal = ? AND bank = ?", (f"{CANARY}-{kind}-0", bank))
    return rows[0] if rows else None
