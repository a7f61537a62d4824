# SPDX-License-Identifier: Apache-2.0
"""An exact index of fingerprints by Hamming distance that is written while it is searched.

New rows go to a short tail that is compared one by one. When it has grown, a thread makes a segment
of it, with tables, and merges segments so that there are never more than a few; a search sees
either what was before or what is after, and never waits. docs/understand/matching.md says how the
tables find every row, and what it costs.
"""

import os
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from itertools import count
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stemtide.fingerprints.kinds import MATCH_WITHIN_BITS
from stemtide.kernels import hamming
from stemtide.kernels.hamming import NO_OWN, Hits
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
    Held,
    State,
    Tail,
    empty_tail,
    gather,
    on_top_of,
    with_merged,
    with_same,
    with_sealed_tail,
)

MAX_WITHIN_BITS = 64
"""No threshold is wider: unrelated PDQ fingerprints start to meet at some 90 bits."""

LOOSE_ROWS = 2048
"""So many rows in the tail make the thread tidy; comparing them costs what a look-up costs."""

_TOO_LOOSE = 4
"""Whoever makes the tail so many times too long must make a segment of it himself."""

_LARGE_PART = 8
"""A second segment is merged into the large one when it has a part in this many of its rows."""

_QUERIES_A_THREAD = 64
"""Fewer queries are not worth a second thread."""


class HammingIndex:
    """Finds every entry within its threshold of a fingerprint, exactly. Thread-safe.

    words:       64-bit words of a fingerprint: 4, or 1.
    tables:      4 x words; fewer where only distances below that number are ever asked for.
    within_bits: the threshold of entries without one of their own, unless a search says another.
    loose_rows:  how many rows may be in the tail, or gone, before it is tidied.
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
        self._state = State((), empty_tail(words))
        self._tidying = threading.Lock()
        self._tidier: threading.Thread | None = None

    def __len__(self) -> int:
        return len(self._state)

    def keys(self) -> Keys:
        """Return the keys of all entries, ascending."""
        return np.sort(self._state.columns()[0])

    def holds(self, keys: Keys) -> npt.NDArray[np.bool_]:
        """Tell of each key whether an entry is held under it."""
        with self._writing:
            found = self._tail_find(keys) >= 0
            for held in self._state.sealed:
                found |= held.find(keys) >= 0
        return found

    def put(self, keys: Keys, rows: Words, *, own_bits: OwnBits | None = None) -> None:
        """Hold entries from now on, all at once; one whose key is held already is replaced.

        keys:     (n,) int64, from 0; of one that is there twice the last counts.
        rows:     (n, words) uint64.
        own_bits: (n,) uint8, 0..64 or NO_OWN; None: none has a threshold of its own.
        raises:   ValueError, and then nothing is held.
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
        """Hold these entries no longer; unknown keys are ignored."""
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
        within_bits: 0..64, for entries without a threshold of their own; (count,) for one a query.
        returns:     (n,) HIT, by query, then distance, then key. All queries are searched in one
                     and the same state.
        """
        state = self._state
        asked = self._within_bits if within_bits is None else within_bits
        if isinstance(asked, np.ndarray):
            hits = self._search_each(state, queries, asked)
            return hits[np.lexsort((hits["key"], hits["distance_bits"], hits["query"]))]
        return self._search(state, queries, count=count, within_bits=check_within_bits(asked))

    def _search(
        self,
        state: State,
        queries: bytes | npt.NDArray[np.unsignedinteger],
        *,
        count: int,
        within_bits: int,
    ) -> Hits:
        threads = min(_threads(), count // _QUERIES_A_THREAD)
        if threads < 2:  # noqa: PLR2004 - this one alone
            return hamming.search(state.structs, queries, count=count, within_bits=within_bits)
        rows = np.frombuffer(queries, dtype=np.uint64).reshape(count, self.words)
        step = _QUERIES_A_THREAD  # small slices: some queries take many times longer than others

        def part(first: int) -> Hits:
            some = np.ascontiguousarray(rows[first : first + step])
            return hamming.search(
                state.structs, some, count=len(some), first=first, within_bits=within_bits
            )

        return np.concatenate(list(_pool().map(part, range(0, count, step))))

    def _search_each(
        self,
        state: State,
        queries: bytes | npt.NDArray[np.unsignedinteger],
        asked: npt.NDArray[np.integer],
    ) -> Hits:
        """Search where every query has a threshold of its own: those of one threshold together."""
        rows = np.frombuffer(queries, dtype=np.uint64).reshape(len(asked), self.words)
        found = [np.empty(0, dtype=hamming.HIT)]
        for bits in np.unique(asked).tolist():
            which = np.flatnonzero(asked == bits)
            some = np.ascontiguousarray(rows[which])
            hits = self._search(state, some, count=len(some), within_bits=check_within_bits(bits))
            hits["query"] = which[hits["query"]]
            found.append(hits)
        return np.concatenate(found)

    # -- writing; the caller holds self._writing ------------------------------------------------

    def _check(self, keys: Keys, rows: Words, own_bits: OwnBits) -> None:
        if rows.shape != (len(keys), self.words) or len(own_bits) != len(keys):
            raise ValueError(f"{len(keys)} keys need as many rows of {self.words} words")
        if len(keys) and int(keys.min()) < 0:
            raise ValueError("keys are numbers from 0")
        if ((own_bits > MAX_WITHIN_BITS) & (own_bits != NO_OWN)).any():
            raise ValueError(f"within_bits: 0..{MAX_WITHIN_BITS}")

    def _with_rows(self, keys: Keys, rows: Words, own_bits: OwnBits) -> State:
        state = self._state
        is_new = ~self._are_held(state, keys, rows, own_bits)
        if not is_new.any():
            return state
        if not is_new.all():
            keys, rows, own_bits = keys[is_new], rows[is_new], own_bits[is_new]
        state = self._without(state, keys)
        tail = state.tail.with_rows(keys, rows, own_bits)
        if len(tail) > _TOO_LOOSE * self._loose_rows:
            made = build_segment(*gather([tail]), tables=self.tables)
            sealed = with_sealed_tail(replace(state, tail=tail), tail, made)
            self._tail_rows.clear()
            return state if sealed is None else sealed  # None never: it is this very tail
        self._tail_rows.update(zip(keys.tolist(), range(state.tail.stop, tail.stop), strict=True))
        return replace(state, tail=tail)

    def _are_held(
        self, state: State, keys: Keys, rows: Words, own_bits: OwnBits
    ) -> npt.NDArray[np.bool_]:
        """Tell of each row whether it is held already, with the same value and threshold."""
        same = np.zeros(len(keys), dtype=np.bool_)
        places: list[tuple[Segment | Tail, npt.NDArray[np.intp]]]
        places = [(held.segment, held.find(keys)) for held in state.sealed]
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

    def _without(self, state: State, keys: Keys) -> State:
        sealed = []
        for held in state.sealed:
            rows = held.find(keys)
            sealed.append(held.without(rows[rows >= 0]))
        rows = self._tail_find(keys)
        for key in keys[rows >= 0].tolist():
            del self._tail_rows[key]
        return State(tuple(sealed), state.tail.without(rows[rows >= 0]))

    def _adopt(self, state: State | None) -> None:
        """Take a state in which the tail is another one; None: what was seen is no longer so."""
        if state is None:
            return
        self._state = state
        self._tail_rows = dict(zip(state.tail.keys[: state.tail.stop].tolist(), count()))

    # -- tidying, in a thread of its own ---------------------------------------------------------

    def settle(self) -> None:
        """Wait until nothing is left to tidy."""
        while (tidier := self._tidier) is not None:
            tidier.join()

    def save(self, path: Path, *, identity: bytes) -> None:
        """Write everything into one segment file, and hold that file instead of memory.

        identity: 32 bytes that say whose keys these are. An index that holds nothing has no file.
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
        """Hold the rows of a segment from a file, and nothing else."""
        with self._tidying, self._writing:
            self._adopt(State((Held(segment),), empty_tail(self.words)))

    def follow(self, segment: Segment) -> None:
        """Hold what is held now, but by a segment from a file as far as that has it."""
        with self._tidying, self._writing:
            keys, rows, own_bits = self._state.columns()
            state, others = on_top_of(segment, self._state)
            self._adopt(state)
            if len(others):
                self._state = self._with_rows(keys[others], rows[others], own_bits[others])

    def _tidy_later(self) -> None:
        """Whoever puts one signal must not wait for tables of all: it is found without them."""
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

    def _to_merge(self, sealed: tuple[Held, ...]) -> tuple[Held, ...]:
        """Which segments are to become one: the small ones, or all when those amount to much."""
        if not sealed:
            return ()
        large, *small = sealed
        if sum(map(len, small)) * _LARGE_PART > len(large) or self._is_hollow(large):
            return sealed
        if len(small) > 1 or any(map(self._is_hollow, small)):
            return tuple(small)
        return ()

    def _is_hollow(self, held: Held) -> bool:
        return held.lost > max(self._loose_rows, len(held))

    def _seal_tail(self, *, at_least: int = 0) -> None:
        seen = self._state.tail
        if seen.stop <= at_least:
            return
        made = build_segment(*gather([seen]), tables=self.tables)
        with self._writing:
            self._adopt(with_sealed_tail(self._state, seen, made))

    def _merge(self, *, everything: bool = False) -> None:
        sealed = self._state.sealed
        seen = sealed if everything else self._to_merge(sealed)
        if not seen or (everything and len(seen) == 1 and not seen[0].lost):
            return
        made = build_segment(*gather(seen), tables=self.tables)
        with self._writing:
            state = with_merged(self._state, seen, made)
            if state is not None:
                self._state = state


def check_within_bits(within_bits: int) -> int:
    """Return a threshold, or raise ValueError if it is not 0..64."""
    if not 0 <= within_bits <= MAX_WITHIN_BITS:
        raise ValueError(f"within_bits: 0..{MAX_WITHIN_BITS}, this is {within_bits}")
    return within_bits


def _last_of_each(keys: Keys) -> slice | npt.NDArray[np.intp]:
    """Where each key is for the last time."""
    if (keys[1:] > keys[:-1]).all():
        return slice(None)
    _, place = np.unique(keys[::-1], return_index=True)
    return np.sort(len(keys) - 1 - place)


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_threads(), "match")


@cache
def _threads() -> int:
    return os.cpu_count() or 1
