# SPDX-License-Identifier: Apache-2.0
"""The searchable Library of one process, kept up with the rows of the agent's file.

1 The rows are the truth. A Library is opened from its files, told which rows they lack and which
  are gone, and from then on given each change.
2 A signal's number stands for one fingerprint for ever, so a Library that is a moment behind can
  only name rows that are gone. Whoever meets one catches up and looks again: see `Store.stand`.
3 Another snapshot is another generation, with files of its own.
"""

import logging
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stemtide.agent.schema import TornError, is_damage
from stemtide.fingerprints.kinds import SIZE_BYTES, Kind
from stemtide.matching.library import Entry, Library

logger = logging.getLogger(__name__)

SAVE_AFTER = 20_000
"""So many changes outside the files are worth writing the files anew: see docs/run/agent.md."""

KEEP_GONE = 100_000
"""So many numbers of gone signals are remembered for workers that are behind."""

Fingerprinted = tuple[int, str, bytes, int | None]
"""seq, kind, value, within_bits."""

_CHUNK = 50_000
_CHUNK_BYTES = 64 << 20
_NO_OWN = 255
_PRINTS = "SELECT seq, kind, value, within_bits FROM signals"


@dataclass(slots=True)
class Index:
    """A Library and how far it has come.

    generation: which snapshot's numbers it holds.
    seq, gone:  the highest number of a signal, and of a gone one, that it has taken in.
    unsaved:    changes that are in no file yet; one of a long value counts as many as it has kB.
    """

    library: Library
    generation: str
    seq: int = 0
    gone: int = 0
    unsaved: int = 0

    def take(self, puts: list[Fingerprinted], drops: list[int], *, gone: int) -> None:
        """Take in a change of the rows. What replaces another is put before that one goes."""
        self.unsaved += put(self.library, puts) + len(drops)
        if drops:
            self.library.drop(drops)
        self.seq = max(self.seq, *(row[0] for row in puts)) if puts else self.seq
        self.gone = gone

    def follow(self, tx: sqlite3.Connection) -> None:
        """Take in what has changed since; tx is inside a transaction of the same generation."""
        found = tx.execute("SELECT number, seq FROM gone WHERE number > ?", (self.gone,)).fetchall()
        if found and found[0][0] != self.gone + 1:  # the first of them are forgotten already
            self.compare(tx)
            return
        puts = tx.execute(f"{_PRINTS} WHERE seq > ? ORDER BY seq", (self.seq,)).fetchall()
        if puts or found:
            numbers = [seq for _, seq in found]
            self.take(puts, numbers, gone=found[-1][0] if found else self.gone)

    def compare(self, tx: sqlite3.Connection) -> None:
        """Hold exactly what the rows hold. raises: TornError for rows that cannot be read."""
        try:
            self._compare(tx)
        except sqlite3.DatabaseError as error:
            if is_damage(error):
                raise TornError(str(error)) from error
            raise
        except ValueError as error:  # a value that is no fingerprint
            raise TornError(str(error)) from error

    def _compare(self, tx: sqlite3.Connection) -> None:
        held, standing = self.library.keys(), _numbers(tx)
        extra, missing = _beyond(held, standing), _beyond(standing, held)
        self.library.drop(extra)
        self.unsaved = len(extra)
        for some in np.array_split(missing, range(_CHUNK, len(missing), _CHUNK)):
            if len(some):
                self.unsaved += put(self.library, _prints_of(tx, some))
        self.seq = int(standing[-1]) if len(standing) else 0
        (self.gone,) = tx.execute("SELECT coalesce(max(number), 0) FROM gone").fetchone()
        if self.library.trouble:
            logger.warning("segments are made anew: %s", "; ".join(self.library.trouble))

    def save(self) -> None:
        """Write the files anew."""
        at = self.unsaved
        self.library.save()
        self.unsaved -= at


def open_index(tx: sqlite3.Connection, folder: Path, generation: str) -> Index:
    """Open a generation's Library and bring it up with the rows. raises: TornError."""
    index = Index(open_library(folder, generation), generation)
    index.compare(tx)
    return index


def open_library(folder: Path, generation: str) -> Library:
    """The Library of one generation, with what its files hold."""
    return Library(directory=folder / generation, identity=generation)


def sweep(folder: Path, *, keep: str) -> None:
    """Remove the files of every other generation. Who still uses them may go on."""
    for one in folder.iterdir() if folder.exists() else ():
        if one.name != keep:
            shutil.rmtree(one, ignore_errors=True)  # tried again at the next start


def put(library: Library, rows: Iterable[Fingerprinted]) -> int:
    """Put rows into a Library, without an object for each.

    returns: how many they are; a long value counts as many as it has kB.
    raises: ValueError for one that is no fingerprint.
    """
    each, weight = iter(rows), 0
    while chunk := list(_some(each)):
        weight += sum(max(1, len(row[2]) >> 10) for row in chunk)
        for kind, some in _by_kind(chunk).items():
            if kind not in SIZE_BYTES:
                library.put(Entry(seq, kind, value) for seq, _, value, _ in some)
                continue
            values = np.frombuffer(b"".join(row[2] for row in some), np.uint8)
            own = [_NO_OWN if row[3] is None else row[3] for row in some]
            library.put_columns(
                kind,
                np.array([row[0] for row in some], np.int64),
                values.reshape(len(some), SIZE_BYTES[kind]),
                own_bits=np.array(own, np.uint8),
            )
    return weight


def _some(rows: Iterator[Fingerprinted]) -> Iterator[Fingerprinted]:
    """Take so many rows as are held in memory at a time."""
    size = 0
    for row in islice(rows, _CHUNK):
        yield row
        size += len(row[2])
        if size > _CHUNK_BYTES:
            return


def _by_kind(rows: Iterable[Fingerprinted]) -> dict[Kind, list[Fingerprinted]]:
    found: dict[str, list[Fingerprinted]] = {}
    for row in rows:
        found.setdefault(row[1], []).append(row)
    return {Kind(kind): some for kind, some in found.items()}


def _numbers(tx: sqlite3.Connection) -> npt.NDArray[np.int64]:
    """Every signal's number, ascending. As one text: a row each would take four times as long."""
    (text,) = tx.execute("SELECT group_concat(seq) FROM signals").fetchone()
    return np.sort(np.fromstring(text or "", np.int64, sep=","))


def _beyond(those: npt.NDArray[np.int64], these: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Those that are not among these; all ascending."""
    if np.array_equal(those, these):
        return those[:0]
    if not len(these):
        return those
    places = np.searchsorted(these, those).clip(max=len(these) - 1)
    is_beyond: npt.NDArray[np.bool_] = these[places] != those
    return those[is_beyond]


def _prints_of(
    tx: sqlite3.Connection, numbers: npt.NDArray[np.int64]
) -> Iterator[Fingerprinted | Any]:
    """The fingerprints of some signals, read in one sweep over the part where they lie."""
    wanted = set(numbers.tolist())
    between = (int(numbers[0]), int(numbers[-1]))
    rows = tx.execute(f"{_PRINTS} WHERE seq BETWEEN ? AND ?", between)
    return (row for row in rows if row[0] in wanted)
