# SPDX-License-Identifier: Apache-2.0
"""Index fingerprints exactly by Hamming distance, while it is written and searched.

New rows go to a short tail that is compared row by row. When it has grown, a thread builds a
segment with tables from it, and merges segments so that there are never more than a few. A search
sees the state before or after such a change, and never waits. docs/understand/matching.md explains
how the tables find every row, and at which cost.
"""

import ctypes
import os
import sys
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import cache
from itertools import count
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stemtide.fingerprints.kinds import MATCH_WITHIN_BITS
from stemtide.kernels import hamming
from stemtide.kernels.hamming import NO_OWN, Hits, SegmentStruct
from stemtide.matching.segments import (
    CHUNKS_A_WORD,
    Keys,
    OwnBits,
    Segment,
    Words,
    build_segment,
    open_segment,
    write_segment,
)
from stemtide.matching.states import (
    IndexState,
    SealedSegment,
    Tail,
    empty_tail,
    gather,
    on_top_of,
    with_merged,
    with_same,
    with_sealed_tail,
)

MAX_WITHIN_BITS = 64
"""Widest threshold: unrelated PDQ fingerprints start to match at some 90 bits."""

LOOSE_ROWS = 2048
"""Rows in the tail from which it is compacted; comparing them costs as much as a look-up."""

_TOO_LOOSE = 4
"""A put that makes the tail this many times too long builds a segment itself."""

_LARGE_PART = 8
"""A second segment is merged into the large one when it has one in this many of its rows."""

_QUERIES_A_THREAD = 64

_BACKGROUND_NICENESS = 10
"""Such a thread gets a ninth of a processor that another thread wants."""

_LOWEST_PRIORITY = 19
"""Minimum number of queries for a second thread."""


class HammingIndex:
    """Finds every entry within its threshold of a fingerprint, exactly. Thread-safe.

    words:       64-bit words of a fingerprint: 4, or 1.
    tables:      4 x words; fewer if only distances below that number are ever asked for.
    within_bits: threshold of entries without one of their own, unless a search gives another.
    loose_rows:  number of rows in the tail, or dropped ones, from which the index is compacted.
    """

    def __init__(
        self,
        *,
        words: int = 4,
        tables: int | None = None,
        within_bits: int = MATCH_WITHIN_BITS,
        loose_rows: int = LOOSE_ROWS,
    ) -> None:
        self.words = words
        self.tables = CHUNKS_A_WORD * words if tables is None else tables
        self._within_bits = check_within_bits(within_bits)
        self._loose_rows = loose_rows
        self._writing = threading.Lock()
        self._tail_rows: dict[int, int] = {}
        self._state = IndexState((), empty_tail(words))
        self._tidying = threading.Lock()
        self._tidier: threading.Thread | None = None

    def __len__(self) -> int:
        return len(self._state)

    def keys(self) -> Keys:
        """Return the keys of all entries, ascending."""
        return np.sort(self._state.columns()[0])

    def holds(self, keys: Keys) -> npt.NDArray[np.bool_]:
        """Return, for each key, whether an entry is stored under it."""
        with self._writing:
            is_held = self._tail_find(keys) >= 0
            for sealed in self._state.sealed:
                is_held |= sealed.find(keys) >= 0
        return is_held

    def put(self, keys: Keys, rows: Words, *, own_bits: OwnBits | None = None) -> None:
        """Store entries, all at once; an entry whose key exists is replaced.

        keys:     (n,) int64, from 0; if a key occurs twice, the last entry wins.
        rows:     (n, words) uint64.
        own_bits: (n,) uint8, 0..64 or NO_OWN; None: no entry has a threshold of its own.
        raises:   ValueError; then nothing is stored.
        """
        own = np.full(len(keys), NO_OWN, dtype=np.uint8) if own_bits is None else own_bits
        self._check(keys, rows, own)
        if not len(keys):
            return
        last = _last_of_each(keys)
        with self._writing:
            self._state = self._with_rows(keys[last], rows[last], own[last])
        self._tidy_later()

    def drop(self, keys: Iterable[int] | Keys) -> None:
        """Remove entries; unknown keys are ignored."""
        going = np.unique(np.fromiter(keys, dtype=np.int64))
        if not len(going):
            return
        with self._writing:
            self._state = self._without(self._state, going)
        self._tidy_later()

    def search(
        self,
        queries: bytes | npt.NDArray[np.unsignedinteger],
        *,
        count: int,
        within_bits: int | npt.NDArray[np.integer] | None = None,
    ) -> Hits:
        """Find every entry within its threshold of each fingerprint.

        queries:     count x words x 8 bytes.
        within_bits: 0..64, for entries without a threshold of their own; (count,) for one per
        query.
        returns:     (n,) HIT, by query, then distance, then key. All queries are searched in the
                     same state.
        """
        state = self._state
        threshold = self._within_bits if within_bits is None else within_bits
        if isinstance(threshold, np.ndarray):
            rows = np.frombuffer(queries, dtype=np.uint64).reshape(count, self.words)
            return search_each(state.structs, rows, threshold)
        return search_all(
            state.structs, queries, count=count, within_bits=check_within_bits(threshold)
        )

    # -- writing; the caller holds self._writing ------------------------------------------------

    def _check(self, keys: Keys, rows: Words, own_bits: OwnBits) -> None:
        if rows.shape != (len(keys), self.words) or len(own_bits) != len(keys):
            raise ValueError(f"{len(keys)} keys need as many rows of {self.words} words")
        if len(keys) and int(keys.min()) < 0:
            raise ValueError("keys are numbers from 0")
        if ((own_bits > MAX_WITHIN_BITS) & (own_bits != NO_OWN)).any():
            raise ValueError(f"within_bits: 0..{MAX_WITHIN_BITS}")

    def _with_rows(self, keys: Keys, rows: Words, own_bits: OwnBits) -> IndexState:
        state = self._state
        is_new = ~self._are_held(state, keys, rows, own_bits)
        if not is_new.any():
            return state
        if not is_new.all():
            keys, rows, own_bits = keys[is_new], rows[is_new], own_bits[is_new]
        state = self._without(state, keys)
        tail = state.tail.with_rows(keys, rows, own_bits)
        if len(tail) > _TOO_LOOSE * self._loose_rows:
            segment = build_segment(*gather([tail]), tables=self.tables)
            sealed = with_sealed_tail(replace(state, tail=tail), tail, segment)
            self._tail_rows.clear()
            return state if sealed is None else sealed  # None never: it is this very tail
        self._tail_rows.update(zip(keys.tolist(), range(state.tail.stop, tail.stop), strict=True))
        return replace(state, tail=tail)

    def _are_held(
        self, state: IndexState, keys: Keys, rows: Words, own_bits: OwnBits
    ) -> npt.NDArray[np.bool_]:
        """Return, for each row, whether it is stored with the same value and threshold."""
        same = np.zeros(len(keys), dtype=np.bool_)
        places: list[tuple[Segment | Tail, npt.NDArray[np.intp]]]
        places = [(sealed.segment, sealed.find(keys)) for sealed in state.sealed]
        for part, at in [*places, (state.tail, self._tail_find(keys))]:
            here = np.flatnonzero(at >= 0)
            is_same = (part.rows[at[here]] == rows[here]).all(axis=1)
            is_same &= part.own_bits[at[here]] == own_bits[here]
            same[here[is_same]] = True
        return same

    def _tail_find(self, keys: Keys) -> npt.NDArray[np.intp]:
        if not self._tail_rows:
            return np.full(len(keys), -1, dtype=np.intp)
        rows = (self._tail_rows.get(key, -1) for key in keys.tolist())
        return np.fromiter(rows, dtype=np.intp, count=len(keys))

    def _without(self, state: IndexState, keys: Keys) -> IndexState:
        sealed = []
        for segment in state.sealed:
            rows = segment.find(keys)
            sealed.append(segment.without(rows[rows >= 0]))
        rows = self._tail_find(keys)
        for key in keys[rows >= 0].tolist():
            del self._tail_rows[key]
        return IndexState(tuple(sealed), state.tail.without(rows[rows >= 0]))

    def _adopt(self, state: IndexState | None) -> None:
        """Replace the state by one with another tail; None: the state changed in the meantime."""
        if state is None:
            return
        self._state = state
        self._tail_rows = dict(zip(state.tail.keys[: state.tail.stop].tolist(), count()))

    # -- tidying, in a thread of its own ---------------------------------------------------------

    def settle(self) -> None:
        """Wait until nothing is left to compact."""
        while (tidier := self._tidier) is not None:
            tidier.join()

    def save(self, path: Path, *, identity: bytes) -> None:
        """Write everything into one segment file, and use that file instead of memory.

        identity: 32 bytes that identify the store. An empty index has no file.
        raises:   OSError.
        """
        with self._tidying:
            self._seal_tail()
            self._merge(everything=True)
            if not self._state.sealed:
                path.unlink(missing_ok=True)
                return
            segment = self._state.sealed[0].segment
            write_segment(segment, path, identity=identity)
            mapped = open_segment(path, identity=identity, words=self.words, tables=self.tables)
            with self._writing:
                self._state = with_same(self._state, segment, mapped)

    def take(self, segment: Segment) -> None:
        """Replace all entries by the rows of a segment from a file."""
        with self._tidying, self._writing:
            self._adopt(IndexState((SealedSegment(segment),), empty_tail(self.words)))

    def follow(self, segment: Segment) -> None:
        """Keep all entries, but read them from a file's segment where it has them."""
        with self._tidying, self._writing:
            keys, rows, own_bits = self._state.columns()
            state, others = on_top_of(segment, self._state)
            self._adopt(state)
            if len(others):
                self._state = self._with_rows(keys[others], rows[others], own_bits[others])

    def _tidy_later(self) -> None:
        """Start compaction in a thread: a new entry is found before it is in a table."""
        if self._tidier is not None or not self._is_untidy():
            return
        with self._writing:
            if self._tidier is None:
                self._tidier = threading.Thread(target=self._tidy, name="tidy")
                self._tidier.start()

    def _tidy(self) -> None:
        try:
            while True:
                with self._tidying:
                    self._seal_tail(at_least=self._loose_rows)
                    self._merge()
                with self._writing:
                    if not self._is_untidy():
                        self._tidier = None
                        return
        except BaseException:
            self._tidier = None
            raise

    def _is_untidy(self) -> bool:
        state = self._state
        return state.tail.stop > self._loose_rows or bool(self._to_merge(state.sealed))

    def _to_merge(self, sealed: tuple[SealedSegment, ...]) -> tuple[SealedSegment, ...]:
        """Return the segments to merge: the small ones, or all if those are large together."""
        if not sealed:
            return ()
        large, *small = sealed
        if sum(map(len, small)) * _LARGE_PART > len(large) or self._is_hollow(large):
            return sealed
        if len(small) > 1 or any(map(self._is_hollow, small)):
            return tuple(small)
        return ()

    def _is_hollow(self, segment: SealedSegment) -> bool:
        return segment.lost > max(self._loose_rows, len(segment))

    def _seal_tail(self, *, at_least: int = 0) -> None:
        tail = self._state.tail
        if tail.stop <= at_least:
            return
        segment = build_segment(*gather([tail]), tables=self.tables)
        with self._writing:
            self._adopt(with_sealed_tail(self._state, tail, segment))

    def _merge(self, *, everything: bool = False) -> None:
        sealed = self._state.sealed
        chosen = sealed if everything else self._to_merge(sealed)
        if not chosen or (everything and len(chosen) == 1 and not chosen[0].lost):
            return
        segment = build_segment(*gather(chosen), tables=self.tables)
        with self._writing:
            state = with_merged(self._state, chosen, segment)
            if state is not None:
                self._state = state


def search_all(
    structs: ctypes.Array[SegmentStruct],
    queries: bytes | npt.NDArray[np.unsignedinteger],
    *,
    count: int,
    within_bits: int,
    in_background: bool = False,
) -> Hits:
    """Search with one threshold, in threads if there are many queries; see HammingIndex.search.

    in_background: whether these threads leave the processors to others who want them.
    """
    if min(_threads(), count // _QUERIES_A_THREAD) < 2:  # noqa: PLR2004 - this one alone
        return hamming.search(structs, queries, count=count, within_bits=within_bits)
    rows = np.frombuffer(queries, dtype=np.uint64).reshape(count, -1)
    step = _QUERIES_A_THREAD  # small slices: some queries take many times longer than others

    def part(first: int) -> Hits:
        batch = np.ascontiguousarray(rows[first : first + step])
        return hamming.search(
            structs, batch, count=len(batch), first=first, within_bits=within_bits
        )

    return np.concatenate(list(_pool(in_background=in_background).map(part, range(0, count, step))))


def search_each(
    structs: ctypes.Array[SegmentStruct],
    queries: Words,
    thresholds: npt.NDArray[np.integer],
    *,
    in_background: bool = False,
) -> Hits:
    """Search with a threshold for each query; queries of one threshold run together.

    in_background: as of search_all.
    """
    results = [np.empty(0, dtype=hamming.HIT)]
    for bits in np.unique(thresholds).tolist():
        which = np.flatnonzero(thresholds == bits)
        batch = np.ascontiguousarray(queries[which])
        within_bits = check_within_bits(bits)
        hits = search_all(
            structs,
            batch,
            count=len(batch),
            within_bits=within_bits,
            in_background=in_background,
        )
        hits["query"] = which[hits["query"]]
        results.append(hits)
    hits = np.concatenate(results)
    return hits[np.lexsort((hits["key"], hits["distance_bits"], hits["query"]))]


def check_within_bits(within_bits: int) -> int:
    """Return a threshold, or raise ValueError if it is not 0..64."""
    if not 0 <= within_bits <= MAX_WITHIN_BITS:
        raise ValueError(f"within_bits: 0..{MAX_WITHIN_BITS}, this is {within_bits}")
    return within_bits


def _last_of_each(keys: Keys) -> slice | npt.NDArray[np.intp]:
    """Return the positions at which each key occurs for the last time."""
    if (keys[1:] > keys[:-1]).all():
        return slice(None)
    _, place = np.unique(keys[::-1], return_index=True)
    return np.sort(len(keys) - 1 - place)


@cache
def _pool(*, in_background: bool) -> ThreadPoolExecutor:
    if in_background:
        return ThreadPoolExecutor(_threads(), "match-background", initializer=_lower_priority)
    return ThreadPoolExecutor(_threads(), "match")


def _lower_priority() -> None:
    """Let other threads of this process go first: on Linux each thread has a priority.

    Where the system refuses that, the search goes on as it is.
    """
    if sys.platform != "linux":
        return
    thread = threading.get_native_id()
    with suppress(OSError):
        niceness = os.getpriority(os.PRIO_PROCESS, thread) + _BACKGROUND_NICENESS
        os.setpriority(os.PRIO_PROCESS, thread, min(niceness, _LOWEST_PRIORITY))


@cache
def _threads() -> int:
    return os.cpu_count() or 1
