# SPDX-License-Identifier: Apache-2.0
"""What there is to do at a provider's HMA, and what came of it: rows by what they wait for.

The words of the columns are in companion_rows.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from stemtide.agent.companion_policy import note_of
from stemtide.agent.companion_rows import CANARY
from stemtide.agent.hma_line import Content
from stemtide.agent.store import Store, Transaction
from stemtide.fingerprints.kinds import Kind

_COLUMNS = "seq, signal, bank, kind, value, content, doubt_at"


class Row(NamedTuple):
    """What there is to do about one signal in one bank."""

    seq: int
    signal: str
    bank: str
    kind: str
    value: bytes
    content: int | None
    doubt_at: float | None


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a row at HMA.

    content: the id that it has there from now on; None for none.
    doubt:   whether HMA may hold one more. refused: why it never will; "" where it may.
    trouble: why it is to be tried again; "" for nothing.
    """

    row: Row
    content: int | None = None
    doubt: bool = False
    refused: str = ""
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many rows there are: of contents at HMA, and of those that wait for something."""

    handed: int = 0
    waiting: int = 0
    leaving: int = 0
    refused: int = 0
    doubtful: int = 0
    unchecked: int = 0


def leaving(store: Store, limit: int) -> list[Row]:
    """Contents to delete, those that failed before last."""
    return _rows(store, "wanted = 0 AND content IS NOT NULL ORDER BY tries, seq LIMIT ?", (limit,))


def joining(store: Store, kinds: Iterable[Kind], *, limit: int, now: float) -> list[Row]:
    """Contents to hand over, written down as asked for before anybody is."""
    condition = (
        "wanted = 1 AND content IS NULL AND refused = ''"
        " AND kind IN (SELECT value FROM json_each(?)) ORDER BY tries, seq LIMIT ?"
    )
    found = _rows(store, condition, (json.dumps(sorted(kinds)), limit))
    if found:
        with store.write() as tx:
            tx.executemany(
                "UPDATE banked SET asked_at = ? WHERE seq = ?", [(now, one.seq) for one in found]
            )
    return found


def unchecked(store: Store, limit: int) -> list[Row]:
    """Contents to ask for."""
    return _rows(store, "checked = 0 AND content IS NOT NULL ORDER BY seq LIMIT ?", (limit,))


def doubtful(store: Store, kinds: Iterable[Kind], *, limit: int) -> list[Row]:
    """Rows of some kinds of which HMA may hold one more content."""
    # One that has none and is wanted is handed over first: what is found might be all there is.
    condition = (
        "doubt_at IS NOT NULL AND (wanted = 0 OR content IS NOT NULL)"
        " AND kind IN (SELECT value FROM json_each(?)) ORDER BY doubt_at LIMIT ?"
    )
    return _rows(store, condition, (json.dumps(sorted(kinds)), limit))


def unknown(store: Store, contents: Iterable[int]) -> set[int]:
    """Those of some ids that no row has."""
    asked = set(contents)
    known = store.read(
        "SELECT content FROM banked WHERE content IN (SELECT value FROM json_each(?))",
        (json.dumps(sorted(asked)),),
    )
    return asked - {content for (content,) in known}


def is_of(row: Row, found: Content | None, *, agent: str) -> bool:
    """Whether a content is an agent's, and of a row."""
    return (
        found is not None
        and found.bank.name == row.bank
        and found.note == note_of(row.signal, agent)
    )


def is_held(store: Store, content: int) -> bool:
    """Whether HMA is said to hold a content that is wanted."""
    sql = "SELECT 1 FROM banked WHERE content = ? AND wanted = 1"
    return bool(store.read(sql, (content,)))


def last(store: Store, kind: Kind, *, limit: int) -> list[tuple[Row, float]]:
    """The contents that were handed over last, and when; without those that are gone since."""
    found = store.read(
        f"SELECT {_COLUMNS}, handed_at FROM banked WHERE kind = ? AND content IS NOT NULL"  # noqa: S608 - our own names
        " AND wanted = 1 AND handed_at IS NOT NULL ORDER BY handed_at DESC LIMIT ?",
        (kind, limit),
    )
    return [(Row(*one[:-1]), float(one[-1])) for one in found]


def newest(store: Store, kind: Kind) -> tuple[Row, float] | None:
    """The content that was handed over last, and when."""
    return next(iter(last(store, kind, limit=1)), None)


def settle_gone(store: Store, row: Row) -> None:
    """Write down that nobody is to wait for a content, as HMA has it no more."""
    with store.write() as tx:
        tx.execute(
            "UPDATE banked SET handed_at = NULL WHERE seq = ? AND content = ?",
            (row.seq, row.content),
        )


def later(store: Store, kind: Kind, *, than: float) -> tuple[int, float | None]:
    """How many contents were handed over after a time, and when the first of them."""
    ((number, first),) = store.read(
        "SELECT count(*), min(handed_at) FROM banked WHERE kind = ? AND content IS NOT NULL"
        " AND handed_at > ?",
        (kind, than),
    )
    return int(number), first


def settle_handed(store: Store, each: Sequence[Done], *, now: float) -> str:
    """Write down what came of contents handed over.

    returns: what is odd: an id that another row has, which is not believed; "" for nothing.
    """
    odd = ""
    with store.write() as tx:
        for one in each:
            content = one.content
            if content is not None and (other := _holder(tx, content, one.row.seq)):
                odd = f"gave content {content} twice: of {other} and of {one.row.signal}"
                tx.execute("UPDATE banked SET checked = 0 WHERE content = ?", (content,))
                content = None
            is_in_doubt = one.doubt or content != one.content
            tx.execute(
                "UPDATE banked SET content = ?, asked_at = NULL, refused = ?, checked = 1,"
                " handed_at = ?, doubt_at = coalesce(?, doubt_at), tries = ? * (tries + 1)"
                " WHERE seq = ?",
                (
                    content,
                    one.refused[:500],
                    now if content is not None else None,
                    now if is_in_doubt else None,
                    content is None,
                    one.row.seq,
                ),
            )
    return odd


def _holder(tx: Transaction, content: int, seq: int) -> str:
    found = tx.execute(
        "SELECT signal FROM banked WHERE content = ? AND seq != ?", (content, seq)
    ).fetchone()
    return str(found[0]) if found else ""


def settle_left(store: Store, each: Sequence[Done]) -> None:
    """Write down what came of contents that were to be deleted."""
    with store.write() as tx:
        for one in each:
            if one.trouble:
                tx.execute("UPDATE banked SET tries = tries + 1 WHERE seq = ?", (one.row.seq,))
                continue
            tx.execute(
                "UPDATE banked SET content = NULL, handed_at = NULL, checked = 1, tries = 0"
                " WHERE seq = ? AND content = ?",
                (one.row.seq, one.row.content),
            )


def settle_checked(store: Store, there: Sequence[Row], lost: Sequence[Row]) -> None:
    """Write down which contents HMA has, and which it has no more."""
    with store.write() as tx:
        for row in there:
            tx.execute("UPDATE banked SET checked = 1 WHERE seq = ?", (row.seq,))
        for row in lost:
            tx.execute(
                "UPDATE banked SET checked = 1, content = NULL, handed_at = NULL"
                " WHERE seq = ? AND content = ?",
                (row.seq, row.content),
            )


def replace(store: Store, row: Row, content: int, *, now: float) -> None:
    """Write down that a content was handed over anew."""
    with store.write() as tx:
        tx.execute(
            "UPDATE banked SET content = ?, handed_at = ? WHERE seq = ?", (content, now, row.seq)
        )


def settle_doubt(store: Store, row: Row) -> None:
    """Write down that HMA holds no content of a row whose id is not known."""
    with store.write() as tx:
        tx.execute(
            "UPDATE banked SET doubt_at = NULL WHERE seq = ? AND doubt_at = ?",
            (row.seq, row.doubt_at),
        )


def sizes(store: Store) -> Sizes:
    """How many there are."""
    ((handed, waiting, going, refused, doubts, unseen),) = store.read(
        "SELECT (SELECT count(*) FROM banked WHERE content IS NOT NULL),"
        " (SELECT count(*) FROM banked WHERE wanted = 1 AND content IS NULL AND refused = ''),"
        " (SELECT count(*) FROM banked WHERE wanted = 0 AND content IS NOT NULL),"
        " (SELECT count(*) FROM banked WHERE refused != ''),"
        " (SELECT count(*) FROM banked WHERE doubt_at IS NOT NULL),"
        " (SELECT count(*) FROM banked WHERE checked = 0)"
    )
    return Sizes(handed, waiting, going, refused, doubts, unseen)


def holders(store: Store, contents: Iterable[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """The signals whose contents we put into banks, by bank and content id."""
    asked = {(bank, content) for bank, content in contents}
    numbers = json.dumps([content for _, content in asked])
    found = store.read(
        "SELECT bank, content, signal FROM banked"
        " WHERE content IN (SELECT value FROM json_each(?)) AND wanted = 1",
        (numbers,),
    )
    return {(bank, content): signal for bank, content, signal in found if (bank, content) in asked}


def _rows(store: Store, condition: str, values: tuple[object, ...]) -> list[Row]:
    found = store.read(f"SELECT {_COLUMNS} FROM banked WHERE {condition}", values)  # noqa: S608 - our own names
    return [Row(*one) for one in found]


def canary_of(store: Store, kind: Kind, bank: str) -> Row | None:
    """The first canary of a kind; None before there is one."""
    found = _rows(store, "signal = ? AND bank = ?", (f"{CANARY}-{kind}-0", bank))
    return found[0] if found else None
