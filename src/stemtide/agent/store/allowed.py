# SPDX-License-Identifier: Apache-2.0
"""The allow-lists in the agent's file: the hub's and its own, and what they cover.

1 Digests and addresses are found by an index of the table; pictures by a small index in memory,
  which each process builds anew once the list has another version.
2 An entry covers a match only if it covers the same part of the content, or the whole file by its
  digest: a logo beside other content shields nothing.
3 A picture on the hub's list does not cover the SHA-256 of a file that an authority or the agency
  stands behind: they name this very file, and the entry all that looks alike. Decision 0108.
4 What was acted upon is kept as fingerprints, as long as the action: an entry that comes later
  weakens actions on what it covers.
"""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import uuid4

import numpy as np

from stemtide.agent.store.parties import Parties, read_parties
from stemtide.agent.store.position import set_state
from stemtide.fingerprints.kinds import Fingerprints, Kind
from stemtide.matching.hamming import HammingIndex
from stemtide.protocol.sync.allowlists import AllowedContent, AllowlistManifest
from stemtide.protocol.sync.feed import FeedSignal
from stemtide.protocol.trust.standing import SPEAKING_ALONE

HUB, OWN = "hub", "own"
"""Which list an entry is of."""

TABLES = {
    "allowed": """CREATE TABLE allowed (
      seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, list TEXT NOT NULL,
      kind TEXT NOT NULL, value TEXT NOT NULL, within_bits INTEGER NOT NULL, reason TEXT NOT NULL,
      source TEXT NOT NULL, expires_at REAL, added_at REAL NOT NULL, UNIQUE (list, value, kind)
    )""",
    "allowed_matches": """CREATE TABLE allowed_matches (
      id TEXT PRIMARY KEY, count INTEGER NOT NULL
    ) WITHOUT ROWID""",
    "acted_prints": """CREATE TABLE acted_prints (
      ref TEXT NOT NULL, kind TEXT NOT NULL, value TEXT NOT NULL, part TEXT NOT NULL,
      PRIMARY KEY (ref, kind, value, part)
    ) WITHOUT ROWID""",
}
INDEXES = (
    "CREATE INDEX allowed_by_value ON allowed (value)",
    "CREATE INDEX acted_prints_by_value ON acted_prints (value)",
)

EXACT = frozenset({Kind.SHA256, Kind.MD5, Kind.URL})
"""Kinds that are covered only if they are equal."""

_FILES = frozenset({Kind.SHA256, Kind.MD5})
_PICTURES = frozenset({Kind.PDQ, Kind.SHA256, Kind.MD5})
"""Kinds of matches that an entry of a picture covers."""

_COLUMNS = "seq, id, list, kind, value, within_bits, reason, source, expires_at"
_BY_VALUE = f"SELECT {_COLUMNS} FROM allowed WHERE value IN (SELECT value FROM json_each(?))"  # noqa: S608 - our own names
_BY_SEQ = f"SELECT {_COLUMNS} FROM allowed WHERE seq IN (SELECT value FROM json_each(?))"  # noqa: S608 - our own names
_OF_HUB = f"SELECT {_COLUMNS} FROM allowed WHERE list = '{HUB}' ORDER BY seq"  # noqa: S608 - our own names
BY_ID = f"SELECT {_COLUMNS} FROM allowed WHERE list = ? AND id = ?"  # noqa: S608 - our own names
PUT_ENTRY = (
    "INSERT OR REPLACE INTO allowed (id, list, kind, value, within_bits, reason, source,"
    " expires_at, added_at)"
)
_PUT = f"{PUT_ENTRY} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_SCAN = 20_000
_MOST_PRINTS = 50
"""Fingerprints of one piece of content that are kept with an action."""


class AllowRow(NamedTuple):
    """An entry of a list. list: HUB or OWN. value: hex. expires_at: Unix time."""

    seq: int
    id: str
    list: str
    kind: str
    value: str
    within_bits: int
    reason: str
    source: str
    expires_at: float | None

    @property
    def hub_id(self) -> str:
        """Return the id of an entry of the hub's list; "" for one of the agent's own."""
        return self.id if self.list == HUB else ""

    @property
    def own_id(self) -> str:
        """Return the id of an entry of the agent's own list; "" for one of the hub's."""
        return self.id if self.list == OWN else ""

    @property
    def sentence(self) -> str:
        """Return the sentence for moderators: which list, and why."""
        whose = "the hub's" if self.list == HUB else "this agent's own"
        source = f" (source: {self.source})" if self.source else ""
        return f"on {whose} allow-list: {self.reason}{source}"


class Print(NamedTuple):
    """A fingerprint of content. value: hex. transform: as in a QueryView, "" for none."""

    kind: Kind
    value: str
    part: str
    transform: str = ""


@dataclass(frozen=True, slots=True)
class MatchedPart:
    """How a signal matched, as far as coverage depends on it.

    is_vouched: the signal is the SHA-256 of the file, and an authority or an agency shares or
                confirms it.
    """

    kind: Kind
    part: str
    transform: str = ""
    is_vouched: bool = False


@dataclass(slots=True)
class _Pictures:
    """The pictures of one version of the lists. Keys are numbers of rows."""

    version: str = ""
    index: HammingIndex = field(default_factory=HammingIndex)


@dataclass(frozen=True, slots=True)
class AllowedParts:
    """The fingerprints of one piece of content that entries cover, each with its entry."""

    parts: Sequence[tuple[Print, AllowRow]] = ()

    def entry_of(self, match: MatchedPart) -> AllowRow | None:
        """Return an entry that covers a match, or None."""
        return next(
            (row for content, row in self.parts if covers(content, match, is_hub=row.list == HUB)),
            None,
        )


class AllowedPictures:
    """The index of listed pictures of one process. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pictures = _Pictures()

    def near(
        self, tx: sqlite3.Connection, values: Sequence[str], *, version: str
    ) -> list[tuple[int, int]]:
        """Return (place of a value, number of a row) for each listed picture that is near enough.

        values: PDQ hashes in hex. version: of the lists, as the transaction sees them.
        """
        with self._lock:
            if self._pictures.version != version:
                rows = tx.execute(
                    "SELECT seq, value, within_bits FROM allowed WHERE kind = 'pdq'"
                ).fetchall()
                self._pictures = _Pictures(version, picture_index(rows))
            index = self._pictures.index
        return near_pictures(index, values)


def picture_index(rows: Sequence[tuple[int, str, int]]) -> HammingIndex:
    """Return an index of pictures: their keys, hashes in hex and distances."""
    index = HammingIndex()
    if rows:
        words = np.frombuffer(b"".join(bytes.fromhex(value) for _, value, _ in rows), "<u8")
        index.put(
            np.array([key for key, *_ in rows], np.int64),
            words.reshape(len(rows), -1),
            own_bits=np.array([bits for *_, bits in rows], np.uint8),
        )
    return index


def near_pictures(index: HammingIndex, values: Sequence[str]) -> list[tuple[int, int]]:
    """Return (place, key) for each hash and each picture of an index that is near enough."""
    if not values or not len(index):
        return []
    queries = b"".join(bytes.fromhex(value) for value in values)
    hits = index.search(queries, count=len(values))
    return list(zip(hits["query"].tolist(), hits["key"].tolist(), strict=True))


def lists_version(tx: sqlite3.Connection) -> str:
    """Return a name that changes with either list; "" while both are empty."""
    row = tx.execute("SELECT value FROM state WHERE name = 'allowed'").fetchone()
    return str(row[0]) if row else ""


def prints_of(fingerprints: Fingerprints) -> list[Print]:
    """Return the fingerprints of content that entries may cover."""
    prints = [
        Print(content.kind, content.hex, content.part)
        for content in fingerprints.each
        if content.kind is Kind.PDQ or content.kind in EXACT
    ]
    views = [
        Print(view.kind, view.value.hex(), view.part, view.transform) for view in fingerprints.views
    ]
    return prints + views


def is_vouched(signal: FeedSignal, parties: Parties) -> bool:
    """Whether a signal is the SHA-256 of a file that an authority or agency supports."""
    behind = (parties.trust_of(name) for name in (signal.shared_by, *signal.confirmed_by))
    return signal.kind is Kind.SHA256 and any(
        party.counts and party.kind in SPEAKING_ALONE for party in behind
    )


def covers(content: Print, match: MatchedPart, *, is_hub: bool) -> bool:
    """Whether an entry that covers a fingerprint covers a match of the same content.

    is_hub: the entry is on the hub's list.
    """
    if content.kind in _FILES and content.part == "":
        return True
    if content.part != match.part:
        return False
    if content.kind is Kind.PDQ:
        is_outweighed = match.is_vouched and is_hub
        return (
            match.kind in _PICTURES
            and not is_outweighed
            and content.transform in ("", match.transform)
        )
    return content.kind in _FILES or match.kind is Kind.URL


def find_entries(
    tx: sqlite3.Connection, pictures: AllowedPictures, prints: Sequence[Print], *, now: datetime
) -> dict[int, AllowRow]:
    """Return the entry that covers each fingerprint, by its place; expired ones cover nothing."""
    version = lists_version(tx)
    if not version or not prints:
        return {}
    rows: dict[int, AllowRow] = {}
    exact = {content.value for content in prints if content.kind in EXACT}
    by_value = {(row.kind, row.value): row for row in _active(tx, _BY_VALUE, [*exact], now=now)}
    places = [place for place, content in enumerate(prints) if content.kind is Kind.PDQ]
    near = pictures.near(tx, [prints[place].value for place in places], version=version)
    by_seq = {row.seq: row for row in _active(tx, _BY_SEQ, [key for _, key in near], now=now)}
    for at, key in near:
        if row := by_seq.get(key):
            rows.setdefault(places[at], row)
    for place, content in enumerate(prints):
        if row := by_value.get((content.kind, content.value)):
            rows[place] = row
    return rows


def _active(
    tx: sqlite3.Connection, sql: str, values: Sequence[object], *, now: datetime
) -> Iterator[AllowRow]:
    """Yield the entries that a query finds and that have not expired."""
    if not values:
        return
    for columns in tx.execute(sql, (json.dumps(values),)).fetchall():
        row = AllowRow(*columns)
        if row.expires_at is None or row.expires_at > now.timestamp():
            yield row


# changes


@dataclass(frozen=True, slots=True)
class CoveredAction:
    """An action on content that an entry covers. signals: the reasons that it covers."""

    ref: str
    signals: tuple[str, ...]
    entry: AllowRow


def replace_hub_list(
    tx: sqlite3.Connection, manifest: AllowlistManifest, *, now: datetime
) -> list[AllowRow]:
    """Replace the hub's list; return its new entries."""
    before = {(row.kind, row.value, row.within_bits) for row in _hub_list(tx)}
    tx.execute("DELETE FROM allowed WHERE list = ?", (HUB,))
    tx.executemany(_PUT, [_values(content, now=now) for content in manifest.entries])
    set_state(tx, allowlist=manifest.version, allowlist_at=manifest.changed_at.isoformat())
    note_change(tx)
    return [row for row in _hub_list(tx) if (row.kind, row.value, row.within_bits) not in before]


def forget_hub_list(tx: sqlite3.Connection) -> None:
    """Delete the hub's list: another hub has another one, or none."""
    tx.execute("DELETE FROM allowed WHERE list = ?", (HUB,))
    set_state(tx, allowlist="")
    note_change(tx)


def count_hub_list(read: Callable[[str], list[tuple[int]]]) -> int:
    """Return how many entries the hub's list has. read: Store.read()."""
    ((count,),) = read(f"SELECT count(*) FROM allowed WHERE list = '{HUB}'")  # noqa: S608 - our own names
    return count


def _hub_list(tx: sqlite3.Connection) -> list[AllowRow]:
    """Return the entries of the hub's list, oldest first."""
    return [AllowRow(*columns) for columns in tx.execute(_OF_HUB).fetchall()]


def _values(content: AllowedContent, *, now: datetime) -> tuple[object, ...]:
    """Return the columns of an entry of the hub's list."""
    expires_at = content.expires_at.timestamp() if content.expires_at else None
    return (
        *(str(content.id), HUB, content.kind.value, content.value.lower(), content.within_bits),
        *(content.reason, content.source, expires_at, now.timestamp()),
    )


def note_change(tx: sqlite3.Connection) -> None:
    """Give the lists another version; "" if both are empty."""
    has_any = tx.execute("SELECT 1 FROM allowed LIMIT 1").fetchone()
    set_state(tx, allowed=uuid4().hex if has_any else "")


# what was acted upon


def remember_prints(tx: sqlite3.Connection, ref: str, prints: Iterable[Print]) -> None:
    """Keep the fingerprints of content that was acted upon."""
    rows = [
        (ref, content.kind.value, content.value, content.part)
        for content in prints
        if not content.transform
    ]
    urls = [
        (ref, content.kind.value, content.value, content.part)
        for content in prints
        if content.kind is Kind.URL
    ]
    tx.executemany(
        "INSERT OR IGNORE INTO acted_prints VALUES (?, ?, ?, ?)",
        list(dict.fromkeys(rows + urls))[:_MOST_PRINTS],
    )


def forget_prints(tx: sqlite3.Connection) -> None:
    """Delete the fingerprints of content whose actions are forgotten."""
    tx.execute("DELETE FROM acted_prints WHERE ref NOT IN (SELECT ref FROM acted)")


def covered_actions(tx: sqlite3.Connection, entries: Sequence[AllowRow]) -> list[CoveredAction]:
    """Return the actions on content that entries cover."""
    exact = {(row.kind, row.value): row for row in entries if row.kind in EXACT}
    pictures = [row for row in entries if row.kind == Kind.PDQ]
    covered: list[tuple[str, Print, AllowRow]] = []
    for (kind, value), row in exact.items():
        prints = tx.execute(
            "SELECT ref, part FROM acted_prints WHERE value = ? AND kind = ?", (value, kind)
        )
        covered += [(ref, Print(Kind(kind), value, part), row) for ref, part in prints.fetchall()]
    covered += _covered_pictures(tx, pictures)
    actions: list[CoveredAction] = []
    for ref, content, row in covered:
        acted = tx.execute("SELECT signal, kind, part FROM acted WHERE ref = ?", (ref,)).fetchall()
        signals = tuple(
            signal
            for signal, kind, part in acted
            if signal
            and covers(content, _acted_part(tx, signal, kind, part), is_hub=row.list == HUB)
        )
        if signals:
            actions.append(CoveredAction(ref, signals, row))
    return actions


def _acted_part(tx: sqlite3.Connection, signal: str, kind: str, part: str) -> MatchedPart:
    """Return the match that an action was taken for, with who supports its signal now."""
    if kind != Kind.SHA256:
        return MatchedPart(Kind(kind), part)
    row = tx.execute("SELECT body FROM signals WHERE id = ?", (signal,)).fetchone()
    if row is None:
        return MatchedPart(Kind.SHA256, part)
    stored = FeedSignal.model_validate_json(row[0])
    parties = read_parties(tx, (stored.shared_by, *stored.confirmed_by), own="")
    return MatchedPart(Kind.SHA256, part, is_vouched=is_vouched(stored, parties))


def _covered_pictures(
    tx: sqlite3.Connection, entries: Sequence[AllowRow]
) -> Iterator[tuple[str, Print, AllowRow]]:
    """Yield the pictures that were acted upon and lie near an entry."""
    if not entries:
        return
    by_key: Mapping[int, AllowRow] = dict(enumerate(entries))
    index = picture_index([(key, row.value, row.within_bits) for key, row in by_key.items()])
    rows = tx.execute("SELECT ref, value, part FROM acted_prints WHERE kind = 'pdq'").fetchall()
    for at in range(0, len(rows), _SCAN):
        chunk = rows[at : at + _SCAN]
        for place, key in near_pictures(index, [value for _, value, _ in chunk]):
            ref, value, part = chunk[place]
            yield ref, Print(Kind.PDQ, value, part), by_key[key]


# counts


def count_matches(tx: sqlite3.Connection, entries: Iterable[str]) -> None:
    """Count a match with each of these entries of the hub's list."""
    tx.executemany(
        "INSERT INTO allowed_matches VALUES (?, 1)"
        " ON CONFLICT (id) DO UPDATE SET count = count + 1",
        [(entry,) for entry in entries],
    )


def read_matches(tx: sqlite3.Connection, *, limit: int) -> list[tuple[str, int]]:
    """Return how often entries of the hub's list were met, most often first."""
    rows = tx.execute(
        "SELECT id, count FROM allowed_matches WHERE id IN (SELECT id FROM allowed WHERE list = ?)"
        " ORDER BY count DESC, id LIMIT ?",
        (HUB, limit),
    )
    return [(str(entry), int(count)) for entry, count in rows.fetchall()]
