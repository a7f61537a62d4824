# SPDX-License-Identifier: Apache-2.0
"""What the provider blocked because of a match, since when and until when.

Each is owed a statement of reasons (Regulation (EU) 2022/2065 Art. 17 and 24(5)). A row is written
in the transaction of the decision and ended in that of the undoing, so neither is forgotten. It has
a number (puid) of chance, which leads from a public statement to nothing; the provider's id of the
content stands beside it for the undoing and is in no statement.

Only blocks: an exercise and a log restrict nothing, and a hold waits for a person of the provider.
"""

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from stemtide.agent.schema import StoreError
from stemtide.agent.store import Store, Transaction
from stemtide.protocol.dsa_answers import Remark

OWED, SENDING, POSTED, REFUSED = "owed", "sending", "posted", "refused"
"""What became of a statement. sending: begun, and not known whether it was taken."""


class Restriction(NamedTuple):
    """One piece of content that was blocked. began_at, ended_at: Unix time; None: it still is.

    kinds: by which kinds of fingerprint it matched. state: what became of its statement.
    """

    puid: str
    kinds: tuple[str, ...]
    began_at: float
    ended_at: float | None
    state: str


class Counts(NamedTuple):
    """Statements that wait to be posted, and that the database refused; why one was."""

    owed: int
    refused: int
    refusal: str = ""


_COLUMNS = "puid, kinds, began_at, ended_at, state"


def begin(tx: Transaction, *, ref: str, kinds: Collection[str], now: datetime) -> None:
    """Note that content is blocked from now on."""
    tx.execute(
        "INSERT INTO restrictions (puid, ref, kinds, began_at) VALUES (?, ?, ?, ?)",
        (uuid4().hex, ref, json.dumps(sorted(kinds)), now.timestamp()),
    )


def end(tx: Transaction, *, ref: str, now: datetime) -> None:
    """Note that content is blocked no more."""
    tx.execute(
        "UPDATE restrictions SET ended_at = ? WHERE ref = ? AND ended_at IS NULL",
        (now.timestamp(), ref),
    )


def forget(tx: Transaction, *, before: datetime, keep_owed: bool) -> None:
    """Forget what began before a time, and the content's id of what is kept.

    keep_owed: what was not posted yet stays, however long the database is away or refuses it.
    """
    old = before.timestamp()
    kept = (OWED, SENDING, REFUSED) if keep_owed else ()
    tx.execute(
        "DELETE FROM restrictions WHERE began_at < ?"
        " AND state NOT IN (SELECT value FROM json_each(?))",
        (old, json.dumps(kept)),
    )
    tx.execute("UPDATE restrictions SET ref = '' WHERE began_at < ? AND ref != ''", (old,))


class Restrictions:
    """The rows of an open store: the journal of what is posted, which a kill leaves whole."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def due(self, *, before: float, limit: int) -> list[Restriction]:
        """Those whose statement is to be posted, the oldest first. before: Unix time."""
        rows = self._store.read(
            f"SELECT {_COLUMNS} FROM restrictions"  # noqa: S608 - our own names
            " WHERE state IN (?, ?) AND began_at <= ? ORDER BY began_at, puid LIMIT ?",
            (OWED, SENDING, before, limit),
        )
        return [_read(row) for row in rows]

    def counts(self) -> Counts:
        """How many wait, and how many were refused."""
        found = self._store.read(
            "SELECT state, count(*), max(why) FROM restrictions GROUP BY state"
        )
        many = {state: count for state, count, _ in found}
        why = next((why for state, _, why in found if state == REFUSED), "")
        return Counts(many.get(OWED, 0) + many.get(SENDING, 0), many.get(REFUSED, 0), why)

    def begin(self, puids: Sequence[str]) -> None:
        """Note, durably, that these are about to be sent."""
        self._set(((SENDING, "", "", puid) for puid in puids), beside=POSTED)

    def release(self, puids: Sequence[str]) -> None:
        """Note that the database surely has none of these."""
        self._set(((OWED, "", "", puid) for puid in puids), beside=POSTED)

    def take(self, uuids: Mapping[str, str]) -> None:
        """Note that the database has these."""
        self._set((POSTED, uuid, "", puid) for puid, uuid in uuids.items())

    def refuse(self, remarks: Mapping[str, Sequence[Remark]]) -> None:
        """Note that the database does not take these, and why."""
        self._set((REFUSED, "", "; ".join(map(str, why)), puid) for puid, why in remarks.items())

    def retry(self) -> int:
        """Let what was refused be posted again; how many they are."""
        with self._store.write() as tx:
            return tx.execute(
                "UPDATE restrictions SET state = ?, why = '' WHERE state = ?", (OWED, REFUSED)
            ).rowcount

    def _set(self, values: Iterator[tuple[str, str, str, str]], *, beside: str = "") -> None:
        """Change states, but of rows that stand at one already."""
        with self._store.write() as tx:
            tx.executemany(
                "UPDATE restrictions SET state = ?, uuid = ?, why = ?"
                " WHERE puid = ? AND state != ?",
                ((*value, beside) for value in values),
            )


def read_all(data_dir: Path, *, since: datetime | None) -> list[Restriction]:
    """All rows of an agent's file, the oldest first, also while that agent runs.

    raises: StoreError.
    """
    path = data_dir / "agent.db"
    if not path.exists():
        raise StoreError(f"{path} is not there: is data_dir that of an agent that ran?")
    sql = f"SELECT {_COLUMNS} FROM restrictions WHERE began_at >= ? ORDER BY began_at, puid"  # noqa: S608 - our own names
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as reader:
            rows = reader.execute(sql, (since.timestamp() if since else 0.0,)).fetchall()
    except sqlite3.Error as error:
        raise StoreError(
            f"{path} cannot be read ({error}): an agent of this version must have run with it once"
        ) from error
    return [_read(row) for row in rows]


def _read(row: tuple[str, str, float, float | None, str]) -> Restriction:
    puid, kinds, began_at, ended_at, state = row
    return Restriction(puid, tuple(json.loads(kinds)), began_at, ended_at, state)
