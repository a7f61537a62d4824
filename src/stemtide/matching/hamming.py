# SPDX-License-Identifier: Apache-2.0
"""An exact index of PDQ fingerprints that is written while it is searched.

A search takes one look at an immutable snapshot and never waits for a writer. Rows are only ever
appended; a row that is dropped or replaced is marked with the version at which it went, and a
snapshot shows the rows that had not gone at its own version. So each put and each drop is seen
whole or not at all. When many rows have been appended, the hash tables are made anew (on a thread
of its own, unless one put brought them all); when most have gone, the rows are written together:
readers keep the old ones until they are done.
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from stemtide.fingerprints.kinds import MATCH_WITHIN_BITS
from stemtide.matching import kernels
from stemtide.matching.kernels import Distances, Pairs, Rows, Tables, Words

MAX_WITHIN_BITS = 64
"""No threshold is wider: unrelated PDQ fingerprints start to meet at some 90 bits."""

_NOT_ITS_OWN = -1
"""In place of an entry's own threshold: it has none."""

_NEVER = np.iinfo(np.int64).max
"""In place of the version at which a row went: it is there."""

_PROBED_BITS = 31
"""Entries that ask for more than this are compared with every query: probing would cost more."""

LOOSE_ROWS = 4096
"""So many rows outside the tables, or gone, are cheaper to pass over than to tidy away."""

_OUTSIDE_PART = 16
"""Tables are made anew when more than one row in this many is outside them."""

_CROWDED_PART = 8
"""A query that would meet more than one row in this many is answered by a scan: it costs less."""

_MOST_QUERIES = 64
_MOST_CANDIDATES = 1 << 16
"""Queries are searched together as long as what they meet fits the second-level cache."""


@dataclass(frozen=True, slots=True)
class _Tabled:
    """The rows below `stop` as hash tables, and those of them that are compared always.

    reach_bits: the widest threshold of their own among the rows in the tables.
    wide:       (w,) intp, the rows whose own threshold is wider than _PROBED_BITS.
    """

    tables: Tables
    stop: int
    reach_bits: int
    wide: Rows


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """What a search sees. Arrays may be longer than `stop`: what lies beyond belongs to writers.

    columns:     (4, m) uint64, the fingerprints.
    own_bits:    (m,) int16, each row's own threshold or _NOT_ITS_OWN.
    gone_at:     (m,) int64, the version at which a row went or _NEVER.
    keys:        of each row.
    widest_bits: no row below `stop` has a wider threshold of its own.
    """

    columns: Words
    own_bits: npt.NDArray[np.int16]
    gone_at: npt.NDArray[np.int64]
    keys: list[str]
    stop: int = 0
    version: int = 0
    widest_bits: int = 0
    tabled: _Tabled | None = None


def _empty(capacity: int) -> _Snapshot:
    return _Snapshot(
        columns=np.empty((kernels.WORDS, capacity), dtype=np.uint64),
        own_bits=np.empty(capacity, dtype=np.int16),
        gone_at=np.empty(capacity, dtype=np.int64),
        keys=[],
    )


class HammingIndex:
    """Finds every entry within its threshold of a fingerprint, exactly. Thread-safe.

    within_bits: the threshold of entries without one of their own, unless a search says another.
    loose_rows:  how many rows may at least be outside the tables, or gone, before it is tidied.
    """

    def __init__(
        self, *, within_bits: int = MATCH_WITHIN_BITS, loose_rows: int = LOOSE_ROWS
    ) -> None:
        self._within_bits = check_within_bits(within_bits)
        self._loose_rows = loose_rows
        self._writing = threading.Lock()
        self._rows: dict[str, int] = {}
        self._now = _empty(0)
        self._making: threading.Thread | None = None

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: object) -> bool:
        return key in self._rows

    def put(
        self, keys: Sequence[str], values: Sequence[bytes], *, own_bits: Sequence[int | None]
    ) -> None:
        """Hold entries from now on, all at once; one whose key is held already is replaced.

        keys, values, own_bits: of one length; 32 bytes a value; 0..64 or None for "as asked".
        raises: ValueError, and then nothing is held, if a value or a threshold is impossible.
        """
        own = [_NOT_ITS_OWN if bits is None else check_within_bits(bits) for bits in own_bits]
        last = list({key: place for place, key in enumerate(keys)}.values())
        with self._writing:
            self._append(
                [keys[place] for place in last],
                kernels.to_words(values)[last].T,
                own_bits=np.array(own, dtype=np.int16)[last],
            )
            self._tidy(added=len(keys))

    def drop(self, keys: Iterable[str]) -> None:
        """Hold these entries no longer; unknown keys are ignored."""
        with self._writing:
            going = [row for key in keys if (row := self._rows.pop(key, None)) is not None]
            if not going:
                return
            version = self._now.version + 1
            self._now.gone_at[going] = version
            self._now = replace(self._now, version=version)
            self._tidy(added=0)

    def search(
        self, values: Sequence[bytes], *, within_bits: int | None = None
    ) -> list[list[tuple[str, int]]]:
        """Find, for each value, every entry within its threshold: its key and its distance in bits.

        An entry's own threshold is kept whatever is asked; within_bits (0..64) is for all others.
        Nearest first, then by key. All values are searched in one and the same state.
        """
        asked_bits = self._within_bits if within_bits is None else check_within_bits(within_bits)
        now = self._now
        found: list[list[tuple[str, int]]] = [[] for _ in values]
        for first, queries in _batches(now, kernels.to_words(values), asked_bits=asked_bits):
            pairs, distances = _search(now, queries, asked_bits=asked_bits)
            hits = zip(pairs.query.tolist(), pairs.row.tolist(), distances.tolist(), strict=True)
            for query, row, distance in hits:
                found[first + query].append((now.keys[row], distance))
        for hits_of_one in found:
            hits_of_one.sort(key=lambda hit: (hit[1], hit[0]))
        return found

    def _append(self, keys: list[str], columns: Words, *, own_bits: npt.NDArray[np.int16]) -> None:
        """Write rows beyond the snapshot's end, then publish a snapshot that has them."""
        held = np.array([self._rows.get(key, -1) for key in keys], dtype=np.intp)
        new = (held < 0) | (self._differs(held, columns, own_bits=own_bits))
        if not new.any():
            return
        keys = [key for key, is_new in zip(keys, new.tolist(), strict=True) if is_new]
        now = _with_room(self._now, len(keys))
        added = slice(now.stop, now.stop + len(keys))
        now.columns[:, added] = columns[:, new]
        now.own_bits[added] = own_bits[new]
        now.gone_at[added] = _NEVER
        now.keys.extend(keys)
        replaced = held[new & (held >= 0)]
        now.gone_at[replaced] = now.version + 1
        self._rows.update(zip(keys, range(added.start, added.stop), strict=True))
        self._now = replace(
            now,
            stop=added.stop,
            version=now.version + 1,
            widest_bits=max(now.widest_bits, int(own_bits[new].max())),
        )

    def _differs(
        self, rows: Rows, columns: Words, *, own_bits: npt.NDArray[np.int16]
    ) -> npt.NDArray[np.bool_]:
        """Tell which held rows would be changed; nothing is said about rows of -1."""
        now = self._now
        if not self._rows:
            return np.ones(len(rows), dtype=np.bool_)
        changed: npt.NDArray[np.bool_] = (now.columns[:, rows] != columns).any(axis=0)
        changed |= now.own_bits[rows] != own_bits
        return changed

    def _tidy(self, *, added: int) -> None:
        """Write rows together when most have gone; make the tables anew when many are outside."""
        now = self._now
        if now.stop - len(self._rows) > max(self._loose_rows, len(self._rows)):
            now = _without_gone(now)
            self._rows = dict(zip(now.keys, range(now.stop), strict=True))
            self._now = now
        if now.stop - _tabled_stop(now) <= max(self._loose_rows, now.stop // _OUTSIDE_PART):
            return
        if added > self._loose_rows:
            self._now = _with_tables(now)
        elif self._making is None:
            # Whoever puts one signal must not wait for tables of all: it is found without them.
            self._making = threading.Thread(target=self._make_tables, args=(now,))
            self._making.start()

    def _make_tables(self, seen: _Snapshot) -> None:
        """Make tables of what was seen, and use them if its rows have still the same numbers."""
        try:
            made = _with_tables(seen)
            with self._writing:
                now = self._now
                if now.keys is seen.keys and made.stop > _tabled_stop(now):
                    self._now = replace(now, tabled=made.tabled)
        finally:
            self._making = None


def check_within_bits(within_bits: int) -> int:
    """Return a threshold, or raise ValueError if it is not 0..64."""
    if not 0 <= within_bits <= MAX_WITHIN_BITS:
        raise ValueError(f"within_bits: 0..{MAX_WITHIN_BITS}, this is {within_bits}")
    return within_bits


def _tabled_stop(now: _Snapshot) -> int:
    return now.tabled.stop if now.tabled else 0


def _with_room(now: _Snapshot, count: int) -> _Snapshot:
    """Return the same rows in arrays that have room for more of them."""
    needed = now.stop + count
    if needed <= len(now.gone_at):
        return now
    roomy = _empty(max(1024, needed + needed // 2))
    roomy.columns[:, : now.stop] = now.columns[:, : now.stop]
    roomy.own_bits[: now.stop] = now.own_bits[: now.stop]
    roomy.gone_at[: now.stop] = now.gone_at[: now.stop]
    return replace(now, columns=roomy.columns, own_bits=roomy.own_bits, gone_at=roomy.gone_at)


def _present(now: _Snapshot) -> Rows:
    """Return the rows that a snapshot shows, (n,) intp."""
    return np.flatnonzero(now.gone_at[: now.stop] > now.version)


def _without_gone(now: _Snapshot) -> _Snapshot:
    """Return a snapshot in arrays of its own that holds only what is there, without tables."""
    rows = _present(now)
    fresh = _with_room(replace(_empty(0), version=now.version), len(rows))
    fresh.columns[:, : len(rows)] = now.columns[:, rows]
    fresh.own_bits[: len(rows)] = now.own_bits[rows]
    fresh.gone_at[: len(rows)] = _NEVER
    keys = [now.keys[row] for row in rows.tolist()]
    widest_bits = max(0, int(now.own_bits[rows].max(initial=0)))
    return replace(fresh, keys=keys, stop=len(rows), widest_bits=widest_bits)


def _with_tables(now: _Snapshot) -> _Snapshot:
    """Return the same snapshot with all of its rows in the tables."""
    rows = _present(now)
    own_bits = now.own_bits[rows]
    narrow = own_bits <= _PROBED_BITS
    tabled = _Tabled(
        tables=kernels.build(now.columns, rows[narrow]),
        stop=now.stop,
        reach_bits=int(own_bits[narrow].max(initial=0)),
        wide=rows[~narrow],
    )
    return replace(now, tabled=tabled)


def _batches(now: _Snapshot, queries: Words, *, asked_bits: int) -> Iterator[tuple[int, Words]]:
    """Cut queries into batches; yields the place of each batch's first query, and the batch."""
    size = _MOST_QUERIES
    if now.tabled:
        within = kernels.plan(max(asked_bits, now.tabled.reach_bits))
        expected = len(within.flips) * now.stop >> kernels.CHUNK_BITS
        size = max(1, min(size, _MOST_CANDIDATES // max(1, expected)))
    for first in range(0, len(queries), size):
        yield first, queries[first : first + size]


def _search(now: _Snapshot, queries: Words, *, asked_bits: int) -> tuple[Pairs, Distances]:
    """Find every pair within its threshold, each once.

    1. Collect candidates; 2. measure them; 3. keep those within the threshold of the entry, and
    there at this version; 4. keep each once, for it may have been met in several tables.
    """
    ceiling = max(asked_bits, now.widest_bits)
    found = [
        kernels.verify(now.columns, queries, pairs, within_bits=ceiling)
        for pairs in _candidates(now, queries, asked_bits=asked_bits)
    ]
    query = np.concatenate([pairs.query for pairs, _ in found] or [np.empty(0, np.intp)])
    row = np.concatenate([pairs.row for pairs, _ in found] or [np.empty(0, np.intp)])
    distances = np.concatenate([each for _, each in found] or [np.empty(0, np.uint16)])
    own_bits = now.own_bits[row]
    limit = np.where(own_bits == _NOT_ITS_OWN, asked_bits, own_bits)
    kept = np.flatnonzero((distances <= limit) & (now.gone_at[row] > now.version))
    if len(kept) > 1:
        _, once = np.unique(query[kept] * now.stop + row[kept], return_index=True)
        kept = kept[once]
    return Pairs(query[kept], row[kept]), distances[kept]


def _candidates(now: _Snapshot, queries: Words, *, asked_bits: int) -> Iterator[Pairs]:
    """Collect pairs that hold every pair within its threshold.

    1. Rows in the tables: what the probes meet. 2. Queries whose probes would meet a good part of
    all rows: all rows instead. 3. For the others, rows with a wide threshold of their own and
    rows that came after the tables were made.
    """
    ceiling = max(asked_bits, now.widest_bits)
    tabled = now.tabled
    if tabled is None:
        yield from kernels.scan(now.columns, queries, rows=range(now.stop), within_bits=ceiling)
        return
    at_most = now.stop // _CROWDED_PART - len(tabled.wide)
    within = kernels.plan(max(asked_bits, tabled.reach_bits))
    crowded = np.ones(len(queries), dtype=np.bool_)
    if len(within.flips) + (len(within.flips) * now.stop >> kernels.CHUNK_BITS) <= at_most:
        pairs, crowded = kernels.probe(tabled.tables, queries, within=within, at_most=at_most)
        yield pairs
    calm = np.flatnonzero(~crowded)
    for places, start in ((np.flatnonzero(crowded), 0), (calm, tabled.stop)):
        rows = range(start if len(places) else now.stop, now.stop)
        for query, row in kernels.scan(
            now.columns, queries[places], rows=rows, within_bits=ceiling
        ):
            yield Pairs(places[query], row)
    if len(tabled.wide):
        yield Pairs(np.repeat(calm, len(tabled.wide)), np.tile(tabled.wide, len(calm)))
