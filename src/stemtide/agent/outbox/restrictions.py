# SPDX-License-Identifier: Apache-2.0
"""Record what the provider blocked because of a match, from when and until when.

Each block needs a statement of reasons (Regulation (EU) 2022/2065 Art. 17 and 24(5)). A row is
written in the transaction of the decision and ended in that of the undoing, so neither gets lost.
It has a random number (puid), so that the public statement leads back to nothing; the provider's
id of the content is kept for the undoing and is in no statement.

Only blocks count: an exercise and a log restrict nothing, and a hold waits for a person.

Blocks are also counted by the day on which they began. These counts name nothing and stay, for the
transparency report of the year.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from stemtide.agent.store.database import Store, Transaction
from stemtide.agent.store.schema import read_only
from stemtide.protocol.law.dsa.answers import Remark
from stemtide.protocol.law.dsa.figures import BlockCounts

OWED, SENDING, POSTED, REFUSED = "owed", "sending", "posted", "refused"
"""States of a statement. sending: an attempt was made, and its result is not known."""


class BlockedContent(NamedTuple):
    """A piece of content that was blocked. began_at, ended_at: Unix time; None: still blocked.

    kinds: the kinds of fingerprint that matched. state: the state of its statement.
    content_at: if a person decided: when the content was checked or uploaded. None: a machine did.
    """

    puid: str
    kinds: tuple[str, ...]
    began_at: float
    ended_at: float | None
    state: str
    content_at: float | None = None


_COLUMNS = (
    "puid, kinds, began_at, ended_at, state,"
    " (SELECT content_at FROM review_blocks WHERE review_blocks.puid = restrictions.puid)"
)


def begin(
    tx: Transaction,
    *,
    ref: str,
    kinds: Collection[str],
    now: datetime,
    content_at: float | None = None,
) -> None:
    """Record that content is blocked from now on. content_at: as in BlockedContent."""
    puid = uuid4().hex
    tx.execute(
        "INSERT INTO restrictions (puid, ref, kinds, began_at) VALUES (?, ?, ?, ?)",
        (puid, ref, json.dumps(sorted(kinds)), now.timestamp()),
    )
    if content_at is not None:
        tx.execute("INSERT INTO review_blocks VALUES (?, ?)", (puid, content_at))
    tx.execute(
        "INSERT INTO restriction_days VALUES (date(?, 'unixepoch'), 1, 0)"
        " ON CONFLICT DO UPDATE SET begun = begun + 1",
        (now.timestamp(),),
    )


def end(tx: Transaction, *, ref: str, now: datetime) -> None:
    """Record that content is no longer blocked."""
    tx.execute(
        "UPDATE restriction_days SET undone = undone + 1 WHERE day IN (SELECT"
        " date(began_at, 'unixepoch') FROM restrictions WHERE ref = ? AND ended_at IS NULL)",
        (ref,),
    )
    tx.execute(
        "UPDATE restrictions SET ended_at = ? WHERE ref = ? AND ended_at IS NULL",
        (now.timestamp(), ref),
    )


def forget(tx: Transaction, *, before: datetime, keep_owed: bool) -> None:
    """Delete rows that began before a time, and the content's id in those that stay.

    keep_owed: keep unposted rows, however long the database is unreachable or rejects them.
    """
    old = before.timestamp()
    kept_states = (OWED, SENDING, REFUSED) if keep_owed else ()
    tx.execute(
        "DELETE FROM restrictions WHERE began_at < ?"
        " AND state NOT IN (SELECT value FROM json_each(?))",
        (old, json.dumps(kept_states)),
    )
    tx.execute("UPDATE restrictions SET ref = '' WHERE began_at < ? AND ref != ''", (old,))


class Restrictions:
    """The rows of an open store, used as the journal of postings; crash-safe."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def due(self, *, before: float, limit: int) -> list[BlockedContent]:
        """Return restrictions whose statement is due, the oldest first. before: Unix time."""
        rows = self._store.read(
            f"SELECT {_COLUMNS} FROM restrictions"  # noqa: S608 - our own names
            " WHERE state IN (?, ?) AND began_at <= ? ORDER BY began_at, puid LIMIT ?",
            (OWED, SENDING, before, limit),
        )
        return [_read(row) for row in rows]

    def begin(self, puids: Sequence[str]) -> None:
        """Record, durably, that these are about to be sent."""
        self._set(((SENDING, "", "", puid) for puid in puids), unless_state=POSTED)

    def release(self, puids: Sequence[str]) -> None:
        """Record that the database certainly has none of these."""
        self._set(((OWED, "", "", puid) for puid in puids), unless_state=POSTED)

    def take(self, uuids: Mapping[str, str]) -> None:
        """Record that the database has these."""
        self._set((POSTED, uuid, "", puid) for puid, uuid in uuids.items())

    def refuse(self, remarks: Mapping[str, Sequence[Remark]]) -> None:
        """Record that the database rejected these, and why."""
        self._set((REFUSED, "", "; ".join(map(str, why)), puid) for puid, why in remarks.items())

    def _set(self, values: Iterator[tuple[str, str, str, str]], *, unless_state: str = "") -> None:
        """Change states, except of rows that have the given state already."""
        with self._store.write() as tx:
            tx.executemany(
                "UPDATE restrictions SET state = ?, uuid = ?, why = ?"
                " WHERE puid = ? AND state != ?",
                ((*value, unless_state) for value in values),
            )


def count_days(data_dir: Path, *, begins: date, ends: date) -> BlockCounts:
    """Count the blocks that began on some days (UTC), and those of them that were undone.

    begins, ends: the first and the last day. raises: StoreError.
    """
    sql = (
        "SELECT coalesce(sum(begun), 0), coalesce(sum(undone), 0) FROM restriction_days"
        " WHERE day BETWEEN ? AND ?"
    )
    with read_only(data_dir) as reader:
        blocked, undone = reader.execute(sql, (begins.isoformat(), ends.isoformat())).fetchone()
    return BlockCounts(blocked=blocked, undone=undone)


def read_all(data_dir: Path, *, since: datetime | None) -> list[BlockedContent]:
    """Return all rows of an agent's file, the oldest first, even while that agent runs.

    raises: StoreError.
    """
    sql = f"SELECT {_COLUMNS} FROM restrictions WHERE began_at >= ? ORDER BY began_at, puid"  # noqa: S608 - our own names
    with read_only(data_dir) as reader:
        rows = reader.execute(sql, (since.timestamp() if since else 0.0,)).fetchall()
    return [_read(row) for row in rows]


def _read(row: tuple[str, str, float, float | None, str, float | None]) -> BlockedContent:
    puid, kinds, began_at, ended_at, state, content_at = row
    return BlockedContent(puid, tuple(json.loads(kinds)), began_at, ended_at, state, content_at)
