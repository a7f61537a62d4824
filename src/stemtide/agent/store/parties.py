# SPDX-License-Identifier: Apache-2.0
"""Standing of the parties in the agent's file: who may be believed alone, and who counts once."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from stemtide.protocol.enums import PartyKind, Standing
from stemtide.protocol.sync.feed import FeedParty
from stemtide.protocol.trust.standing import PartyTrust

TABLE = """
CREATE TABLE parties (
  name TEXT PRIMARY KEY, kind TEXT NOT NULL, standing TEXT NOT NULL, group_name TEXT NOT NULL,
  speaks_for_digests INTEGER NOT NULL
) WITHOUT ROWID"""

_COLUMNS = "name, kind, standing, group_name, speaks_for_digests"
_PUT = f"INSERT OR REPLACE INTO parties ({_COLUMNS}) VALUES (?, ?, ?, ?, ?)"  # noqa: S608 - our own names
ALL = f"SELECT {_COLUMNS} FROM parties"  # noqa: S608 - our own names
_NAMED = f"SELECT {_COLUMNS} FROM parties WHERE name IN (SELECT value FROM json_each(?))"  # noqa: S608 - our own names


NAMES = "SELECT name, group_name FROM parties"


@dataclass(frozen=True, slots=True)
class Parties:
    """Parties that support signals, as the agent knows them.

    own:      name of the agent's own party; "" before the first snapshot.
    by_name:  those that the hub named.
    are_sent: whether the hub names parties at all; an older hub does not.
    """

    own: str = ""
    by_name: Mapping[str, PartyTrust] = field(default_factory=dict)
    are_sent: bool = False

    def trust_of(self, name: str) -> PartyTrust:
        """Return a party's trust; that of a party unknown to the hub does not count."""
        unknown = PartyTrust(name, PartyKind.PROVIDER, Standing.NEW)
        return self.by_name.get(name, unknown)


def party_trust(row: tuple[str, str, str, str, int]) -> PartyTrust:
    """Return a row of the table."""
    name, kind, standing, group, speaks = row
    return PartyTrust(name, PartyKind(kind), Standing(standing), group, bool(speaks))


def put_parties(tx: sqlite3.Connection, parties: Iterable[FeedParty]) -> None:
    """Insert parties, or replace those that are there."""
    tx.executemany(
        _PUT,
        [
            (party.name, party.kind, party.standing, party.group, party.speaks_for_digests)
            for party in parties
        ],
    )


def replace_parties(tx: sqlite3.Connection, parties: Sequence[FeedParty]) -> None:
    """Replace all parties."""
    tx.execute("DELETE FROM parties")
    put_parties(tx, parties)


def read_parties(tx: sqlite3.Connection, names: Iterable[str] | None, *, own: str) -> Parties:
    """Return the parties of these names, as a transaction sees them.

    names: None for all. own: as in Parties.
    """
    rows = tx.execute(ALL) if names is None else tx.execute(_NAMED, (json.dumps([*names]),))
    by_name = {row[0]: party_trust(row) for row in rows}
    are_sent = bool(by_name) or tx.execute("SELECT 1 FROM parties LIMIT 1").fetchone() is not None
    return Parties(own, by_name, are_sent)
