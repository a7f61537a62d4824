# SPDX-License-Identifier: Apache-2.0
"""Keep the in-memory Library of one process in step with the rows of the agent's file.

1 The rows are authoritative. A Library is loaded from its files, gets the missing rows and loses
  the gone ones, and from then on receives each change.
2 A signal's number belongs to one fingerprint for ever, so a Library that lags can only return
  rows that are gone. On meeting one, catch up and look again: see `Store.find`.
3 Another snapshot is another generation, with its own files.
"""

import logging
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stemtide.agent.store.schema import TornError, is_damage
from stemtide.fingerprints.kinds import SIZE_BYTES, Kind
from stemtide.matching.library import IndexedSignal, Library

logger = logging.getLogger(__name__)

SAVE_AFTER = 20_000
"""Rewrite the files after so many unsaved changes: see docs/run/agent.md."""

KEEP_GONE = 100_000
"""How many numbers of deleted signals are kept for workers that lag."""

Fingerprinted = tuple[int, str, bytes, int | None]
"""seq, kind, value, within_bits."""


class Columns(NamedTuple):
    """Fingerprints of one kind: (n,) int64, (n, SIZE_BYTES[kind]) uint8, (n,) uint8."""

    keys: npt.NDArray[np.int64]
    values: npt.NDArray[np.uint8]
    own_bits: npt.NDArray[np.uint8]


_CHUNK = 50_000
_CHUNK_BYTES = 64 << 20
_NO_OWN_BITS = 255
_SELECT_PRINTS = "SELECT seq, kind, value, within_bits FROM signals"
_NUMBERS = "SELECT group_concat(seq) FROM signals"


@dataclass(slots=True)
class Index:
    """A Library and how many changes it has loaded.

    generation: which snapshot's numbers it has.
    seq, gone:  the highest number of a signal, and of a gone signal, that it has loaded.
    unsaved:    changes that are in no file yet; a long value counts once for each kB.
    """

    library: Library
    generation: str
    seq: int = 0
    gone: int = 0
    unsaved: int = 0

    def take(self, puts: list[Fingerprinted], drops: list[int], *, gone: int) -> None:
        """Apply a change of the rows. A replacement is added before the old one is dropped."""
        self.unsaved += put(self.library, puts) + len(drops)
        if drops:
            self.library.drop(drops)
        self.seq = max(self.seq, *(row[0] for row in puts)) if puts else self.seq
        self.gone = gone

    def follow(self, tx: sqlite3.Connection) -> None:
        """Apply the changes since; tx is inside a transaction of the same generation."""
        dropped = tx.execute(
            "SELECT number, seq FROM gone WHERE number > ?", (self.gone,)
        ).fetchall()
        if dropped and dropped[0][0] != self.gone + 1:  # the first of them are deleted already
            self.compare(tx)
            return
        puts = tx.execute(f"{_SELECT_PRINTS} WHERE seq > ? ORDER BY seq", (self.seq,)).fetchall()
        if puts or dropped:
            gone = [seq for _, seq in dropped]
            self.take(puts, gone, gone=dropped[-1][0] if dropped else self.gone)

    def compare(self, tx: sqlite3.Connection) -> None:
        """Make the Library equal the rows. raises: TornError for rows that cannot be read."""
        try:
            self._compare(tx)
        except sqlite3.DatabaseError as error:
            if is_damage(error):
                raise TornError(str(error)) from error
            raise
        except ValueError as error:  # a value that is no fingerprint
            raise TornError(str(error)) from error

    def _compare(self, tx: sqlite3.Connection) -> None:
        indexed, stored = self.library.keys(), numbers(tx, _NUMBERS)
        extra, missing = difference(indexed, stored), difference(stored, indexed)
        self.library.drop(extra)
        self.unsaved = len(extra)
        for chunk in np.array_split(missing, range(_CHUNK, len(missing), _CHUNK)):
            if len(chunk):
                self.unsaved += put(self.library, _prints_of(tx, chunk))
        self.seq = int(stored[-1]) if len(stored) else 0
        (self.gone,) = tx.execute("SELECT coalesce(max(number), 0) FROM gone").fetchone()
        if self.library.trouble:
            logger.warning("segments are made anew: %s", "; ".join(self.library.trouble))

    def save(self) -> None:
        """Write the files again."""
        at = self.unsaved
        self.library.save()
        self.unsaved -= at


def open_index(tx: sqlite3.Connection, folder: Path, generation: str) -> Index:
    """Open a generation's Library and bring it in step with the rows. raises: TornError."""
    index = Index(open_library(folder, generation), generation)
    index.compare(tx)
    return index


def open_library(folder: Path, generation: str) -> Library:
    """Load the Library of one generation from its files."""
    return Library(directory=folder / generation, identity=generation)


def sweep(folder: Path, *, keep: str) -> None:
    """Remove the files of all other generations. Processes that have them open keep them."""
    for entry in folder.iterdir() if folder.exists() else ():
        if entry.name != keep:
            shutil.rmtree(entry, ignore_errors=True)  # tried again at the next start


def put(library: Library, rows: Iterable[Fingerprinted]) -> int:
    """Add rows to a Library, without an object for each row.

    returns: how many they are; a long value counts once for each kB.
    raises: ValueError for a value that is no fingerprint.
    """
    remaining, weight = iter(rows), 0
    while chunk := list(_batch(remaining)):
        weight += sum(max(1, len(row[2]) >> 10) for row in chunk)
        for kind, group in by_kind(chunk).items():
            if kind not in SIZE_BYTES:
                library.put(IndexedSignal(seq, kind, value) for seq, _, value, _ in group)
                continue
            columns = columns_of(kind, group)
            library.put_columns(kind, columns.keys, columns.values, own_bits=columns.own_bits)
    return weight


def columns_of(kind: Kind, group: list[Fingerprinted]) -> Columns:
    """Return rows of one kind as columns. raises: ValueError for a value of another length."""
    values = np.frombuffer(b"".join(row[2] for row in group), np.uint8)
    own = [_NO_OWN_BITS if row[3] is None else row[3] for row in group]
    return Columns(
        np.array([row[0] for row in group], np.int64),
        values.reshape(len(group), SIZE_BYTES[kind]),
        np.array(own, np.uint8),
    )


def _batch(rows: Iterator[Fingerprinted]) -> Iterator[Fingerprinted]:
    """Yield as many rows as should be held in memory at a time."""
    size = 0
    for row in islice(rows, _CHUNK):
        yield row
        size += len(row[2])
        if size > _CHUNK_BYTES:
            return


def by_kind(rows: Iterable[Fingerprinted]) -> dict[Kind, list[Fingerprinted]]:
    """Return rows by their kind, each in its order."""
    groups: dict[str, list[Fingerprinted]] = {}
    for row in rows:
        groups.setdefault(row[1], []).append(row)
    return {Kind(kind): group for kind, group in groups.items()}


def numbers(tx: sqlite3.Connection, sql: str) -> npt.NDArray[np.int64]:
    """Return numbers, ascending. sql: reads them as one text: rows take four times as long."""
    (text,) = tx.execute(sql).fetchone()
    return np.sort(np.fromstring(text or "", np.int64, sep=","))


def difference(
    numbers: npt.NDArray[np.int64], others: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Return the numbers of `numbers` that are not in `others`; all are ascending."""
    if np.array_equal(numbers, others):
        return numbers[:0]
    if not len(others):
        return numbers
    places = np.searchsorted(others, numbers).clip(max=len(others) - 1)
    is_beyond: npt.NDArray[np.bool_] = others[places] != numbers
    return numbers[is_beyond]


def _prints_of(
    tx: sqlite3.Connection, numbers: npt.NDArray[np.int64]
) -> Iterator[Fingerprinted | Any]:
    """Return the fingerprints of these signals, read in one pass over their range."""
    chosen = set(numbers.tolist())
    between = (int(numbers[0]), int(numbers[-1]))
    rows = tx.execute(f"{_SELECT_PRINTS} WHERE seq BETWEEN ? AND ?", between)
    return (row for row in rows if row[0] in chosen)
